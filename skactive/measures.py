"""Informativeness measures: functions from class probabilities to utilities.

Every function is pure, takes class probabilities and gives one utility per sample;
greater means more worth labelling. Logarithms are natural (nats), and
``0 * log(0)`` is 0. Probabilities of one model have the shape (n_samples,
n_classes); those of a committee (n_members, n_samples, n_classes). Single precision
stays single precision; anything that is not floating point becomes float64.

Kernels see a block of samples with the classes on the first axis and the samples on
the last, so that a reduction over classes is a few long vector operations: ``p_CN``
for one model, ``p_CKN`` for a committee. A block stays in the processor's cache, and
nothing larger than a block is allocated beside the result.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "consensus_entropy",
    "entropy",
    "information_gain",
    "kl_divergence",
    "least_confidence",
    "margin",
    "vote_entropy",
]

Array = NDArray[Any]

# Numbers in a block of one model's, and of a committee's probabilities: 1.5 MiB and
# 768 KiB of float64, and as much again for scratch. Near a second-level cache, and
# large enough that threads seldom wait for the interpreter lock between operations.
_BLOCK_SIZE = 3 * 2**16
_COMMITTEE_BLOCK_SIZE = 3 * 2**15
# From this number of classes on, a row is long enough to be reduced where it lies.
_LONG_ROW = 64
# Below this size, starting threads costs more than they save.
_THREADED_SIZE = 2**20
_SUM_TOLERANCE = 1e-3


# ---------------------------------------------------------------------------------
# Public measures
# ---------------------------------------------------------------------------------


def least_confidence(proba: ArrayLike, *, normalize: bool = False) -> Array:
    """Probability that the most probable class is wrong, ``1 - max(p)``.

    Parameters
    ----------
    proba : array-like of shape (n_samples, n_classes)
        Class probabilities, each row summing to one.
    normalize : bool, default=False
        Divide by the largest possible value, ``1 - 1 / n_classes``.

    Returns
    -------
    utilities : ndarray of shape (n_samples,)
        Values in [0, 1 - 1 / n_classes], or in [0, 1] if normalized.

    Raises
    ------
    ValueError
        If `proba` has another number of axes, or a row holds a NaN or a negative
        value, or does not sum to one.

    References
    ----------
    .. [1] B. Settles, "Active Learning Literature Survey", 2009.

    Examples
    --------
    >>> from skactive.measures import least_confidence
    >>> least_confidence([[1.0, 0.0], [0.75, 0.25], [0.5, 0.5]])
    array([0.  , 0.25, 0.5 ])
    """
    proba = _as_probabilities(proba, ndim=2)
    bound = 1 - 1 / proba.shape[-1]
    return _blockwise(_least_confidence, proba, bound, normalize)


def margin(proba: ArrayLike, *, normalize: bool = False) -> Array:
    """Closeness of the two most probable classes, ``1 - (p1 - p2)``.

    Parameters
    ----------
    proba : array-like of shape (n_samples, n_classes)
        Class probabilities, each row summing to one.
    normalize : bool, default=False
        Divide by the largest possible value, which is 1: nothing changes. The
        argument is there so that all three measures are called alike.

    Returns
    -------
    utilities : ndarray of shape (n_samples,)
        Values in [0, 1]: 1 where the two most probable classes tie, 0 at certainty.

    Raises
    ------
    ValueError
        If `proba` has another number of axes, or a row holds a NaN or a negative
        value, or does not sum to one.

    References
    ----------
    .. [1] T. Scheffer, C. Decomain, S. Wrobel, "Active Hidden Markov Models for
       Information Extraction", IDA 2001.

    Examples
    --------
    >>> from skactive.measures import margin
    >>> margin([[1.0, 0.0, 0.0], [0.5, 0.25, 0.25], [0.5, 0.5, 0.0]])
    array([0.  , 0.75, 1.  ])
    """
    proba = _as_probabilities(proba, ndim=2)
    bound = 1.0 if proba.shape[-1] > 1 else 0.0
    return _blockwise(_margin, proba, bound, normalize)


def entropy(proba: ArrayLike, *, normalize: bool = False) -> Array:
    """Shannon entropy of the class probabilities, ``-sum(p * log(p))``.

    Parameters
    ----------
    proba : array-like of shape (n_samples, n_classes)
        Class probabilities, each row summing to one.
    normalize : bool, default=False
        Divide by the largest possible value, ``log(n_classes)``.

    Returns
    -------
    utilities : ndarray of shape (n_samples,)
        Values in [0, log(n_classes)] nats, or in [0, 1] if normalized.

    Raises
    ------
    ValueError
        If `proba` has another number of axes, or a row holds a NaN or a negative
        value, or does not sum to one.

    References
    ----------
    .. [1] C. E. Shannon, "A Mathematical Theory of Communication", 1948.
    .. [2] B. Settles, "Active Learning Literature Survey", 2009.

    Examples
    --------
    >>> from skactive.measures import entropy
    >>> entropy([[1.0, 0.0], [0.5, 0.5]]).round(4)
    array([0.    , 0.6931])
    >>> entropy([[1.0, 0.0], [0.5, 0.5]], normalize=True)
    array([0., 1.])
    """
    proba = _as_probabilities(proba, ndim=2)
    return _blockwise(_entropy, proba, np.log(proba.shape[-1]), normalize)


def vote_entropy(votes: ArrayLike, *, n_classes: int | None = None) -> Array:
    """Entropy of the classes that the members of a committee vote for.

    Parameters
    ----------
    votes : array-like of shape (n_members, n_samples) or \
            (n_members, n_samples, n_classes)
        Class codes 0, 1, ... as integers; or class probabilities, of which each
        member votes for the largest (the first one, where several are equal).
    n_classes : int, default=None
        Number of classes where `votes` holds codes; None means the largest code
        plus one. It changes the time taken, never the result.

    Returns
    -------
    utilities : ndarray of shape (n_samples,)
        Values in [0, log(min(n_members, n_classes))] nats; 0 where all members
        agree. float64, or the type of the probabilities.

    Raises
    ------
    ValueError
        If `votes` has another number of axes, holds codes that are no integers or
        lie outside 0 to n_classes - 1, or rows that are no probabilities.

    References
    ----------
    .. [1] S. P. Engelson, I. Dagan, "Minimizing Manual Annotation Cost in Supervised
       Training from Corpora", ACL 1996.

    Examples
    --------
    Two members and three samples:

    >>> from skactive.measures import vote_entropy
    >>> vote_entropy([[0, 1, 2], [0, 2, 2]]).round(4)
    array([0.    , 0.6931, 0.    ])
    """
    votes = np.asarray(votes)
    if votes.ndim == 3:
        proba = _as_probabilities(votes, ndim=3)
        bound = np.log(min(proba.shape[0], proba.shape[-1]))
        return _blockwise(_vote_entropy_of_probabilities, proba, bound)
    if votes.ndim != 2 or votes.dtype.kind not in "iu" or votes.shape[0] == 0:
        raise ValueError(
            "votes must be integer class codes of shape (n_members, n_samples) or "
            "probabilities of shape (n_members, n_samples, n_classes) with at least "
            f"one member; got {votes.dtype} of shape {votes.shape}."
        )
    largest = int(votes.max(initial=0))
    n_classes = largest + 1 if n_classes is None else n_classes
    if largest >= n_classes or votes.min(initial=0) < 0:
        raise ValueError(
            f"votes must lie between 0 and n_classes - 1 = {n_classes - 1}; got "
            f"values from {votes.min()} to {largest}."
        )
    bound = np.log(min(votes.shape[0], n_classes))
    kernel = partial(_vote_entropy, n_classes=n_classes, dtype=np.dtype(np.float64))
    return _blockwise(kernel, votes[:, :, np.newaxis], bound, is_proba=False)


def consensus_entropy(member_proba: ArrayLike) -> Array:
    """Entropy of the mean of the members' probabilities.

    Parameters
    ----------
    member_proba : array-like of shape (n_members, n_samples, n_classes)
        Class probabilities of every member, each row summing to one.

    Returns
    -------
    utilities : ndarray of shape (n_samples,)
        Values in [0, log(n_classes)] nats.

    Raises
    ------
    ValueError
        If `member_proba` has another number of axes, or a row holds a NaN or a
        negative value, or does not sum to one.

    References
    ----------
    .. [1] B. Settles, "Active Learning Literature Survey", 2009.

    Examples
    --------
    >>> from skactive.measures import consensus_entropy
    >>> consensus_entropy([[[1.0, 0.0]], [[0.0, 1.0]]]).round(4)
    array([0.6931])
    """
    proba = _as_probabilities(member_proba, ndim=3)
    return _blockwise(_consensus_entropy, proba, np.log(proba.shape[-1]))


def kl_divergence(
    member_proba: ArrayLike, *, reduction: Literal["max", "mean"] = "max"
) -> Array:
    """Kullback-Leibler divergence of the members to their consensus.

    Parameters
    ----------
    member_proba : array-like of shape (n_members, n_samples, n_classes)
        Class probabilities of every member, each row summing to one.
    reduction : {"max", "mean"}, default="max"
        The member that disagrees most, or the mean over members (which equals
        :func:`information_gain`).

    Returns
    -------
    utilities : ndarray of shape (n_samples,)
        Values in [0, log(n_members)] nats; 0 where all members agree.

    Raises
    ------
    ValueError
        If `reduction` is unknown, or `member_proba` has another number of axes, or a
        row holds a NaN or a negative value, or does not sum to one.

    References
    ----------
    .. [1] A. McCallum, K. Nigam, "Employing EM and Pool-Based Active Learning for
       Text Classification", ICML 1998.

    Examples
    --------
    >>> from skactive.measures import kl_divergence
    >>> kl_divergence([[[1.0, 0.0]], [[0.0, 1.0]]]).round(4)
    array([0.6931])
    """
    if reduction not in ("max", "mean"):
        raise ValueError(f"reduction must be 'max' or 'mean'; got {reduction!r}.")
    proba = _as_probabilities(member_proba, ndim=3)
    kernel = partial(_kl_divergence, reduce=np.max if reduction == "max" else np.mean)
    return _blockwise(kernel, proba, np.log(proba.shape[0]))


def information_gain(member_proba: ArrayLike) -> Array:
    """Information that a label gives about the model (BALD).

    The mutual information of the label and the model's parameters: entropy of the
    members' mean probabilities less the mean entropy of the members. Doubt that all
    members share (noise) cancels; what is left is their disagreement.

    Parameters
    ----------
    member_proba : array-like of shape (n_members, n_samples, n_classes)
        Class probabilities of every member, each row summing to one.

    Returns
    -------
    utilities : ndarray of shape (n_samples,)
        Values in [0, consensus_entropy] nats; 0 where all members agree.

    Raises
    ------
    ValueError
        If `member_proba` has another number of axes, or a row holds a NaN or a
        negative value, or does not sum to one.

    References
    ----------
    .. [1] N. Houlsby, F. Huszar, Z. Ghahramani, M. Lengyel, "Bayesian Active Learning
       for Classification and Preference Learning", arXiv:1112.5745, 2011.

    Examples
    --------
    The first sample is noise to both members, the second is disputed:

    >>> from skactive.measures import information_gain
    >>> information_gain([[[0.5, 0.5], [1.0, 0.0]],
    ...                   [[0.5, 0.5], [0.0, 1.0]]]).round(4)
    array([0.    , 0.6931])
    """
    proba = _as_probabilities(member_proba, ndim=3)
    return _blockwise(_information_gain, proba, np.log(proba.shape[-1]))


# ---------------------------------------------------------------------------------
# Kernels: the formulas, on blocks (n_classes C, [n_members K,] n_samples N)
# ---------------------------------------------------------------------------------


def _least_confidence(p_CN: Array) -> Array:
    return 1 - p_CN.max(axis=0)


def _margin(p_CN: Array) -> Array:
    first, second = _two_largest(p_CN)
    return 1 - (first - second)


def _two_largest(p_CN: Array) -> tuple[Array, Array]:
    if len(p_CN) == 1:
        return p_CN[0], np.zeros_like(p_CN[0])
    if len(p_CN) < _LONG_ROW:
        first, second = np.maximum(p_CN[0], p_CN[1]), np.minimum(p_CN[0], p_CN[1])
        for p_N in p_CN[2:]:
            np.maximum(second, np.minimum(first, p_N), out=second)
            np.maximum(first, p_N, out=first)
        return first, second
    samples = np.arange(p_CN.shape[1])
    best = p_CN.argmax(axis=0)
    first = p_CN[best, samples]
    rest_CN = p_CN.copy(order="K")
    rest_CN[best, samples] = 0
    return first, rest_CN[rest_CN.argmax(axis=0), samples]


def _log(p: Array) -> Array:
    # Adding the smallest normal number changes no probability that matters and makes
    # log(0) finite, so that 0 * log(0) is exactly 0.
    shifted = np.add(p, np.finfo(p.dtype).tiny)
    return np.log(shifted, out=shifted)


def _entropy(p: Array) -> Array:
    terms = _log(p)
    terms *= p
    return 0 - terms.sum(axis=0)  # and not -0.0


def _consensus_entropy(p_CKN: Array) -> Array:
    return _entropy(p_CKN.mean(axis=1))


def _kl_divergence(p_CKN: Array, reduce: Callable[..., Array]) -> Array:
    log_ratio_CKN = _log(p_CKN)
    log_ratio_CKN -= _log(p_CKN.mean(axis=1))[:, np.newaxis]
    log_ratio_CKN *= p_CKN
    return _without_noise(reduce(log_ratio_CKN.sum(axis=0), axis=0), p_CKN)


def _information_gain(p_CKN: Array) -> Array:
    total_N = _consensus_entropy(p_CKN)
    noise_N = _entropy(p_CKN).mean(axis=0)
    return _without_noise(np.minimum(total_N - noise_N, total_N), p_CKN)


def _without_noise(disagreement_N: Array, p_CKN: Array) -> Array:
    # Where members agree, rounding of their mean leaves a few units of the last place.
    noise = 4 * np.finfo(p_CKN.dtype).eps * np.sqrt(p_CKN.shape[1])
    disagreement_N[disagreement_N < noise] = 0
    return disagreement_N


def _vote_entropy_of_probabilities(p_CKN: Array) -> Array:
    votes_KN = np.zeros(p_CKN.shape[1:], dtype=np.intp)
    best_KN = p_CKN[0].copy()
    for code, p_KN in enumerate(p_CKN[1:], start=1):
        np.copyto(votes_KN, code, where=p_KN > best_KN)
        np.maximum(best_KN, p_KN, out=best_KN)
    return _vote_entropy(votes_KN[np.newaxis], len(p_CKN), p_CKN.dtype)


def _vote_entropy(votes_1KN: Array, n_classes: int, dtype: np.dtype[Any]) -> Array:
    votes_KN = votes_1KN[0]
    n_members = len(votes_KN)
    # A class with c of the K votes contributes -c/K log(c/K): K + 1 possible terms.
    share = np.arange(n_members + 1, dtype=dtype) / dtype.type(n_members)
    term_of_count = -share * _log(share)
    small = np.uint8 if max(n_members, n_classes) < 256 else np.int64
    votes_KN = votes_KN.astype(small)
    result = np.zeros(votes_KN.shape[1], dtype=dtype)
    for code in range(n_classes):
        is_code_KN = (votes_KN == small(code)).view(np.uint8)
        count_N = is_code_KN.sum(axis=0, dtype=small)
        result += term_of_count.take(count_N, mode="clip")  # checked before
    return result


# ---------------------------------------------------------------------------------
# Machinery
# ---------------------------------------------------------------------------------


def _as_probabilities(proba: ArrayLike, ndim: int) -> Array:
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


def _blockwise(
    kernel: Callable[[Array], Array],
    array: Array,
    bound: float,
    normalize: bool = False,
    is_proba: bool = True,
) -> Array:
    """Apply `kernel` to blocks of samples; the result is clipped to [0, bound].

    `array` has the shape ([n_members,] n_samples, n_classes). Which samples share a
    block, and how many threads work, changes no bit of the result.
    """
    n_samples = array.shape[-2]
    dtype = array.dtype if array.dtype.kind == "f" else np.dtype(np.float64)
    result = np.empty(n_samples, dtype=dtype)
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
            result[low:high] = kernel(block)[: high - low]
        part = result[start:stop]
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
    """Rows ([K,] N, C) as a block (C, [K,] N), short ones copied, long ones viewed.

    numpy sums in an order that depends on the memory layout, and drops axes of
    length one. So there is one layout for each C, and a single row comes twice.
    """
    n_samples, n_classes = rows.shape[-2:]
    if n_samples == 1:
        rows = np.repeat(rows, 2, axis=-2)
    if n_classes < _LONG_ROW:
        return np.ascontiguousarray(np.moveaxis(rows, -1, 0))
    if rows.strides[-1] != rows.itemsize:
        rows = np.ascontiguousarray(rows)
    return np.moveaxis(rows, -1, 0)


def _check_probabilities(block: Array, offset: int) -> None:
    """Raise unless every row of a (C, [K,] N) block is a probability vector."""
    low, high = 1 - _SUM_TOLERANCE, 1 + _SUM_TOLERANCE
    total = block.sum(axis=0)
    # Comparisons with NaN are false, so that NaN fails this test.
    if total.min() >= low and total.max() <= high and block.min() >= 0:
        return
    wrong = ~((total >= low) & (total <= high)) | (block < 0).any(axis=0)
    where = tuple(np.argwhere(wrong)[0])
    row = block[(slice(None), *where)]
    shown = np.array2string(row, precision=4, threshold=8)
    raise ValueError(
        f"Row {offset + where[-1]} is no probability vector: {shown} sums to "
        f"{row.sum():.6g}. Every row must be free of NaN, non-negative and sum to "
        "one; look at predict_proba of the estimator that made it."
    )


def _n_threads() -> int:
    """As many threads as OpenMP would use, workers of joblib included."""
    limit = os.environ.get("OMP_NUM_THREADS", "")
    if limit.isdigit() and int(limit) > 0:
        return int(limit)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
