"""Base classes of stopping rules, and combinations of rules with & and |."""

from __future__ import annotations

import numbers
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted, indexable

from skactive._compat.sklearn import Interval, _num_samples
from skactive._compat.typing import Array
from skactive._data.chunks import map_rows
from skactive._models.kinds import kind_for
from skactive._models.members import classes_of
from skactive._models.predictive import predictive_std
from skactive._models.response import predict_proba
from skactive._models.wrappers import last_step
from skactive.strategies._selection import as_generator


class Decision(NamedTuple):
    """Decision whether to stop, and why. Its truth value is that of `stop`.

    Parameters
    ----------
    stop : bool
        Whether to stop.
    rule : str
        Name of the rule that decided. It is "exhausted" if every row has a label.
    reason : str
        The reason, with the figures.

    Examples
    --------
    >>> from skactive.stopping import Decision
    >>> decision = Decision(True, "Budget", "100 of 100 labels are used")
    >>> bool(decision), decision.rule
    (True, 'Budget')
    """

    stop: bool
    rule: str
    reason: str

    def __bool__(self) -> bool:
        return self.stop


def last_rounds(n_rounds: int) -> str:
    """Name the last rounds in the text of a reason."""
    return "the last round" if n_rounds == 1 else f"the last {n_rounds} rounds"


class Round:
    """A fitted learner and its pool, as rules see them. Predictions are cached.

    Parameters
    ----------
    learner : estimator object
        A fitted learner.
    X : array-like, sparse, data frame or sequence of n_samples
        The pool.
    y : array-like of shape (n_samples,)
        Labels; those of unlabelled rows are missing.
    """

    def __init__(self, learner: Any, X: Any, y: Any):
        (X,) = indexable(X)
        check_consistent_length(X, y)
        missing_label = getattr(last_step(learner), "missing_label", np.nan)
        self.learner = learner
        self.X, self.y = X, y
        self.kind = kind_for(learner)
        target = self.kind.of(y, missing_label)
        known = target.known
        self.labels = target.values(known)
        self.classes = target.summary
        self.n_samples, self.n_labels = len(target), len(known)
        self.unlabeled = np.setdiff1d(np.arange(self.n_samples), known)
        self._known: dict[Any, Array] = {}

    def predict(self, rows: Array) -> Array:
        """Labels predicted by the learner for some rows of the pool."""

        def as_numbers(X: Any) -> Array:
            return self.kind.as_numbers(self.learner, self.learner.predict(X))

        n_outputs = len(getattr(self.learner, "classes_", (1,)))
        values = self._remembered("predict", as_numbers, rows, n_outputs)
        return self.kind.from_numbers(self.learner, values)

    def std(self, rows: Array) -> Array:
        """Standard deviations of the predictions for some rows of the pool."""

        def deviations(X: Any) -> Array:
            return predictive_std(self.learner, X)

        return self._remembered("std", deviations, rows, 10)

    def measure(self, measure: Callable[[Array], Array], rows: Array) -> Array:
        """`measure` applied to the class probabilities of some rows of the pool."""
        if not hasattr(self.learner, "predict_proba"):
            raise ValueError(
                "This stopping rule needs predict_proba, which "
                f"{self.learner!r} does not have. Wrap it in CalibratedClassifierCV, "
                "or use a rule on predictions, such as StabilizingPredictions."
            )

        def of_proba(X: Any) -> Array:
            return measure(predict_proba(self.learner, X))

        n_classes = len(classes_of(self.learner))
        return self._remembered(measure, of_proba, rows, n_classes)

    def _remembered(
        self, key: Any, function: Callable[[Any], Array], rows: Array, n_outputs: int
    ) -> Array:
        key = (key, rows.tobytes())
        if key not in self._known:
            self._known[key] = map_rows(function, self.X, rows, n_outputs)
        return self._known[key]


