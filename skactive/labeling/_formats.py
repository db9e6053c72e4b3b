"""Tables of labels as CSV and data frames, and tasks of Label Studio."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from skactive.labeling._ids import decode, encode
from skactive.strategies._messages import shorten


class Line(NamedTuple):
    """A labelled row, as tables show it."""

    id: Any
    label: Any
    annotators: list[str]
    n_agreeing: int
    time: str
    seconds: float | None
    audit: bool


class Answer(NamedTuple):
    """A label for an id, both ASCII JSON, and who gave it."""

    id: str
    label: str
    annotator: str | None = None


def as_cell(value: Any) -> str:
    """Texts as they are, everything else as JSON."""
    return value if isinstance(value, str) else encode(value)


def write_csv(path: Path, lines: Iterable[Line]) -> None:
    """Write a table, with the names of its columns."""
    # Ids may hold half a surrogate pair, which comes back as it was.
    with path.open("w", encoding="utf-8", errors="surrogatepass", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(Line._fields)
        for line in lines:
            id, label, names, *others, audit = line
            cells = as_cell(id), as_cell(label), ";".join(names)
            writer.writerow([*cells, *others, int(audit)])


def read_csv(path: Path, ids: dict[str, str], labels: dict[str, str]) -> list[Answer]:
    """Read the columns `id` and `label`; rows without a label are left out.

    `ids` and `labels` lead from cells to ASCII JSON.
    """
    with path.open(encoding="utf-8-sig", errors="surrogatepass", newline="") as file:
        reader = csv.DictReader(file)
        if not {"id", "label"} <= set(reader.fieldnames or ()):
            raise ValueError(
                f"{path} needs the columns 'id' and 'label'; it has "
                f"{reader.fieldnames}."
            )
        found = []
        for line in reader:
            if not line["label"]:
                continue
            place = f"{path}, line {reader.line_num}"
            id = _lookup(ids, line["id"], "id", place)
            found.append(Answer(id, _lookup(labels, line["label"], "label", place)))
    return found


def as_frame(lines: list[Line]) -> Any:
    """The same table as a data frame of pandas."""
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "to_frame needs pandas: python -m pip install pandas. Without it, there "
            "are labels and to_csv."
        ) from error
    columns = {
        name: [getattr(line, name) for line in lines] for name in Line._fields[1:]
    }
    ids = [line.id for line in lines]
    index = pd.Index(ids, name="id", tupleize_cols=False)
    return pd.DataFrame(columns, index=index)


def task(number: int, data: dict, label: Any, guess: Any) -> dict[str, Any]:
    """A task of Label Studio. `guess` is None or a label and its probability."""
    found: dict[str, Any] = {"id": number, "data": data, "predictions": []}
    if guess is not None:
        found["predictions"].append(
            {
                "model_version": "skactive",
                "score": guess[1],
                "result": _result(guess[0], data),
            }
        )
    annotation = {"result": _result(label, data), "was_cancelled": False}
    found["annotations"] = [] if label is None else [annotation]
    return found


def _result(label: Any, data: dict) -> list[dict[str, Any]]:
    return [
        {
            "from_name": "label",
            "to_name": "shown",
            "type": "choices",
            "value": {
                "choices": [
                    as_cell(one)
                    for one in (label if isinstance(label, tuple) else [label])
                ]
            },
        }
    ]


def read_tasks(
    source: Any, ids: dict[str, str], labels: dict[str, str], *, several: bool = False
) -> tuple[list[Answer], int]:
    """Labels in an export of Label Studio, and the number of cancelled annotations.

    `ids` are ids of rows by themselves, `labels` lead from choices to ASCII JSON. With
    `several` labels a row, they lead from lists of choices as JSON.
    """
    if not isinstance(source, (list, dict)):
        try:
            source = json.loads(Path(source).read_text(encoding="utf-8-sig"))
        except ValueError as error:
            raise ValueError(
                f"{source} is no JSON file: {error}. Export it from Label Studio as "
                "'JSON'."
            ) from error
    if not isinstance(source, list) or not all(isinstance(it, dict) for it in source):
        raise ValueError(
            "An export of Label Studio is a list of tasks; got "
            f"{shorten(source, 60)}. Export it as 'JSON'."
        )
    found, n_cancelled = [], 0
    for number, one in enumerate(source):
        place = f"task {number} (id {one.get('id')!r})"
        if "annotations" not in one:
            raise ValueError(
                f"{place} has no 'annotations', but {sorted(one)}. Export the project "
                "as 'JSON', not as 'JSON-MIN'."
            )
        id = _id_of(one, ids, place)
        for annotation in one["annotations"]:
            if annotation.get("was_cancelled"):
                n_cancelled += 1
                continue
            for choice in _choices(annotation, place, several):
                label = _lookup(labels, choice, "label", place)
                found.append(Answer(id, label, _who(annotation)))
    return found, n_cancelled


def _id_of(one: dict, ids: dict[str, str], place: str) -> str:
    data = one.get("data")
    if not isinstance(data, dict) or "skactive_id" not in data:
        raise ValueError(
            f"{place} has no 'skactive_id' in its data, so it is not known which row "
            "it is. Import tasks that to_label_studio wrote."
        )
    return _lookup(ids, data["skactive_id"], "id", place)


def _choices(annotation: dict, place: str, several: bool) -> Iterator[str]:
    """The one choice of an annotation; nothing if it is empty.

    With `several` labels a row, it is the list of all choices as JSON, also if there is
    none.
    """
    found = [
        choice
        for part in annotation.get("result") or []
        if part.get("type") == "choices"
        for choice in part["value"]["choices"]
    ]
    if several:
        yield encode(found)
        return
    if len(found) > 1:
        raise ValueError(
            f"{place} has {len(found)} choices in one annotation, {found}; a row has "
            "one label."
        )
    yield from found


def _who(annotation: dict) -> str | None:
    who = annotation.get("completed_by")
    if isinstance(who, dict):
        who = who.get("email") or who.get("id")
    return None if who is None else f"label studio: {who}"


def _lookup(table: dict[str, str], key: Any, what: str, place: str) -> str:
    if not isinstance(key, str) or key not in table:
        known = shorten([decode(text) for text in list(table.values())[:20]], 120)
        raise ValueError(
            f"{place} has the unknown {what} {key!r}; known are {known}. Nothing was "
            "imported."
        )
    return table[key]
