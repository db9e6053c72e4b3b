"""The labelling loop: choose rows, ask sources about them, learn, until it ends."""

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
from skactive._models.kinds import check_classes
from skactive._models.want_of_labels import ERRORS_OF_LACK, is_lack, warn_of_lack
from skactive.classifier import query
from skactive.classifier._campaign import Figures, drive
from skactive.classifier._query import find_learner
from skactive.labeling._best_sources import best_sources
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
    session: Any = None,
    assign: str | None = None,
) -> LabelingResult:
    """Label a pool by asking sources that have a cost and may abstain.

    In each round, the learner chooses `batch_size` rows (`n_initial` rows while there
    are no labels), the sources are asked about these rows, and the learner is fitted on
    all labels. The loop ends when the budget is used, no source is left to ask, or the
    learner's stopping rule says so.

    For each row, the sources are asked in their order, each at most once, until one of
    them answers. If a source abstains, the next one is asked in the same round. A row
    for which all sources abstain is never chosen again. A source is passed over if the
    rest of the budget does not pay for its answer. If the learner's strategy has a
    method ``assign(estimator, X, y, rows) -> names of sources``, the source that it
    names is asked first. The `assign` of a strategy inside another one is not used.
    With ``assign="quality"``, a source of high quality per cost is asked first.

    Parameters
    ----------
    learner : ActiveLearningClassifier, or an estimator that ends with one
        The learner, which is cloned. It may be a pipeline, as in
        :func:`skactive.query`. Its `strategy`, `batch_size`, `n_initial` and `stopping`
        rule are used. Its own `budget` must be None.
    X : array-like, sparse, data frame or sequence of n_samples
        The pool.
    sources : callable, LabelSource, or list of these
        Sources of labels, in the order in which they are asked. Put cheap ones first. A
        callable ``rows -> labels`` is a source that costs 1 per row, whether it answers
        or not.
    y : array-like of shape (n_samples,), default=None
        Labels that are already known, missing elsewhere. None means that there are no
        labels.
    budget : float, default=None
        Maximum total cost, in the unit of the sources' costs. It is never overspent,
        because costs are known before a source is asked. Once the budget pays for no
        other answers, the loop ends even if some answers are free. None means no limit.
    skip : array-like of int, default=()
        Positions of rows that are not to be asked about, such as the
        `abstained_indices` of an earlier call.
    classes : sequence, default=None
        All allowed labels. Any other answer is an error. None means that any label is
        allowed.
    evaluate : callable, default=None
        A function ``learner -> score`` that is called with the fitted learner after
        each fit, such as ``lambda learner: learner.score(X_test, y_test)``.
    session : LabelingSession, default=None
        A session with the same `X`. Its labels are those known at the start, its
        discarded rows are skipped, its classes are allowed, and each answer is saved
        in it, with the name of the source as the annotator, before the loop goes on.
    assign : {"quality"} or None, default=None
        Which source to ask first about a row:

        - None: the one that the strategy names, if it has an `assign`, or else the
          first one.
        - "quality": as :func:`query_annotators` chooses annotators. A fifth of the rows
          goes to random sources, the others to the one whose quality per cost is
          highest. The quality is estimated in each round from the answers so far, and
          from those in `session` by annotators of the same names. It does not depend on
          the order of the sources.

    Returns
    -------
    result : LabelingResult
        A named tuple with the fitted `learner`, the labels `y`, the `source` of each
        label, the `cost`, the `history` and more.

    Raises
    ------
    TypeError
        If there is no learner in `learner`, or a source is not a function.
    ValueError
        If the learner has a `budget`, `session` has other rows than `X` or comes with a
        `y` as well, two sources have the same name, a cost is
        negative or not finite, a source does not give one label per row or gives a
        label that is not among `classes`, `assign` is something else, or the strategy's
        `assign` returns a name that is not that of a source.

    Notes
    -----
    Any error that ends the loop, whether it comes from a source or is a
    KeyboardInterrupt, has an attribute `labeling_result` with the result so far. No
    answers are lost, except those of the call that failed. To continue, pass its `y`,
    its `abstained_indices` as `skip`, and the rest of the budget, ``budget - cost``. In
    the new result, the earlier labels count as known from the start. Their sources are
    in the `source` of the earlier result.

    The costs of the sources determine what is paid, and not which rows are chosen. To
    choose by utility per cost, use the strategy :class:`~skactive.strategies.PerCost`
    for the learner. Its cost function gets rows of `X`, while those of the sources get
    positions.

    A learner asks about uncertain rows. On these, a cheap source may be wrong far more
    often than on random rows, on which :func:`audit_source` measures it. Let the source
    abstain where it is uncertain. ``source`` of the result shows which labels it gave.

    A `stopping` rule is updated only in rounds in which the learner was refitted, and
    therefore not in rounds without a new label.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive import ActiveLearningClassifier
    >>> from skactive.labeling import LabelSource, label_pool
    >>> X, answers = load_iris(return_X_y=True)
    >>> def rule(rows):  # certain about small flowers, abstains on all others
    ...     return np.where(X[rows, 2] < 2, 0, np.nan)
    >>> def person(rows):
    ...     return answers[rows]
    >>> learner = ActiveLearningClassifier(
    ...     LogisticRegression(max_iter=1000), batch_size=5, random_state=0)
    >>> sources = [LabelSource(rule, cost=0), LabelSource(person, cost=1)]
    >>> result = label_pool(learner, X, sources, budget=20)
    >>> print(result)
    25 labels (5 from 'rule', 20 from 'person') for 20; 0 rows got none; ended by 'budget' after 5 rounds
    >>> bool(result.learner.score(X, answers) > 0.9)
    True
    """  # noqa: E501
    X = as_rows(X)
    model = clone(learner)
    inner, _ = find_learner(model, X, "label_pool")
    check_classes(inner, "label_pool")
    if inner.budget is not None:
        raise ValueError(
            f"The learner has budget={inner.budget}, for labels that are known. Set it "
            "to None, and give label_pool a budget in units of cost."
        )
    if budget is not None and (not isinstance(budget, numbers.Real) or not budget >= 0):
        raise ValueError(
            f"budget must be a number from 0 upwards, or None; got {budget!r}."
        )
    if assign not in (None, "quality"):
        raise ValueError(f"assign must be 'quality' or None; got {assign!r}.")
    n_samples = _num_samples(X)
    if session is not None:
        y, skip, classes = _of_session(session, n_samples, y, skip, classes)
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
    steps = _Sourcing(model, X, ledger, evaluate, session, assign)
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
            f"Earlier answers are not lost ({n_labels} "
            "labels): see the attribute labeling_result of this error. To go on, pass "
            "its y, and its abstained_indices as skip, to label_pool."
        )
        raise
    return ledger.result(model, condition, history, steps.records)


