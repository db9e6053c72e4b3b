"""Which rows of a pool are identical, whatever container holds them."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike

from skactive._compat.sklearn import _num_samples, _safe_indexing
from skactive._compat.typing import Array
from skactive.geometry._blocks import blocks, row_hashes


def row_keys(X: Any, rows: Array) -> Array:
    """One key a row, shape (n_rows,): equal for identical rows, else different."""
    if isinstance(X, np.ndarray) and X.ndim > 2 and X.dtype.kind in "biuf":
        # Images and the like, which may be large, in parts.
        parts = [_keys(X[rows[part]]) for part in blocks(rows, X[:1].size)]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.uint64)
    # An array is indexed here, without a search for the library that made it.
    return _keys(X[rows] if isinstance(X, np.ndarray) else _safe_indexing(X, rows))


def _keys(chunk: Any) -> Array:
    if sp.issparse(chunk):
        chunk = chunk.tocsr()
    if isinstance(chunk, np.ndarray) and chunk.dtype.kind in "biuf" and chunk.ndim != 2:
        chunk = chunk.reshape(len(chunk), -1)
    elif isinstance(chunk, np.ndarray) and chunk.ndim == 1:
        chunk = chunk[:, np.newaxis]
    if (isinstance(chunk, np.ndarray) and chunk.ndim == 2) or sp.issparse(chunk):
        if chunk.dtype.kind in "biu":
            chunk = chunk.astype(np.float64)
        if chunk.dtype in (np.float32, np.float64):
            return row_hashes(chunk)
    if hasattr(chunk, "to_numpy"):
        chunk = chunk.to_numpy()
    plain = (row.tolist() if isinstance(row, np.ndarray) else row for row in chunk)
    return np.array([hash(repr(row)) for row in plain], dtype=np.int64)


def count_copies(X: Any, rows: ArrayLike) -> Array:
    """How many rows of a pool are identical to each of some rows.

    No strategy puts two identical rows in one batch while others remain, so a label
    of one row may stand for several: they could share it.

    Parameters
    ----------
    X : array-like, sparse, data frame or sequence of n_samples
        The pool.
    rows : array-like of shape (n_rows,)
        Positions in `X`, as :meth:`ActiveLearningClassifier.query` gives them.

    Returns
    -------
    counts : ndarray of shape (n_rows,)
        At least 1: the row itself is counted.

    Examples
    --------
    >>> from skactive import count_copies
    >>> count_copies(["hello", "bye", "hello"], [0, 1])
    array([2, 1])
    """
    keys = row_keys(X, np.arange(_num_samples(X)))
    _, codes, counts = np.unique(keys, return_inverse=True, return_counts=True)
    return counts[codes[np.asarray(rows, dtype=np.intp)]]