class StoppingRule(BaseEstimator):
    """Base class for all stopping rules.

    Call :meth:`update` with the fitted learner and the pool after each round of
    labelling. It returns whether to stop. A rule remembers rounds: call ``reset()`` or
    ``clone`` it before another campaign.

    Rules can be combined. ``a & b`` stops when both say so in the same round, and
    ``a | b`` stops when one does. :class:`Patience` stops when a rule says so several
    times in a row.

    Every rule says stop when every row has a label, so a loop over a finite pool ends.

    To write a new rule, derive from this class and define ``_check(round)``. It returns
    whether to stop, and the reason as a string. Store what the rule remembers in
    attributes with a trailing underscore. The rules here are dataclasses: the decorator
    writes the ``__init__`` that stores the parameters, and scikit-learn reads their
    names from it.

    Attributes
    ----------
    needs_model : bool
        Whether the rule looks at predictions. If so, it does not say stop and remembers
        nothing while there are too few labels, or labels of one class only.
    tasks : tuple of str
        The learners that the rule serves: those for "classification", "regression" and
        "multilabel", several labels a row, or some of these.
    """

    needs_model: ClassVar[bool] = True
    tasks: ClassVar[tuple[str, ...]] = ("classification", "regression", "multilabel")
    _parameter_constraints: dict = {}

    def update(self, learner: Any, X: Any, y: Any) -> Decision:
        """Decide whether to stop after a round of labelling.

        Parameters
        ----------
        learner : estimator object
            Learner fitted on the labelled rows: an :class:`ActiveLearningClassifier` or
            :class:`ActiveLearningRegressor`, a pipeline that ends with one, or any
            classifier or regressor.
        X : array-like, sparse, data frame or sequence of n_samples
            The pool. It must be the same rows in each round.
        y : array-like of shape (n_samples,)
            Labels. Those of unlabelled rows are missing, marked by the learner's
            `missing_label` if it has one.

        Returns
        -------
        decision : Decision
            The decision, with the name of the rule and the reason.

        Raises
        ------
        NotFittedError
            If the learner is not fitted.
        ValueError
            If the rule is for learners of the other task, or `y` is not as it should.
        """
        for leaf in self.leaves():
            leaf._validate_params()
        check_is_fitted(learner)
        this_round = Round(learner, X, y)
        for leaf in self.leaves():
            leaf._check_task(this_round)
        if len(this_round.unlabeled) == 0:
            reason = f"all {this_round.n_samples} rows have a label"
            return Decision(True, "exhausted", reason)
        return self._decide(this_round)

    def reset(self) -> StoppingRule:
        """Forget all rounds.

        Returns
        -------
        self : StoppingRule
            The rule itself.
        """
        for leaf in self.leaves():
            for name in [name for name in vars(leaf) if name.endswith("_")]:
                delattr(leaf, name)
        return self

    def leaves(self) -> list[StoppingRule]:
        """List this rule and the rules that it consists of.

        Returns
        -------
        rules : list of StoppingRule
            This rule first.
        """
        return [self]

    def _decide(self, this_round: Round) -> Decision:
        name = type(self).__name__
        kind, labels = this_round.kind, this_round.labels
        if self.needs_model and not (
            len(labels) and kind.are_enough(kind.seen(labels))
        ):
            return Decision(False, name, kind.lack)
        stop, reason = self._check(this_round)
        return Decision(bool(stop), name, reason)

    def _check_task(self, this_round: Round) -> None:
        task = this_round.kind.task
        if task not in self.tasks:
            what = {
                "classification": "classes",
                "regression": "numbers",
                "multilabel": "several a row",
            }
            raise ValueError(
                f"{type(self).__name__} is for labels that are "
                f"{what[self.tasks[0]]}; {this_round.learner!r} learns {what[task]}. "
                "StabilizingPredictions serves both classes and numbers, and "
                "AuditPrecision, PerformancePlateau, Budget and MaxRounds serve all."
            )

    @abstractmethod
    def _check(self, this_round: Round) -> tuple[bool, str]:
        """Return whether to stop, and the reason."""

    def _remember(self, value: float) -> list[float]:
        """Append the value of this round, and return all values so far."""
        self.history_: list[float] = [*getattr(self, "history_", []), float(value)]
        return self.history_

    def __and__(self, other: Any) -> StoppingRule:
        return (
            AllOf([self, other]) if isinstance(other, StoppingRule) else NotImplemented
        )

    def __or__(self, other: Any) -> StoppingRule:
        return (
            AnyOf([self, other]) if isinstance(other, StoppingRule) else NotImplemented
        )


