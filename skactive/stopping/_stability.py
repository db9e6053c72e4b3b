"""Stopping rules on predictions that stay the same from round to round."""

from __future__ import annotations

import numbers
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skactive._compat.sklearn import Interval
from skactive._compat.typing import Array
from skactive.stopping._base import Round, StopSetRule, last_rounds


def kappa(labels: Array, others: Array) -> float:
    """Cohen's kappa of two labellings; 1 if they agree entirely."""
    n = len(labels)
    classes, codes = np.unique(np.concatenate([labels, others]), return_inverse=True)
    shares = [np.bincount(c, minlength=len(classes)) / n for c in np.split(codes, 2)]
    agreement = np.count_nonzero(codes[:n] == codes[n:]) / n
    by_chance = float(shares[0] @ shares[1])
    if agreement == 1:  # also if both have a single class, which is 0 / 0
        return 1.0
    return (agreement - by_chance) / (1 - by_chance)


def concordance(values: Array, others: Array) -> float:
    """Lin's concordance of two series of numbers; 1 if they agree entirely.

    It is what kappa with quadratic weights is for numbers.
    """
    gap = float(np.mean((values - others) ** 2))
    if gap == 0:  # also if both are constant, which is 0 / 0
        return 1.0
    apart = float((values.mean() - others.mean()) ** 2)
    return 1 - gap / (float(values.var()) + float(others.var()) + apart)


_AGREEMENT = {"classification": kappa, "regression": concordance}


def change_of_f(positive: Array, before: Array) -> float:
    """One minus the F measure of predictions against those of the round before.

    It is zero if no row is positive in either round, which is 0 / 0.
    """
    both = np.count_nonzero(positive & before)
    either = np.count_nonzero(positive ^ before)
    return either / (2 * both + either) if either else 0.0


class _Successive(StopSetRule):
    """Base class for rules that compare predictions with the round before."""

    def _compare(self, this_round: Round) -> tuple[Array, Array] | None:
        """Labels of the same rows in this round and the one before, or None."""
        source, rows = self._stop_rows(this_round)
        labels = source.predict(rows)
        before = getattr(self, "last_", None)
        self.last_ = rows, labels
        if before is None:
            return None
        if before[0] is not rows:
            # Rows that were labelled since are left out.
            _, new, old = np.intersect1d(rows, before[0], True, return_indices=True)
            return (labels[new], before[1][old]) if len(new) else None
        return labels, before[1]


@dataclass(repr=False, eq=False)
class StabilizingPredictions(_Successive):
    """Stop when predictions of a stop set no longer change, by Cohen's kappa [1]_.

    For numbers, it is Lin's concordance, ``1 - mean((p - q)^2) / (var(p) + var(q) +
    (mean(p) - mean(q))^2)``, which is kappa with quadratic weights for many classes.

    Parameters
    ----------
    threshold : float, default=0.99
        Stop if the mean kappa between successive rounds is at least this value.
    window : int, default=3
        Number of kappas in the mean. So `window` + 1 rounds are needed.
    stop_set : array-like, sparse, data frame, sequence or None, default=None
        Rows whose predictions are compared. None means rows of `X` that have no label
        in the first round. They stay the same for the whole campaign.
    n_stop : int or None, default=2000
        Largest number of rows to draw at random from `X`. None means all.
    random_state : int, RandomState instance or None, default=None
        Controls the draw.

    Attributes
    ----------
    history_ : list of float
        Kappa, or concordance, in each round but the first. It is 1 if all predictions
        agree, even if they are all of one class.

    Notes
    -----
    `KappaAverage` of small-text up to 1.3.2 takes the mean of the absolute differences
    between successive kappas instead of the kappas. So it also stops when predictions
    keep changing at an even pace. This was fixed in 1.3.3 (December 2023).

    References
    ----------
    .. [1] M. Bloodgood, K. Vijay-Shanker, "A Method for Stopping Active Learning Based
       on Stabilizing Predictions and the Need for User-Adjustable Stopping", CoNLL
       2009.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive import ActiveLearningClassifier
    >>> from skactive.stopping import Budget, StabilizingPredictions
    >>> X, answers = load_iris(return_X_y=True)
    >>> model = LogisticRegression(max_iter=1000)
    >>> learner = ActiveLearningClassifier(model, batch_size=5, random_state=0)
    >>> rule = StabilizingPredictions() | Budget(100)
    >>> y, decision = np.full(len(X), np.nan), None
    >>> while not decision:
    ...     rows = learner.query(X, y)
    ...     y[rows] = answers[rows]
    ...     decision = rule.update(learner.fit(X, y), X, y)
    >>> decision.rule
    'StabilizingPredictions'
    """

    threshold: float = 0.99
    window: int = 3
    n_stop: int | None = field(default=2000, kw_only=True)

    is_fixed = True
    _parameter_constraints = {
        "threshold": [Interval(numbers.Real, -1, 1, closed="both")],
        "window": [Interval(numbers.Integral, 1, None, closed="left")],
        **StopSetRule._parameter_constraints,
    }

    def _check(self, this_round: Round) -> tuple[bool, str]:
        pair = self._compare(this_round)
        if pair is None:
            return False, "there are no predictions of the round before"
        task = this_round.kind.task
        kappas = self._remember(_AGREEMENT[task](*pair))[-self.window :]
        mean = float(np.mean(kappas))
        name = _AGREEMENT[task].__name__
        rounds = last_rounds(len(kappas))
        reason = f"the mean {name} of {rounds} is {mean:.4g}"
        return len(kappas) == self.window and mean >= self.threshold, reason


