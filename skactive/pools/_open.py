"""Which adapter a pool needs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from typing import Any

from skactive.pools._dask import open_dask
from skactive.pools._frames import refuse_names
from skactive.pools._parquet import iterate_files
from skactive.pools._parts import Blocks, Parts
from skactive.pools._ray import RayParts
from skactive.strategies._messages import shorten


def open_parts(pool: Any, ids: str | None, columns: Any, wanted: Any = None) -> Parts:
    """Return the parts of `pool`, by whatever library it is made of.

    `wanted` are names of rows; parts without them need not be read.
    """
    library = type(pool).__module__.partition(".")[0]
    if isinstance(pool, (str, os.PathLike)):
        return Blocks(partial(iterate_files, pool, ids, columns, wanted))
    if library == "ray":
        return RayParts(pool, ids, columns)
    if library == "dask" or hasattr(pool, "__dask_graph__") or _are_delayed(pool):
        return open_dask(pool, ids, columns)
    if hasattr(pool, "columns") or hasattr(pool, "shape"):
        raise TypeError(
            f"pool is a {type(pool).__name__}, which is in memory as a whole: use "
            "learner.query(X, y). A pool in parts is an iterable of blocks (ids, X), a "
            "folder of Parquet files, a collection of dask, or a data set of Ray."
        )
    refuse_names(ids, columns)
    if callable(pool):
        return Blocks(pool)
    if isinstance(pool, Iterable):
        return Blocks(partial(iter, pool))
    raise TypeError(
        "pool must be an iterable of blocks (ids, X), a function that returns one, a "
        "folder of Parquet files, a collection of dask, or a data set of Ray; got "
        f"{shorten(pool)}."
    )


def _are_delayed(pool: Any) -> bool:
    is_list = isinstance(pool, (list, tuple)) and len(pool) > 0
    return is_list and all(hasattr(part, "__dask_graph__") for part in pool)
