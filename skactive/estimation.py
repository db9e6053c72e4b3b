"""How good is a model, from few labels: unbiased estimates, and intervals.

Rows that a strategy chose are no random sample, and a mean over them is biased. Where
the probability of each choice is known, weights undo that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtrit

from skactive._compat.typing import Array

__all__ = [
    "Estimate",
    "jackknife_interval",
    "lure_weights",
    "smoothed_bootstrap_interval",
    "unbiased_risk",
    "wilson_interval",
]


class Estimate(NamedTuple):
    """An estimate with its interval.

    Parameters
    ----------
    estimate : float
        NaN where there is nothing to estimate from.
    interval : (float, float)
        Lower and upper end; infinite where one value alone says nothing of its spread.
    standard_error : float
        Estimated standard deviation of the estimate.

    Examples
    --------
    >>> from skactive.estimation import unbiased_risk
    >>> unbiased_risk([1, 0, 0, 0], [0.25, 1 / 3, 0.5, 1], n_pool=4).estimate
    0.25
    """

    estimate: float
    interval: tuple[float, float]
    standard_error: float


def lure_weights(probabilities: ArrayLike, n_pool: int) -> Array:
    """Weights that make the mean loss of chosen rows unbiased for that of the pool.

    With pick m of M from N rows, and q_m its probability given the picks before it,
    the weight is ``1 + (N - M) / (N - m) * (1 / ((N - m + 1) * q_m) - 1)``: the
    levelled unbiased risk estimator (LURE) of [1]_. All weights are 1 where each row
    left is as likely as any other, or where the whole pool was chosen.

    Parameters
    ----------
    probabilities : array-like of shape (n_picks,)
        In the order of the picks: the probability of each, given the ones before it,
        in (0, 1].
    n_pool : int
        Rows there were to choose from before the first pick; at least `n_picks`.

    Returns
    -------
    weights : ndarray of shape (n_picks,)
        For the losses of the picks, in the same order. The mean of weight times loss
        estimates the mean loss of the pool. The weights have the mean 1 in
        expectation, and may be negative.

    Raises
    ------
    ValueError
        If a probability is not in (0, 1], or there are more picks than rows.

    References
    ----------
    .. [1] S. Farquhar, Y. Gal, T. Rainforth, "On Statistical Bias In Active Learning:
       How and When To Fix It", ICLR 2021.

    Examples
    --------
    >>> from skactive.estimation import lure_weights
    >>> lure_weights([0.1, 1 / 9], n_pool=10)
    array([1., 1.])
    >>> lure_weights([0.5, 0.01], n_pool=10).round(2)
    array([ 0.29, 11.11])
    """
    q = _check_probabilities(probabilities, n_pool)
    n_picks = len(q)
    n_left = n_pool - np.arange(n_picks)  # N - m + 1
    # Where the whole pool was chosen, nothing is left to correct.
    shares = (n_pool - n_picks) / np.maximum(n_left - 1, 1)
    return 1 + shares * (1 / (n_left * q) - 1)


def unbiased_risk(
    losses: ArrayLike,
    probabilities: ArrayLike,
    n_pool: int,
    *,
    confidence: float = 0.95,
) -> Estimate:
    """Estimate the mean loss of a pool from rows chosen with known probabilities.

    The weighted mean of :func:`lure_weights`. Its expectation over the picks is the
    mean loss of the pool, if every row left had a probability above zero in each
    pick, and the losses are those of one model that did not learn from these rows.

    Parameters
    ----------
    losses : array-like of shape (n_picks,)
        Loss of each pick, in their order: 1 for a wrong prediction and 0 for a right
        one, or any other number.
    probabilities : array-like of shape (n_picks,)
        In the order of the picks: the probability of each, given the ones before it,
        in (0, 1]. Stochastic strategies give it, as
        :meth:`~skactive.strategies.Power.selection_probabilities`.
    n_pool : int
        Rows there were to choose from before the first pick; at least `n_picks`.
    confidence : float in (0, 1), default=0.95
        Of the interval.

    Returns
    -------
    estimate : Estimate
        Of the pool's mean loss. The interval is by Student's t; it is too narrow where
        few picks carry most of the weight.

    Raises
    ------
    ValueError
        If lengths differ, there is no pick, or as :func:`lure_weights`.

    Notes
    -----
    With ``a_m = loss_m / (N q_m) + (sum of the losses before) / N``, the estimate is a
    weighted mean of the a_m with fixed weights c_m. Each a_m is unbiased given the
    picks before it, so they are uncorrelated, and the variance of the estimate is that
    of the sum of c_m (a_m - risk).

    Examples
    --------
    >>> from skactive.estimation import unbiased_risk
    >>> found = unbiased_risk([1, 1, 0], [0.3, 0.4, 0.1], n_pool=10)
    >>> round(found.estimate, 3)
    0.283
    """
    losses = np.asarray(losses, dtype=np.float64)
    _check_confidence(confidence)
    weights = lure_weights(probabilities, n_pool)
    if losses.shape != weights.shape or len(losses) == 0:
        raise ValueError(
            "losses and probabilities must have one entry a pick, and at least one; "
            f"got shapes {losses.shape} and {weights.shape}."
        )
    q = _check_probabilities(probabilities, n_pool)
    risk = float(np.mean(weights * losses))
    n_picks = len(losses)
    if n_picks == n_pool:
        return Estimate(risk, (risk, risk), 0.0)
    n_left = n_pool - np.arange(n_picks)
    shares = n_pool * (n_pool - n_picks) / ((n_left - 1) * n_left * n_picks)
    before = np.concatenate([[0.0], np.cumsum(losses)[:-1]])
    unbiased = (losses / q + before) / n_pool
    spread = np.sum((shares * (unbiased - risk)) ** 2)
    lost = 1 - np.sum(shares**2)  # to the estimate, as 1 - 1/n is to a mean
    return _student(risk, spread / lost if n_picks > 1 else np.nan, n_picks, confidence)


def wilson_interval(
    n_right: int, n_rows: int, *, confidence: float = 0.95
) -> tuple[float, float]:
    """Interval for a proportion, by Wilson's score [1]_.

    Parameters
    ----------
    n_right : int
        Rows that count, from 0 to `n_rows`.
    n_rows : int
        Rows of a random sample.
    confidence : float in (0, 1), default=0.95
        Of the interval.

    Returns
    -------
    low, high : float
        In [0, 1]; both ends of that, where there are no rows.

    Raises
    ------
    ValueError
        If `n_right` is not from 0 to `n_rows`, or `confidence` not in (0, 1).

    References
    ----------
    .. [1] E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical
       Inference", JASA 1927.

    Examples
    --------
    >>> from skactive.estimation import wilson_interval
    >>> low, high = wilson_interval(18, 20)
    >>> round(low, 3), round(high, 3)
    (0.699, 0.972)
    """
    _check_confidence(confidence)
    if not 0 <= n_right <= n_rows:
        raise ValueError(f"n_right must be from 0 to n_rows={n_rows}; got {n_right!r}.")
    if n_rows == 0:
        return 0.0, 1.0
    z2 = float(ndtri((1 + confidence) / 2)) ** 2
    share = n_right / n_rows
    center = (share + z2 / (2 * n_rows)) / (1 + z2 / n_rows)
    half = np.sqrt(z2 * (share * (1 - share) / n_rows + z2 / (4 * n_rows**2)))
    half = float(half / (1 + z2 / n_rows))
    # Rounding would leave 1e-17 where all are right, or none.
    low = 0.0 if n_right == 0 else max(0.0, center - half)
    return low, 1.0 if n_right == n_rows else min(1.0, center + half)


def jackknife_interval(
    statistic: Callable[[Array], float],
    n_rows: int,
    *,
    confidence: float = 0.95,
    n_groups: int = 200,
) -> Estimate:
    """Interval for a smooth statistic of a random sample, by leaving rows out [1]_.

    For a mean it is the interval by Student's t.

    Parameters
    ----------
    statistic : callable
        From positions of rows, ascending, to a finite number, such as a score.
    n_rows : int
        Rows of the sample, in random order.
    confidence : float in (0, 1), default=0.95
        Of the interval.
    n_groups : int, default=200
        With more rows than that, groups of rows are left out, so that `statistic` is
        called no more often.

    Returns
    -------
    estimate : Estimate
        The statistic of all rows. NaN where there are none; the interval is infinite
        where there are fewer than two.

    Raises
    ------
    ValueError
        If the statistic is not finite, for all rows or without some of them.

    References
    ----------
    .. [1] B. Efron, C. Stein, "The Jackknife Estimate of Variance", Annals of
       Statistics 1981.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.estimation import jackknife_interval
    >>> values = np.array([1.0, 2.0, 3.0, 6.0])
    >>> found = jackknife_interval(lambda rows: values[rows].mean(), 4)
    >>> found.estimate, round(found.standard_error, 3)
    (3.0, 1.08)
    """
    _check_confidence(confidence)
    if n_rows == 0:
        return Estimate(np.nan, (-np.inf, np.inf), np.nan)
    rows = np.arange(n_rows)
    whole = _finite(statistic(rows), n_rows, n_rows)
    if n_rows == 1:
        return _student(whole, np.nan, 1, confidence)
    groups = np.array_split(rows, min(n_rows, n_groups))
    without = [
        _finite(statistic(np.delete(rows, group)), n_rows - len(group), n_rows)
        for group in groups
    ]
    variance = float((len(groups) - 1) * np.var(without))
    return _student(whole, variance, len(groups), confidence)


def smoothed_bootstrap_interval(
    statistic: Callable[[Array, Array], float],
    labels: ArrayLike,
    *,
    confidence: float = 0.95,
    n_resamples: int = 300,
    random_state: int = 0,
) -> Estimate:
    """Interval for a score of classes, which holds where nearly all rows are right.

    By the bootstrap, and for the lower end with pseudo-observations, for a sample
    without a mistake does not show that there are none: its resamples are drawn from
    the rows and from two more, which have the features of some row and the label of
    another class. For an accuracy these are the two failures of [1]_ (Agresti and
    Coull). Classes have equal shares in them, as in [2]_ (Price and Bonett) for means
    of several accuracies. Each end is the score of a resample, so it lies within the
    range of the score, and the estimate lies between them.

    Parameters
    ----------
    statistic : callable
        ``statistic(rows, labels) -> score``, greater is better: `rows`, ints of shape
        (n,), are positions with repeats, and `labels` of shape (n,) the classes that
        they count for here.
    labels : array-like of shape (n_rows,)
        The classes of a random sample of rows.
    confidence : float in (0, 1), default=0.95
        Of the interval.
    n_resamples : int, default=300
        For each end; `statistic` is called as often.
    random_state : int, default=0
        Draws the resamples.

    Returns
    -------
    estimate : Estimate
        The statistic of the rows as they are; NaN where there are none. The standard
        error is that of the plain bootstrap. The interval is infinite where the rows
        say too little for one: they are all of one class, or all resamples score alike.

    Raises
    ------
    ValueError
        If the statistic is not finite, for the rows or for a resample; every resample
        holds every class of the rows.

    References
    ----------
    .. [1] A. Agresti, B. A. Coull, "Approximate Is Better than 'Exact' for Interval
       Estimation of Binomial Proportions", The American Statistician 1998.
    .. [2] R. M. Price, D. G. Bonett, "An Improved Confidence Interval for a Linear
       Function of Binomial Proportions", Computational Statistics & Data Analysis 2004.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.metrics import balanced_accuracy_score
    >>> from skactive.estimation import smoothed_bootstrap_interval
    >>> labels = np.repeat([0, 1], [25, 15])  # all of them predicted right
    >>> found = smoothed_bootstrap_interval(
    ...     lambda rows, given: balanced_accuracy_score(given, labels[rows]), labels)
    >>> found.estimate
    1.0
    >>> low, high = found.interval
    >>> bool(0.7 < low < 0.95), high
    (True, 1.0)
    """
    _check_confidence(confidence)
    labels = np.asarray(labels)
    n_rows = len(labels)
    if n_rows == 0:
        return Estimate(np.nan, (-np.inf, np.inf), np.nan)
    rows = np.arange(n_rows)
    whole = _finite(statistic(rows, labels), n_rows, n_rows)
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) == 1:
        return Estimate(whole, (-np.inf, np.inf), np.nan)
    rng = np.random.default_rng(random_state)
    scores = np.empty((2, n_resamples))
    for number in range(n_resamples):
        for end, n_unlike in enumerate((_N_UNLIKE, 0)):
            drawn, given = _resample_with(n_unlike, codes, len(classes), rng)
            score = statistic(drawn, classes[given])
            scores[end, number] = _finite(score, len(np.unique(drawn)), n_rows)
    if np.ptp(scores) == 0:
        return Estimate(whole, (-np.inf, np.inf), np.nan)
    tail = (1 - confidence) / 2
    low = min(whole, float(np.quantile(scores[0], tail)))
    high = max(whole, float(np.quantile(scores[1], 1 - tail)))
    return Estimate(whole, (low, high), float(scores[1].std()))


# Half the square of the normal's 97.5 % quantile, rounded.
_N_UNLIKE = 2


def _resample_with(
    n_unlike: int, codes: Array, n_classes: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Positions of a resample, and the codes that they count for; all codes occur.

    It is drawn from all rows, and from `n_unlike` that count for another code.
    """
    n_rows = len(codes)
    drawn = rng.integers(n_rows + n_unlike, size=n_rows + n_unlike)
    is_unlike = drawn >= n_rows
    given = codes[np.where(is_unlike, 0, drawn)]
    given[is_unlike] = rng.integers(n_classes, size=np.count_nonzero(is_unlike))
    for place in np.flatnonzero(is_unlike):
        drawn[place] = rng.choice(np.flatnonzero(codes != given[place]))
    gone = np.setdiff1d(np.arange(n_classes), given)
    back = [rng.choice(np.flatnonzero(codes == code)) for code in gone]
    return np.concatenate([drawn, back]).astype(np.intp), np.concatenate([given, gone])


