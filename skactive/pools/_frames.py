"""Ids and features in the data frames that parts of a pool are read as."""

from __future__ import annotations

from typing import Any

import numpy as np


def split_frame(frame: Any, ids: str | None, columns: Any) -> tuple[Any, Any]:
    """Return the ids and the features in a data frame of pandas.

    Parameters
    ----------
    frame : DataFrame of shape (n_samples, n_columns)
        Some rows.
    ids : str or None
        The column of ids. None means the index.
    columns : list of str, str or None
        The features. None means all columns but the ids. A list gives a data frame; a
        single name gives the column itself, as texts or, where its entries are vectors,
        as an array of shape (n_samples, n_features).
    """
    check_columns(frame.columns, ids, columns)
    names = frame.index if ids is None else frame[ids]
    if columns is None:
        return names, frame if ids is None else frame.drop(columns=ids)
    if not isinstance(columns, str):
        return names, frame[list(columns)]
    return names, as_vectors(frame[columns])


def as_vectors(column: Any) -> Any:
    """A column of vectors as an array; any other column as it is."""
    values = column.to_numpy()
    if len(values) and values.dtype == object and np.ndim(values[0]) > 0:
        return np.stack(values.tolist())
    return column


def check_columns(there: Any, ids: str | None, columns: Any) -> None:
    """Raise a ValueError if a named column is not there."""
    named = (
        [] if columns is None else [columns] if isinstance(columns, str) else columns
    )
    for name in [*named, *([] if ids is None else [ids])]:
        if name not in list(there):
            raise ValueError(
                f"{name!r} is not a column of the pool; there are {list(there)}."
            )


def refuse_names(ids: Any, columns: Any) -> None:
    if ids is not None or columns is not None:
        raise ValueError(
            "ids and columns name columns of data frames; the blocks (ids, X) of this "
            f"pool have none. Got ids={ids!r}, columns={columns!r}."
        )
