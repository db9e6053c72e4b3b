"""Measures of one model's class probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from skactive._compat.typing import Array
from skactive.measures._blocks import (
    LONG_ROW,
    as_probabilities,
    blockwise,
    entropy_of_block,
)


def least_confidence(proba: ArrayLike, *, normalize: bool = False) -> Array:
    """Probability that the most probable class is wrong, ``1 - max(p)``.

    Parameters
    ----------
    proba : array-like of shape (n_samples, n_classes)
        Class probabilities, each row summing to one.
    normalize : bool, default=False
        Whether to divide by the largest possible value, ``1 - 1 / n_classes``.

    Returns
    -------
    utilities : ndarray of shape (n_samples,)
        Values in [0, 1 - 1 / n_classes], or in [0, 1] if normalized.

    Raises
    ------
    ValueError
        If `proba` is not two-dimensional, or a row contains NaN or a negative value
        or does not sum to one.

    References
    ----------
    .. [1] B. Settles, "Active Learning Literature Survey", 2009.

    Examples
    --------
    >>> from skactive.measures import least_confidence
    >>> least_confidence([[1.0, 0.0], [0.75, 0.25], [0.5, 0.5]])
    array([0.  , 0.25, 0.5 ])
    """
    proba = as_probabilities(proba, ndim=2)
    bound = 1 - 1 / proba.shape[-1]
    return blockwise(_least_confidence, proba, bound, normalize)


def margin(proba: ArrayLike, *, normalize: bool = False) -> Array:
    """Closeness of the probabilities of the two top classes, ``1 - (p1 - p2)``.

    Parameters
    ----------
    proba : array-like of shape (n_samples, n_classes)
        Class probabilities, each row summing to one.
    normalize : bool, default=False
        Whether to divide by the largest possible value. That value is 1, so nothing
        changes. The parameter exists so that all three measures are called alike.

    Returns
    -------
    utilities : ndarray of shape (n_samples,)
        Values in [0, 1]: 1 where the two most probable classes tie, 0 where the model
        is certain.

    Raises
    ------
    ValueError
        If `proba` is not two-dimensional, or a row contains NaN or a negative value
        or does not sum to one.

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
    proba = as_probabilities(proba, ndim=2)
    bound = 1.0 if proba.shape[-1] > 1 else 0.0
    return blockwise(_margin, proba, bound, normalize)


def entropy(proba: ArrayLike, *, normalize: bool = False) -> Array:
    """Shannon entropy of the class probabilities, ``-sum(p * log(p))``.

    Parameters
    ----------
    proba : array-like of shape (n_samples, n_classes)
        Class probabilities, each row summing to one.
    normalize : bool, default=False
        Whether to divide by the largest possible value, ``log(n_classes)``.

    Returns
    -------
    utilities : ndarray of shape (n_samples,)
        Values in [0, log(n_classes)] nats, or in [0, 1] if normalized.

    Raises
    ------
    ValueError
        If `proba` is not two-dimensional, or a row contains NaN or a negative value
        or does not sum to one.

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
    proba = as_probabilities(proba, ndim=2)
    return blockwise(entropy_of_block, proba, np.log(proba.shape[-1]), normalize)


# ---------------------------------------------------------------------------------
# Kernels: the formulas, on blocks (n_classes C, n_samples N)
# ---------------------------------------------------------------------------------


def _least_confidence(p_CN: Array) -> Array:
    return 1 - p_CN.max(axis=0)


def _margin(p_CN: Array) -> Array:
    first, second = _two_largest(p_CN)
    return 1 - (first - second)


def _two_largest(p_CN: Array) -> tuple[Array, Array]:
    if len(p_CN) == 1:
        return p_CN[0], np.zeros_like(p_CN[0])
    if len(p_CN) < LONG_ROW:
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
