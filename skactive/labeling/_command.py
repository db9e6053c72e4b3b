"""The command ``skactive``: label a file or a folder, export labels, show counts."""

from __future__ import annotations

import argparse
import csv
import importlib
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import joblib
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skactive.classifier import ActiveLearningClassifier
from skactive.labeling._session import LabelingSession

IMAGES = {".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp"}
_LARGEST_FIELD = 2**30

_LABEL = """\
Label the rows of a CSV file, or the images of a folder, in a browser on this machine.

  skactive label pool.csv --text message --labels billing,fault,how-to
  skactive label customers.csv --id number --labels stays,leaves
  skactive label photos/ --labels cat,dog --model mymodel:learner

Each answer is on disk before the next row is shown. Ctrl-C ends; the same command goes
on where you stopped.
"""
_MODEL = """\
what learns from the labels: a file of joblib, or module:attribute, a learner or any
classifier of scikit-learn. Loading a file of joblib runs code that is in it: only use
files that you trust. A module is imported, which runs it. "random" means no model, and
rows in random order. Default: TF-IDF and logistic regression for texts, scaled numbers,
one-hot categories and logistic regression for tables. Images need a model that takes a
list of paths
"""
_NEEDS_MODEL = """\
Images need --model: there is no default that turns images into numbers. Write a module
with a learner whose first step reads a list of paths, such as

    # mymodel.py
    learner = make_pipeline(FunctionTransformer(read_images), LogisticRegression())

where read_images(paths) returns an array of shape (n_images, n_features), and pass
--model mymodel:learner. Or label in random order, with --model random."""


class Pool(NamedTuple):
    """What is labelled: `X` for the learner, `show` for people, and ids."""

    X: Any
    show: Any
    ids: list[str]
    kind: str


