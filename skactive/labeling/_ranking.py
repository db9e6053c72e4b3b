"""What a worker does: fit the learner on the labels, and rank the rows to ask about."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone

from skactive._compat.sklearn import _safe_indexing
from skactive._compat.typing import Array
from skactive._data.labels import MISSING
from skactive._models.want_of_labels import ERRORS_OF_LACK, is_lack
from skactive._models.wrappers import is_fitted
from skactive.classifier._query import audit, find_learner, query
from skactive.labeling._vocabulary import Vocabulary
from skactive.strategies import get_strategy
from skactive.strategies._messages import shorten

# Rows in a ranking, where the strategy compares rows one by one, and otherwise.
_N_POINTWISE = 200
_N_BATCH = 20


class Task(NamedTuple):
    """What to rank: labels as `codes` of shape (n_rows,), and rows to leave out.

    `known` is the number of the last event that led to the labels.
    """

    known: int
    codes: Array
    skip: Array
    unknown: Array  # rows that an audit leaves out


class Ranking(NamedTuple):
    """Rows in the order in which to ask about them, and what the model says of them.

    `rows` are positions, `utilities`, `guesses` (codes of classes) and `proba` have one
    entry per row, None where there is none. `audit` is (n_labels, score, low, high).
    """

    known: int
    n_known: int
    rows: list[int]
    utilities: list[float | None]
    guesses: list[int | None]
    proba: list[dict[int, float] | None]
    strategy: str
    is_fitted: bool
    audit: tuple[int, float, float, float] | None = None
    advice: str | None = None


def n_ranked(learner: Any, X: Any) -> int:
    """How many rows a ranking has, for a learner."""
    inner, _ = find_learner(learner, X, "LabelingSession")
    if get_strategy(inner.strategy).pointwise:
        return max(_N_POINTWISE, inner.batch_size)
    return max(_N_BATCH, inner.batch_size)


class Ranker:
    """Fits clones of a learner and ranks the pool.

    Parameters
    ----------
    learner : estimator object
        The learner, which is not changed.
    X : array-like, sparse, data frame or sequence of n_samples
        The pool.
    order : ndarray of shape (n_rows,) or None
        Position in `X` of each row of the file; None if they are the same.
    words : Vocabulary
        What people choose from.
    """

    def __init__(self, learner: Any, X: Any, order: Array | None, words: Vocabulary):
        self.learner = learner
        self.X = X if order is None else _safe_indexing(X, order)
        self.words = words
        self.n_ranked = n_ranked(learner, self.X)
        inner, _ = find_learner(learner, self.X, "LabelingSession")
        self.batch_size = inner.batch_size
        self.keeps = inner.warm_start is not False
        self.model = clone(learner)
        rule = words.stopping() if inner.stopping is None else inner.stopping
        self.rule = None if rule is None else clone(rule)
        self.n_judged = 0
        self.advice: str | None = None

    def rank(self, task: Task) -> Ranking:
        """Fit on the labels of a task, and rank the rows without one."""
        y = self.words.as_y(task.codes)
        labeled = task.codes != MISSING
        if not self.keeps:
            self.model = clone(self.learner)
        learnt = self._fit(y, labeled)
        rows: Array = np.empty(0, dtype=np.intp)
        is_left = ~labeled
        is_left[task.skip] = False
        if is_left.any():
            rows = query(self.model, self.X, y, self.n_ranked, skip=task.skip)
        inner, _ = find_learner(self.model, _safe_indexing(self.X, rows[:1]), "rank")
        fitted = inner._model()
        chooses = fitted is not None and fitted.can_choose
        chosen_by = inner.strategy_ if chooses else get_strategy(inner.initial_strategy)
        return Ranking(
            task.known,
            int(labeled.sum()),
            rows.tolist(),
            self._utilities(rows, chooses),
            *self._guesses(rows, learnt),
            shorten(chosen_by, 60),
            learnt,
            self._audit(y, task) if learnt and inner.audit_fraction else None,
            self._judge(y, int(labeled.sum())) if learnt else self.advice,
        )

    def _fit(self, y: Array, labeled: Array) -> bool:
        inner, _ = find_learner(self.model, self.X, "rank")
        if inner.audit_fraction:
            plan = inner._make_plan(self.words.kind)
            labeled = labeled & ~plan.reserve(len(labeled)).mask
        if not labeled.any():
            return False
        try:
            self.model.fit(self.X, y)
        except ERRORS_OF_LACK as error:
            if not is_lack(error):
                raise
            self.model = clone(self.learner)
            return False
        try:
            self.model.predict(_safe_indexing(self.X, [0]))
        except ERRORS_OF_LACK as error:
            inner, seen = find_learner(self.model, self.X, "rank")
            plan, fitted = inner._make_plan(), inner._model()
            inner._warn_or_raise(error, plan, fitted, seen, y, {})
            self.model = clone(self.learner)
            return False
        return True

    def _utilities(self, rows: Array, chooses: bool) -> list[float | None]:
        if not len(rows) or not chooses:
            return [None] * len(rows)
        inner, seen = find_learner(self.model, _safe_indexing(self.X, rows), "rank")
        if not all(leaf.pointwise for leaf in inner.strategy_.leaves()):
            return [None] * len(rows)
        strategy, estimator = inner._make_plan().asked(inner._model())
        terms = strategy.terms(estimator, seen, None, np.arange(len(rows)))
        return [None] * len(rows) if terms is None else terms.total().tolist()

    def _guesses(self, rows: Array, learnt: bool) -> tuple[list, list]:
        nothing: list[None] = [None] * len(rows)
        if not len(rows) or not learnt or not is_fitted(self.model):
            return nothing, nothing
        return self.words.guesses(self.model, _safe_indexing(self.X, rows))

    def _audit(self, y: Array, task: Task) -> tuple[int, float, float, float] | None:
        found = audit(self.model, self.X, y, skip=task.unknown)
        if not found.n_audited:
            return None
        n_labels = int((task.codes != MISSING).sum())
        low, high = found.interval
        return n_labels, float(found.estimate), float(low), float(high)

    def _judge(self, y: Array, n_labels: int) -> str | None:
        """What the stopping rule says; it counts a round per batch of labels."""
        if self.rule is None or n_labels < self.n_judged + self.batch_size:
            return self.advice
        self.n_judged = n_labels
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # those of the fit have been shown
            decision = self.rule.update(self.model, self.X, y)
        said = "says stop" if decision else "says go on"
        self.advice = f"{decision.rule} {said}: {decision.reason}."
        return self.advice
