"""Recognition of a pool that was seen before, though none of its rows are kept."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from skactive._compat.sklearn import _num_samples, _safe_indexing
from skactive._compat.typing import Array
from skactive._data.digests import row_digests

# Enough rows to tell two pools apart, and few enough to cost nothing in a large fit.
_N_ROWS = 32


class Trace(NamedTuple):
    """Digests of some rows of a pool, with their positions."""

    rows: Array
    kind: str
    digests: list[bytes]

    def is_of(self, X: Any) -> bool:
        """Whether `X` has the same rows at the same positions."""
        if _num_samples(X) <= self.rows[-1]:
            return False
        found = _digests_of(X, self.rows)
        return found is not None and found == (self.kind, self.digests)


def trace_of(X: Any, rows: Array) -> Trace | None:
    """Trace of at most 32 of the positions `rows`; None if rows have no digests.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive._data.trace import trace_of
    >>> X = np.arange(20.0).reshape(10, 2)
    >>> trace = trace_of(X, np.array([7, 2]))
    >>> trace.is_of(X.copy()), trace.is_of(np.vstack([X, X])), trace.is_of(X + 1)
    (True, True, False)
    """
    rows = np.sort(rows)
    some = np.linspace(0, len(rows) - 1, min(len(rows), _N_ROWS)).astype(np.intp)
    found = _digests_of(X, rows[some])
    return None if found is None else Trace(rows[some], *found)


def _digests_of(X: Any, rows: Array) -> tuple[str, list[bytes]] | None:
    if isinstance(X, Mapping):  # several inputs of a net; its items are no rows
        return None
    try:
        return row_digests(_safe_indexing(X, rows))
    except (pickle.PicklingError, TypeError, AttributeError):
        return None  # objects that only the estimator understands
