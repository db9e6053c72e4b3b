"""The loop: choose rows, ask sources about them, learn, until it is enough."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils import check_consistent_length

from skactive._compat.sklearn import _num_samples
from skactive._compat.tally import count_fits
from skactive._compat.typing import Array
from skactive._data.labels import MISSING, encode_labels
from skactive._data.pool import as_rows
from skactive._models.bootstrap import seeded
from skactive._models.want_of_labels import ERRORS_OF_LACK, is_lack, warn_of_lack
from skactive.classifier import query
from skactive.classifier._campaign import Figures, drive
from skactive.classifier._query import _find_learner
from skactive.labeling._ledger import LabelingResult, Ledger
from skactive.labeling._source import as_sources
from skactive.strategies import get_strategy
from skactive.strategies._messages import shorten
from skactive.strategies._selection import check_rows


def label_pool(
    learner: Any,
    X: Any,
    sources: Any,
    *,
    y: Any = None,
    budget: float | None = None,
    skip: ArrayLike = (),
    classes: Sequence[Any] | None = None,
    evaluate: Callable[[Any], float] | None = None,
) -> LabelingResult:
    """Have a pool labelled by sources that cost and may abstain, until it is enough.

    In each round the learner chooses `batch_size` rows (`n_initial` of them while there
    is no label), these are asked about, and the learner is fitted on all labels.

    A row is asked of the sources in their order until one of them answers, each at most
    once: where a source abstains, the next one is asked in the same round, and a row
    for which all abstain is never chosen again. A source whose answer the rest of the
    budget does not pay for is passed over. If the learner's strategy has a method
    ``assign(estimator, X, y, rows) -> names of sources``, the source that it names is
    asked first; a strategy inside another one has no say in that.

    Parameters
    ----------
    learner : ActiveLearningClassifier, or an estimator that ends with one
        It is cloned; a pipeline, as :func:`skactive.query` takes it, will do. Its
        `strategy`, `batch_size`, `n_initial` and `stopping` rule are used; its own
        `budget` must be None.
    X : array-like, sparse, data frame or sequence of n_samples
        The pool.
    sources : callable, LabelSource, or list of these
        The first one is asked first, so cheap ones come first. A callable, ``rows ->
        labels``, is a source that costs 1 a row, whether it answers or not.
    y : array-like of shape (n_samples,), default=None
        Labels that are there already, missing elsewhere. None means there are none.
    budget : float, default=None
        What may be paid, in the unit of the sources' costs. It is never overspent, as
        costs are known before a source is asked. Answers that are free do not go on
        once it pays for no others. None means no limit.
    skip : array-like of int, default=()
        Positions of rows that are not to be asked about, such as the
        `abstained_indices` of an earlier call.
    classes : sequence, default=None
        All labels there may be; any other answer is an error then. None means any.
    evaluate : callable, default=None
        A function ``learner -> score`` that is called after each fit, such as ``lambda
        learner: learner.score(X_test, y_test)``; it is called with the fitted learner.

    Returns
    -------
    result : LabelingResult
        A named tuple with the fitted `learner`, `y`, which `source` each label is from,
        the `cost`, the `history` and more.

    Raises
    ------
    TypeError
        If there is no learner in `learner`, or a source is no function.
    ValueError
        If the learner has a `budget`, two sources have one name, a cost is negative or
        not finite, a source does not give one label a row, or gives one that is not
        among `classes`, or names of `assign` are not those of sources.

    Notes
    -----
    Whatever error ends the loop, be it one of a source or KeyboardInterrupt, has an
    attribute `labeling_result` with all that was got before: no answer is lost, but
    those of the call that failed. To go on, pass its `y`, its `abstained_indices` as
    `skip`, and the rest of the budget, ``budget - cost``. The new result counts these
    labels as there from the start: who gave them is in the `source` of the first one.

    The costs of sources say what is paid, and not what is chosen. To choose by utility
    per cost, give the learner the strategy :class:`~skactive.strategies.PerCost`; its
    function gets rows of `X`, those of sources get positions.

    A learner asks about rows that are unclear, and there a cheap source may be wrong far
    more often than on random rows, on which :func:`audit_source` measures it. Let it
    abstain where it is in doubt; ``source`` of the result says which labels are its own.

    A `stopping` rule looks at rounds in which the learner was fitted anew, and so not
    at rounds without a new label.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive import ActiveLearningClassifier
    >>> from skactive.labeling import LabelSource, label_pool
    >>> X, answers = load_iris(return_X_y=True)
    >>> def rule(rows):  # sure of small flowers, silent on all others
    ...     return np.where(X[rows, 2] < 2, 0, np.nan)
    >>> def person(rows):
    ...     return answers[rows]
    >>> learner = ActiveLearningClassifier(
    ...     LogisticRegression(max_iter=1000), batch_size=5, random_state=0)
    >>> sources = [LabelSource(rule, cost=0), LabelSource(person, cost=1)]
    >>> result = label_pool(learner, X, sources, budget=20)
    >>> print(result)
    22 labels (2 from 'rule', 20 from 'person') for 20; 0 rows got none; ended by 'budget' after 5 rounds
    >>> bool(result.learner.score(X, answers) > 0.9)
    True
    """  # noqa: E501
    X = as_rows(X)
    model = clone(learner)
    inner, _ = _find_learner(model, X, "label_pool")
    if inner.budget is not None:
        raise ValueError(
            f"The learner has budget={inner.budget}, for labels that are known. Set it "
            "to None, and give label_pool a budget in units of cost."
        )
    if budget is not None and (not isinstance(budget, numbers.Real) or not budget >= 0):
        raise ValueError(
            f"budget must be a number from 0 upwards, or None; got {budget!r}."
        )
    n_samples = _num_samples(X)
    if y is None:
        y = np.full(n_samples, np.nan)
    check_consistent_length(X, y)
    ledger = Ledger(
        as_sources(sources),
        *encode_labels(y, inner.missing_label),
        skip=check_rows(skip, n_samples, "skip"),
        missing_label=inner.missing_label,
        budget=np.inf if budget is None else float(budget),
        allowed=classes,
    )
    steps = _Sourcing(model, X, ledger, evaluate)
    history: list[Figures] = []
    try:
        steps.learn()
        steps.judge()
        condition = drive(steps, steps.ask, history)
        if steps.lack is not None:  # no label is left to wait for
            raise steps.lack
    except BaseException as error:
        error.labeling_result = ledger.result(  # type: ignore[attr-defined]
            model, "error", history, steps.records
        )
        n_labels = np.count_nonzero(ledger.codes != MISSING)
        error.add_note(
            f"What was got before is not lost ({n_labels} "
            "labels): see the attribute labeling_result of this error. To go on, pass "
            "its y, and its abstained_indices as skip, to label_pool."
        )
        raise
    return ledger.result(model, condition, history, steps.records)


class _Sourcing:
    """The steps of a campaign whose labels come from sources."""

    def __init__(
        self, model: Any, X: Any, ledger: Ledger, evaluate: Callable | None
    ) -> None:
        self.model, self.X, self.ledger = model, X, ledger
        self.evaluate = evaluate
        self.inner, _ = _find_learner(model, X, "label_pool")
        plan = self.inner._make_plan()
        self.is_learnt = np.ones(len(ledger.codes), dtype=bool)
        if self.inner.audit_fraction:
            self.is_learnt = ~plan.reserve(len(ledger.codes)).mask
        self.rule = self.inner.stopping
        if self.rule is not None:
            self.rule = seeded(clone(self.rule), plan.query_seed)
        self.score = np.nan
        self.records: list[dict[str, Any]] = []
        self.n_fitted = 0
        # The estimator's own error while there are too few labels for it.
        self.lack: Exception | None = None

    def ended(self) -> str | None:
        return self.ledger.ended()

    def choose(self) -> Array:
        self.visible = self.ledger.labels()
        n_wanted = self.inner.batch_size if self.n_labels else self.inner._n_first()
        skip = self.ledger.hopeless()
        rows = query(self.model, self.X, self.visible, n_wanted, skip=skip)
        self.first = None
        if hasattr(get_strategy(self.inner.strategy), "assign"):
            args = self.model, self.X, self.visible, rows, self.ledger.names
            self.first = _assigned(*args)
        return rows

    def ask(self, rows: Array) -> None:
        self.ledger.begin_round()
        record: dict[str, Any] = {}
        self.records.append(record)
        try:
            self.ledger.ask(rows, self.first)
        finally:
            record |= self.ledger.figures()

    def learn(self, answer: None = None) -> None:
        """Fit, if there are other labels than in the last fit."""
        known = self.ledger.codes != MISSING
        n_labels = self.n_labels
        self.is_new = False
        if n_labels == self.n_fitted or not (known & self.is_learnt).any():
            return
        self.n_fitted = n_labels
        was_lacking, self.lack = self.lack is not None, None
        try:
            self.model.fit(self.X, self.ledger.labels())
        except ERRORS_OF_LACK as error:
            if not is_lack(error):
                raise
            self.lack = error
            if not was_lacking:
                warn_of_lack(error, n_labels)
            return
        self.is_new = True
        count_fits(int(self.inner.history_["n_fits"].sum()))

    def judge(self) -> None:
        """Score a model that is new."""
        if self.evaluate is not None and self.is_new:
            self.score = float(self.evaluate(self.model))

    def end_round(self, figures: Figures) -> str | None:
        self.judge()
        if self.evaluate is not None:
            self.records[-1]["score"] = self.score
        if not self.is_new or self.rule is None or self.ended() is not None:
            return None
        decision = self.rule.update(self.model, self.X, self.ledger.labels())
        return decision.rule if decision else None

    @property
    def n_labels(self) -> int:
        return int(np.count_nonzero(self.ledger.codes != MISSING))


def _assigned(
    model: Any, X: Any, y: Array, rows: Array, names: list[str]
) -> Array | None:
    """The sources that the strategy wants to be asked first, (n_rows,).

    None while the initial strategy chooses, which has no say in this.
    """
    learner, X = _find_learner(model, X, "label_pool")
    fitted = learner._model()
    if fitted is None:
        return None
    strategy, estimator = learner._make_plan().asked(fitted)
    if not hasattr(strategy, "assign"):
        return None
    assigned = np.asarray(strategy.assign(estimator, X, y, rows)).tolist()
    unknown = sorted({name for name in assigned if name not in names}, key=str)
    if unknown or len(assigned) != len(rows):
        raise ValueError(
            f"{shorten(strategy)} assigns {len(rows)} rows to {unknown or assigned}; "
            f"the sources are called {names}. Name them with LabelSource(..., name=)."
        )
    return np.array([names.index(name) for name in assigned], dtype=np.intp)
