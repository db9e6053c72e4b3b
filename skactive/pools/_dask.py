"""Pools of dask: data frames, arrays, bags, and delayed blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from skactive.pools._frames import refuse_names, split_frame
from skactive.pools._parts import (
    Found,
    Join,
    Task,
    as_block,
    extra_missing,
    in_part,
    note_part,
)

# Number of results that are joined at a time, on a worker.
_FAN_IN = 16


class DaskParts(NamedTuple):
    """Delayed parts; ``read(*args)`` makes ids and rows of each.

    They run on the scheduler that is current: that of a client of dask.distributed, if
    there is one, or one in this process.
    """

    read: Callable[..., Any]
    args: list[tuple]

    def run(self, task: Task[Found], join: Join[Found]) -> Found:
        """See :class:`Parts`. Results are joined on the workers, as a tree."""
        from dask import compute, delayed

        # As a key of the graph, the task is sent to each worker once, and again to one
        # that takes the place of another.
        shared = delayed(_Shared(task), traverse=False)
        results = [
            delayed(_run_part)(number, shared, self.read, *args)
            for number, args in enumerate(self.args)
        ]
        joined = delayed(join)
        while len(results) > 1:
            groups = range(0, len(results), _FAN_IN)
            results = [joined(results[i : i + _FAN_IN]) for i in groups]
        try:
            return compute(*results)[0] if results else join([])
        except Exception as error:
            if not hasattr(error, "__notes__"):  # the part could not even be made
                self._note_part(error)
            raise

    def _note_part(self, error: Exception) -> None:
        """Make one part after the other, to tell which of them cannot be made."""
        from dask import compute, delayed

        for number, args in enumerate(self.args):
            try:
                compute(delayed(_nothing)(*args))
            except type(error):
                note_part(error, str(number))
                return


class _Shared(NamedTuple):
    task: Any


def _run_part(
    number: int, shared: _Shared, read: Callable[..., Any], *args: Any
) -> Any:
    return in_part(str(number), shared.task, read, *args)


def _nothing(*args: Any) -> None:
    """Take a part, and return nothing of it."""


def open_dask(pool: Any, ids: str | None, columns: Any) -> DaskParts:
    """Return the parts of a collection of dask, or of a list of delayed blocks."""
    try:
        from dask.delayed import Delayed
    except ImportError as error:
        raise extra_missing(error, "dask") from error
    if isinstance(pool, (list, tuple)):
        refuse_names(ids, columns)
        return DaskParts(as_block, [(part,) for part in pool])
    if isinstance(pool, Delayed):  # which has an attribute of any name
        raise TypeError(
            "pool is one delayed object. Pass a list of them, each of which gives a "
            "block (ids, X)."
        )
    if hasattr(pool, "divisions"):
        return _open_frame(pool, ids, columns)
    if hasattr(pool, "chunks"):
        return _open_array(pool, ids, columns)
    if hasattr(pool, "to_delayed"):
        refuse_names(ids, columns)
        return DaskParts(_read_pairs, [(part,) for part in pool.to_delayed()])
    raise TypeError(
        "pool must be a data frame, an array or a bag of dask, or a list of delayed "
        f"blocks (ids, X); got {type(pool).__name__}."
    )


def _open_frame(pool: Any, ids: str | None, columns: Any) -> DaskParts:
    if ids is None and not pool.known_divisions:
        raise ValueError(
            "The index of this data frame may start anew in each partition, as that of "
            "files does, so it does not name rows. Name a column of unique ids, as in "
            f"ids={str(next(iter(pool.columns)))!r}."
        )
    return DaskParts(split_frame, [(part, ids, columns) for part in pool.to_delayed()])


def _open_array(pool: Any, ids: str | None, columns: Any) -> DaskParts:
    refuse_names(ids, columns)
    sizes = pool.chunks[0]
    if any(np.isnan(size) for size in sizes):
        raise ValueError(
            "The sizes of the chunks of this array are not known, and rows are named "
            "by their positions. Call pool.compute_chunk_sizes() first."
        )
    if pool.ndim > 1 and any(len(widths) > 1 for widths in pool.chunks[1:]):
        pool = pool.rechunk(dict.fromkeys(range(1, pool.ndim), -1))
    starts = np.cumsum([0, *sizes[:-1]]).tolist()
    parts = pool.to_delayed().ravel().tolist()
    return DaskParts(_read_chunk, [*zip(starts, parts, strict=True)])


def _read_chunk(start: int, X: Any) -> tuple[Any, Any]:
    return np.arange(start, start + X.shape[0]), X


def _read_pairs(part: Any) -> tuple[Any, Any]:
    pairs = [as_block(pair) for pair in part]
    return [name for name, _ in pairs], [row for _, row in pairs]
