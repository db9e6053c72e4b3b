"""Several labels a row: 0 or 1 for each label, or nothing for the whole row.

They come as an array, a data frame, a sparse indicator matrix or a list of lists, with
one column per label. Inside skactive they are `codes` of shape (n_samples, n_labels),
with MISSING in all columns of a row without labels, and the `names` of the labels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from skactive._compat.typing import Array
from skactive._data.labels import MISSING, is_missing


def count_labels(y: Any) -> int | None:
    """Number of labels a row, if there are several columns; None for one label a row.

    As in scikit-learn, a single column is one label a row.
    """
    shape: tuple[int, ...] = getattr(y, "shape", ())
    if isinstance(y, (list, tuple)) and len(y):
        # Texts and other single labels have no shape of their own.
        first = y[0]
        is_row = isinstance(first, (list, tuple, np.ndarray))
        shape = (len(y), len(first)) if is_row and np.ndim(first) else ()
    return int(shape[1]) if len(shape) == 2 and shape[1] > 1 else None


def are_missing(y: Any, missing_label: Any = np.nan) -> Array:
    """Mask of shape (n_samples,) of the rows without a label, one or several a row."""
    if count_labels(y) is None:
        return is_missing(y, missing_label)
    cells, names = _as_cells(y)
    return _missing_rows(_missing_cells(cells, missing_label), names)


def read_label_sets(y: Any, missing_label: Any = np.nan) -> tuple[Array, list[Any]]:
    """Convert several labels a row to `codes`, int8 of shape (n_samples, n_labels).

    Also returns the names of the labels: those of the columns of a data frame, else
    their positions.

    Raises ValueError if a row has some labels only, or a value is not 0 or 1.
    """
    cells, names = _as_cells(y)
    missing = _missing_cells(cells, missing_label)
    known = ~_missing_rows(missing, names)
    values = np.asarray(cells[known])
    if values.dtype.kind not in "biuf":  # texts cannot be compared with numbers
        values = values.astype(object)
    is_one = np.asarray(values == 1, dtype=bool)
    is_wrong = ~(is_one | np.asarray(values == 0, dtype=bool))
    if is_wrong.any():
        row, column = np.argwhere(is_wrong)[0]
        value = values[row, column]
        shown = value.item() if hasattr(value, "item") else value
        raise ValueError(
            f"With several labels a row, each label is 0 or 1; y holds {shown!r} in "
            f"row {np.flatnonzero(known)[row]} for the label {names[column]!r}. If the "
            "columns are several targets with more classes, use one learner for each."
        )
    codes = np.full(cells.shape, MISSING, dtype=np.int8)
    codes[known] = is_one
    return codes, names


def _as_cells(y: Any) -> tuple[Array, list[Any]]:
    """Cells of shape (n_samples, n_labels), and the names of the labels."""
    if sp.issparse(y):
        cells = y.toarray()
    elif isinstance(y, np.ndarray):
        cells = y
    elif hasattr(y, "to_numpy"):
        cells = y.to_numpy()
    else:
        cells = np.asarray(y, dtype=object)
    if cells.ndim != 2:
        raise ValueError(
            "With several labels a row, all rows must have as many labels; got rows of "
            "different lengths."
        )
    columns = getattr(y, "columns", None)
    names = range(cells.shape[1]) if columns is None else columns
    return cells, [
        name.item() if isinstance(name, np.generic) else name for name in names
    ]


def _missing_cells(cells: Array, missing_label: Any) -> Array:
    return is_missing(cells.ravel(), missing_label).reshape(cells.shape)


def _missing_rows(missing: Array, names: list[Any]) -> Array:
    """The rows that miss all labels; ValueError if a row misses some of them."""
    rows = np.asarray(missing.all(axis=1))
    partly = missing.any(axis=1) & ~rows
    if partly.any():
        row = int(np.flatnonzero(partly)[0])
        lacking = [names[column] for column in np.flatnonzero(missing[row])]
        labels = f"label{'s' if len(lacking) > 1 else ''} "
        labels += ", ".join(repr(name) for name in lacking[:5])
        more = "" if len(lacking) <= 5 else f" and {len(lacking) - 5} more"
        raise ValueError(
            f"Row {row} of y is labelled in part: it has no value for the {labels}"
            f"{more}. Rows are asked about as a whole. Enter 0 or 1 for every label, "
            "or leave all of them missing."
        )
    return rows
