"""The one walk through what wraps a classifier: pipelines, searches and others."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skactive._compat.sklearn import BaseSearchCV
from skactive._models.encoded import EncodedClassifier
from skactive._models.nets import is_net

Array = NDArray[Any]


class Fitted:
    """A fitted estimator together with what a strategy may ask besides.

    It answers as the estimator does.

    Parameters
    ----------
    estimator : estimator object
        Fitted.
    members : list of estimators, callable or None, default=None
        What stands for its doubt: fitted estimators, or a function ``X -> proba`` of
        shape (n_members, n_samples, n_classes). It may have an int `n_members`, and
        a method `marginal` as in :func:`member_proba`. None if it is its own
        committee.
    sample_weight : ndarray of shape (n_samples,) or None, default=None
        Weights of the rows of the pool at hand in fits of the estimator.
    """

    def __init__(
        self,
        estimator: Any,
        members: Sequence[Any] | Callable[[Any], Array] | None = None,
        sample_weight: Array | None = None,
    ):
        self.estimator = estimator
        self.members = members
        self.sample_weight = sample_weight

    def __getattr__(self, name: str) -> Any:
        if name == "estimator" or (name.startswith("__") and name.endswith("__")):
            raise AttributeError(name)  # asked for before __init__, or by pickle
        return getattr(self.estimator, name)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        return get_tags(self.estimator)

    def __repr__(self) -> str:
        return repr(self.estimator)


def last_step(estimator: Any) -> Any:
    """The estimator inside pipelines, searches and frozen ones; fitted if it can be."""
    estimator = unwrapped(estimator)
    while isinstance(estimator, Pipeline):
        estimator = unwrapped(estimator.steps[-1][1])
    return estimator


def unwrapped(estimator: Any) -> Any:
    """The pipeline or classifier inside searches and wrappers; fitted if it can be."""
    while True:
        if isinstance(estimator, BaseSearchCV):
            estimator = getattr(estimator, "best_estimator_", estimator.estimator)
        elif isinstance(estimator, EncodedClassifier):
            estimator = getattr(estimator, "estimator_", estimator.estimator)
        elif isinstance(estimator, (Fitted, FrozenEstimator)):
            estimator = estimator.estimator
        else:
            return estimator


def at_last_step(estimator: Any, X: Any) -> tuple[Any, Any]:
    """The classifier at the end of a fitted estimator, and `X` as it sees it.

    Through pipelines, searches, and wrappers; the classifier's own classes may be
    codes of those of `estimator`.
    """
    while True:
        if isinstance(estimator, Pipeline):
            X = transform_before_last(estimator, X)
            estimator = estimator.steps[-1][1]
        elif isinstance(estimator, BaseSearchCV):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, EncodedClassifier):
            estimator = estimator.estimator_
        elif isinstance(estimator, (Fitted, FrozenEstimator)):
            estimator = estimator.estimator
        else:
            return estimator, X


def align(estimator: Any, proba: Array) -> Array:
    """Probabilities (..., n_outputs) of the classifier at the end of `estimator`.

    Columns become those of the classes of `estimator`: the way back from
    :func:`at_last_step`.
    """
    if isinstance(estimator, Pipeline):
        return align(estimator.steps[-1][1], proba)
    if isinstance(estimator, BaseSearchCV):
        return align(estimator.best_estimator_, proba)
    if isinstance(estimator, EncodedClassifier):
        return estimator.align(align(estimator.estimator_, proba))
    if isinstance(estimator, (Fitted, FrozenEstimator)):
        return align(estimator.estimator, proba)
    return proba


def with_its_labels(estimator: Any, X: Any) -> tuple[Any, Any]:
    """As :func:`at_last_step`, but a net keeps its labels.

    A net inside an `EncodedClassifier` comes in a copy of that, without what is between
    the two: its codes need not be in the order of the labels, and it may have more
    outputs.
    """
    last, X = at_last_step(estimator, X)
    while is_net(last) and not isinstance(estimator, EncodedClassifier):
        if estimator is last:
            return last, X
        estimator = _inside(estimator)
    if is_net(last):
        estimator = copy.copy(estimator)
        estimator.estimator = estimator.estimator_ = last
        return estimator, X
    return last, X


def _inside(estimator: Any) -> Any:
    if isinstance(estimator, Pipeline):
        return estimator.steps[-1][1]
    if isinstance(estimator, BaseSearchCV):
        return estimator.best_estimator_
    return estimator.estimator


def transform_before_last(pipeline: Pipeline, X: Any) -> Any:
    """`X` as the last step of a fitted pipeline sees it."""
    return pipeline[:-1].transform(X) if len(pipeline) > 1 else X


def is_fitted(estimator: Any) -> bool:
    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError):  # of None, which is no estimator
        return False
    return True
