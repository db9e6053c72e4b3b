"""Stopping rules on the predicted probabilities of rows without a label."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from skactive import measures
from skactive._compat.sklearn import Interval, StrOptions
from skactive._compat.typing import Array
from skactive.stopping._base import Round, StopSetRule

# One object each, so that rules with the same measure share a pass over the pool.
_UNCERTAINTIES: dict[str, Callable[[Array], Array]] = {
    "entropy": partial(measures.entropy, normalize=True),
    "least_confidence": partial(measures.least_confidence, normalize=True),
    "margin": partial(measures.margin, normalize=True),
}
_error: Callable[[Array], Array] = measures.least_confidence
_REDUCE: dict[str, Callable[[Array], Any]] = {"mean": np.mean, "max": np.max}


@dataclass(repr=False, eq=False)
class OverallUncertainty(StopSetRule):
    """Stop when the model is sure of the rows without a label [1]_.

    Parameters
    ----------
    threshold : float, default=0.05
        Stop if the uncertainty is below this value.
    measure : {"entropy", "least_confidence", "margin"}, default="entropy"
        Measure of the uncertainty of a row, divided by its largest possible value.
    reduce : {"mean", "max"}, default="mean"
        Whether to take the mean over the rows (overall uncertainty) or the maximum
        (maximum uncertainty).
    stop_set : array-like, sparse, data frame, sequence or None, default=None
        Rows to look at. None means the rows of `X` without a label.
    n_stop : int or None, default=None
        Largest number of rows to draw at random from `X`. None means all.
    random_state : int, RandomState instance or None, default=None
        Controls the draw.

    Attributes
    ----------
    history_ : list of float
        The uncertainty in each round, from 0 to 1.

    References
    ----------
    .. [1] J. Zhu, H. Wang, E. Hovy, "Multi-Criteria-Based Strategy to Stop Active
       Learning for Data Annotation", COLING 2008.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from skactive.stopping import OverallUncertainty
    >>> model = DummyClassifier().fit([[0], [1]], [0, 1])
    >>> OverallUncertainty().update(model, [[0], [1], [2]], [0, 1, None]).reason
    'the mean entropy is 1 of 1'
    """

    threshold: float = 0.05
    measure: str = field(default="entropy", kw_only=True)
    reduce: str = field(default="mean", kw_only=True)

    tasks = ("classification",)
    _parameter_constraints = {
        "threshold": [Interval(numbers.Real, 0, 1, closed="both")],
        "measure": [StrOptions(set(_UNCERTAINTIES))],
        "reduce": [StrOptions(set(_REDUCE))],
        **StopSetRule._parameter_constraints,
    }

    def _check(self, this_round: Round) -> tuple[bool, str]:
        values = self._measure(_UNCERTAINTIES[self.measure], this_round)
        value = self._remember(_REDUCE[self.reduce](values))[-1]
        reason = f"the {self.reduce} {self.measure} is {value:.4g} of 1"
        return value < self.threshold, reason


@dataclass(repr=False, eq=False)
class ExpectedErrorFlattening(StopSetRule):
    """Stop when the expected error no longer changes, whatever its level.

    The expected error of a row is one minus its largest probability, as in [1]_. A
    fixed level, such as that of [1]_ or of :class:`OverallUncertainty`, does not suit a
    model that is over- or underconfident. Its curve becomes flat all the same.

    Parameters
    ----------
    tolerance : float, default=0.005
        Stop if the values of the last `window` + 1 rounds differ by no more than this.
    window : int, default=3
        Number of changes between successive rounds to look at.
    reduce : {"mean", "max"}, default="mean"
        Whether to take the mean or the maximum over the rows.
    stop_set, n_stop, random_state
        Rows to look at, by default all rows without a label. See
        :class:`OverallUncertainty`.

    Attributes
    ----------
    history_ : list of float
        The expected error in each round.

    References
    ----------
    .. [1] J. Zhu, H. Wang, E. Hovy, "Learning a Stopping Criterion for Active Learning
       for Word Sense Disambiguation and Text Classification", IJCNLP 2008.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from skactive.stopping import ExpectedErrorFlattening
    >>> model = DummyClassifier().fit([[0], [1]], [0, 1])
    >>> rule = ExpectedErrorFlattening(window=1)
    >>> X, y = [[0], [1], [2]], [0, 1, None]
    >>> rule.update(model, X, y).stop, rule.update(model, X, y).stop
    (False, True)
    """

    tolerance: float = 0.005
    window: int = 3
    reduce: str = field(default="mean", kw_only=True)

    tasks = ("classification",)
    _parameter_constraints = {
        "tolerance": [Interval(numbers.Real, 0, None, closed="left")],
        "window": [Interval(numbers.Integral, 1, None, closed="left")],
        "reduce": [StrOptions(set(_REDUCE))],
        **StopSetRule._parameter_constraints,
    }

    def _check(self, this_round: Round) -> tuple[bool, str]:
        errors = self._measure(_error, this_round)
        values = self._remember(_REDUCE[self.reduce](errors))[-self.window - 1 :]
        spread = max(values) - min(values)
        reason = (
            f"the {self.reduce} expected error is {values[-1]:.4g}; the last "
            f"{len(values)} differ by {spread:.4g}"
        )
        return len(values) > self.window and spread <= self.tolerance, reason


@dataclass(repr=False, eq=False)
class ContradictoryInformation(StopSetRule):
    """Stop when the model becomes less sure of a stop set, round after round [1]_.

    While labels teach something new, a model becomes surer. If it cannot learn the rows
    that are left, their labels contradict each other, and it becomes less sure.

    Parameters
    ----------
    window : int, default=3
        Stop if the mean of the largest probabilities fell in this many rounds in a
        row.
    stop_set, n_stop, random_state
        Rows to look at, by default at most 2000 rows of `X`. See
        :class:`StabilizingPredictions`.

    Attributes
    ----------
    history_ : list of float
        The mean confidence in each round.

    Notes
    -----
    This rule may never say stop. Combine it with another one, as in
    ``ContradictoryInformation() | Budget(500)``.

    References
    ----------
    .. [1] A. Vlachos, "A stopping criterion for active learning", Computer Speech and
       Language 22(3), 2008.

    Examples
    --------
    >>> from skactive.stopping import Budget, ContradictoryInformation
    >>> ContradictoryInformation() | Budget(500)
    ContradictoryInformation() | Budget(max_labels=500)
    """

    window: int = 3
    n_stop: int | None = field(default=2000, kw_only=True)

    is_fixed = True
    tasks = ("classification",)
    _parameter_constraints = {
        "window": [Interval(numbers.Integral, 1, None, closed="left")],
        **StopSetRule._parameter_constraints,
    }

    def _check(self, this_round: Round) -> tuple[bool, str]:
        values = self._remember(1 - self._measure(_error, this_round).mean())
        # Differences from rounding do not count as a fall.
        falls = np.diff(values[-self.window - 1 :]) < -1e-12
        n_falls = int(np.argmin(np.append(falls[::-1], False)))
        reason = (
            f"the mean confidence is {values[-1]:.4g} and fell in {n_falls} of "
            f"{self.window} rounds in a row"
        )
        return n_falls >= self.window, reason


@dataclass(repr=False, eq=False)
class PredictedVariance(StopSetRule):
    """Stop when a regressor is sure of the rows without a label.

    The standard deviations are those of `predict` of the estimator with
    ``return_std=True``, or those of the predictions of its members. Their squares are
    compared with the variance of the labels, so that the unit of `y` does not matter.

    Parameters
    ----------
    threshold : float, default=0.1
        Stop if the mean of the predicted variances is below this share of the variance
        of the labels.
    stop_set, n_stop, random_state
        Rows to look at, by default all rows without a label. See
        :class:`OverallUncertainty`.

    Attributes
    ----------
    history_ : list of float
        The share in each round. It is zero if all labels are equal.

    Notes
    -----
    A deviation that contains the noise of measurements, as that of `BayesianRidge` and
    of a Gaussian process with white noise does, never falls below this noise. The rule
    relies on the model: a model that is too sure of itself stops too early.

    References
    ----------
    .. [1] D. A. Cohn, Z. Ghahramani, M. I. Jordan, "Active Learning with Statistical
       Models", Journal of Artificial Intelligence Research 4, 1996.

    Examples
    --------
    >>> from sklearn.linear_model import BayesianRidge
    >>> from skactive.stopping import PredictedVariance
    >>> model = BayesianRidge().fit([[0.0], [1.0], [2.0]], [0.0, 1.1, 2.0])
    >>> X, y = [[0.0], [1.0], [2.0], [1.5]], [0.0, 1.1, 2.0, None]
    >>> decision = PredictedVariance().update(model, X, y)
    >>> decision.stop
    True
    """

    threshold: float = 0.1

    tasks = ("regression",)
    _parameter_constraints = {
        "threshold": [Interval(numbers.Real, 0, None, closed="left")],
        **StopSetRule._parameter_constraints,
    }

    def _check(self, this_round: Round) -> tuple[bool, str]:
        source, rows = self._stop_rows(this_round)
        variance = float(np.mean(source.std(rows) ** 2))
        spread = float(np.var(this_round.labels))
        share = self._remember(variance / spread if spread > 0 else 0.0)[-1]
        reason = f"the mean predicted variance is {share:.4g} of that of the labels"
        return share < self.threshold, reason
