"""What a stopping rule is: it watches a campaign, and rules combine with & and |."""

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
from skactive._data.labels import MISSING, encode_labels
from skactive._models.members import classes_of
from skactive._models.response import predict_proba
from skactive._models.wrappers import last_step
from skactive.strategies._selection import as_generator


class Decision(NamedTuple):
    """Whether to stop, and why; true or false where it is used as a condition.

    Parameters
    ----------
    stop : bool
        Whether to stop.
    rule : str
        Which rule said so; "exhausted" where no row is left without a label.
    reason : str
        A sentence with the figures.

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


class Round:
    """A fitted learner and its pool, as rules see them; predictions are shared.

    Parameters
    ----------
    learner : estimator object
        Fitted.
    X : array-like, sparse, data frame or sequence of n_samples
        The pool.
    y : array-like of shape (n_samples,)
        Labels, missing where a row is unlabelled.
    """

    def __init__(self, learner: Any, X: Any, y: Any):
        (X,) = indexable(X)
        check_consistent_length(X, y)
        missing_label = getattr(last_step(learner), "missing_label", np.nan)
        self.learner = learner
        self.X = X
        self.classes, codes = encode_labels(y, missing_label)
        self.n_samples = len(codes)
        self.unlabeled = np.flatnonzero(codes == MISSING)
        self.n_labels = self.n_samples - len(self.unlabeled)
        self._known: dict[Any, Array] = {}

    def predict(self, rows: Array) -> Array:
        """Labels that the learner predicts for some rows of the pool."""
        classes = classes_of(self.learner)

        def as_codes(X: Any) -> Array:
            return np.searchsorted(classes, np.ravel(self.learner.predict(X)))

        codes = self._remembered("predict", as_codes, rows, len(classes))
        return classes[codes.astype(np.intp)]

    def measure(self, measure: Callable[[Array], Array], rows: Array) -> Array:
        """`measure` of the probabilities of some rows of the pool."""
        if not hasattr(self.learner, "predict_proba"):
            raise ValueError(
                "This stopping rule needs predict_proba, which "
                f"{self.learner!r} does not have. Use CalibratedClassifierCV around "
                "it, or a rule on predictions, as StabilizingPredictions."
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
    """Base of all stopping rules.

    After each round of labelling, :meth:`update` is given the fitted learner and the
    pool, and says whether to stop. Rules remember rounds: ``reset()`` or ``clone``
    before another campaign. They combine: ``a & b`` stops where both say so in the
    same round, ``a | b`` where one does, and :class:`Patience` where one says so a
    few times in a row.

    Every rule says stop when no row is left without a label, so a loop over a finite
    pool ends.

    A new rule derives from this class and defines ``_check(round)``, which gives
    whether to stop and a sentence, and keeps what it remembers in attributes with a
    trailing underscore. The rules here are dataclasses: the decorator writes the
    ``__init__`` that stores the parameters, from which scikit-learn reads their names.

    Attributes
    ----------
    needs_model : bool
        Whether the rule looks at predictions. It then says nothing, and remembers
        nothing, of rounds in which one class only has been labelled.
    """

    needs_model: ClassVar[bool] = True
    _parameter_constraints: dict = {}

    def update(self, learner: Any, X: Any, y: Any) -> Decision:
        """Look at a round of a labelling campaign.

        Parameters
        ----------
        learner : estimator object
            Fitted on the labelled rows: an :class:`ActiveLearningClassifier`, a
            pipeline that ends with one, or any classifier.
        X : array-like, sparse, data frame or sequence of n_samples
            The pool, the same rows in each round.
        y : array-like of shape (n_samples,)
            Labels, missing where a row is unlabelled; by the learner's
            `missing_label` if it has one.

        Returns
        -------
        decision : Decision
            True or false, with the rule's name and the reason.

        Raises
        ------
        NotFittedError
            If the learner is not fitted.
        """
        for leaf in self.leaves():
            leaf._validate_params()
        check_is_fitted(learner)
        this_round = Round(learner, X, y)
        if len(this_round.unlabeled) == 0:
            reason = f"all {this_round.n_samples} rows have a label"
            return Decision(True, "exhausted", reason)
        return self._decide(this_round)

    def reset(self) -> StoppingRule:
        """Forget all rounds.

        Returns
        -------
        self : StoppingRule
        """
        for leaf in self.leaves():
            for name in [name for name in vars(leaf) if name.endswith("_")]:
                delattr(leaf, name)
        return self

    def leaves(self) -> list[StoppingRule]:
        """The rules that this one is made of, and itself.

        Returns
        -------
        rules : list of StoppingRule
        """
        return [self]

    def _decide(self, this_round: Round) -> Decision:
        name = type(self).__name__
        if self.needs_model and len(this_round.classes) < 2:
            return Decision(False, name, "one class only has been labelled")
        stop, reason = self._check(this_round)
        return Decision(bool(stop), name, reason)

    @abstractmethod
    def _check(self, this_round: Round) -> tuple[bool, str]:
        """Whether to stop, and a sentence."""

    def _remember(self, value: float) -> list[float]:
        """All values so far, with that of this round."""
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
        """Get parameters, those of the rules as ``"0__threshold"``.

        Parameters
        ----------
        deep : bool, default=True
            Whether to give the parameters of the rules as well.

        Returns
        -------
        params : dict
        """
        params = {"rules": self.rules}
        if deep:
            for number, rule in enumerate(self.rules):
                params[f"{number}"] = rule
                for name, value in rule.get_params().items():
                    params[f"{number}__{name}"] = value
        return params

    def set_params(self, **params: Any) -> StoppingRule:
        """Set parameters, those of the rules as ``**{"0__threshold": 0.1}``.

        Parameters
        ----------
        **params : dict
            New values.

        Returns
        -------
        self : StoppingRule
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
        # Each is asked in each round, for what it remembers.
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
    """Stop where all rules say so in the same round; ``a & b``.

    Parameters
    ----------
    rules : list of StoppingRule
        Each is asked in each round.

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
    """Stop where one of the rules says so; ``a | b``.

    Parameters
    ----------
    rules : list of StoppingRule
        Each is asked in each round.

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
    """Stop where a rule has said so in several rounds in a row.

    Parameters
    ----------
    rule : StoppingRule
        The rule.
    n_rounds : int, default=3
        How many times in a row.

    Attributes
    ----------
    n_in_a_row_ : int
        In how many rounds, the last one included, it has said so.

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
        """The rules that this one is made of, and itself.

        Returns
        -------
        rules : list of StoppingRule
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
    """Base of rules that look at a stop set: rows of their own, or some of the pool.

    Parameters
    ----------
    stop_set : array-like, sparse, data frame, sequence or None, default=None
        Rows to look at. None takes rows of the pool without a label: those of each
        round, or, where `is_fixed`, those of the first round.
    n_stop : int or None, default=None
        At most that many rows of the pool, drawn at random; None for all.
    random_state : int, RandomState instance or None, default=None
        Draws them.

    Attributes
    ----------
    is_fixed : bool
        Whether the rows taken from the pool stay the same for the whole campaign,
        also when they get a label.
    """

    stop_set: Any = field(default=None, kw_only=True)
    n_stop: int | None = field(default=None, kw_only=True)
    random_state: int | np.random.RandomState | None = field(default=None, kw_only=True)

    is_fixed: ClassVar[bool] = False
    _parameter_constraints = {
        "stop_set": "no_validation",
        "n_stop": [Interval(numbers.Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
    }

    def _stop_rows(self, this_round: Round) -> tuple[Round, Array]:
        """A round whose pool holds the stop set, and the positions in it."""
        if self.stop_set is not None:
            n_rows = _num_samples(self.stop_set)
            if n_rows == 0:
                raise ValueError(
                    f"stop_set of {type(self).__name__} has no rows. Give it rows like "
                    "those of X, or None to take rows of X."
                )
            empty = np.full(n_rows, None)
            return Round(this_round.learner, self.stop_set, empty), np.arange(n_rows)
        rows, n_samples = this_round.unlabeled, this_round.n_samples
        has_too_many = self.n_stop is not None and len(rows) > self.n_stop
        if not hasattr(self, "order_"):  # in which rows without a label are taken
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
        """`measure` of the probabilities of each row of the stop set."""
        source, rows = self._stop_rows(this_round)
        return source.measure(measure, rows)
