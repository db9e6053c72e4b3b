"""Responses of an estimator: which of them it has, and their arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier

from skactive._compat.sklearn import _num_samples
from skactive._compat.tally import count_rows
from skactive._compat.typing import Array
from skactive._models.label_columns import as_label_proba
from skactive._models.last_layer import has_last_layer, has_regression_layer
from skactive._models.members import (
    classes_of,
    count_members,
    is_committee,
    member_proba,
)
from skactive._models.predictive import has_covariance, has_own_std
from skactive._models.wrappers import last_step, learns_label_sets, task_of

# Responses of estimators of several labels a row, by the methods that give them.
_OF_LABELS = {"label_proba": "predict_proba", "label_decisions": "decision_function"}


def has_response(estimator: Any, response: str) -> bool:
    """Whether `estimator`, fitted or not, has a response.

    `response` is "predict_proba", "decision_function", "last_layer", "members" or
    "refits" for classifiers, "label_proba" or "label_decisions" for those of several
    labels a row, and "std", "member_predictions", "covariance", "features" or
    "predict" for regressors. "refits" requires a single classifier whose refits have
    probabilities.
    """
    if learns_label_sets(estimator):
        return hasattr(estimator, _OF_LABELS.get(response, ""))
    if response in _OF_LABELS:
        return False
    if response == "last_layer":
        return has_last_layer(last_step(estimator))
    if response == "members":
        return is_committee(estimator) and task_of(estimator) != "regression"
    if response in {"std", "member_predictions", "covariance", "features", "predict"}:
        return _regressor_has(estimator, response)
    if response == "refits":
        return not isinstance(estimator, (list, tuple)) and (
            isinstance(last_step(estimator), RidgeClassifier)
            or has_response(estimator, "predict_proba")
        )
    if isinstance(estimator, (list, tuple)):
        return response == "predict_proba"
    last = last_step(estimator)
    if isinstance(last, StackingClassifier) and last.final_estimator is None:
        # Until it is fitted, it hides the methods of its default final estimator.
        return hasattr(LogisticRegression, response)
    return hasattr(estimator, response)


def _regressor_has(estimator: Any, response: str) -> bool:
    if task_of(estimator) == "classification":
        return False
    if response == "covariance":
        return has_covariance(estimator)
    if response == "features":
        return has_regression_layer(last_step(estimator))
    if response == "predict":
        return hasattr(estimator, "predict")
    return is_committee(estimator) or (response == "std" and has_own_std(estimator))


def count_outputs(estimator: Any, response: str) -> int:
    """Number of values that a fitted `estimator` returns per row."""
    if response in {"std", "member_predictions"}:
        return count_members(estimator) if is_committee(estimator) else 1
    if response == "members" or isinstance(estimator, (list, tuple)):
        return len(classes_of(estimator)) * count_members(estimator)
    return len(getattr(estimator, "classes_", ()))


def predict_proba(estimator: Any, X: Any) -> Array:
    """Class probabilities (n_samples, n_classes); for a list, the mean of members."""
    if isinstance(estimator, (list, tuple)):
        return member_proba(estimator, X).mean(axis=0)
    proba = np.asarray(estimator.predict_proba(X))
    count_rows(_num_samples(X))
    if proba.ndim != 2 or len(proba) != _num_samples(X):
        raise ValueError(
            f"predict_proba of {estimator!r} gave an array of shape {proba.shape} for "
            f"{_num_samples(X)} rows; expected (n_samples, n_classes). Estimators with "
            "several outputs are not supported."
        )
    return proba


def decision_values(estimator: Any, X: Any) -> Array:
    """Decision values (n_samples, n_classes); a single column d becomes (-d, d)."""
    values = np.asarray(estimator.decision_function(X))
    count_rows(_num_samples(X))
    if not np.isfinite(values).all():
        raise ValueError(
            f"decision_function of {estimator!r} gave NaN or infinite values; "
            "utilities cannot be computed from them."
        )
    if values.ndim == 1 or values.shape[1] == 1:
        return np.column_stack([-values, values])
    n_classes = len(classes_of(estimator))
    one_vs_one = getattr(last_step(estimator), "decision_function_shape", "") == "ovo"
    if values.shape[1] != n_classes or one_vs_one:
        raise ValueError(
            f"decision_function of {estimator!r} gave {values.shape[1]} columns for "
            f"{n_classes} classes; one column per class is needed. Set "
            "decision_function_shape='ovr' if the estimator has it."
        )
    return values


def label_proba(estimator: Any, X: Any) -> Array:
    """Probability of each of several labels, (n_samples, n_labels), in [0, 1]."""
    proba = as_label_proba(estimator, estimator.predict_proba(X), _num_samples(X))
    count_rows(_num_samples(X))
    if not ((proba >= -1e-9) & (proba <= 1 + 1e-9)).all():  # NaN is outside as well
        raise ValueError(
            f"predict_proba of {estimator!r} gave label probabilities that are NaN or "
            "not in [0, 1]."
        )
    return np.clip(proba, 0, 1)


def label_decisions(estimator: Any, X: Any) -> Array:
    """Decision value of each of several labels, (n_samples, n_labels)."""
    values = np.asarray(estimator.decision_function(X), dtype=np.float64)
    count_rows(_num_samples(X))
    if values.ndim != 2 or not np.isfinite(values).all():
        raise ValueError(
            f"decision_function of {estimator!r} must give finite values of shape "
            f"(n_samples, n_labels); it gave an array of shape {values.shape}."
        )
    return values
