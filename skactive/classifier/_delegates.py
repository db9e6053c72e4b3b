"""What the learner passes on to its fitted estimator."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.dummy import DummyClassifier
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted, indexable

from skactive._compat.sklearn import (
    _check_method_params,
    _num_samples,
    _safe_indexing,
    available_if,
)
from skactive._data.labels import MISSING, encode_labels
from skactive._models.response import decision_values

Array = NDArray[Any]


def estimator_has(name: str) -> Any:
    def check(self: Delegates) -> bool:
        fitted = getattr(self, "estimator_", None)
        is_own = fitted is not None and not is_placeholder(self)
        getattr(fitted if is_own else self.estimator, name)  # or AttributeError
        return True

    return check


def is_placeholder(learner: Delegates) -> bool:
    """Whether a constant stands in, because one class only has been labelled."""
    return isinstance(learner.estimator_, DummyClassifier) and not isinstance(
        learner.estimator, DummyClassifier
    )


def check_pool(X: Any) -> Any:
    """`X` that can be indexed by positions, or an error that says what can be."""
    is_lazy = hasattr(X, "__dask_graph__") or type(X).__name__ == "LazyFrame"
    if is_lazy:
        call = "compute" if hasattr(X, "__dask_graph__") else "collect"
        raise TypeError(
            f"X is a {type(X).__module__.partition('.')[0]} {type(X).__name__}, whose "
            "rows are not there until they are computed, and cannot be taken by their "
            "positions. X may be an array or np.memmap, a sparse matrix, a data frame "
            f"of pandas or polars, or a list. Pass X.{call}() or, where that does not "
            "fit into memory, the features as an np.memmap."
        )
    return indexable(X)[0]


def check_labels(X: Any, y: Any, missing_label: Any) -> tuple[Any, Array, Array]:
    """`X` that can be indexed, the classes of `y`, and its codes."""
    if y is None:
        raise ValueError(
            "ActiveLearningClassifier requires y to be passed, but the target y "
            "is None. Rows without a label have the missing label in y."
        )
    X = check_pool(X)
    check_consistent_length(X, y)
    classes, codes = encode_labels(y, missing_label)
    if len(classes) == 0:
        raise ValueError(
            f"No row is labelled: all {len(codes)} entries of y are missing. Call "
            "query(X, y) first, label the rows that it gives, and enter their "
            "labels in y."
        )
    return X, classes, codes


class Delegates:
    """Methods that are there exactly when the inner estimator has them."""

    estimator: Any
    estimator_: Any
    classes_: Array
    missing_label: Any
    _seen: Array

    def predict(self, X: Any) -> Array:
        """Predict classes.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            Any rows.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        labels = np.asarray(self.estimator_.predict(X))
        return labels.ravel() if labels.shape[1:] == (1,) else labels

    @available_if(estimator_has("predict_proba"))
    def predict_proba(self, X: Any) -> Array:
        """Probabilities of `classes_`; there if `estimator` has it.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            Any rows.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            Zero for a class that a budgeted fit has not seen.
        """
        check_is_fitted(self)
        return self._align(self.estimator_.predict_proba(X))

    @available_if(estimator_has("predict_log_proba"))
    def predict_log_proba(self, X: Any) -> Array:
        """Logarithms of probabilities; there if `estimator` has it.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            Any rows.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            Minus infinity for a class that a budgeted fit has not seen.
        """
        check_is_fitted(self)
        return self._align(self.estimator_.predict_log_proba(X), fill=-np.inf)

    @available_if(estimator_has("decision_function"))
    def decision_function(self, X: Any) -> Array:
        """Decision values; there if `estimator` has it.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            Any rows.

        Returns
        -------
        values : ndarray of shape (n_samples,) or (n_samples, n_classes)
            As `estimator` gives them. A class that a budgeted fit has not seen has
            the smallest value of the row less one.
        """
        check_is_fitted(self)
        n_classes = len(self.classes_)
        if is_placeholder(self):
            values = np.zeros((_num_samples(X), 1))
            if n_classes == 1:
                return values[:, 0]
        elif len(self._fitted_classes()) == n_classes:
            return self.estimator_.decision_function(X)
        else:
            values = decision_values(self.estimator_, X)
        values = self._align(values, fill=values.min(axis=1, keepdims=True) - 1)
        return values[:, 1] - values[:, 0] if n_classes == 2 else values

    @available_if(estimator_has("score"))
    def score(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> float:
        """Score of the inner estimator on the labelled rows; accuracy for most.

        Parameters
        ----------
        X : array-like, sparse, data frame or sequence of n_samples
            Any rows.
        y : array-like of shape (n_samples,)
            Labels; rows whose label is missing are left out.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights.

        Returns
        -------
        score : float
        """
        check_is_fitted(self)
        X, classes, codes = check_labels(X, y, self.missing_label)
        rows = np.flatnonzero(codes != MISSING)
        params = {} if sample_weight is None else {"sample_weight": sample_weight}
        if len(rows) < len(codes):
            params = _check_method_params(X, params, indices=rows)
            X = _safe_indexing(X, rows)
        return self.estimator_.score(X, classes[codes[rows]], **params)

    def _align(self, columns: Any, fill: Any = 0.0) -> Array:
        """Columns of the classes seen as columns of `classes_`."""
        seen = self._fitted_classes()
        if len(seen) == len(self.classes_):
            return columns
        columns = np.asarray(columns)
        aligned = np.empty((len(columns), len(self.classes_)), dtype=columns.dtype)
        aligned[:] = fill
        aligned[:, np.searchsorted(self.classes_, seen)] = columns
        return aligned

    def _fitted_classes(self) -> Array:
        """Classes of the columns that the fitted estimator gives."""
        return np.asarray(getattr(self.estimator_, "classes_", self._seen))