def _student(
    estimate: float, variance: float, n_values: int, confidence: float
) -> Estimate:
    if n_values < 2:
        return Estimate(estimate, (-np.inf, np.inf), np.nan)
    error = float(np.sqrt(variance))
    half = float(stdtrit(n_values - 1, (1 + confidence) / 2)) * error
    return Estimate(estimate, (estimate - half, estimate + half), error)


def _finite(value: float, n_used: int, n_rows: int) -> float:
    if not np.isfinite(value):
        raise ValueError(
            f"The statistic is {value} for {n_used} of the {n_rows} rows, so it has no "
            "interval. Take more rows, of every class, or a statistic that is defined "
            "for few."
        )
    return float(value)


def _check_probabilities(probabilities: ArrayLike, n_pool: int) -> Array:
    q = np.asarray(probabilities, dtype=np.float64)
    if q.ndim != 1 or not np.all((q > 0) & (q <= 1 + 1e-9)):  # rounded sums
        raise ValueError(
            "probabilities must be one number in (0, 1] a pick, given the picks before "
            f"it; got {np.array2string(q, threshold=6)}."
        )
    if len(q) > n_pool:
        raise ValueError(f"{len(q)} picks cannot be from a pool of {n_pool} rows.")
    return np.minimum(q, 1)


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1; got {confidence!r}.")
