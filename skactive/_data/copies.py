"""Identical rows of a pool, in any container."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike

from skactive._compat.sklearn import _num_samples, _safe_indexing
from skactive._compat.typing import Array
from skactive.geometry._blocks import blocks, row_hashes


def row_keys(X: Any, rows: Array) -> Array:
    """One key per row, shape (n_rows,): equal if and only if rows are identical."""
    if isinstance(X, np.ndarray) and X.ndim > 2 and X.dtype.kind in "biuf":
        # Images and the like may be large, so they are taken in parts.
        parts = [_keys(X[rows[part]]) for part in blocks(rows, X[:1].size)]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.uint64)
    # An array is indexed directly, without a search for the library that made it.
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
    """Count the rows of a pool that are identical to each of some rows.

    No strategy puts two identical rows in one batch while others remain. So the label
    of one row may stand for several rows, which could share it.

    Parameters
    ----------
    X : array-like, sparse, data frame or sequence of n_samples
        The pool.
    rows : array-like of shape (n_rows,)
        Positions in `X`, such as those from :meth:`ActiveLearningClassifier.query`.

    Returns
    -------
    counts : ndarray of shape (n_rows,)
        Number of identical rows. It is at least 1, since the row itself counts.

    Examples
    --------
    >>> from skactive import count_copies
    >>> count_copies(["hello", "bye", "hello"], [0, 1])
    array([2, 1])
    """
    keys = row_keys(X, np.arange(_num_samples(X)))
    _, codes, counts = np.unique(keys, return_inverse=True, return_counts=True)
    return counts[codes[np.asarray(rows, dtype=np.intp)]]
