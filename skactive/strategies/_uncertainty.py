"""Uncertainty sampling: how unsure is the model of its own prediction?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from skactive import measures
from skactive._compat.sklearn import StrOptions
from skactive._compat.typing import Array
from skactive._models.response import (
    decision_values,
    has_response,
    label_decisions,
    label_proba,
    predict_proba,
)
from skactive._models.wrappers import learns_label_sets
from skactive.measures._labels import aggregate_labels
from skactive.strategies._pointwise import PointwiseStrategy

# A classifier of one label a row has one of these.
_DECIDED = ("predict_proba", "decision_function")
_AGGREGATE: dict = {"aggregate": [StrOptions({"mean", "max", "min"})]}


def _bounded_confidence(decision_NC: Array) -> Array:
    """Uncertainty in (0, 1) for the largest decision value: (1 - d / (1 + |d|)) / 2."""
    best = decision_NC.max(axis=1)
    return (1 - best / (1 + np.abs(best))) / 2


def _bounded_margin(decision_NC: Array) -> Array:
    """Closeness in (0, 1] of the two largest decision values: 1 / (1 + gap)."""
    top_two = np.partition(decision_NC, -2, axis=1)[:, -2:]
    return 1 / (1 + (top_two[:, 1] - top_two[:, 0]))


def _over_labels(
    estimator: Any,
    X: Any,
    of_proba: Callable[..., Array],
    of_decisions: Callable[[Array], Array],
    aggregate: str,
) -> Array:
    """Uncertainty of each of several labels, aggregated, shape (n_samples,)."""
    if has_response(estimator, "label_proba"):
        proba = label_proba(estimator, X)
        return measures.over_labels(of_proba, proba, aggregate=aggregate)
    values = label_decisions(estimator, X)
    pairs = np.stack([-values, values], axis=-1).reshape(-1, 2)
    return aggregate_labels(of_decisions(pairs).reshape(values.shape), aggregate)


class LeastConfidence(PointwiseStrategy):
    """Rows whose most probable class is least probable.

    The utility is computed from `predict_proba`. For an estimator that has only
    `decision_function`, it is ``(1 - d / (1 + |d|)) / 2`` with the largest decision
    value d of a row. This falls from 1 to 0 as d grows.

    Parameters
    ----------
    normalize : bool, default=False
        Whether to divide by the largest possible value, ``1 - 1 / n_classes``. It has
        no effect on decision values.
    aggregate : {"mean", "max", "min"}, default="mean"
        How the values of all labels of a row become one, where there are several labels
        a row. It has no effect otherwise.

    See Also
    --------
    skactive.measures.least_confidence : The formula.

    References
    ----------
    .. [1] D. Lewis, W. Gale, "A Sequential Algorithm for Training Text Classifiers",
       SIGIR 1994.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive import get_strategy
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    >>> model = LogisticRegression().fit(X, y)
    >>> get_strategy("least_confidence").select(
    ...     model, [[0.0], [1.4], [3.0]], n_queries=1)
    array([1])
    """

    needs = (*_DECIDED, "label_proba", "label_decisions")
    _parameter_constraints: dict = {"normalize": ["boolean"], **_AGGREGATE}

    def __init__(self, normalize: bool = False, aggregate: str = "mean"):
        self.normalize = normalize
        self.aggregate = aggregate

    def score_rows(self, estimator: Any, X: Any) -> Array:
        """Utilities in [0, 1]."""
        if learns_label_sets(estimator):
            measure = partial(measures.least_confidence, normalize=self.normalize)
            bounded = _bounded_confidence
            return _over_labels(estimator, X, measure, bounded, self.aggregate)
        if has_response(estimator, "predict_proba"):
            proba = predict_proba(estimator, X)
            return measures.least_confidence(proba, normalize=self.normalize)
        return _bounded_confidence(decision_values(estimator, X))


class Margin(PointwiseStrategy):
    """Rows whose two most probable classes are closest (best versus second best).

    The utility is computed from `predict_proba`. For an estimator that has only
    `decision_function`, it is ``1 / (1 + gap)`` with the gap between the two largest
    decision values of a row.

    Parameters
    ----------
    aggregate : {"mean", "max", "min"}, default="mean"
        How the values of all labels of a row become one, where there are several labels
        a row. It has no effect otherwise.

    See Also
    --------
    skactive.measures.margin : The formula.

    References
    ----------
    .. [1] T. Scheffer, C. Decomain, S. Wrobel, "Active Hidden Markov Models for
       Information Extraction", IDA 2001.

    Examples
    --------
    >>> from sklearn.svm import LinearSVC
    >>> from skactive import get_strategy
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    >>> model = LinearSVC().fit(X, y)
    >>> get_strategy("margin").select(model, [[0.0], [1.4], [3.0]], n_queries=1)
    array([1])
    """

    needs = (*_DECIDED, "label_proba", "label_decisions")
    _parameter_constraints: dict = {**_AGGREGATE}

    def __init__(self, aggregate: str = "mean"):
        self.aggregate = aggregate

    def score_rows(self, estimator: Any, X: Any) -> Array:
        """Utilities in [0, 1]."""
        if learns_label_sets(estimator):
            args = measures.margin, _bounded_margin, self.aggregate
            return _over_labels(estimator, X, *args)
        if has_response(estimator, "predict_proba"):
            return measures.margin(predict_proba(estimator, X))
        return _bounded_margin(decision_values(estimator, X))


class Entropy(PointwiseStrategy):
    """Rows whose class probabilities have the largest entropy.

    Parameters
    ----------
    normalize : bool, default=False
        Whether to divide by the largest possible value, ``log(n_classes)``.
    aggregate : {"mean", "max", "min"}, default="mean"
        How the values of all labels of a row become one, where there are several labels
        a row. It has no effect otherwise.

    See Also
    --------
    skactive.measures.entropy : The formula.

    References
    ----------
    .. [1] B. Settles, "Active Learning Literature Survey", 2009.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive import get_strategy
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    >>> model = LogisticRegression().fit(X, y)
    >>> get_strategy("entropy")(model, [[1.5]]).round(4)
    array([0.6931])
    """

    needs = ("predict_proba", "label_proba")
    _parameter_constraints: dict = {"normalize": ["boolean"], **_AGGREGATE}

    def __init__(self, normalize: bool = False, aggregate: str = "mean"):
        self.normalize = normalize
        self.aggregate = aggregate

    def score_rows(self, estimator: Any, X: Any) -> Array:
        """Utilities in [0, log(n_classes)] nats, or [0, 1] if normalized."""
        if learns_label_sets(estimator):
            measure = partial(measures.entropy, normalize=self.normalize)
            proba = label_proba(estimator, X)
            return measures.over_labels(measure, proba, aggregate=self.aggregate)
        proba = predict_proba(estimator, X)
        return measures.entropy(proba, normalize=self.normalize)
