"""Recognition of a pool that was seen before, though none of its rows are kept."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np

from skactive._compat.sklearn import _num_samples, _safe_indexing
from skactive._compat.typing import Array
from skactive._data.digests import row_digests

# Enough rows to tell two pools apart, and few enough to cost nothing in a large fit.
_N_ROWS = 32

# Positions of some rows, and one digest of all of these. Files of a learner hold it, so
# it has no type of its own.
Trace = tuple[Array, str]


def trace_of(X: Any, rows: Array) -> Trace | None:
    """Trace of at most 32 of the positions `rows`; None if rows have no digests.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive._data.trace import has_trace, trace_of
    >>> X = np.arange(20.0).reshape(10, 2)
    >>> trace = trace_of(X, np.array([7, 2]))
    >>> has_trace(X.copy(), trace), has_trace(np.vstack([X, X]), trace)
    (True, True)
    >>> has_trace(X + 1, trace), has_trace(X[:7], trace)
    (False, False)
    """
    rows = np.sort(rows)
    some = np.linspace(0, len(rows) - 1, min(len(rows), _N_ROWS)).astype(np.intp)
    digest = _digest(X, rows[some])
    return None if digest is None else (rows[some], digest)


def has_trace(X: Any, trace: Trace) -> bool:
    """Whether `X` has the same rows at the same positions."""
    rows, digest = trace
    return bool(_num_samples(X) > rows[-1]) and _digest(X, rows) == digest


def _digest(X: Any, rows: Array) -> str | None:
    if isinstance(X, Mapping):  # several inputs of a net; its items are no rows
        return None
    try:
        kind, digests = row_digests(_safe_indexing(X, rows))
    except (pickle.PicklingError, TypeError, AttributeError):
        return None  # objects that only the estimator understands
    return hashlib.blake2b(b"".join([kind.encode(), *digests])).hexdigest()