def _of_session(
    session: Any, n_samples: int, y: Any, skip: ArrayLike, classes: Any
) -> tuple[Any, ArrayLike, Any]:
    """What is known from a session: labels, rows to skip, and the classes."""
    if y is not None:
        raise ValueError(
            "The labels of session are those known at the start, so y must be None. "
            "Save others with session.add_labels."
        )
    y = session.y
    if len(y) != n_samples:
        raise ValueError(
            f"X has {n_samples} rows, but the session has {len(y)}. Pass the X of the "
            "session."
        )
    given = np.asarray(skip, dtype=np.intp)
    skipped = np.union1d(given, session.discarded)
    return y, skipped, session.classes if classes is None else classes


class _Sourcing:
    """Steps of a campaign whose labels come from sources."""

    def __init__(
        self,
        model: Any,
        X: Any,
        ledger: Ledger,
        evaluate: Callable | None,
        session: Any = None,
        assign: str | None = None,
    ) -> None:
        self.model, self.X, self.ledger, self.assign = model, X, ledger, assign
        self.evaluate = evaluate
        self.session = session
        self.ids = None if session is None else session.ids
        self.inner, _ = find_learner(model, X, "label_pool")
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
        # The error of the estimator while there are too few labels for it.
        self.lack: Exception | None = None

    def ended(self) -> str | None:
        return self.ledger.ended()

    def choose(self) -> Array:
        self.visible = self.ledger.labels()
        n_wanted = self.inner.batch_size if self.n_labels else self.inner._n_first()
        skip = self.ledger.hopeless()
        rows = query(self.model, self.X, self.visible, n_wanted, skip=skip)
        self.first = None
        if self.assign == "quality":
            self.first = best_sources(
                self.model, self.X, self.ledger, rows, self.session
            )
        elif hasattr(get_strategy(self.inner.strategy), "assign"):
            args = self.model, self.X, self.visible, rows, self.ledger.names
            self.first = _assigned(*args)
        return rows

    def ask(self, rows: Array) -> None:
        self.ledger.begin_round()
        record: dict[str, Any] = {}
        self.records.append(record)
        before = self.ledger.codes != MISSING
        try:
            self.ledger.ask(rows, self.first)
        finally:
            record |= self.ledger.figures()
            if self.session is not None:
                self._save(np.flatnonzero((self.ledger.codes != MISSING) & ~before))

    def _save(self, rows: Array) -> None:
        """Save the labels of some rows in the session."""
        labels = self.ledger.classes[self.ledger.codes[rows]].tolist()
        for name in self.ledger.names:
            found = {
                self.ids[row]: label  # type: ignore[index]
                for row, label in zip(rows.tolist(), labels, strict=True)
                if self.ledger.source[row] == name
            }
            if found:
                self.session.add_labels(found, annotator=name)

    def learn(self, answer: None = None) -> None:
        """Fit the learner if there are new labels since the last fit."""
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
        """Score the model if it is new."""
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
    """Return the sources that the strategy wants to ask first, shape (n_rows,).

    None while the initial strategy chooses, which does not assign sources.
    """
    learner, X = find_learner(model, X, "label_pool")
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
