"""Wrapper for estimators of several labels a row, and their label probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.multioutput import ClassifierChain
from sklearn.utils import get_tags

from skactive._compat.sklearn import _num_samples, available_if
from skactive._compat.typing import Array

_NOTE = (
    "y has several labels a row. If the estimator takes one only, put it into a "
    "OneVsRestClassifier, MultiOutputClassifier or ClassifierChain."
)


def as_label_proba(estimator: Any, answer: Any, n_samples: int) -> Array:
    """Probabilities of each label, (n_samples, n_labels), from `predict_proba`.

    The answer of a fitted estimator of several labels is an array of this shape, or a
    list with an array (n_samples, n_values) for each label. Where a label was seen with
    one value only, that array has one column.
    """
    if not isinstance(answer, (list, tuple)):
        proba = np.asarray(answer)
        if proba.ndim != 2 or len(proba) != n_samples:
            raise ValueError(
                f"predict_proba of {estimator!r} gave an array of shape {proba.shape} "
                f"for {n_samples} rows; expected (n_samples, n_labels), or a list with "
                "an array for each label."
            )
        return proba
    # An array in the list has a column for each value that its label was seen with.
    columns = [
        np.asarray(part)[:, np.asarray(values) == 1].sum(axis=1)
        for part, values in zip(answer, estimator.classes_, strict=True)
    ]
    return np.column_stack(columns)


def as_label_matrix(answer: Any) -> Array:
    """A prediction of several labels as a dense array (n_samples, n_labels) of ints."""
    dense = answer.toarray() if hasattr(answer, "toarray") else np.asarray(answer)
    return dense.astype(np.int64)


def _inner_has(name: str) -> Any:
    def check(self: LabelColumnsClassifier) -> bool:
        fitted = getattr(self, "estimator_", self.estimator)
        if not isinstance(fitted, DummyClassifier):  # it stands in for another one
            getattr(fitted, name)
        return True

    return check


class LabelColumnsClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Classifier of several labels a row, which `estimator` learns where they vary.

    A label that all rows have, or that none has, is no concern of the estimator: many
    could not be fitted, and there is nothing to learn. It is predicted as it was seen.
    All answers have one column per label.

    Parameters
    ----------
    estimator : estimator object
        A classifier that accepts an indicator matrix. It always gets at least two
        columns, because one would be another task for it.

    Attributes
    ----------
    estimator_ : estimator object
        The clone fitted on the labels that vary.
    columns_ : ndarray of shape (n_varying,)
        Positions of these labels.
    constants_ : ndarray of shape (n_labels,)
        The labels of the first row, which are those of all rows where they do not vary.
    classes_ : list of n_labels ndarrays
        The values of each label, 0 and 1.
    """

    def __init__(self, estimator: Any):
        self.estimator = estimator

    def fit(self, X: Any, y: Any, **params: Any) -> LabelColumnsClassifier:
        """Fit a clone on the columns of `y`, (n_samples, n_labels), that vary."""
        y = np.asarray(y)
        self.classes_ = [np.array([0, 1])] * y.shape[1]
        self.constants_ = y[0]
        self.columns_ = np.flatnonzero((y != y[0]).any(axis=0))
        if len(self.columns_) == 0:
            self.estimator_ = DummyClassifier().fit(X, y[:, 0])
        else:
            self._check_chain(y.shape[1])
            shown = y[:, self.columns_]
            if len(self.columns_) == 1:
                shown = np.column_stack([shown, shown])
            try:
                self.estimator_ = clone(self.estimator).fit(X, shown, **params)
            except ValueError as error:
                error.add_note(_NOTE)
                raise
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        return self

    def _check_chain(self, n_labels: int) -> None:
        """Raise if a chain has an order of its own, but not all labels vary."""
        if len(self.columns_) == n_labels:
            return
        parts = [self.estimator]
        if hasattr(self.estimator, "get_params"):
            parts += self.estimator.get_params(deep=True).values()
        for part in parts:
            if not isinstance(part, ClassifierChain):
                continue
            if part.order is not None and not isinstance(part.order, str):
                left_out = np.setdiff1d(np.arange(n_labels), self.columns_)
                raise ValueError(
                    f"ClassifierChain has order={list(part.order)!r}, but the labels "
                    f"in the columns {left_out.tolist()} have one value in all "
                    "labelled rows, and are left out of the fit. Label rows until each "
                    "label has both values, or use order=None or order='random'."
                )

    def predict(self, X: Any) -> Array:
        """Predict labels of shape (n_samples, n_labels)."""
        labels = np.tile(self.constants_.astype(np.int64), (_num_samples(X), 1))
        if len(self.columns_):
            answer = as_label_matrix(self.estimator_.predict(X))
            labels[:, self.columns_] = self._varying(answer)
        return labels

    @available_if(_inner_has("predict_proba"))
    def predict_proba(self, X: Any) -> Array:
        """Predict probabilities of each label, (n_samples, n_labels)."""
        n_samples = _num_samples(X)
        proba = np.tile(self.constants_.astype(np.float64), (n_samples, 1))
        if len(self.columns_):
            answer = self.estimator_.predict_proba(X)
            found = as_label_proba(self.estimator_, answer, n_samples)
            proba[:, self.columns_] = self._varying(found)
        return proba

    @available_if(_inner_has("predict_proba"))
    def predict_log_proba(self, X: Any) -> Array:
        """Predict log-probabilities of each label, (n_samples, n_labels)."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    @available_if(_inner_has("decision_function"))
    def decision_function(self, X: Any) -> Array:
        """Decision values of each label, (n_samples, n_labels), positive for 1.

        A label that does not vary is farther from zero than all others.
        """
        values = np.zeros((_num_samples(X), len(self.columns_)))
        if not isinstance(self.estimator_, DummyClassifier):
            answer = self.estimator_.decision_function(X)
            values = self._varying(np.asarray(answer, dtype=np.float64))
        far = np.abs(values).max(axis=1, keepdims=True, initial=0) + 1
        found = far * np.where(self.constants_ == 1, 1.0, -1.0)
        found[:, self.columns_] = values
        return found

    def _varying(self, answer: Array) -> Array:
        """The columns of an answer of the estimator, one per label that varies."""
        expected = max(2, len(self.columns_))
        if answer.ndim != 2 or answer.shape[1] != expected:
            raise ValueError(
                f"{self.estimator_!r} was fitted on {expected} labels a row, but gave "
                f"an array of shape {answer.shape}. Use an estimator of several "
                "labels, such as OneVsRestClassifier or MultiOutputClassifier."
            )
        return answer[:, : len(self.columns_)]

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        # Messages name the estimator that the user knows.
        return repr(getattr(self, "estimator_", self.estimator))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        if hasattr(self.estimator, "__sklearn_tags__"):
            tags.input_tags = get_tags(self.estimator).input_tags
        return tags
