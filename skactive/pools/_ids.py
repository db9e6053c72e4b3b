"""Names of rows: checks, which of them have a label, and an order by chance."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_consistent_length

from skactive._compat.typing import Array
from skactive._data.label_sets import are_missing
from skactive.strategies._messages import shorten

# Number of names that are hashed at a time.
_BLOCK_ROWS = 2**13


class Labeled(NamedTuple):
    """The rows that have a label.

    Attributes
    ----------
    ids : ndarray of shape (n_labeled,)
        Their names, ascending.
    labels : ndarray of shape (n_labeled,) or None
        Their labels, None if these were not told.
    """

    ids: Array
    labels: Array | None


def as_ids(ids: Any, what: str = "ids") -> Array:
    """Convert names of rows to an array of int64 or str, or raise a ValueError."""
    found = np.asarray(ids)
    if found.dtype == object and all(isinstance(name, str) for name in found.flat):
        found = found.astype(str)
    if found.size == 0:
        return np.empty(0, dtype=np.int64)
    if found.ndim != 1 or found.dtype.kind not in "iuU":
        raise ValueError(
            f"{what} must be a list of ints or of strings, one name per row; got "
            f"{shorten(ids)} of type {found.dtype}. Convert them, as in "
            "ids.astype(str)."
        )
    if found.dtype.kind == "u" and int(found.max()) > np.iinfo(np.int64).max:
        raise ValueError(f"{what} must be below 2**63; got {found.max()}.")
    return found if found.dtype.kind == "U" else found.astype(np.int64, copy=False)


def check_part_ids(ids: Any, X: Any) -> Array:
    """Convert the names of the rows of a part; ValueError if they are no names."""
    check_consistent_length(X, ids)
    found = as_ids(ids)
    if not _is_ascending(found):
        names, counts = np.unique(found, return_counts=True)
        if len(names) < len(found):
            first = names[counts > 1].tolist()[0]
            raise ValueError(
                f"Each row needs an id of its own, but {first!r} is "
                f"there {counts.max()} times. In a data frame, name a column of unique "
                "values, as in ids='id'."
            )
    return found


def as_labeled(labeled: Any, missing_label: Any = np.nan) -> Labeled:
    """Read ids, or a mapping or pandas Series from ids to labels, that are known."""
    labels: Any = None
    if isinstance(labeled, Mapping):
        labeled, labels = list(labeled), list(labeled.values())
    elif hasattr(labeled, "index") and hasattr(labeled, "to_numpy"):
        labeled, labels = labeled.index, labeled.to_numpy()
    elif isinstance(labeled, Set):  # also the keys of a mapping
        labeled = list(labeled)
    names = as_ids(labeled, "labeled")
    ids, first = np.unique(names, return_index=True)
    if labels is None:
        return Labeled(ids, None)
    _check_told(names, len(ids), are_missing(labels, missing_label))
    return Labeled(ids, np.asarray(labels)[first])


def _check_told(names: Array, n_ids: int, missing: Array) -> None:
    if n_ids < len(names):
        raise ValueError(
            f"labeled has {len(names)} labels for {n_ids} ids. Give one for each id."
        )
    if missing.any():
        raise ValueError(
            f"The labels of {missing.sum()} of {len(names)} ids in labeled are "
            f"missing, among them that of {names[missing].tolist()[0]!r}. Leave these "
            "ids out to let them be chosen. To keep them out of the batch, pass a list "
            "of ids without labels."
        )


def check_kinds(a: Array, b: Array) -> None:
    """Raise if some names are numbers and others are strings."""
    if len(a) and len(b) and a.dtype.kind != b.dtype.kind:
        raise ValueError(
            "ids must all be ints, or all be strings, in the pool and in labeled; got "
            f"{a[:1].tolist()[0]!r} and {b[:1].tolist()[0]!r}."
        )


def find_ids(ids: Array, wanted: Array) -> tuple[Array, Array]:
    """Find names in a part.

    Parameters
    ----------
    ids : ndarray of shape (n_samples,)
        Names of the rows of the part, each once.
    wanted : ndarray of shape (n_wanted,)
        Names to look for, each once, ascending.

    Returns
    -------
    rows : ndarray of shape (n_found,)
        Positions in `ids`, in the order of `wanted`.
    places : ndarray of shape (n_found,)
        Positions in `wanted`, ascending.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.pools._ids import find_ids
    >>> find_ids(np.array([7, 2, 5]), np.array([1, 2, 7]))
    (array([1, 0]), array([1, 2]))
    """
    check_kinds(ids, wanted)
    if len(ids) == 0 or len(wanted) == 0:
        nothing = np.empty(0, dtype=np.intp)
        return nothing, nothing
    order = None if _is_ascending(ids) else np.argsort(ids)
    rows = np.searchsorted(ids, wanted, sorter=order)
    rows = np.minimum(rows, len(ids) - 1)
    if order is not None:
        rows = order[rows]
    places = np.flatnonzero(ids[rows] == wanted)
    return rows[places], places


def hash_ids(ids: Array, seed: int) -> Array:
    """Uniform hashes of names, which give rows an order by chance.

    They depend on the name and the seed only, and not on the width of an int or string.

    Parameters
    ----------
    ids : ndarray of shape (n_samples,)
        Ints or strings.
    seed : int
        From 0 to 2**64 - 1.

    Returns
    -------
    hashes : ndarray of shape (n_samples,)
        uint64, spread evenly.

    References
    ----------
    .. [1] G. L. Steele, D. Lea, C. H. Flood, "Fast Splittable Pseudorandom Number
       Generators", OOPSLA 2014, whose finalizer is used.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.pools._ids import hash_ids
    >>> short, long = np.array(["a", "b"]), np.array(["a", "b", "long"])
    >>> bool((hash_ids(short, 0) == hash_ids(long, 0)[:2]).all())
    True
    """
    if ids.dtype.kind == "U":
        code = np.zeros(len(ids), dtype=np.uint64)
        n_letters = ids.dtype.itemsize // 4
        letters = np.ascontiguousarray(ids).view(np.uint32).reshape(-1, n_letters)
        for column in letters.T:  # one letter of each name at a time
            longer = code * np.uint64(0x100000001B3) + column
            code = np.where(column > 0, _mix(longer), code)
    else:
        code = ids.astype(np.int64).astype(np.uint64)
    start = _mix(np.array([seed], dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15))
    return _mix(code + start)


def _mix(code: Array) -> Array:
    """The finalizer of SplitMix64, which spreads similar numbers."""
    code = (code ^ (code >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    code = (code ^ (code >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return code ^ (code >> np.uint64(31))


def uniform(hashes: Array) -> Array:
    """Numbers in (0, 1), shape (n_samples,), from uniform hashes."""
    return ((hashes >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def noise_of(ids: Array, seed: int) -> Array:
    """Numbers in (0, 1) by the hashes of names, shape (n_samples,)."""
    noise = np.empty(len(ids))
    # A block at a time: temporaries stay in the cache, and need no new memory.
    for start in range(0, len(ids), _BLOCK_ROWS):
        rows = slice(start, start + _BLOCK_ROWS)
        noise[rows] = uniform(hash_ids(ids[rows], seed))
    return noise


def _is_ascending(ids: Array) -> bool:
    return bool((ids[1:] > ids[:-1]).all())
