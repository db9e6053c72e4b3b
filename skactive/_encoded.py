"""A thin wrapper for estimators that accept only the labels 0, 1, ..., k - 1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils import get_tags

from skactive._sklearn import available_if

# Libraries whose classifiers refuse strings, or gaps between integer labels.
_LIBRARIES = {"skorch", "xgboost"}


def needs_codes(estimator: Any) -> bool:
    """Whether `estimator`, or one inside it, is known to need labels 0 to k - 1."""
    if isinstance(estimator, dict):
        return any(map(needs_codes, estimator.values()))
    if isinstance(estimator, (list, tuple)):
        return any(map(needs_codes, estimator))
    kinds = type(estimator).__mro__
    if any(kind.__module__.partition(".")[0] in _LIBRARIES for kind in kinds):
        return True
    if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
        return False
    return any(map(needs_codes, estimator.get_params(deep=False).values()))


def _inner_has(name: str) -> Any:
    return lambda self: hasattr(getattr(self, "estimator_", self.estimator), name)


class EncodedClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Gives `estimator` codes for labels, and gives its user labels for codes.

    Parameters
    ----------
    estimator : estimator object
        The classifier that needs labels 0 to k - 1.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The sorted distinct labels.
    estimator_ : estimator object
        The fitted clone; its own `classes_` are codes.
    """

    def __init__(self, estimator: Any):
        self.estimator = estimator

    def fit(self, X: Any, y: ArrayLike, **params: Any) -> EncodedClassifier:
        """Fit a clone on the codes of `y`."""
        self.classes_, codes = np.unique(y, return_inverse=True)
        self.estimator_ = clone(self.estimator).fit(X, codes, **params)
        return self

    @available_if(_inner_has("partial_fit"))
    def partial_fit(
        self, X: Any, y: ArrayLike, classes: ArrayLike | None = None, **params: Any
    ) -> EncodedClassifier:
        """Go on fitting; the first call needs `classes`."""
        if not hasattr(self, "estimator_"):
            if classes is None:
                raise ValueError("classes must be passed on the first partial_fit.")
            self.classes_ = np.unique(classes)
            self.estimator_ = clone(self.estimator)
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(
                f"partial_fit got the labels {unknown.tolist()}, which are not among "
                f"the classes {self.classes_.tolist()}."
            )
        codes = np.searchsorted(self.classes_, y)
        self.estimator_.partial_fit(
            X, codes, classes=np.arange(len(self.classes_)), **params
        )
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Labels of shape (n_samples,)."""
        return self.classes_[np.ravel(self.estimator_.predict(X)).astype(np.intp)]

    @available_if(_inner_has("predict_proba"))
    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Probabilities of shape (n_samples, n_classes)."""
        proba = self.estimator_.predict_proba(X)
        if proba.shape[1] != len(self.classes_):
            raise ValueError(
                f"{self.estimator!r} gave probabilities of {proba.shape[1]} classes, "
                f"but was fitted on the {len(self.classes_)} labels "
                f"{self.classes_.tolist()}. Leave its number of classes to the data."
            )
        return proba

    @available_if(_inner_has("predict_log_proba"))
    def predict_log_proba(self, X: Any) -> NDArray[Any]:
        """Log-probabilities of shape (n_samples, n_classes)."""
        return self.estimator_.predict_log_proba(X)

    @available_if(_inner_has("decision_function"))
    def decision_function(self, X: Any) -> NDArray[Any]:
        """Decision values as the estimator gives them."""
        return self.estimator_.decision_function(X)

    @available_if(_inner_has("score"))
    def score(self, X: Any, y: ArrayLike, **params: Any) -> float:
        """Score of the estimator; a label never seen counts as a class of its own."""
        codes = np.searchsorted(self.classes_, y)
        codes[~np.isin(y, self.classes_)] = len(self.classes_)
        return self.estimator_.score(X, codes, **params)

    @available_if(_inner_has("n_features_in_"))
    def _n_features(self) -> int:
        return self.estimator_.n_features_in_

    n_features_in_ = property(lambda self: self._n_features())

    @available_if(_inner_has("feature_names_in_"))
    def _feature_names(self) -> NDArray[Any]:
        return self.estimator_.feature_names_in_

    feature_names_in_ = property(lambda self: self._feature_names())

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        # Messages name the estimator that its user knows.
        return self.estimator.__repr__(N_CHAR_MAX)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags
