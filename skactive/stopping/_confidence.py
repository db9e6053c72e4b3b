"""Rules on the probabilities of rows without a label."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skactive import measures
from skactive._compat.sklearn import Interval, StrOptions
from skactive.stopping._base import Round, StopSetRule

Array = NDArray[Any]

# One object each, so that rules that use the same share a pass over the pool.
_UNCERTAINTIES: dict[str, Callable[[Array], Array]] = {
    "entropy": partial(measures.entropy, normalize=True),
    "least_confidence": partial(measures.least_confidence, normalize=True),
    "margin": partial(measures.margin, normalize=True),
}
_error: Callable[[Array], Array] = measures.least_confidence
_REDUCE: dict[str, Callable[[Array], Any]] = {"mean": np.mean, "max": np.max}


class _ThresholdRule(StopSetRule):
    """Stop where the mean or maximum of a measure is below a threshold."""

    _parameter_constraints = {
        "threshold": [Interval(numbers.Real, 0, 1, closed="both")],
        "reduce": [StrOptions(set(_REDUCE))],
        **StopSetRule._parameter_constraints,
    }
    threshold: float
    reduce: str

    def _value(self, this_round: Round, measure: Callable[[Array], Array]) -> float:
        this_round.check_has_proba()
        source, rows = self._stop_rows(this_round)
        value = float(_REDUCE[self.reduce](source.measure(measure, rows)))
        self._remember(value)
        return value


class OverallUncertainty(_ThresholdRule):
    """Stop where the model is sure of the rows without a label [1]_.

    Parameters
    ----------
    threshold : float, default=0.05
        Stop if the uncertainty is below it.
    measure : {"entropy", "least_confidence", "margin"}, default="entropy"
        Uncertainty of a row, divided by its largest possible value.
    reduce : {"mean", "max"}, default="mean"
        Mean (overall uncertainty) or maximum (maximum uncertainty) over the rows.
    stop_set : array-like, sparse, data frame, sequence or None, default=None
        Other rows to look at. None takes the rows of `X` without a label.
    n_stop : int or None, default=None
        At most that many rows of `X`, drawn at random; None for all.
    random_state : int, RandomState instance or None, default=None
        Draws them.

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

    _parameter_constraints = {
        **_ThresholdRule._parameter_constraints,
        "measure": [StrOptions(set(_UNCERTAINTIES))],
    }

    def __init__(
        self,
        threshold: float = 0.05,
        *,
        measure: str = "entropy",
        reduce: str = "mean",
        stop_set: Any = None,
        n_stop: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.threshold = threshold
        self.measure = measure
        self.reduce = reduce
        self.stop_set = stop_set
        self.n_stop = n_stop
        self.random_state = random_state

    def _check(self, this_round: Round) -> tuple[bool, str]:
        value = self._value(this_round, _UNCERTAINTIES[self.measure])
        reason = f"the {self.reduce} {self.measure} is {value:.4g} of 1"
        return value < self.threshold, reason


class MinimumExpectedError(_ThresholdRule):
    """Stop where the model expects few errors on the rows without a label [1]_.

    The expected error of a row is one less its largest probability.

    Parameters
    ----------
    threshold : float, default=0.05
        Stop if the expected error is below it.
    reduce : {"mean", "max"}, default="mean"
        Mean or maximum over the rows.
    stop_set : array-like, sparse, data frame, sequence or None, default=None
        Other rows to look at. None takes the rows of `X` without a label.
    n_stop : int or None, default=None
        At most that many rows of `X`, drawn at random; None for all.
    random_state : int, RandomState instance or None, default=None
        Draws them.

    Attributes
    ----------
    history_ : list of float
        The expected error in each round.

    Notes
    -----
    It is as good as the probabilities are. Few labels make many models too sure.

    References
    ----------
    .. [1] J. Zhu, H. Wang, E. Hovy, "Learning a Stopping Criterion for Active Learning
       for Word Sense Disambiguation and Text Classification", IJCNLP 2008.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from skactive.stopping import MinimumExpectedError
    >>> model = DummyClassifier().fit([[0], [1]], [0, 1])
    >>> MinimumExpectedError().update(model, [[0], [1], [2]], [0, 1, None]).reason
    'the mean expected error is 0.5'
    """

    def __init__(
        self,
        threshold: float = 0.05,
        *,
        reduce: str = "mean",
        stop_set: Any = None,
        n_stop: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.threshold = threshold
        self.reduce = reduce
        self.stop_set = stop_set
        self.n_stop = n_stop
        self.random_state = random_state

    def _check(self, this_round: Round) -> tuple[bool, str]:
        value = self._value(this_round, _error)
        reason = f"the {self.reduce} expected error is {value:.4g}"
        return value < self.threshold, reason


class ExpectedErrorFlattening(_ThresholdRule):
    """Stop where the expected error no longer changes, whatever its level.

    The expected error of a row is one less its largest probability, as in [1]_. Models
    whose probabilities are too sure or too unsure miss a fixed level, as that of
    :class:`MinimumExpectedError`; a curve that is flat is flat for them too.

    Parameters
    ----------
    tolerance : float, default=0.005
        Stop if the values of the last `window` + 1 rounds differ by no more than this.
    window : int, default=3
        Changes looked at.
    reduce : {"mean", "max"}, default="mean"
        Mean or maximum over the rows.
    stop_set : array-like, sparse, data frame, sequence or None, default=None
        Other rows to look at. None takes the rows of `X` without a label.
    n_stop : int or None, default=None
        At most that many rows of `X`, drawn at random; None for all.
    random_state : int, RandomState instance or None, default=None
        Draws them.

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

    _parameter_constraints = {
        "tolerance": [Interval(numbers.Real, 0, None, closed="left")],
        "window": [Interval(numbers.Integral, 1, None, closed="left")],
        "reduce": [StrOptions(set(_REDUCE))],
        **StopSetRule._parameter_constraints,
    }

    def __init__(
        self,
        tolerance: float = 0.005,
        window: int = 3,
        *,
        reduce: str = "mean",
        stop_set: Any = None,
        n_stop: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.tolerance = tolerance
        self.window = window
        self.reduce = reduce
        self.stop_set = stop_set
        self.n_stop = n_stop
        self.random_state = random_state

    def _check(self, this_round: Round) -> tuple[bool, str]:
        self._value(this_round, _error)
        values = self.history_[-self.window - 1 :]
        spread = max(values) - min(values)
        reason = (
            f"the {self.reduce} expected error is {values[-1]:.4g}; the last "
            f"{len(values)} differ by {spread:.4g}"
        )
        return len(values) > self.window and spread <= self.tolerance, reason


class _FallingRule(StopSetRule):
    """Stop where a value has fallen in several rounds in a row."""

    is_fixed = True
    _parameter_constraints = {
        "window": [Interval(numbers.Integral, 1, None, closed="left")],
        **StopSetRule._parameter_constraints,
    }
    window: int
    _what = ""

    @staticmethod
    def _reduce(confidence: Array) -> float:
        raise NotImplementedError

    def _check(self, this_round: Round) -> tuple[bool, str]:
        this_round.check_has_proba()
        source, rows = self._stop_rows(this_round)
        confidence = 1 - source.measure(_error, rows)
        values = self._remember(self._reduce(confidence))
        # Rounding is no fall.
        falls = np.diff(values[-self.window - 1 :]) < -1e-12
        n_falls = int(np.argmin(np.append(falls[::-1], False)))
        reason = (
            f"the {self._what} is {values[-1]:.4g} and fell in {n_falls} of "
            f"{self.window} rounds in a row"
        )
        return n_falls >= self.window, reason


class ContradictoryInformation(_FallingRule):
    """Stop where the model becomes less sure of a stop set round by round [1]_.

    While labels teach something new, a model becomes surer. The labels of rows that
    it cannot learn contradict each other, and it becomes less sure.

    Parameters
    ----------
    window : int, default=3
        Stop if the mean of the largest probabilities fell in that many rounds in a
        row.
    stop_set : array-like, sparse, data frame, sequence or None, default=None
        Rows to look at. None takes rows of `X` that have no label in the first round,
        and keeps them for the campaign.
    n_stop : int or None, default=2000
        At most that many rows of `X`, drawn at random; None for all.
    random_state : int, RandomState instance or None, default=None
        Draws them.

    Attributes
    ----------
    history_ : list of float
        The mean confidence in each round.

    Notes
    -----
    It may never say stop: combine it, as in ``ContradictoryInformation() |
    Budget(500)``.

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

    _what = "mean confidence"

    def __init__(
        self,
        window: int = 3,
        *,
        stop_set: Any = None,
        n_stop: int | None = 2000,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.window = window
        self.stop_set = stop_set
        self.n_stop = n_stop
        self.random_state = random_state

    @staticmethod
    def _reduce(confidence: Array) -> float:
        return float(np.mean(confidence))


class VarianceOfConfidence(_FallingRule):
    """Stop where the variance of the model's confidence is past its peak [1]_.

    Parameters
    ----------
    window : int, default=2
        Stop if the variance of the largest probabilities fell in that many rounds in
        a row.
    stop_set : array-like, sparse, data frame, sequence or None, default=None
        Rows to look at. None takes rows of `X` that have no label in the first round,
        and keeps them for the campaign.
    n_stop : int or None, default=2000
        At most that many rows of `X`, drawn at random; None for all.
    random_state : int, RandomState instance or None, default=None
        Draws them.

    Attributes
    ----------
    history_ : list of float
        The variance in each round.

    References
    ----------
    .. [1] M. Ghayoomi, "Using Variance as a Stopping Criterion for Active Learning of
       Frame Assignment", NAACL HLT Workshop on Active Learning for NLP, 2010.

    Examples
    --------
    >>> from skactive.stopping import Budget, VarianceOfConfidence
    >>> VarianceOfConfidence() | Budget(500)
    VarianceOfConfidence() | Budget(max_labels=500)
    """

    _what = "variance of the confidence"

    def __init__(
        self,
        window: int = 2,
        *,
        stop_set: Any = None,
        n_stop: int | None = 2000,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.window = window
        self.stop_set = stop_set
        self.n_stop = n_stop
        self.random_state = random_state

    @staticmethod
    def _reduce(confidence: Array) -> float:
        return float(np.var(confidence))
