"""Audits: estimate how good a model is, from random rows it has not learnt from."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import check_scoring
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skactive._compat.sklearn import _BaseScorer, _safe_indexing
from skactive._compat.typing import Array
from skactive._models.target import Target


class Audit(NamedTuple):
    """Result of :meth:`ActiveLearningClassifier.audit`. Its `str` is a sentence.

    Parameters
    ----------
    estimate : float
        The score on the audit rows. NaN while there are none.
    interval : (float, float)
        Interval for the score on all rows like those of the pool, at `confidence`.
        Infinite if there are too few audit rows for an interval.
    n_audited : int
        Number of audit rows that the estimate is computed from.
    naive : float
        The score on the labelled rows that the model learnt from, for comparison. It is
        biased, because the model knows these rows, and because they were chosen.
    n_learnt : int
        Number of labelled rows that the model learnt from.
    n_waiting : int
        Number of labelled rows of the reserve that do not count yet, because rows
        before them in the random order have no label. A sample with such gaps would not
        be random.
    next_row : int or None
        Position of the first row of the reserve that has no label.
    confidence : float
        Confidence level of the interval.
    scoring : str
        Name of the score.
    caveat : str, default=""
        Why the interval may be wrong, if there is a reason. For numbers, this says that
        few rows have most of the squared error, and for several labels a row, that no
        row has one of the labels.

    Examples
    --------
    >>> from skactive.classifier import Audit
    >>> print(Audit(0.8, (0.58, 0.92), 20, 0.95, 80, 0, 7, 0.95, "accuracy"))
    accuracy 0.8, 95% interval 0.58 to 0.92, from 20 random audit rows
    (0.95 on the 80 rows learnt from, which is no estimate)
    """

    estimate: float
    interval: tuple[float, float]
    n_audited: int
    naive: float
    n_learnt: int
    n_waiting: int
    next_row: int | None
    confidence: float
    scoring: str
    caveat: str = ""

    def __str__(self) -> str:
        low, high = self.interval
        interval = f"{100 * self.confidence:g}% interval {low:.3g} to {high:.3g}"
        if np.isinf(low) and np.isinf(high):
            interval = "too few rows for an interval"
        text = (
            f"{self.scoring} {self.estimate:.3g}, {interval}, "
            f"from {self.n_audited} random audit rows\n"
            f"({self.naive:.3g} on the {self.n_learnt} rows learnt from, which is no "
            "estimate)"
        )
        if self.n_waiting:
            text += (
                f"\n{self.n_waiting} more have a label, but wait for that of row "
                f"{self.next_row}"
            )
        return f"{text}\n{self.caveat}" if self.caveat else text


def audit(
    self: Any,
    X: Any,
    y: Any,
    *,
    scoring: Any = None,
    confidence: float = 0.95,
    skip: ArrayLike = (),
) -> Audit:
    """Estimate how good the model is on rows like those of the pool.

    The estimate and its interval are computed from the audit rows, which are random and
    not learnt from. This needs an `audit_fraction`. A score on rows that a strategy
    chose is not such an estimate.

    Parameters
    ----------
    X : array-like, sparse, data frame or sequence of n_samples
        The pool, as it was passed to :meth:`fit`. New rows may be appended to it.
    y : array-like of shape (n_samples,) or (n_samples, n_labels)
        Labels, missing where a row is unlabelled. After a budgeted fit, only
        those in `labeled_indices_` are used.
    scoring : str, callable or None, default=None
        As in scikit-learn. None means accuracy for classes, R squared for numbers. With
        several labels a row, accuracy is the share of rows with all labels right.
    confidence : float in (0, 1), default=0.95
        Confidence level of the interval. For accuracy, it is a Wilson interval. For
        other scores of classes, it is computed by a bootstrap with pseudo-observations,
        for which a scorer is called 600 times (see
        :func:`~skactive.estimation.smoothed_bootstrap_interval`). For scores of
        numbers, it is computed by leaving out each row in turn (see
        :func:`~skactive.estimation.loss_interval`). The interval
        holds for one look. If you look in every round and stop at a good estimate, it
        is too optimistic.
    skip : array-like of int, default=()
        Positions of rows whose label nobody knows. The audit leaves them out, and says
        nothing about rows like them.

    Returns
    -------
    audit : Audit
        A named tuple with `estimate`, `interval`, `n_audited`, the `naive` score on the
        rows learnt from, and more. Its `str` is a sentence. While there are no audit
        rows, the estimate is NaN, and the interval says nothing.

    Raises
    ------
    NotFittedError
        Before the first fit.
    ValueError
        If `audit_fraction` is 0, if it or `random_state` has changed since `fit`, or if
        the score is not defined for the audit rows.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skactive import ActiveLearningClassifier
    >>> X, answers = load_digits(return_X_y=True)
    >>> learner = ActiveLearningClassifier(
    ...     GaussianNB(var_smoothing=0.01), batch_size=50, audit_fraction=0.2,
    ...     random_state=0)
    >>> y = np.full(len(X), np.nan)
    >>> for _ in range(4):
    ...     rows = learner.query(X, y)
    ...     y[rows] = answers[rows]
    ...     learner = learner.fit(X, y)
    >>> print(learner.audit(X, y))
    accuracy 0.95, 95% interval 0.835 to 0.986, from 40 random audit rows
    (0.906 on the 160 rows learnt from, which is no estimate)
    """
    check_is_fitted(self)
    if not self.audit_fraction:
        raise ValueError(
            "audit needs rows that were not learnt from, but audit_fraction is 0. "
            "Set audit_fraction=0.1, say, before the first query."
        )
    self._check_as_in_fit(y)
    plan = self._make_plan()
    if getattr(self, "_reserved", None) != (plan.audit_fraction, plan.audit_seed):
        raise ValueError(
            "The last fit had another audit_fraction or random_state than there is "
            f"now, {self.audit_fraction} and {self.random_state}, so it learnt "
            "from other rows; or it is not over, and y has gaps. Call fit again, "
            "or wait for its end."
        )
    X, target = self._labeled(X, y)
    if self.budget is not None:
        if len(target) <= self.labeled_indices_.max():
            raise ValueError(
                f"X has {len(target)} rows, fewer than in fit, where row "
                f"{self.labeled_indices_.max()} was labelled. Pass the pool of fit."
            )
        # The campaign took place on the rows that the oracle knows.
        unknown = np.setdiff1d(np.arange(len(target)), target.known)
        skip = np.union1d(np.asarray(skip, np.intp), unknown)
        target = target.only(np.intersect1d(self.labeled_indices_, target.known))
    reserve = plan.reserve(len(target))
    in_order = reserve.rows[~np.isin(reserve.rows, np.asarray(skip, dtype=np.intp))]
    is_known = np.isin(in_order, target.known)
    n_audited = len(in_order) if is_known.all() else int(np.argmin(is_known))
    audited = in_order[:n_audited]
    learnt = np.setdiff1d(target.known, reserve.rows)
    score = check_scoring(self, scoring=scoring or target.scoring)
    rows = partial(_score_on_rows, self, X, target, score)
    naive = np.nan
    if len(learnt):
        statistic, labels = rows(learnt)
        naive = float(statistic(np.arange(len(learnt)), labels))
    with warnings.catch_warnings():
        # A class that is not predicted for any row of a resample counts as zero.
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        # Many classes among few rows do not mean regression.
        warnings.filterwarnings("ignore", "The number of unique classes")
        estimate, interval = target.interval(
            score,
            *rows(audited),
            confidence=confidence,
            random_state=plan.audit_seed,
        )
    return Audit(
        estimate=estimate,
        interval=interval,
        n_audited=n_audited,
        naive=naive,
        n_learnt=len(learnt),
        n_waiting=int(np.count_nonzero(is_known[n_audited:])),
        next_row=int(in_order[n_audited]) if n_audited < len(in_order) else None,
        confidence=confidence,
        scoring=_name_of_score(scoring, score, target),
        caveat=target.caveat(self, _safe_indexing(X, audited), target.values(audited)),
    )


def _name_of_score(scoring: Any, score: Any, target: Target) -> str:
    if scoring is None or target.is_own_score(score):
        return target.scoring
    return getattr(scoring, "__name__", "score") if callable(scoring) else scoring


def _score_on_rows(
    learner: Any, X: Any, target: Target, score: Any, rows: Array
) -> tuple[Callable[[Array, Array], float], Array]:
    """Return the score as a function of positions among `rows`, and their labels."""
    labels = target.values(rows)
    if len(rows) == 0:
        return score, labels
    X_rows = _safe_indexing(X, rows)
    if target.is_own_score(score):
        return target.own_score(learner.predict(X_rows), labels), labels
    if isinstance(score, _BaseScorer):  # it looks only at the answers
        return partial(score, Answers(learner, X_rows)), labels
    return (
        lambda kept, some: score(learner, _safe_indexing(X_rows, kept), some),
        labels,
    )


class Answers(BaseEstimator):
    """A fitted estimator that is asked about `X` once, and then by positions in it."""

    def __init__(self, estimator: Any, X: Any):
        self.estimator = estimator
        self.X = X
        if hasattr(estimator, "classes_"):
            self.classes_ = estimator.classes_
        self._answers: dict[str, Array] = {}

    def __sklearn_tags__(self) -> Any:
        return get_tags(self.estimator)

    def __getattr__(self, name: str) -> Any:
        if name not in {"predict", "predict_proba", "decision_function"}:
            raise AttributeError(name)
        ask = getattr(self.estimator, name)

        def answer(rows: Array) -> Array:
            if name not in self._answers:
                self._answers[name] = np.asarray(ask(self.X))
            return self._answers[name][rows]

        answer.__name__ = name  # scikit-learn tells methods by their names
        return answer