@dataclass(repr=False, eq=False)
class _Combination(StoppingRule):
    rules: Sequence[StoppingRule]

    _parameter_constraints = {"rules": [list, tuple]}
    _sign: ClassVar[str]
    _needs_all: ClassVar[bool]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get parameters. Those of the rules have names such as ``"0__threshold"``.

        Parameters
        ----------
        deep : bool, default=True
            Whether to return the parameters of the rules as well.

        Returns
        -------
        params : dict
            Parameter names mapped to their values.
        """
        params = {"rules": self.rules}
        if deep:
            for number, rule in enumerate(self.rules):
                params[f"{number}"] = rule
                for name, value in rule.get_params().items():
                    params[f"{number}__{name}"] = value
        return params

    def set_params(self, **params: Any) -> StoppingRule:
        """Set parameters, as in ``**{"0__threshold": 0.1}`` for those of the rules.

        Parameters
        ----------
        **params : dict
            New values.

        Returns
        -------
        self : StoppingRule
            The rule itself.
        """
        rules = list(params.pop("rules", self.rules))
        for number in range(len(rules)):
            rules[number] = params.pop(f"{number}", rules[number])
        self.rules = rules
        return super().set_params(**params)

    def leaves(self) -> list[StoppingRule]:
        return [self, *(leaf for rule in self.rules for leaf in rule.leaves())]

    def __repr__(self) -> str:
        parts = (
            f"({rule!r})" if isinstance(rule, _Combination) else repr(rule)
            for rule in self.rules
        )
        return self._sign.join(parts)

    def _decide(self, this_round: Round) -> Decision:
        # Every rule is asked in every round, because rules remember rounds.
        decisions = [rule._decide(this_round) for rule in self.rules]
        combine = all if self._needs_all else any
        stop = combine(decision.stop for decision in decisions)
        shown = [decision for decision in decisions if decision.stop is stop]
        return Decision(
            stop,
            self._sign.join(decision.rule for decision in shown),
            " and ".join(decision.reason for decision in shown),
        )


class AllOf(_Combination):
    """Stop when all rules say so in the same round; ``a & b``.

    Parameters
    ----------
    rules : list of StoppingRule
        Rules to combine. Each of them is asked in each round.

    Examples
    --------
    >>> from skactive.stopping import AllOf, Budget, OverallUncertainty
    >>> Budget(50) & OverallUncertainty()
    Budget(max_labels=50) & OverallUncertainty()
    >>> isinstance(Budget(50) & OverallUncertainty(), AllOf)
    True
    """

    _sign = " & "
    _needs_all = True


class AnyOf(_Combination):
    """Stop when at least one of the rules says so; ``a | b``.

    Parameters
    ----------
    rules : list of StoppingRule
        Rules to combine. Each of them is asked in each round.

    Examples
    --------
    >>> from skactive.stopping import AnyOf, Budget, StabilizingPredictions
    >>> StabilizingPredictions() | Budget(500)
    StabilizingPredictions() | Budget(max_labels=500)
    >>> isinstance(StabilizingPredictions() | Budget(500), AnyOf)
    True
    """

    _sign = " | "
    _needs_all = False


@dataclass(repr=False, eq=False)
class Patience(StoppingRule):
    """Stop when a rule has said so in several rounds in a row.

    Parameters
    ----------
    rule : StoppingRule
        The rule to ask in each round.
    n_rounds : int, default=3
        Number of rounds in a row.

    Attributes
    ----------
    n_in_a_row_ : int
        Number of rounds in a row, up to the last one, in which the rule said stop.

    Examples
    --------
    >>> from skactive.stopping import OverallUncertainty, Patience
    >>> Patience(OverallUncertainty(), n_rounds=2)
    Patience(n_rounds=2, rule=OverallUncertainty())
    """

    rule: StoppingRule
    n_rounds: int = 3

    needs_model = False
    _parameter_constraints = {
        "rule": [StoppingRule],
        "n_rounds": [Interval(numbers.Integral, 1, None, closed="left")],
    }

    def leaves(self) -> list[StoppingRule]:
        """List this rule and the rules that it consists of.

        Returns
        -------
        rules : list of StoppingRule
            This rule first.
        """
        return [self, *self.rule.leaves()]

    def _decide(self, this_round: Round) -> Decision:
        inner = self.rule._decide(this_round)
        self.n_in_a_row_ = getattr(self, "n_in_a_row_", 0) + 1 if inner else 0
        times = f"{self.n_in_a_row_} of {self.n_rounds} rounds in a row"
        stop = self.n_in_a_row_ >= self.n_rounds
        return Decision(stop, inner.rule, f"{inner.reason}, {times}")


# ---------------------------------------------------------------------------------
# Rows that rules look at
# ---------------------------------------------------------------------------------


@dataclass(repr=False, eq=False)
class StopSetRule(StoppingRule):
    """Base class for rules that look at a stop set: given rows, or some of the pool.

    Parameters
    ----------
    stop_set : array-like, sparse, data frame, sequence or None, default=None
        Rows to look at. None means rows of the pool without a label: those of each
        round, or those of the first round if `is_fixed`.
    n_stop : int or None, default=None
        Largest number of rows to draw at random from the pool. None means all.
    random_state : int, RandomState instance or None, default=None
        Controls the draw.

    Attributes
    ----------
    is_fixed : bool
        Whether the rows taken from the pool stay the same for the whole campaign,
        even when they get a label.
    """

    stop_set: Any = field(default=None, kw_only=True)
    n_stop: int | None = field(default=None, kw_only=True)
    random_state: int | np.random.RandomState | None = field(default=None, kw_only=True)

    is_fixed: ClassVar[bool] = False
    tasks: ClassVar[tuple[str, ...]] = ("classification", "regression")
    _parameter_constraints = {
        "stop_set": "no_validation",
        "n_stop": [Interval(numbers.Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
    }

    def _stop_rows(self, this_round: Round) -> tuple[Round, Array]:
        """A round whose pool contains the stop set, and the positions in it."""
        if self.stop_set is not None:
            n_rows = _num_samples(self.stop_set)
            if n_rows == 0:
                raise ValueError(
                    f"stop_set of {type(self).__name__} has no rows. Give it rows like "
                    "those of X, or None to use rows of X."
                )
            empty = np.full(n_rows, None)
            return Round(this_round.learner, self.stop_set, empty), np.arange(n_rows)
        rows, n_samples = this_round.unlabeled, this_round.n_samples
        has_too_many = self.n_stop is not None and len(rows) > self.n_stop
        if not hasattr(self, "order_"):  # in which unlabelled rows are taken
            self.order_ = np.arange(n_samples)
            if has_too_many:
                self.order_ = as_generator(self.random_state).permutation(n_samples)
        if len(self.order_) != n_samples:
            raise ValueError(
                f"{type(self).__name__} saw {len(self.order_)} rows in X before and "
                f"{n_samples} now. Pass the same rows in each round, call reset(), or "
                "give it a stop_set."
            )
        if not (self.is_fixed and hasattr(self, "rows_")):
            if has_too_many:
                rows = np.sort(rows[np.argsort(self.order_[rows])[: self.n_stop]])
            self.rows_ = rows
        return this_round, self.rows_

    def _measure(self, measure: Callable[[Array], Array], this_round: Round) -> Array:
        """`measure` applied to the class probabilities of the stop set."""
        source, rows = self._stop_rows(this_round)
        return source.measure(measure, rows)
