"""Disagreement between the learner's model and another model, the teacher."""

from __future__ import annotations

import numbers
from abc import abstractmethod
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from skactive import measures
from skactive._compat.sklearn import HasMethods, Interval, StrOptions, _safe_indexing
from skactive._compat.typing import Array
from skactive._data.chunks import map_rows
from skactive._data.labels import is_missing
from skactive._models.members import classes_of
from skactive._models.response import predict_proba
from skactive._models.vectors import embed
from skactive.strategies._base import Strategy
from skactive.strategies._judge import fit_judge, is_frozen
from skactive.strategies._needs import check_needs

# Arrays of (n_rows, n_classes) that a comparison holds at a time.
_ARRAYS = 4


class TeacherStrategy(Strategy):
    """Base class of strategies that compare a teacher with the learner, row by row.

    A subclass defines `compare`. The teacher is a `FrozenEstimator` around a fitted
    model, or any other estimator, which is fitted on the labelled rows of each call.
    """

    # Subclasses have these arguments; they are documented there.
    estimator: Any
    random_state: int

    needs = ("predict_proba",)

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit"])],
        "random_state": [Interval(numbers.Integral, 0, None, closed="left")],
    }

    @abstractmethod
    def compare(self, teacher_proba: Array, proba: Array, X: Any) -> Array:
        """Return one number per row for a chunk of rows, shape (n_rows,).

        `teacher_proba` are the probabilities of the teacher, `proba` those of the
        learner. Both have the shape (n_rows, n_classes), with one column for each class
        that either of the two knows.
        """

    @property
    def pointwise(self) -> bool:  # type: ignore[override]
        return is_frozen(self.estimator)

    @property
    def uses_labels(self) -> bool:  # type: ignore[override]
        return not is_frozen(self.estimator)

    @property
    def uses_weights(self) -> bool:  # type: ignore[override]
        return not is_frozen(self.estimator)

    def score_candidates(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> Array:
        """Return utilities, zero if the teacher cannot be fitted yet."""
        values = self._compare_rows(self.compare, estimator, X, y, candidates)
        return np.zeros(len(candidates)) if values is None else values

    def _compare_rows(
        self, compare: Any, estimator: Any, X: Any, y: Any, rows: Array
    ) -> Array | None:
        """Apply `compare` to ascending `rows`; None if there is no teacher yet."""
        teacher = self._teacher(estimator, X, y)
        if teacher is None:
            return None
        classes = _all_classes(teacher, estimator)

        def score(some: Any) -> Array:
            return compare(
                proba_among(teacher, some, classes),
                proba_among(estimator, some, classes),
                some,
            )

        return map_rows(score, X, rows, _ARRAYS * len(classes))

    def _validate_params(self) -> None:
        super()._validate_params()
        if self.estimator is not None:
            check_needs(self, self.estimator)

    def _teacher(self, estimator: Any, X: Any, y: Any) -> Any:
        weights = getattr(estimator, "sample_weight", None)
        return self._fit(self.estimator, X, y, weights)

    def _fit(self, teacher: Any, X: Any, y: Any, weights: Array | None) -> Any:
        judge = fit_judge(
            self, teacher, X, y, weights=weights, random_state=self.random_state
        )
        return None if judge is None else judge.estimator


class Disagreement(TeacherStrategy):
    """Rows on which another model and the learner's model disagree.

    The other model is called the teacher. A teacher such as a large model shows where
    the learner may be wrong. A model of another kind, trained on the same labels, shows
    what these labels leave open.

    Parameters
    ----------
    estimator : estimator object or None, default=None
        The teacher. It takes the same `X` as the learner. A `FrozenEstimator` around a
        fitted classifier is used as it is. Any other classifier is cloned and fitted on
        the labelled rows in each call. None means a RandomForestClassifier on the
        learner's embedding, which is the output of the pipeline steps before the last
        one, or `X` itself. If one of the two models does not know a class, its
        probability of that class is zero.
    divergence : {"jensen_shannon", "kl", "total_variation"}, default="jensen_shannon"
        How the class probabilities are compared:

        - "jensen_shannon": :func:`skactive.measures.jensen_shannon`, between 0 and
          log(2) nats.
        - "kl": :func:`skactive.measures.relative_entropy` of the teacher from the
          learner, between 0 and 13.8 nats. The learner's probabilities are taken to be
          at least 1e-6.
        - "total_variation": :func:`skactive.measures.total_variation`, between 0 and 1.
    random_state : int, default=0
        Seeds each `random_state` inside `estimator` that is None.

    See Also
    --------
    Judged : Any strategy, asked about another model instead of the learner's.
    Distillation : Rows where a learner gains the most from the labels of a teacher.
    InformationGain : Disagreement between committee members of the same kind.

    References
    ----------
    .. [1] H. S. Seung, M. Opper, H. Sompolinsky, "Query by Committee", COLT 1992.
    .. [2] J. Lin, "Divergence Measures Based on the Shannon Entropy", IEEE
       Transactions on Information Theory 37, 1991.

    Examples
    --------
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive.strategies import Disagreement
    >>> X = [[0.0], [1.0], [2.0], [3.0]]
    >>> model = LogisticRegression().fit(X, [0, 0, 1, 1])
    >>> teacher = LogisticRegression().fit(X, [0, 0, 0, 1])
    >>> strategy = Disagreement(FrozenEstimator(teacher))
    >>> strategy.select(model, [[-9.0], [1.9], [9.0]], n_queries=1)
    array([1])
    """

    _parameter_constraints: dict = {
        **TeacherStrategy._parameter_constraints,
        "estimator": [HasMethods(["fit"]), None],
        "divergence": [StrOptions({"jensen_shannon", "kl", "total_variation"})],
    }

    def __init__(
        self,
        estimator: Any = None,
        divergence: str = "jensen_shannon",
        *,
        random_state: int = 0,
    ):
        self.estimator = estimator
        self.divergence = divergence
        self.random_state = random_state

    def compare(self, teacher_proba: Array, proba: Array, X: Any) -> Array:
        """Return the divergence of each row, shape (n_rows,)."""
        measure = {
            "jensen_shannon": measures.jensen_shannon,
            "kl": measures.relative_entropy,
            "total_variation": measures.total_variation,
        }[self.divergence]
        return measure(teacher_proba, proba)

    def _teacher(self, estimator: Any, X: Any, y: Any) -> Any:
        if self.estimator is not None:
            return super()._teacher(estimator, X, y)
        weights = getattr(estimator, "sample_weight", None)
        if y is not None:  # only labelled rows need an embedding for the fit
            labeled = np.flatnonzero(~is_missing(y))
            X, y = _safe_indexing(X, labeled), _safe_indexing(y, labeled)
            weights = None if weights is None else weights[labeled]
        forest = self._fit(RandomForestClassifier(), _embed(estimator, X), y, weights)
        return None if forest is None else _OnEmbedding(forest, estimator)


class _OnEmbedding:
    """A classifier on the learner's embedding, wrapped so that it takes rows."""

    def __init__(self, classifier: Any, learner: Any):
        self.classifier = classifier
        self.learner = learner
        self.classes_ = classifier.classes_

    def predict_proba(self, X: Any) -> Array:
        return self.classifier.predict_proba(_embed(self.learner, X))


def _embed(estimator: Any, X: Any) -> Any:
    try:
        return embed(estimator, X)
    except ValueError as error:
        raise ValueError(
            "Disagreement(estimator=None) fits a RandomForestClassifier on the "
            f"learner's embedding, which are no vectors of finite numbers: {error} Or "
            "give Disagreement an estimator= that takes X as it is."
        ) from error


def _all_classes(teacher: Any, estimator: Any) -> Array:
    """Return the sorted classes that the teacher or the learner knows."""
    theirs = classes_of(teacher), classes_of(estimator)
    first, second = (set(classes.tolist()) for classes in theirs)
    if not first & second:
        raise ValueError(
            f"The teacher knows the classes {theirs[0].tolist()}, the learner "
            f"{theirs[1].tolist()}: none is common to both. Train the teacher on "
            "the labels that the learner has."
        )
    return np.union1d(*theirs)


def proba_among(estimator: Any, X: Any, classes: Array) -> Array:
    """Probabilities of `classes`, zero for unknown ones; (n_rows, n_classes)."""
    proba = predict_proba(estimator, X)
    own = classes_of(estimator)
    if np.array_equal(own, classes):
        return proba
    aligned = np.zeros((len(proba), len(classes)), dtype=proba.dtype)
    aligned[:, np.searchsorted(classes, own)] = proba
    return aligned
