"""Measures of the disagreement between the members of a committee, per sample."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from skactive._compat.typing import Array
from skactive.measures._blocks import (
    as_probabilities,
    blockwise,
    entropy_of_block,
    safe_log,
)


def vote_entropy(votes: ArrayLike, *, n_classes: int | None = None) -> Array:
    """Entropy of the classes that the members of a committee vote for.

    Parameters
    ----------
    votes : array-like of shape (n_members, n_samples) or \
            (n_members, n_samples, n_classes)
        Either the integer class codes 0, 1, ... that the members vote for, or class
        probabilities. Given probabilities, each member votes for its most probable
        class, the first one in a tie.
    n_classes : int, default=None
        Number of classes if `votes` holds codes. None means the largest code plus
        one. It changes the time taken, never the result.

    Returns
    -------
    utilities : ndarray of shape (n_samples,)
        Values in [0, log(min(n_members, n_classes))] nats, 0 where all members agree.
        The dtype is that of the probabilities, or float64 for codes.

    Raises
    ------
    ValueError
        If `votes` has another number of axes, or holds codes that are not integers
        from 0 to n_classes - 1, or rows that are not probability vectors.

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
        proba = as_probabilities(votes, ndim=3)
        bound = np.log(min(proba.shape[0], proba.shape[-1]))
        return blockwise(_vote_entropy_of_probabilities, proba, bound)
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
    return blockwise(kernel, votes[:, :, np.newaxis], bound, is_proba=False)


def consensus_entropy(member_proba: ArrayLike) -> Array:
    """Entropy of the mean probabilities of the committee.

    Parameters
    ----------
    member_proba : array-like of shape (n_members, n_samples, n_classes)
        Class probabilities of each member. Each row sums to one.

    Returns
    -------
    utilities : ndarray of shape (n_samples,)
        Values in [0, log(n_classes)] nats.

    Raises
    ------
    ValueError
        If `member_proba` is not three-dimensional, or a row contains NaN or a
        negative value or does not sum to one.

    References
    ----------
    .. [1] B. Settles, "Active Learning Literature Survey", 2009.

    Examples
    --------
    >>> from skactive.measures import consensus_entropy
    >>> consensus_entropy([[[1.0, 0.0]], [[0.0, 1.0]]]).round(4)
    array([0.6931])
    """
    proba = as_probabilities(member_proba, ndim=3)
    return blockwise(_consensus_entropy, proba, np.log(proba.shape[-1]))


def kl_divergence(
    member_proba: ArrayLike, *, reduction: Literal["max", "mean"] = "max"
) -> Array:
    """Kullback-Leibler divergence of the members from their consensus.

    Parameters
    ----------
    member_proba : array-like of shape (n_members, n_samples, n_classes)
        Class probabilities of each member. Each row sums to one.
    reduction : {"max", "mean"}, default="max"
        Take the maximum over the members, that is the one that disagrees most, or
        their mean, which equals :func:`information_gain`.

    Returns
    -------
    utilities : ndarray of shape (n_samples,)
        Values in [0, log(n_members)] nats, 0 where all members agree.

    Raises
    ------
    ValueError
        If `reduction` is unknown, or `member_proba` is not three-dimensional, or a row
        contains NaN or a negative value or does not sum to one.

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
    proba = as_probabilities(member_proba, ndim=3)
    kernel = partial(_kl_divergence, reduce=np.max if reduction == "max" else np.mean)
    return blockwise(kernel, proba, np.log(proba.shape[0]))


def information_gain(member_proba: ArrayLike) -> Array:
    """Information that a label gives about the model (BALD).

    It is the mutual information between the label and the model's parameters: the
    entropy of the members' mean probabilities minus the mean entropy of the members.
    Doubt that all members share (noise) cancels out, and their disagreement is left.

    Parameters
    ----------
    member_proba : array-like of shape (n_members, n_samples, n_classes)
        Class probabilities of each member. Each row sums to one.

    Returns
    -------
    utilities : ndarray of shape (n_samples,)
        Values in [0, consensus_entropy] nats, 0 where all members agree.

    Raises
    ------
    ValueError
        If `member_proba` is not three-dimensional, or a row contains NaN or a
        negative value or does not sum to one.

    References
    ----------
    .. [1] N. Houlsby, F. Huszar, Z. Ghahramani, M. Lengyel, "Bayesian Active Learning
       for Classification and Preference Learning", arXiv:1112.5745, 2011.

    Examples
    --------
    The first sample is noise to both members. They disagree on the second one:

    >>> from skactive.measures import information_gain
    >>> information_gain([[[0.5, 0.5], [1.0, 0.0]],
    ...                   [[0.5, 0.5], [0.0, 1.0]]]).round(4)
    array([0.    , 0.6931])
    """
    proba = as_probabilities(member_proba, ndim=3)
    return blockwise(_information_gain, proba, np.log(proba.shape[-1]))


# ---------------------------------------------------------------------------------
# Kernels: the formulas, on blocks (n_classes C, n_members K, n_samples N)
# ---------------------------------------------------------------------------------


def _consensus_entropy(p_CKN: Array) -> Array:
    return entropy_of_block(p_CKN.mean(axis=1))


def _kl_divergence(p_CKN: Array, reduce: Callable[..., Array]) -> Array:
    log_ratio_CKN = safe_log(p_CKN)
    log_ratio_CKN -= safe_log(p_CKN.mean(axis=1))[:, np.newaxis]
    log_ratio_CKN *= p_CKN
    return _without_noise(reduce(log_ratio_CKN.sum(axis=0), axis=0), p_CKN)


def _information_gain(p_CKN: Array) -> Array:
    return _gain_over_noise(p_CKN, entropy_of_block(p_CKN).mean(axis=0))


def gain_and_entropies(p_CKN: Array) -> Array:
    """Information gain in row 0, entropies of the members below: (1 + n_members, N)."""
    entropies_KN = entropy_of_block(p_CKN)
    gain_N = _gain_over_noise(p_CKN, entropies_KN.mean(axis=0))
    return np.vstack([gain_N[np.newaxis], entropies_KN])


def _gain_over_noise(p_CKN: Array, noise_N: Array) -> Array:
    total_N = _consensus_entropy(p_CKN)
    return _without_noise(np.minimum(total_N - noise_N, total_N), p_CKN)


def _without_noise(disagreement_N: Array, p_CKN: Array) -> Array:
    # Where members agree, rounding of their mean leaves a few units in the last place.
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
    term_of_count = -share * safe_log(share)
    small = np.uint8 if max(n_members, n_classes) < 256 else np.int64
    votes_KN = votes_KN.astype(small)
    result = np.zeros(votes_KN.shape[1], dtype=dtype)
    for code in range(n_classes):
        is_code_KN = (votes_KN == small(code)).view(np.uint8)
        count_N = is_code_KN.sum(axis=0, dtype=small)
        result += term_of_count.take(count_N, mode="clip")  # checked before
    return result
