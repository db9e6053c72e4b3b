"""Estimates of how good a model is, from few labels: unbiased, with intervals.

Rows that a strategy chose are not a random sample, and a mean over them is biased.
Weights remove the bias if the probability of each choice is known.
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
    "loss_interval",
    "lure_weights",
    "smoothed_bootstrap_interval",
    "tail_share",
    "unbiased_risk",
    "wilson_interval",
]


class Estimate(NamedTuple):
    """An estimate with its interval.

    Parameters
    ----------
    estimate : float
        The estimate. NaN if there is nothing to estimate from.
    interval : (float, float)
        Lower and upper end. Infinite if the data say nothing about the spread, as a
        single value does not.
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

    They are those of the levelled unbiased risk estimator (LURE) [1]_. Pick m of M from
    N rows has the weight ``1 + (N - M) / (N - m) * (1 / ((N - m + 1) * q_m) - 1)``,
    where q_m is its probability given the picks before it. All weights are 1 if each
    remaining row is as likely as any other, or if the whole pool was chosen.

    Parameters
    ----------
    probabilities : array-like of shape (n_picks,)
        Probability of each pick given the picks before it, in (0, 1], in the order of
        the picks.
    n_pool : int
        Number of rows in the pool before the first pick, at least `n_picks`.

    Returns
    -------
    weights : ndarray of shape (n_picks,)
        Weights of the losses of the picks, in the same order. The mean of weight times
        loss estimates the mean loss of the pool. The expected mean of the weights is
        1, and weights may be negative.

    Raises
    ------
    ValueError
        If a probability is not in (0, 1], or there are more picks than rows in the
        pool.

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
    # If the whole pool was chosen, nothing is left to correct.
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

    The estimate is the mean of the losses, weighted by :func:`lure_weights`. Its
    expectation over the picks is the mean loss of the pool under two conditions: in
    each pick, every remaining row had a probability above zero, and the losses are
    those of one model that did not learn from these rows.

    Parameters
    ----------
    losses : array-like of shape (n_picks,)
        Loss of each pick, in the order of the picks: 1 for a wrong prediction and 0 for
        a right one, or any other number.
    probabilities : array-like of shape (n_picks,)
        Probability of each pick given the picks before it, in (0, 1], in the order of
        the picks. Stochastic strategies compute it with
        :meth:`~skactive.strategies.Power.selection_probabilities`.
    n_pool : int
        Number of rows in the pool before the first pick, at least `n_picks`.
    confidence : float in (0, 1), default=0.95
        Confidence of the interval.

    Returns
    -------
    estimate : Estimate
        The estimated mean loss of the pool. The interval uses Student's t distribution.
        It is too narrow if few picks carry most of the weight.

    Raises
    ------
    ValueError
        If `losses` and `probabilities` differ in length, if there is no pick, or if
        :func:`lure_weights` raises.

    Notes
    -----
    Let ``a_m = loss_m / (N q_m) + (sum of the losses before) / N``. The estimate is a
    weighted mean of the a_m with fixed weights c_m. Each a_m is unbiased given the
    picks before it. So the a_m are uncorrelated, and the variance of the estimate is
    that of the sum of c_m (a_m - risk).

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
            "losses and probabilities must have one entry per pick, and at least one; "
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
    lost = 1 - np.sum(shares**2)  # plays the part of 1 - 1/n for a mean
    return _student(risk, spread / lost if n_picks > 1 else np.nan, n_picks, confidence)


