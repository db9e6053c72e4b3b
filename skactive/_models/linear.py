"""Formula of a logistic regression: its penalised loss, and the weights of rows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.utils.class_weight import compute_class_weight

from skactive._compat.typing import Array


class Logistic(NamedTuple):
    """A fitted logistic regression with an l2 penalty or without a penalty.

    Its coefficients minimise ``sum_i w_i * -log p(y_i | x_i) + sum_f penalty[f] / 2 *
    sum_c coef[c, f]**2`` over rows x_i that end with a one for the intercept.

    Attributes
    ----------
    coef : ndarray of shape (n_classes, n_features + 1) or (1, n_features + 1)
        Coefficients, with the intercept in the last column. With two classes there is
        one row, that of the second class.
    penalty : ndarray of shape (n_features + 1,)
        Strength of the penalty on each column, zero if it is not penalised.
    has_intercept : bool
        Whether an intercept was fitted. If not, the last column of `coef` is zero.
    classes : ndarray of shape (n_classes,)
        Classes of the estimator.
    """

    coef: Array
    penalty: Array
    has_intercept: bool
    classes: Array


def as_logistic(classifier: Any) -> Logistic | None:
    """The formula of a fitted logistic regression; None for any other classifier.

    It is also None with an l1 penalty, and with one model per class ("one versus
    rest").
    """
    if type(classifier) not in (LogisticRegression, LogisticRegressionCV):
        return None  # a subclass may fit or predict in its own way
    strength = _l2_strength(classifier)
    coef = np.asarray(classifier.coef_, dtype=np.float64)
    n_classes = len(classifier.classes_)
    one_vs_rest = n_classes > 2 and (
        classifier.solver == "liblinear"
        or getattr(classifier, "multi_class", "auto") == "ovr"
    )
    # A multinomial of two classes would need two rows of coefficients.
    two_rows = n_classes == 2 and getattr(classifier, "multi_class", "") == (
        "multinomial"
    )
    if strength is None or one_vs_rest or two_rows:
        return None
    n_features = coef.shape[1]
    penalty = np.full(n_features + 1, strength)
    penalty[-1] = 0.0
    if classifier.solver == "liblinear":  # it penalises the intercept as well
        penalty[-1] = strength / classifier.intercept_scaling**2
    intercept = np.broadcast_to(classifier.intercept_, len(coef))
    return Logistic(
        coef=np.column_stack([coef, intercept]),
        penalty=penalty,
        has_intercept=bool(classifier.fit_intercept),
        classes=np.asarray(classifier.classes_),
    )


def add_ones(features: Any) -> Array:
    """Features with a last column of ones: dense or CSR, float64."""
    ones = np.ones((features.shape[0], 1))
    if sp.issparse(features):
        return sp.csr_array(sp.hstack([features, ones], dtype=np.float64))
    return np.hstack([np.asarray(features, dtype=np.float64), ones])


def training_weights(
    classifier: Any, labels: Array, sample_weight: ArrayLike | None = None
) -> Array:
    """Weight of each labelled row in a fit: its own weight times that of its class.

    `labels` (n_labeled,) are among the classifier's `classes_`.
    """
    weights = np.ones(len(labels))
    if sample_weight is not None:
        weights = np.array(sample_weight, dtype=np.float64)
    if getattr(classifier, "class_weight", None) is not None:
        seen = np.unique(labels)
        by_class = compute_class_weight(
            classifier.class_weight, classes=seen, y=labels, sample_weight=weights
        )
        weights = weights * by_class[np.searchsorted(seen, labels)]
    return weights


def _l2_strength(classifier: Any) -> float | None:
    """Strength of the l2 penalty on the sum of losses; None with another penalty."""
    if isinstance(classifier, LogisticRegressionCV):
        strengths = np.unique(classifier.C_)
        ratio = np.unique(np.asarray(getattr(classifier, "l1_ratio_", 0.0) or 0.0))
        if len(strengths) > 1 or np.any(ratio):
            return None
        C = float(strengths[0])
    else:
        C = float(classifier.C)
    penalty = getattr(classifier, "penalty", "deprecated")
    if penalty is None:
        return 0.0
    if penalty in ("l1", "elasticnet"):
        return None
    if penalty == "deprecated" and getattr(classifier, "l1_ratio", None):
        return None
    return 0.0 if np.isinf(C) else 1.0 / C
