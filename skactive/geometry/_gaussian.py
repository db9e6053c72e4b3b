"""What a measurement tells about values that are normally distributed.

The values at some rows and at targets have covariances, and a measurement is a value
plus noise. No formula depends on what is measured, only on where.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from skactive._compat.typing import Array
from skactive.geometry._points import draw_largest

# Of two variances, one that is this small a share of the other is rounding.
_TINY = 1e-12


def variance_reduction(cross: ArrayLike, variance: ArrayLike, noise: float) -> Array:
    """Compute by how much a measurement lowers the mean variance of targets.

    It is the mean over targets t of ``cov(x, t)^2 / (var(x) + noise)``.

    Parameters
    ----------
    cross : array-like of shape (n_rows, n_targets)
        Covariances of the values at rows and at targets.
    variance : array-like of shape (n_rows,)
        Variances of the values at rows.
    noise : float
        Variance of a measurement around its value, not negative.

    Returns
    -------
    reductions : ndarray of shape (n_rows,)
        Not negative, in squared units of the target.

    Examples
    --------
    >>> from skactive.geometry._gaussian import variance_reduction
    >>> variance_reduction([[1.0, 0.5], [0.0, 0.0]], [1.0, 4.0], 1.0)
    array([0.3125, 0.    ])
    """
    cross = np.asarray(cross, dtype=np.float64)
    squares = np.einsum("ij,ij->i", cross, cross) / max(1, cross.shape[1])
    return _quotient(squares, np.asarray(variance, dtype=np.float64) + noise)


def predictive_information(
    cross: ArrayLike, variance: ArrayLike, target_variance: ArrayLike, noise: float
) -> Array:
    """Compute the information that a measurement gives about those of targets (EPIG).

    It is the mean over targets t of the mutual information of two measurements,
    ``-log(1 - r^2) / 2``, where r is their correlation.

    Parameters
    ----------
    cross : array-like of shape (n_rows, n_targets)
        Covariances of the values at rows and at targets.
    variance : array-like of shape (n_rows,)
        Variances of the values at rows.
    target_variance : array-like of shape (n_targets,)
        Variances of the values at targets.
    noise : float
        Variance of a measurement around its value, not negative.

    Returns
    -------
    information : ndarray of shape (n_rows,)
        Nats, not negative. A target that is measured itself, without noise, counts as
        27.6 nats / 2, since its information is infinite.

    References
    ----------
    .. [1] F. Bickford Smith, A. Kirsch, S. Farquhar, Y. Gal, A. Foster, T. Rainforth,
       "Prediction-Oriented Bayesian Active Learning", AISTATS 2023.

    Examples
    --------
    >>> from skactive.geometry._gaussian import predictive_information
    >>> predictive_information([[1.0], [0.0]], [1.0, 4.0], [1.0], 1.0).round(4)
    array([0.1438, 0.    ])
    """
    cross = np.asarray(cross, dtype=np.float64)
    own = np.asarray(variance, dtype=np.float64) + noise
    others = np.asarray(target_variance, dtype=np.float64) + noise
    shares = _quotient(_quotient(cross**2, own[:, np.newaxis]), others)
    np.clip(shares, 0, 1 - _TINY, out=shares)
    return np.abs(np.log1p(-shares)).sum(axis=1) / (2 * max(1, cross.shape[1]))


def greedy_gaussian_batch(
    cross: Array,
    variance: Array,
    noise: float,
    n_queries: int,
    *,
    column: Callable[[int], Array],
    target_variance: Array | None = None,
    rng: np.random.Generator,
) -> Array:
    """Choose rows one by one that tell the most about targets.

    Each pick lowers the mean variance of the targets most, given the picks before it.
    With a `target_variance`, it gives the most information about them instead.

    Parameters
    ----------
    cross : ndarray of shape (n_rows, n_targets)
        Covariances of the values at rows and at targets.
    variance : ndarray of shape (n_rows,)
        Variances of the values at rows.
    noise : float
        Variance of a measurement around its value, not negative.
    n_queries : int
        Number of rows to choose, at most n_rows.
    target_variance : ndarray of shape (n_targets,), default=None
        Variances of the values at targets, for :func:`predictive_information`. None
        means :func:`variance_reduction`.
    column : callable
        A function ``column(row) -> covariances`` of one row with all, (n_rows,).
    rng : numpy Generator
        Breaks ties.

    Returns
    -------
    positions : ndarray of shape (n_queries,)
        Distinct, in order of choice.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.geometry._gaussian import greedy_gaussian_batch
    >>> K = np.array([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 0.8]])
    >>> rng = np.random.default_rng(0)
    >>> batch = greedy_gaussian_batch(
    ...     K, np.diag(K), 0.1, 2, column=lambda row: K[row], rng=rng)
    >>> batch[1]
    np.int64(2)
    """
    cross, left = cross.copy(), variance.copy()
    targets = target_variance
    steps = np.zeros((n_queries, len(left)))
    is_open = np.ones(len(left), dtype=bool)
    chosen: list[int] = []
    for turn in range(n_queries):
        if targets is None:
            gains = variance_reduction(cross, left, noise)
        else:
            gains = predictive_information(cross, left, targets, noise)
        best = draw_largest(np.where(is_open, gains, -1.0), rng)
        chosen.append(best)
        is_open[best] = False
        total = left[best] + noise
        if turn == n_queries - 1 or total <= _TINY * (variance[best] + noise):
            continue  # nothing was left to learn there
        covariances = column(best) - steps[:turn, best] @ steps[:turn]
        step = covariances / np.sqrt(total)
        told = cross[best] / np.sqrt(total)
        cross -= np.outer(step, told)
        if targets is not None:
            targets = np.maximum(targets - told**2, 0)
        left = np.maximum(left - step**2, 0)
        steps[turn] = step
    return np.array(chosen, dtype=np.intp)


def _quotient(numerator: Array, denominator: Array) -> Array:
    """The quotient, zero where the denominator is zero: there is nothing to learn."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    result = np.zeros(numerator.shape)
    return np.divide(numerator, denominator, out=result, where=denominator > 0)