def wilson_interval(
    n_right: int, n_rows: int, *, confidence: float = 0.95
) -> tuple[float, float]:
    """Wilson score interval for a proportion [1]_.

    Parameters
    ----------
    n_right : int
        Number of rows that count, from 0 to `n_rows`.
    n_rows : int
        Number of rows in a random sample.
    confidence : float in (0, 1), default=0.95
        Confidence of the interval.

    Returns
    -------
    low, high : float
        Ends of the interval, in [0, 1]. They are 0 and 1 if there are no rows.

    Raises
    ------
    ValueError
        If `n_right` is not from 0 to `n_rows`, or `confidence` is not in (0, 1).

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
    # Rounding would leave 1e-17 if all rows are right, or none.
    low = 0.0 if n_right == 0 else max(0.0, center - half)
    return low, 1.0 if n_right == n_rows else min(1.0, center + half)


def jackknife_interval(
    statistic: Callable[[Array], float],
    n_rows: int,
    *,
    confidence: float = 0.95,
    n_groups: int = 200,
) -> Estimate:
    """Jackknife interval for a smooth statistic of a random sample [1]_.

    The statistic is computed again and again with some rows left out. For a mean, the
    result is Student's t interval.

    Parameters
    ----------
    statistic : callable
        Function ``rows -> value``: `rows` are ascending positions of rows, and the
        value is a finite number, such as a score.
    n_rows : int
        Number of rows in the sample. They must be in random order.
    confidence : float in (0, 1), default=0.95
        Confidence of the interval.
    n_groups : int, default=200
        Largest number of groups of rows to leave out. With no more rows than that, one
        row is left out at a time. `statistic` is called once per group, and once for
        all rows.

    Returns
    -------
    estimate : Estimate
        The statistic of all rows. It is NaN if there are no rows, and the interval is
        infinite if there are fewer than two.

    Raises
    ------
    ValueError
        If the statistic is not finite, for all rows or with some rows left out.

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
    """Bootstrap interval for a classification score, also if nearly all rows are right.

    A sample without a mistake does not show that there are none. So the lower end uses
    pseudo-observations: its resamples are drawn from the rows and from two more, which
    have the features of some row and the label of another class. For an accuracy these
    are the two failures of Agresti and Coull [1]_. The classes have equal shares in
    them, as in Price and Bonett [2]_ for means of several accuracies. Each end is the
    score of a resample, so it lies within the range of the score. The estimate lies
    between the two ends.

    With several labels a row, the two more rows have the opposite of each label of some
    row, which is the other class where there is one label.

    Parameters
    ----------
    statistic : callable
        Function ``(rows, labels) -> score``, where greater is better. `rows` are
        positions, ints of shape (n,) with repeats. `labels`, of shape (n,) or (n,
        n_labels), are what these rows count for in the resample.
    labels : array-like of shape (n_rows,) or (n_rows, n_labels)
        Classes of the rows of a random sample, or several labels a row, 0 or 1.
    confidence : float in (0, 1), default=0.95
        Confidence of the interval.
    n_resamples : int, default=300
        Number of resamples for each end. `statistic` is called once per resample.
    random_state : int, default=0
        Seed for drawing the resamples.

    Returns
    -------
    estimate : Estimate
        The statistic of the rows as they are, NaN if there are none. The standard error
        is that of the plain bootstrap. The interval is infinite if the rows say too
        little, that is if all have the same labels or all resamples have the same
        score.

    Raises
    ------
    ValueError
        If the statistic is not finite, for the rows or for a resample. Every resample
        contains every class of the rows, and each value of each label.

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
    >>> labels = np.repeat([0, 1], [25, 15])  # all are predicted right
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
    if (labels == labels[0]).all():
        return Estimate(whole, (-np.inf, np.inf), np.nan)
    draw = _draws_of_sets(labels) if labels.ndim == 2 else _draws_of_classes(labels)
    rng = np.random.default_rng(random_state)
    scores = np.empty((2, n_resamples))
    for number in range(n_resamples):
        for end, n_unlike in enumerate((_N_UNLIKE, 0)):
            drawn, given = draw(n_unlike, rng)
            score = statistic(drawn, given)
            scores[end, number] = _finite(score, len(np.unique(drawn)), n_rows)
    if np.ptp(scores) == 0:
        return Estimate(whole, (-np.inf, np.inf), np.nan)
    tail = (1 - confidence) / 2
    low = min(whole, float(np.quantile(scores[0], tail)))
    high = max(whole, float(np.quantile(scores[1], 1 - tail)))
    return Estimate(whole, (low, high), float(scores[1].std()))


def loss_interval(
    statistic: Callable[[Array], float],
    n_rows: int,
    *,
    best: float | None = 0.0,
    confidence: float = 0.95,
) -> Estimate:
    """Estimate a score of predictions of numbers, with an interval for all rows.

    The standard error is that of the jackknife: the score is computed without each row
    in turn. For an error such as the mean squared error or its root, the interval is
    symmetric on the scale of the logarithm of the distance to the best score, since
    errors are positive and their distribution has a long tail. It uses Student's
    distribution.

    The interval is too short where few rows that are rare have most of the error, see
    :func:`tail_share`. It is no interval for a median, for which the jackknife is not
    consistent.

    Parameters
    ----------
    statistic : callable
        A function ``statistic(rows) -> score`` of positions among the rows.
    n_rows : int
        Number of rows.
    best : float or None, default=0.0
        The best score, such as 0 for (negative) errors and 1 for R squared. None means
        that it is not known, or that scores are not bounded. The interval is then
        symmetric around the estimate.
    confidence : float in (0, 1), default=0.95
        Confidence level of the interval.

    Returns
    -------
    estimate : Estimate
        The score of all rows, NaN if there are none. The interval is infinite for fewer
        than three rows, or if the score is not defined without one of them.

    References
    ----------
    .. [1] B. Efron, R. J. Tibshirani, "An Introduction to the Bootstrap", Chapman &
       Hall 1993, chapter 11.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.estimation import loss_interval
    >>> errors = np.random.default_rng(0).normal(size=50)
    >>> rmse = loss_interval(lambda rows: np.sqrt(np.mean(errors[rows] ** 2)), 50)
    >>> round(rmse.estimate, 3), np.round(rmse.interval, 3)
    (0.92, array([0.761, 1.113]))
    """
    _check_confidence(confidence)
    if n_rows == 0:
        return Estimate(np.nan, (-np.inf, np.inf), np.nan)
    rows = np.arange(n_rows)
    whole = float(statistic(rows))
    if n_rows < 3 or not np.isfinite(whole):
        return Estimate(whole, (-np.inf, np.inf), np.nan)
    without = np.array([statistic(np.delete(rows, row)) for row in rows])
    if not np.isfinite(without).all():
        return Estimate(whole, (-np.inf, np.inf), np.nan)
    scale = (n_rows - 1) / np.sqrt(n_rows)
    error = float(scale * without.std())
    quantile = float(stdtrit(n_rows - 1, (1 + confidence) / 2))
    distance = None if best is None else np.abs(best - np.append(without, whole))
    if distance is None or distance.min() == 0:
        half = quantile * error
        return Estimate(whole, (whole - half, whole + half), error)
    sign = -1.0 if whole < best else 1.0  # type: ignore[operator]
    factor = np.exp(quantile * scale * np.log(distance[:-1]).std())
    ends = [best + sign * distance[-1] * f for f in (factor, 1 / factor)]
    return Estimate(whole, (float(min(ends)), float(max(ends))), error)


def tail_share(losses: ArrayLike, share: float = 0.05) -> float:
    """Compute the share of the total loss that the rows with the largest losses have.

    Parameters
    ----------
    losses : array-like of shape (n_rows,)
        Losses, such as squared errors, not negative.
    share : float in (0, 1], default=0.05
        Share of the rows to look at, at least one row.

    Returns
    -------
    tail : float
        Share of the sum of all losses. Zero if that sum is zero.

    Examples
    --------
    >>> from skactive.estimation import tail_share
    >>> tail_share([1.0, 1.0, 1.0, 1.0, 6.0], 0.2)
    0.6
    """
    losses = np.sort(np.asarray(losses, dtype=np.float64))
    n_largest = max(1, round(share * len(losses)))
    total = losses.sum()
    return float(losses[-n_largest:].sum() / total) if total > 0 else 0.0


# Half the square of the 97.5 % quantile of the normal distribution, rounded.
_N_UNLIKE = 2


# From a number of rows that are unlike theirs: positions of a resample, and its labels.
_Draw = Callable[[int, np.random.Generator], tuple[Array, Array]]


def _draws_of_classes(labels: Array) -> _Draw:
    classes, codes = np.unique(labels, return_inverse=True)

    def draw(n_unlike: int, rng: np.random.Generator) -> tuple[Array, Array]:
        drawn, given = _resample_with(n_unlike, codes, len(classes), rng)
        return drawn, classes[given]

    return draw


def _draws_of_sets(labels: Array) -> _Draw:
    n_rows = len(labels)
    # What must occur in a resample: each label with 1, and with 0, if it does in the
    # rows.
    both = np.hstack([labels == 1, labels == 0])
    occurs = both.any(axis=0)

    def draw(n_unlike: int, rng: np.random.Generator) -> tuple[Array, Array]:
        drawn = rng.integers(n_rows + n_unlike, size=n_rows + n_unlike)
        is_unlike = drawn >= n_rows
        drawn[is_unlike] = rng.integers(n_rows, size=np.count_nonzero(is_unlike))
        given = labels[drawn]
        given[is_unlike] = 1 - given[is_unlike]
        there = np.hstack([given == 1, given == 0]).any(axis=0)
        back = [
            rng.choice(np.flatnonzero(both[:, which]))
            for which in np.flatnonzero(occurs & ~there)
        ]
        rows = np.array(back, dtype=np.intp)
        return np.append(drawn, rows), np.concatenate([given, labels[rows]])

    return draw


def _resample_with(
    n_unlike: int, codes: Array, n_classes: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Positions of a resample, and the codes that they count for; all codes occur.

    The resample is drawn from all rows, and from `n_unlike` rows that count for another
    code than their own.
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
            "interval. Use more rows, of every class, or a statistic that is defined "
            "for few rows."
        )
    return float(value)


def _check_probabilities(probabilities: ArrayLike, n_pool: int) -> Array:
    q = np.asarray(probabilities, dtype=np.float64)
    if q.ndim != 1 or not np.all((q > 0) & (q <= 1 + 1e-9)):  # rounded sums
        raise ValueError(
            "probabilities must be one number in (0, 1] per pick, given the picks "
            f"before it; got {np.array2string(q, threshold=6)}."
        )
    if len(q) > n_pool:
        raise ValueError(f"{len(q)} picks cannot come from a pool of {n_pool} rows.")
    return np.minimum(q, 1)


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1; got {confidence!r}.")