def main(args: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit status.

    Parameters
    ----------
    args : sequence of str, default=None
        Arguments. None means those of the command line.

    Returns
    -------
    status : int
        0, or 2 after an error.
    """
    found = _make_parser().parse_args(args)
    try:
        found.run(found)
    except (ValueError, TypeError, OSError, ImportError, AttributeError) as error:
        sys.stderr.write(f"skactive: {error}\n")
        return 2
    return 0


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="skactive", description="Label rows that teach a model most."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_label(commands)
    export = commands.add_parser("export", help="write the labels of a session")
    export.add_argument("session", metavar="FILE", help="file of the session")
    export.add_argument(
        "target", help="out.csv, or out.json for the tasks of Label Studio"
    )
    export.set_defaults(run=_export)
    status = commands.add_parser("status", help="show how far a session is")
    status.add_argument("session", metavar="FILE", help="file of the session")
    status.set_defaults(run=_show_status)
    return parser


def _add_label(commands: Any) -> None:
    label = commands.add_parser(
        "label",
        help="label a CSV file or a folder of images",
        description=_LABEL,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = label.add_argument
    add("pool", help="a CSV file with a header, or a folder of images")
    add("--text", metavar="COLUMN", help="column of texts; without it, whole rows")
    add("--labels", metavar="A,B,C", help="the classes; needed at the first time")
    add(
        "--id",
        metavar="COLUMN",
        help="column that names the rows. Default: their numbers, from 1; rows may "
        "then be appended, but not moved",
    )
    add("--model", metavar="M.joblib|MODULE:ATTRIBUTE|random", help=_MODEL)
    add("--session", metavar="FILE", help="file of the session; default POOL.skactive")
    add("--annotator", metavar="NAME", help="name that the page suggests")
    add(
        "--audit",
        metavar="SHARE",
        type=float,
        default=0.1,
        help="share of labels that measure the model, at random; default 0.1. A "
        "learner given by --model has its own",
    )
    add(
        "--overlap",
        metavar="SHARE",
        type=float,
        default=0.0,
        help="share of rows that two people label, each without the other's answer",
    )
    add("--keys", metavar="B=BILLING,...", help="keys of your own")
    add("--port", type=int, help="port on 127.0.0.1; default: the first free from 8765")
    add("--no-browser", action="store_true", help="only print the address")
    add(
        "--accept-changes",
        action="store_true",
        help="go on where the content of labelled rows has changed",
    )
    label.set_defaults(run=_label)


# --- skactive label -------------------------------------------------------------------


def _label(args: argparse.Namespace) -> None:
    _check_extra()
    pool = _read_pool(Path(args.pool), args.text, args.id)
    path = _session_path(args)
    options: dict[str, Any] = {}
    if args.annotator:
        options["annotator"] = args.annotator
    with LabelingSession(
        path,
        pool.X,
        _make_learner(args, pool.kind),
        classes=_read_classes(args.labels, path),
        ids=pool.ids,
        show=pool.show,
        overlap=args.overlap,
        accept_changes=args.accept_changes,
        **options,
    ) as session:
        session.serve(
            port=args.port,
            keys=_read_keys(args.keys),
            open_browser=not args.no_browser,
        )


def _check_extra() -> None:
    missing = [name for name in ("starlette", "uvicorn") if find_spec(name) is None]
    if missing:
        raise ImportError(
            f"The page needs {' and '.join(missing)}: python -m pip install "
            "'skactive[label]'."
        )


def _session_path(args: argparse.Namespace) -> Path:
    if args.session:
        return Path(args.session)
    pool = Path(args.pool).absolute()
    return pool.with_name(f"{pool.stem if pool.is_file() else pool.name}.skactive")


def _read_classes(text: str | None, path: Path) -> list[Any]:
    if text is not None:
        return _split(text)
    if not path.exists():
        raise ValueError("--labels is needed for a new session: --labels yes,no.")
    return LabelingSession.read(path).classes


def _split(text: str) -> list[str]:
    """Split at commas, except in quotes.

    Examples
    --------
    >>> _split('billing, fault, "other, unclear"')
    ['billing', 'fault', 'other, unclear']
    """
    return [
        part.strip() for part in next(csv.reader([text], skipinitialspace=True), [])
    ]


def _read_keys(text: str | None) -> dict[str, str] | None:
    """Read keys of one's own.

    Examples
    --------
    >>> _read_keys("b=billing, f=fault")
    {'b': 'billing', 'f': 'fault'}
    """
    if text is None:
        return None
    pairs = [part.partition("=") for part in _split(text)]
    wrong = [key for key, equals, _ in pairs if not equals]
    if wrong:
        raise ValueError(f"--keys is like b=billing,f=fault; got {wrong[0]!r}.")
    return {key.strip(): label.strip() for key, _, label in pairs}


# --- The pool -------------------------------------------------------------------------


def _read_pool(path: Path, text: str | None, id_column: str | None) -> Pool:
    if path.is_dir():
        if text or id_column:
            raise ValueError(
                f"{path} is a folder of images, which are named by their paths: leave "
                "out --text and --id."
            )
        return _read_folder(path)
    if not path.exists():
        raise FileNotFoundError(
            f"There is no {path}. Give a CSV file, or a folder of images."
        )
    if path.suffix.lower() in IMAGES:
        raise ValueError(f"{path} is one image. Give the folder.")
    return _read_texts(path, text, id_column) if text else _read_table(path, id_column)


def _read_folder(folder: Path) -> Pool:
    """Find images in a folder and in those below. Links are not followed."""
    found: list[Path] = []
    for place, folders, names in os.walk(folder):
        folders.sort()
        paths = (Path(place, name) for name in sorted(names))
        found += [path for path in paths if path.suffix.lower() in IMAGES]
    found = [path for path in found if not path.is_symlink()]
    if not found:
        raise ValueError(
            f"There is no image in {folder}. Images are {', '.join(sorted(IMAGES))}; "
            "links are not followed."
        )
    ids = [path.relative_to(folder).as_posix() for path in found]
    return Pool([str(path) for path in found], found, ids, "image")


def _read_texts(path: Path, text: str, id_column: str | None) -> Pool:
    csv.field_size_limit(_LARGEST_FIELD)
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            reader = csv.reader(file)
            header = next(reader, [])
            _check_columns(header, path, text, id_column)
            lines = [line for line in reader if line]
        except UnicodeDecodeError as error:
            raise _not_utf8(path) from error
        except csv.Error as error:
            raise ValueError(f"{path} is no CSV file: {error}.") from error
    place = header.index(text)
    short = [line for line in lines if len(line) != len(header)]
    if short:
        raise ValueError(
            f"{path} has {len(short)} lines whose number of cells is not that of the "
            f"header, {len(header)}; the first one is {','.join(short[0])[:60]!r}. Put "
            "texts with commas in quotes."
        )
    texts = [line[place] for line in lines]
    if id_column is None:
        ids = [str(number) for number in range(1, len(texts) + 1)]
    else:
        ids = [line[header.index(id_column)] for line in lines]
    return _checked(Pool(texts, texts, ids, "text"), path)


def _read_table(path: Path, id_column: str | None) -> Pool:
    if find_spec("pandas") is None:
        raise ImportError(
            "Tables need pandas: python -m pip install pandas. Texts do not: name "
            "their column with --text."
        )
    import pandas as pd

    try:
        names = {} if id_column is None else {id_column: str}
        frame = pd.read_csv(path, dtype=names, encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8(path) from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise ValueError(f"{path} is no CSV file: {error}.") from error
    _check_columns(list(frame.columns), path, id_column)
    if id_column is None:
        ids = [str(number) for number in range(1, len(frame) + 1)]
        return _checked(Pool(frame, frame, ids, "table"), path)
    ids = frame[id_column].fillna("").tolist()
    return _checked(Pool(frame.drop(columns=id_column), frame, ids, "table"), path)


def _check_columns(header: list[str], path: Path, *names: str | None) -> None:
    for name in names:
        if name is not None and header.count(name) != 1:
            how = "has no" if name not in header else "has more than one"
            raise ValueError(f"{path} {how} column {name!r}; it has {header}.")


def _checked(pool: Pool, path: Path) -> Pool:
    if not pool.ids:
        raise ValueError(f"{path} has a header, but no rows.")
    empty = [number for number, name in enumerate(pool.ids, 1) if name == ""]
    if empty:
        raise ValueError(
            f"{len(empty)} rows of {path} have no id, the first one is row {empty[0]}. "
            "Fill in the column, or leave out --id."
        )
    return pool


def _not_utf8(path: Path) -> ValueError:
    return ValueError(
        f"{path} is not in UTF-8. Save it as UTF-8, which spreadsheets offer as 'CSV "
        "UTF-8', or run: iconv -f WINDOWS-1252 -t UTF-8."
    )


# --- The learner ----------------------------------------------------------------------


def _make_learner(args: argparse.Namespace, kind: str) -> Any:
    if args.model == "random":
        return None
    if args.model is not None:
        model = _load_model(args.model)
    elif kind == "image":
        raise ValueError(_NEEDS_MODEL)
    else:
        model = _text_model() if kind == "text" else _table_model()
    if hasattr(model, "query"):
        return model
    return ActiveLearningClassifier(model, audit_fraction=args.audit, random_state=0)


def _text_model() -> Any:
    return make_pipeline(
        TfidfVectorizer(sublinear_tf=True), LogisticRegression(C=10, max_iter=1000)
    )


def _table_model() -> Any:
    numbers = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()
    )
    others = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=30)
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (others, make_column_selector(dtype_exclude="number")),
    )
    return make_pipeline(columns, LogisticRegression(max_iter=1000))


def _load_model(name: str) -> Any:
    if Path(name).suffix in {".joblib", ".pkl", ".pickle"}:
        model = joblib.load(name)
    else:
        module, colon, attribute = name.partition(":")
        if not (module and colon and attribute):
            raise ValueError(
                f"--model is a file of joblib (m.joblib), module:attribute, or random; "
                f"got {name!r}."
            )
        model = _import(module, attribute)
    if not hasattr(model, "fit") or isinstance(model, type):
        raise TypeError(
            f"--model {name} is a {type(model).__name__}; it must be a learner or a "
            "classifier with fit and predict, made, not only its class."
        )
    return model


def _import(module: str, attribute: str) -> Any:
    """Import as a script of the present folder would."""
    # The process that fits the model finds its functions in the same way, later.
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    found = importlib.import_module(module)
    for part in attribute.split("."):
        found = getattr(found, part)
    return found


# --- skactive export, skactive status -------------------------------------------------


def _export(args: argparse.Namespace) -> None:
    suffix = Path(args.target).suffix.lower()
    if suffix not in {".csv", ".json"}:
        raise ValueError(
            f"The name of what is written ends in .csv, or in .json for the tasks of "
            f"Label Studio; got {args.target!r}."
        )
    record = LabelingSession.read(args.session)
    if suffix == ".csv":
        record.to_csv(args.target)
    else:
        record.to_label_studio(args.target)


def _show_status(args: argparse.Namespace) -> None:
    record = LabelingSession.read(args.session)
    sys.stdout.write(_describe(record.status(), record.classes))


def _describe(status: dict[str, Any], classes: list[Any]) -> str:
    """Write the figures of a session as lines of text."""
    names = {
        "rows": "n_rows",
        "labelled": "n_labels",
        "left": "n_left",
        "skipped": "n_skipped",
        "discarded": "n_discarded",
        "disagreed on": "n_ties",
    }
    lines = [f"{name:14}{status[key]:>8}" for name, key in names.items()]
    if status["seconds_per_label"]:
        lines.append(f"{'seconds a label':14}{status['seconds_per_label']:>7.1f}")
    lines += [
        f"{'by ' + name:14}{count:>8}" for name, count in status["by_annotator"].items()
    ]
    lines.append(f"classes: {', '.join(map(str, classes))}")
    return "\n".join(lines) + "\n"
