"""Checks of probabilities, and computations on them in blocks.

A kernel gets a block of samples with the classes on the first axis and the samples on
the last: ``p_CN`` for one model, ``p_CKN`` for a committee. A reduction over classes is
then a few long vector operations. A block fits in the processor's cache, and nothing
larger than a block is allocated besides the result.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import ArrayLike

from skactive._compat.typing import Array

# Size of a block of probabilities of one model, and of a committee: 1.5 MiB and 768 KiB
# of float64, plus as much scratch memory. This is close to a second-level cache, and
# large enough that threads seldom wait for the interpreter lock between operations.
_BLOCK_SIZE = 3 * 2**16
_COMMITTEE_BLOCK_SIZE = 3 * 2**15
# With this many classes or more, a row is long enough to be reduced in place.
LONG_ROW = 64
# Below this size, starting threads costs more than they save.
_THREADED_SIZE = 2**20
_SUM_TOLERANCE = 1e-3


def safe_log(p: Array) -> Array:
    # Adding the smallest normal number changes no probability that matters. It makes
    # log(0) finite, so that 0 * log(0) is exactly 0.
    shifted = np.add(p, np.finfo(p.dtype).tiny)
    return np.log(shifted, out=shifted)


def entropy_of_block(p: Array) -> Array:
    terms = safe_log(p)
    terms *= p
    return 0 - terms.sum(axis=0)  # and not -0.0


def as_probabilities(proba: ArrayLike, ndim: int) -> Array:
    array = np.asarray(proba)
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float32 if array.dtype == np.float16 else np.float64)
    axes = ("n_members", "n_samples", "n_classes")[-ndim:]
    if array.ndim != ndim or 0 in (array.shape[0] if ndim == 3 else 1, array.shape[-1]):
        raise ValueError(
            f"Probabilities must have the shape ({', '.join(axes)}), with at least one "
            f"class and member; got an array of shape {array.shape}."
        )
    return array


def blockwise(
    kernel: Callable[[Array], Array],
    array: Array,
    bound: float,
    normalize: bool = False,
    is_proba: bool = True,
    n_results: int | None = None,
) -> Array:
    """Apply `kernel` to blocks of samples, and clip the result to [0, bound].

    `array` has shape ([n_members,] n_samples, n_classes). The result has shape
    (n_samples,), or (n_results, n_samples) if the kernel returns several rows. It does
    not depend, to the last bit, on the size of the blocks or the number of threads.
    """
    n_samples = array.shape[-2]
    dtype = array.dtype if array.dtype.kind == "f" else np.dtype(np.float64)
    shape = (n_samples,) if n_results is None else (n_results, n_samples)
    result = np.empty(shape, dtype=dtype)
    row_size = max(1, array.size // max(1, n_samples))
    block_size = _BLOCK_SIZE if array.ndim == 2 else _COMMITTEE_BLOCK_SIZE
    step = max(16, block_size // row_size)

    def run(start: int, stop: int) -> None:
        for low in range(start, stop, step):
            high = min(low + step, stop)
            rows = array[..., low:high, :]
            if is_proba:
                block = _classes_first(rows)
                _check_probabilities(block, low)
            else:
                block = np.moveaxis(rows, -1, 0)
            result[..., low:high] = kernel(block)[..., : high - low]
        part = result[..., start:stop]
        np.clip(part, 0, dtype.type(bound), out=part)
        if normalize and bound > 0:
            np.minimum(np.divide(part, dtype.type(bound), out=part), 1, out=part)

    n_threads = _n_threads() if array.size >= _THREADED_SIZE else 1
    share = -(-n_samples // n_threads)
    starts = range(0, n_samples, max(1, share))
    if n_threads == 1:
        run(0, n_samples)
    else:
        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(run, starts, [min(s + share, n_samples) for s in starts]))
    return result


def _classes_first(rows: Array) -> Array:
    """Rows ([K,] N, C) as a block (C, [K,] N): a copy of short rows, a view of long.

    The order in which numpy sums depends on the memory layout, and numpy drops axes of
    length one. So there is one layout for each C, and a single row is repeated.
    """
    n_samples, n_classes = rows.shape[-2:]
    if n_samples == 1:
        rows = np.repeat(rows, 2, axis=-2)
    if n_classes < LONG_ROW:
        return np.ascontiguousarray(np.moveaxis(rows, -1, 0))
    if rows.strides[-1] != rows.itemsize:
        rows = np.ascontiguousarray(rows)
    return np.moveaxis(rows, -1, 0)


def _check_probabilities(block: Array, offset: int) -> None:
    """Raise unless every row of a (C, [K,] N) block is a probability vector."""
    low, high = 1 - _SUM_TOLERANCE, 1 + _SUM_TOLERANCE
    total = block.sum(axis=0)
    # Comparisons with NaN are false, so NaN fails this test.
    if total.min() >= low and total.max() <= high and block.min() >= 0:
        return
    wrong = ~((total >= low) & (total <= high)) | (block < 0).any(axis=0)
    where = tuple(np.argwhere(wrong)[0])
    row = block[(slice(None), *where)]
    shown = np.array2string(row, precision=4, threshold=8)
    raise ValueError(
        f"Row {offset + where[-1]} is not a probability vector: {shown} sums to "
        f"{row.sum():.6g}. Every row must be non-negative, without NaN, and sum to "
        "one. Check predict_proba of the estimator that made it."
    )


def _n_threads() -> int:
    """Number of threads that OpenMP would use, also inside a worker of joblib."""
    limit = os.environ.get("OMP_NUM_THREADS", "")
    if limit.isdigit() and int(limit) > 0:
        return int(limit)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
