"""What people see of a row: a text, names and values, or a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from skactive._compat.sklearn import _num_samples
from skactive.labeling._ids import is_nothing, name_some

Kind = Literal["text", "row", "image"]

_PICTURES = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".avif"}
_MOST_BYTES = 50 * 2**20


class Shown:
    """What to show of each row.

    Parameters
    ----------
    show : array-like, data frame or sequence of n_samples
        Texts, rows of a table, or paths of images.
    """

    def __init__(self, show: Any):
        self._rows = show
        self.n_rows = _num_samples(show)
        self.kind: Kind = "text"
        self._names: list[str] | None = None
        self._paths: list[Path] = []
        if hasattr(show, "columns"):
            self.kind, self._names = "row", [str(name) for name in show.columns]
        elif len(getattr(show, "shape", ())) > 1:
            self.kind = "row"
            if len(show.shape) > 2:
                raise ValueError(
                    f"show holds arrays of shape {show.shape[1:]}, which the page "
                    "cannot show. Save them as images, and pass the paths in show."
                )
        else:
            self._look_at_values()

    def __getitem__(self, position: int) -> Any:
        if self.kind == "image":
            return self._paths[position].name
        row = self._row(position)
        if self._names is not None:
            return [
                [name, as_text(value)]
                for name, value in zip(self._names, row, strict=True)
            ]
        if self.kind == "row":
            pairs = row.items() if isinstance(row, Mapping) else enumerate(row)
            return [[str(name), as_text(value)] for name, value in pairs]
        return as_text(row)

    def image(self, position: int) -> Path:
        """Path of the image of a row."""
        if self.kind != "image":
            raise KeyError(f"Rows of this session are no images, but {self.kind}s.")
        path = self._paths[position]
        if path.is_symlink() or not path.is_file():
            raise KeyError(f"{path.name} is gone, or is no file of its own any more.")
        return path

    def _row(self, position: int) -> Any:
        rows = self._rows
        if hasattr(rows, "iloc"):
            row = rows.iloc[position]
            return row.tolist() if self._names is not None else row
        if hasattr(rows, "row") and self._names is not None:  # polars
            return rows.row(position)
        if hasattr(rows, "tocsr"):
            return rows[[position]].toarray()[0].tolist()
        return rows[position]

    def _look_at_values(self) -> None:
        rows = self._rows
        values = rows.tolist() if hasattr(rows, "tolist") else list(rows)
        if values and all(map(_is_row, values)):
            self.kind = "row"
        if not values or not all(map(_is_picture, values)):
            return
        self.kind = "image"
        self._paths = [Path(value).absolute() for value in values]
        _check_pictures(self._paths)


def as_text(value: Any) -> str:
    """A value as people read it, empty where there is none."""
    if is_nothing(value):
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)


def _is_row(value: Any) -> bool:
    is_array = len(getattr(value, "shape", ())) == 1
    return is_array or isinstance(value, (list, tuple, Mapping))


def _is_picture(value: Any) -> bool:
    if isinstance(value, Path):
        return True
    if not isinstance(value, str) or len(value) > 4096 or "\n" in value:
        return False
    suffix = Path(value).suffix.lower()
    return suffix in _PICTURES or suffix in {".svg", ".svgz"}


def _check_pictures(paths: list[Path]) -> None:
    unsafe = [path for path in paths if path.suffix.lower() not in _PICTURES]
    if unsafe:
        raise ValueError(
            f"Images are {', '.join(sorted(_PICTURES))}; got "
            f"{name_some([path.name for path in unsafe])}. SVG files can run code: "
            "convert them to PNG."
        )
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise FileNotFoundError(
            f"{len(missing)} of {len(paths)} images are missing: "
            f"{name_some([path.name for path in missing])}. The first was looked for "
            f"at {missing[0]}. Relative paths begin at the present folder. Correct "
            "them, or leave these rows out."
        )
    huge = [path for path in paths if path.stat().st_size > _MOST_BYTES]
    if huge:
        raise ValueError(
            f"{len(huge)} of {len(paths)} images are larger than "
            f"{_MOST_BYTES >> 20} MB, which a page cannot show at once: "
            f"{name_some([path.name for path in huge])}. Make them smaller, or leave "
            "these rows out."
        )
