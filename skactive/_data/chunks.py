"""The one walk over a pool in chunks, so that temporaries are no larger than one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from sklearn import get_config
from sklearn.utils.parallel import Parallel, delayed

from skactive._compat.sklearn import _num_samples, _safe_indexing
from skactive._compat.tally import in_this_context
from skactive._compat.typing import Array

# A chunk holds about 2**21 numbers (16 MiB), at most 65,536 and at least 64 rows. Its
# number of rows is a multiple of 64: matrix products then treat every row alike.
_CHUNK_SIZE = 2**21
_CHUNK_MAX_ROWS = 2**16
_CHUNK_UNIT = 64
# A chunk with this share of wanted rows is scored whole, as a view and not a copy.
_DENSE_SHARE = 0.9


def map_rows(
    function: Callable[[Any], Array],
    X: Any,
    rows: Array,
    n_outputs: int = 1,
    *,
    dtype: Any = np.float64,
) -> Array:
    """Apply `function` to chunks of `X`, for the sorted positions `rows`.

    Parameters
    ----------
    function : callable
        Takes some rows of `X` and returns an array with one number, or a fixed number
        of numbers, per row. These may depend on their own row only.
    X : array-like, sparse, data frame or sequence of n_samples
        The pool.
    rows : ndarray of shape (n_rows,)
        Positions in `X`, ascending.
    n_outputs : int, default=1
        Number of temporary numbers per row while `function` runs.
    dtype : dtype or None, default=float64
        Dtype of the values. None means the dtype that `function` returns.

    Returns
    -------
    values : ndarray of shape (n_rows,) or (n_rows, n_values)
        Values of the rows. Chunks run in parallel as configured by
        `joblib.parallel_config`. Neither this nor the size of a chunk changes the
        values.
    """
    n_samples = _num_samples(X)
    if len(rows) == 0:
        return np.empty(0, dtype=dtype)
    step = chunk_rows(X, n_outputs)
    if n_samples <= step and len(rows) >= _DENSE_SHARE * n_samples:
        return np.asarray(function(X), dtype=dtype)[rows]
    starts = np.arange(0, n_samples, step)
    if len(starts) > 1 and n_samples - starts[-1] < _CHUNK_UNIT:
        starts = starts[:-1]  # the last rows join the chunk before them
    stops = np.append(starts[1:], n_samples)
    firsts = np.searchsorted(rows, np.append(starts, n_samples))

    values: list[Array] = []
    lock = threading.Lock()

    def run(start: int, stop: int, first: int, last: int) -> None:
        wanted = rows[first:last]
        if len(wanted) < _DENSE_SHARE * (stop - start):
            found = function(_safe_indexing(X, wanted))
        else:
            found = function(rows_between(X, start, stop))
            if len(wanted) < stop - start:
                found = found[wanted - start]
        found = np.asarray(found, dtype=dtype)
        with lock:
            if not values:
                values.append(np.empty((len(rows), *found.shape[1:]), found.dtype))
        values[0][first:last] = found

    bounds = zip(starts, stops, firsts[:-1], firsts[1:], strict=True)
    tasks = _join_sparse([task for task in bounds if task[2] < task[3]], step)
    if len(tasks) == 1 or effective_n_jobs(None) == 1:
        for task in tasks:
            run(*task)
    else:
        # This is a list, because threads of joblib would take the later tasks from a
        # generator, and bind each task to the context of the thread that took it.
        Parallel(require="sharedmem")(
            [delayed(in_this_context(run))(*task) for task in tasks]
        )
    return values[0]


def _join_sparse(
    tasks: list[tuple[int, int, int, int]], step: int
) -> list[tuple[int, int, int, int]]:
    """Join neighbouring chunks of which few rows are wanted, up to `step` of these.

    A task is the start and the stop of a chunk, and those of its wanted rows.
    """
    joined: list[tuple[int, int, int, int]] = []
    can_join = False
    for start, stop, first, last in tasks:
        is_sparse = last - first < _DENSE_SHARE * (stop - start)
        if can_join and is_sparse and last - joined[-1][2] <= step:
            joined[-1] = (joined[-1][0], stop, joined[-1][2], last)
        else:
            joined.append((start, stop, first, last))
        can_join = is_sparse
    return joined


def rows_between(X: Any, start: int, stop: int) -> Any:
    """Some rows, as a view if the container has views."""
    if isinstance(X, np.ndarray):
        return X[start:stop]  # as below, without a search for its library
    if hasattr(X, "slice"):  # polars, whose series cannot be indexed with a slice
        return X.slice(start, stop - start)
    return _safe_indexing(X, slice(start, stop))


def chunk_rows(X: Any, n_outputs: int) -> int:
    if hasattr(X, "nnz"):
        row_size = X.nnz / max(1, X.shape[0])
    else:
        row_size = float(np.prod(getattr(X, "shape", (1,))[1:], dtype=float))
    numbers = max(1, int(row_size) + n_outputs)
    # scikit-learn's global working_memory, in MiB, may ask for less.
    affordable = int(get_config()["working_memory"] * 2**17)
    n_rows = min(_CHUNK_MAX_ROWS, min(_CHUNK_SIZE, affordable) // numbers)
    return _CHUNK_UNIT * max(1, n_rows // _CHUNK_UNIT)
