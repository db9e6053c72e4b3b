"""Measures of the difference between the probabilities of two models, per sample."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import rel_entr

from skactive._compat.typing import Array
from skactive.measures._blocks import (
    _COMMITTEE_BLOCK_SIZE,
    _check_probabilities,
    _classes_first,
    as_probabilities,
)


def jensen_shannon(proba: ArrayLike, other: ArrayLike) -> Array:
    """Jensen-Shannon divergence: the mean divergence of two models from their mean.

    Toss a coin to choose one of the models, and draw a label from it. The divergence is
    the information that the label gives about which model it was.

    Parameters
    ----------
    proba, other : array-like of shape (n_samples, n_classes)
        Class probabilities of the two models. Each row sums to one. The order of the
        two does not matter.

    Returns
    -------
    utilities : ndarray of shape (n_samples,)
        Values in [0, log(2)] nats: 0 where both models agree, log(2) where no class is
        possible under both.

    Raises
    ------
    ValueError
        If the arrays differ in shape or are not two-dimensional, or a row contains NaN
        or a negative value or does not sum to one.

    References
    ----------
    .. [1] J. Lin, "Divergence Measures Based on the Shannon Entropy", IEEE
       Transactions on Information Theory 37, 1991.

    Examples
    --------
    >>> from skactive.measures import jensen_shannon
    >>> jensen_shannon([[1.0, 0.0], [0.5, 0.5], [0.9, 0.1]],
    ...                [[0.0, 1.0], [0.5, 0.5], [0.6, 0.4]]).round(4)
    array([0.6931, 0.    , 0.0633])
    """
    return _blockwise(_jensen_shannon, proba, other, np.log(2))


def relative_entropy(
    proba: ArrayLike, other: ArrayLike, *, min_proba: float = 1e-6
) -> Array:
    """Kullback-Leibler divergence of `proba` from `other`.

    It is the excess log loss of `other` if labels are drawn from `proba`: its log loss
    minus the log loss that cannot be avoided. Probabilities of `other` below
    `min_proba` are raised to `min_proba`; otherwise one class that `other` rules out
    would make the divergence infinite. Values that become negative by this are set to
    0.

    Parameters
    ----------
    proba : array-like of shape (n_samples, n_classes)
        Class probabilities taken as the truth. Each row sums to one.
    other : array-like of shape (n_samples, n_classes)
        Class probabilities to compare with `proba`.
    min_proba : float, default=1e-6
        Smallest probability of a class in `other`, in (0, 1].

    Returns
    -------
    utilities : ndarray of shape (n_samples,)
        Values in [0, -log(min_proba)] nats, 0 where both agree.

    Raises
    ------
    ValueError
        If `min_proba` is not in (0, 1], the arrays differ in shape or are not
        two-dimensional, or a row contains NaN or a negative value or does not sum to
        one.

    References
    ----------
    .. [1] S. Kullback, R. A. Leibler, "On Information and Sufficiency", The Annals of
       Mathematical Statistics 22, 1951.

    Examples
    --------
    >>> from skactive.measures import relative_entropy
    >>> relative_entropy([[1.0, 0.0], [0.5, 0.5]], [[0.5, 0.5], [0.5, 0.5]]).round(4)
    array([0.6931, 0.    ])
    """
    if not 0 < min_proba <= 1:
        raise ValueError(f"min_proba must be in (0, 1]; got {min_proba!r}.")
    kernel = partial(_relative_entropy, min_proba=min_proba)
    return _blockwise(kernel, proba, other, -np.log(min_proba))


def total_variation(proba: ArrayLike, other: ArrayLike) -> Array:
    """Total variation: the largest difference in the probability of any set of classes.

    It is half the sum of the absolute differences. However labels are drawn from both
    models jointly, they differ at least this often.

    Parameters
    ----------
    proba, other : array-like of shape (n_samples, n_classes)
        Class probabilities of the two models. Each row sums to one. The order of the
        two does not matter.

    Returns
    -------
    utilities : ndarray of shape (n_samples,)
        Values in [0, 1]: 0 where both models agree, 1 where no class is possible under
        both.

    Raises
    ------
    ValueError
        If the arrays differ in shape or are not two-dimensional, or a row contains NaN
        or a negative value or does not sum to one.

    References
    ----------
    .. [1] D. A. Levin, Y. Peres, E. L. Wilmer, "Markov Chains and Mixing Times", 2009,
       chapter 4.

    Examples
    --------
    >>> from skactive.measures import total_variation
    >>> total_variation([[1.0, 0.0], [0.5, 0.5], [0.75, 0.25]],
    ...                 [[0.0, 1.0], [0.5, 0.5], [0.5, 0.5]])
    array([1.  , 0.  , 0.25])
    """
    return _blockwise(_total_variation, proba, other, 1.0)


# ---------------------------------------------------------------------------------
# Kernels: the formulas, on blocks (n_classes C, n_samples N) in double precision
# ---------------------------------------------------------------------------------


def _jensen_shannon(p_CN: Array, q_CN: Array) -> Array:
    mean_CN = (p_CN + q_CN) / 2
    terms_CN = rel_entr(p_CN, mean_CN)
    terms_CN += rel_entr(q_CN, mean_CN)
    return terms_CN.sum(axis=0) / 2


def _relative_entropy(p_CN: Array, q_CN: Array, min_proba: float) -> Array:
    return rel_entr(p_CN, np.maximum(q_CN, min_proba)).sum(axis=0)


def _total_variation(p_CN: Array, q_CN: Array) -> Array:
    return np.abs(p_CN - q_CN).sum(axis=0) / 2


def _blockwise(
    kernel: Callable[[Array, Array], Array],
    proba: ArrayLike,
    other: ArrayLike,
    bound: float,
) -> Array:
    """Apply `kernel` to blocks of samples of both, and clip the result to [0, bound].

    The kernel works in double precision, because where the models nearly agree it takes
    differences of numbers that are nearly equal.
    """
    pair = as_probabilities(proba, ndim=2), as_probabilities(other, ndim=2)
    if pair[0].shape != pair[1].shape:
        raise ValueError(
            "The probabilities of both models must have one shape (n_samples, "
            f"n_classes); got {pair[0].shape} and {pair[1].shape}. Columns of classes "
            "that one of them does not know are zero."
        )
    n_samples, n_classes = pair[0].shape
    result = np.empty(n_samples, dtype=np.result_type(*pair))
    step = max(16, _COMMITTEE_BLOCK_SIZE // n_classes)
    for low in range(0, n_samples, step):
        rows = slice(low, min(low + step, n_samples))
        blocks = [_classes_first(array[rows]) for array in pair]
        for block in blocks:
            _check_probabilities(block, low)
        p_CN, q_CN = (block.astype(np.float64, copy=False) for block in blocks)
        result[rows] = kernel(p_CN, q_CN)[: rows.stop - low]
    return np.clip(result, 0, result.dtype.type(bound), out=result)