@dataclass(repr=False, eq=False)
class ClassificationChange(_Successive):
    """Stop when predictions of the rows without a label stay the same [1]_.

    Parameters
    ----------
    threshold : float, default=0.0
        Share of the rows whose prediction may change between two rounds.
    stop_set, n_stop, random_state
        Rows whose predictions are compared, by default all rows of `X` that have no
        label in either round. See :class:`OverallUncertainty`.

    Attributes
    ----------
    history_ : list of float
        Share of the rows whose prediction changed, in each round but the first.

    References
    ----------
    .. [1] J. Zhu, H. Wang, E. Hovy, "Multi-Criteria-Based Strategy to Stop Active
       Learning for Data Annotation", COLING 2008.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from skactive.stopping import ClassificationChange
    >>> model = DummyClassifier().fit([[0], [1]], [0, 1])
    >>> rule, X, y = ClassificationChange(), [[0], [1], [2]], [0, 1, None]
    >>> rule.update(model, X, y).stop, rule.update(model, X, y).stop
    (False, True)
    """

    threshold: float = 0.0

    tasks = ("classification",)
    _parameter_constraints = {
        "threshold": [Interval(numbers.Real, 0, 1, closed="both")],
        **StopSetRule._parameter_constraints,
    }

    def _check(self, this_round: Round) -> tuple[bool, str]:
        pair = self._compare(this_round)
        if pair is None:
            return False, "there are no predictions of the round before"
        n_changed = int(np.count_nonzero(pair[0] != pair[1]))
        n_rows = len(pair[0])
        self._remember(n_changed / n_rows)
        reason = f"the prediction of {n_changed} of {n_rows} rows changed"
        return n_changed <= self.threshold * n_rows + 1e-9, reason


@dataclass(repr=False, eq=False)
class PredictedChangeOfF(_Successive):
    """Stop when the predicted change of the F measure is small, for two classes [1]_.

    The change is one minus the F measure of this round's predictions of a stop set
    against those of the round before. It is ``1 - 2a / (2a + b + c)``, where `a` rows
    are positive in both rounds, and `b` and `c` rows in only one of them.

    Parameters
    ----------
    threshold : float, default=0.005
        Stop if the change is below this value in each of the last `window` rounds.
    window : int, default=3
        Number of rounds to look at.
    pos_label : object, default=None
        The positive class. None means the greater one of the two classes.
    stop_set, n_stop, random_state
        Rows whose predictions are compared. See :class:`StabilizingPredictions`.

    Attributes
    ----------
    history_ : list of float
        The change in each round but the first. It is 0 if no row is positive in either
        round.

    Notes
    -----
    `DeltaFScore` of small-text up to 1.3.2 also counts the rows that are negative in
    both rounds, so that many negative rows hide a change. This was fixed in 1.3.3
    (December 2023).

    References
    ----------
    .. [1] M. Altschuler, M. Bloodgood, "Stopping Active Learning based on Predicted
       Change of F Measure for Text Classification", ICSC 2019.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from skactive.stopping import PredictedChangeOfF
    >>> model = DummyClassifier().fit([[0], [1]], [0, 1])
    >>> rule, X, y = PredictedChangeOfF(window=1), [[0], [1], [2]], [0, 1, None]
    >>> rule.update(model, X, y).stop, rule.update(model, X, y).stop
    (False, True)
    """

    threshold: float = 0.005
    window: int = 3
    pos_label: Any = field(default=None, kw_only=True)
    n_stop: int | None = field(default=2000, kw_only=True)

    is_fixed = True
    tasks = ("classification",)
    _parameter_constraints = {
        "threshold": [Interval(numbers.Real, 0, None, closed="neither")],
        "window": [Interval(numbers.Integral, 1, None, closed="left")],
        "pos_label": "no_validation",
        **StopSetRule._parameter_constraints,
    }

    def _check(self, this_round: Round) -> tuple[bool, str]:
        positive = self._positive_class(this_round)
        pair = self._compare(this_round)
        if pair is None:
            return False, "there are no predictions of the round before"
        change = change_of_f(pair[0] == positive, pair[1] == positive)
        changes = self._remember(change)[-self.window :]
        stop = len(changes) == self.window and max(changes) < self.threshold
        reason = (
            f"the largest predicted change of F in {last_rounds(len(changes))} is "
            f"{max(changes):.4g}"
        )
        return stop, reason

    def _positive_class(self, this_round: Round) -> Any:
        classes = this_round.classes
        if len(classes) > 2:
            raise ValueError(
                f"PredictedChangeOfF is for two classes; y has {len(classes)}: "
                f"{classes[:5].tolist()}... Use StabilizingPredictions, which accepts "
                "any number of classes."
            )
        if self.pos_label is None:
            return classes[1]
        if self.pos_label not in classes.tolist():
            raise ValueError(
                f"pos_label={self.pos_label!r} is not a class of y, whose classes are "
                f"{classes.tolist()}."
            )
        return self.pos_label
