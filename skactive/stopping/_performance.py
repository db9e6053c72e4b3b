"""Stopping rules on the labels or rounds spent, and on the validation score."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.metrics import check_scoring

from skactive._compat.sklearn import Interval, RealNotInt
from skactive.classifier import audit
from skactive.stopping._base import Round, StoppingRule, last_rounds


@dataclass(repr=False, eq=False)
class Budget(StoppingRule):
    """Stop when a number of labels is used.

    Parameters
    ----------
    max_labels : int or float, default=100
        Number of labels in `y` at which to stop. A float in (0, 1] is a share of the
        rows of `X`, rounded down but at least one label.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from skactive.stopping import Budget
    >>> model = DummyClassifier().fit([[0], [1]], [0, 1])
    >>> Budget(3).update(model, [[0], [1], [2], [3]], [0, 1, None, None])
    Decision(stop=False, rule='Budget', reason='2 of 3 labels are used')
    """

    max_labels: int | float = 100

    needs_model = False
    _parameter_constraints = {
        "max_labels": [
            Interval(numbers.Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="right"),
        ],
    }

    def _check(self, this_round: Round) -> tuple[bool, str]:
        affordable = self.max_labels
        if not isinstance(affordable, numbers.Integral):
            # As in the learner: 0.29 of 100 rows are 29.
            affordable = max(1, int(affordable * this_round.n_samples + 1e-9))
        n_labels = this_round.n_labels
        return n_labels >= affordable, f"{n_labels} of {affordable} labels are used"


@dataclass(repr=False, eq=False)
class MaxRounds(StoppingRule):
    """Stop after a number of rounds.

    Parameters
    ----------
    n_rounds : int, default=20
        Number of calls of :meth:`update`, since the first one or the last `reset()`,
        at which to stop.

    Attributes
    ----------
    n_rounds_ : int
        Number of rounds so far.

    Examples
    --------
    >>> from skactive.stopping import MaxRounds, OverallUncertainty
    >>> OverallUncertainty() | MaxRounds(50)
    OverallUncertainty() | MaxRounds(n_rounds=50)
    """

    n_rounds: int = 20

    needs_model = False
    _parameter_constraints = {
        "n_rounds": [Interval(numbers.Integral, 1, None, closed="left")],
    }

    def _check(self, this_round: Round) -> tuple[bool, str]:
        self.n_rounds_ = getattr(self, "n_rounds_", 0) + 1
        reason = f"{self.n_rounds_} of {self.n_rounds} rounds are over"
        return self.n_rounds_ >= self.n_rounds, reason


@dataclass(repr=False, eq=False)
class PerformancePlateau(StoppingRule):
    """Stop when the score on a validation set no longer increases [1]_.

    The validation set must be a random sample, and none of its rows may be used for
    training. Rows that active learning chose are not suitable.

    Parameters
    ----------
    X_val : array-like, sparse, data frame or sequence of n_val
        Rows of the validation set.
    y_val : array-like of shape (n_val,)
        Labels of these rows. None may be missing.
    scoring : str, callable or None, default=None
        Score to compute, as in scikit-learn. None means the `score` method of the
        learner.
    min_gain : float, default=0.005
        Stop if the best score of the last `window` rounds exceeds the best score before
        them by no more than this.
    window : int, default=3
        Number of rounds to look at.

    Attributes
    ----------
    history_ : list of float
        The score in each round.

    References
    ----------
    .. [1] F. Laws, H. Schütze, "Stopping Criteria for Active Learning of Named Entity
       Recognition", COLING 2008.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from skactive.stopping import PerformancePlateau
    >>> model = DummyClassifier().fit([[0], [1]], [0, 1])
    >>> rule = PerformancePlateau([[0], [1]], [0, 1], window=1)
    >>> X, y = [[0], [1], [2]], [0, 1, None]
    >>> rule.update(model, X, y).stop, rule.update(model, X, y).stop
    (False, True)
    """

    X_val: Any
    y_val: Any
    scoring: str | Callable[..., float] | None = field(default=None, kw_only=True)
    min_gain: float = field(default=0.005, kw_only=True)
    window: int = field(default=3, kw_only=True)

    _parameter_constraints = {
        "X_val": "no_validation",
        "y_val": "no_validation",
        "scoring": [str, callable, None],
        "min_gain": [Interval(numbers.Real, 0, None, closed="left")],
        "window": [Interval(numbers.Integral, 1, None, closed="left")],
    }

    def _check(self, this_round: Round) -> tuple[bool, str]:
        learner = this_round.learner
        scorer = check_scoring(learner, scoring=self.scoring)
        score = float(scorer(learner, self.X_val, self.y_val))
        if not np.isfinite(score):
            raise ValueError(
                f"scoring={self.scoring!r} gave {score} on the {len(self.y_val)} rows "
                "of X_val. Use rows of every class, or another scoring."
            )
        scores = self._remember(score)
        if len(scores) <= self.window:
            return False, f"the score is {score:.4g}"
        gain = max(scores[-self.window :]) - max(scores[: -self.window])
        reason = (
            f"the score is {score:.4g}, the gain of {last_rounds(self.window)} "
            f"{gain:.4g}"
        )
        return gain <= self.min_gain, reason


@dataclass(repr=False, eq=False)
class AuditPrecision(StoppingRule):
    """Stop when an audit says precisely enough how good the model is.

    This needs a learner with an `audit_fraction`, see
    :meth:`ActiveLearningClassifier.audit`. It does not look at how good the model is,
    so that the estimate can be trusted at the end.

    Parameters
    ----------
    width : float, default=0.1
        Stop if the interval of the audit is no longer than this, in the unit of the
        score.
    scoring : str, callable or None, default=None
        The score. None means accuracy for classes, and R squared for numbers.
    confidence : float in (0, 1), default=0.95
        Confidence level of the interval.

    Attributes
    ----------
    history_ : list of float
        Length of the interval in each round.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skactive import ActiveLearningClassifier
    >>> from skactive.stopping import AuditPrecision
    >>> X, y = load_digits(return_X_y=True)
    >>> learner = ActiveLearningClassifier(
    ...     GaussianNB(var_smoothing=0.01), budget=800, batch_size=50,
    ...     audit_fraction=0.25, stopping=AuditPrecision(0.15), random_state=0)
    >>> learner.fit(X, y).termination_condition_
    'AuditPrecision'
    """

    width: float = 0.1
    scoring: str | Callable[..., float] | None = field(default=None, kw_only=True)
    confidence: float = field(default=0.95, kw_only=True)

    _parameter_constraints = {
        "width": [Interval(numbers.Real, 0, None, closed="neither")],
        "scoring": [str, callable, None],
        "confidence": [Interval(numbers.Real, 0, 1, closed="neither")],
    }

    def _check(self, this_round: Round) -> tuple[bool, str]:
        found = audit(
            this_round.learner,
            this_round.X,
            this_round.y,
            scoring=self.scoring,
            confidence=self.confidence,
        )
        low, high = found.interval
        width = self._remember(high - low)[-1]
        reason = f"the interval of {found.n_audited} audit rows has length {width:.4g}"
        return width <= self.width, reason
