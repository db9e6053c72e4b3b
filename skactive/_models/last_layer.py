"""The last layer of a classifier: its inputs, and the penalty of its fit.

The probabilities of a linear classifier are a softmax (for two classes a logistic
function) of a linear map of X. Those of a net are the same function of a linear map of
its last hidden layer. The gradient of the log loss with respect to that map has a
closed form.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit
from sklearn.base import is_regressor
from sklearn.linear_model import (
    BayesianRidge,
    Ridge,
    RidgeCV,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor

from skactive._compat.sklearn import LinearClassifierMixin, LinearModel, _num_samples
from skactive._compat.tally import count_rows
from skactive._compat.typing import Array
from skactive._models import nets
from skactive._models.linear import as_logistic
from skactive.geometry._blocks import as_embedding

MLPS = (MLPClassifier, MLPRegressor)
_ACTIVATIONS = {
    "identity": lambda values: values,
    "logistic": expit,
    "relu": lambda values: np.maximum(values, 0),
    "tanh": np.tanh,
}


class LastLayer(NamedTuple):
    """Inputs and probabilities of a last layer.

    Attributes
    ----------
    features : ndarray or CSR of shape (n_samples, n_features)
        float32 or float64, without a column of ones.
    proba : ndarray of shape (n_samples, n_classes)
        Class probabilities.
    has_intercept : bool
        Whether the layer adds an intercept.
    """

    features: Any
    proba: Array
    has_intercept: bool


def has_hidden_layers(classifier: Any) -> bool:
    """Whether a classifier, fitted or not, is a net known to :func:`last_layer`."""
    return isinstance(classifier, MLPS) or nets.is_net(classifier)


def has_last_layer(classifier: Any) -> bool:
    """Whether a classifier, fitted or not, is known to :func:`last_layer`.

    These are `MLPClassifier`, nets of skorch, and scikit-learn's linear classifiers
    with `predict_proba`, including classes derived from them.
    """
    if has_hidden_layers(classifier):
        return not is_regressor(classifier)
    is_linear = isinstance(classifier, LinearClassifierMixin)
    return is_linear and hasattr(classifier, "predict_proba")


def has_regression_layer(regressor: Any) -> bool:
    """Whether a regressor, fitted or not, is a net or one of scikit-learn's linear.

    Then :func:`layer_inputs` gives the inputs of its last layer.
    """
    is_known = has_hidden_layers(regressor) or isinstance(regressor, LinearModel)
    return is_known and is_regressor(regressor)


def has_linear_layer(estimator: Any) -> bool:
    """Whether the inputs of the last layer of a fitted estimator are known."""
    return has_last_layer(estimator) or has_regression_layer(estimator)


def last_layer(classifier: Any, X: Any) -> LastLayer:
    """Inputs and probabilities of the last layer of a fitted classifier.

    Parameters
    ----------
    classifier : estimator object
        A classifier known to :func:`has_last_layer`, such as the last step of a
        pipeline.
    X : array-like, sparse or data frame of shape (n_samples, n_features)
        Rows as the classifier sees them.

    Returns
    -------
    layer : LastLayer
        Inputs and probabilities of the layer.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive._models.last_layer import last_layer
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    >>> layer = last_layer(LogisticRegression().fit(X, y), [[1.5]])
    >>> layer.features, layer.proba.round(3), layer.has_intercept
    (array([[1.5]]), array([[0.5, 0.5]]), True)
    """
    if nets.is_net(classifier):
        features, proba, n_outputs = nets.last_linear_layer(classifier, X)
        count_rows(len(proba))
        if n_outputs != proba.shape[1] and (n_outputs, proba.shape[1]) != (1, 2):
            raise ValueError(
                f"The last torch.nn.Linear layer that {type(classifier).__name__} "
                f"calls has {n_outputs} outputs for {proba.shape[1]} classes, so it is "
                "not the layer that gives probabilities. Give the strategy features=, "
                "a function X -> inputs of that layer."
            )
        return LastLayer(features, proba, has_intercept=True)
    # predict_proba comes first, because it checks X and says what is wrong with it.
    proba = np.asarray(classifier.predict_proba(X))
    count_rows(len(proba))
    has_intercept = bool(getattr(classifier, "fit_intercept", True))
    return LastLayer(layer_inputs(classifier, X), proba, has_intercept)


def layer_inputs(classifier: Any, X: Any) -> Any:
    """Inputs of the last layer of a fitted classifier at rows of `X`.

    They are the last hidden layer of a net, and `X` itself for a linear classifier:
    dense or CSR of shape (n_samples, n_features), float32 or float64.
    """
    if nets.is_net(classifier):
        return nets.last_linear_layer(classifier, X)[0]
    features = _as_features(X)
    if isinstance(classifier, MLPS):
        activation = _ACTIVATIONS[classifier.activation]
        layers = zip(classifier.coefs_[:-1], classifier.intercepts_[:-1], strict=True)
        for coef, intercept in layers:
            features = activation(np.asarray(features @ coef) + intercept)
    return features


def named_layer(features: Any, proba: Array, X: Any) -> LastLayer:
    """The last layer, with inputs from a transformer or a function of `X`.

    It is assumed to have an intercept.
    """
    vectors = _as_features(getattr(features, "transform", features)(X))
    count_rows(_num_samples(X))
    if vectors.shape[0] != _num_samples(X):
        raise ValueError(
            f"features={features!r} gave {vectors.shape[0]} vectors for "
            f"{_num_samples(X)} rows; it must give one for each row: the inputs of the "
            "last layer, of shape (n_samples, n_features)."
        )
    return LastLayer(vectors, proba, has_intercept=True)


def l2_penalty(classifier: Any, n_labeled: int) -> tuple[float, float]:
    """Strengths of the l2 penalties on the coefficients and on the intercept.

    A fit minimises the sum of the log losses of the labelled rows plus half of the
    strength times the squared coefficients. The strength is 1 / C in
    `LogisticRegression`, alpha in `MLPClassifier`, alpha * n_labeled in
    `SGDClassifier`, and 1 if it is not known. For a net of skorch it is n_labeled times
    the `weight_decay` of the optimizer, which acts on the mean of the losses, and also
    on the intercept. For a net without weight decay it is 1, because the training of
    such a net regularizes it, so that no penalty at all would be wrong.
    """
    if isinstance(classifier, (BayesianRidge, Ridge, RidgeCV, SGDRegressor)):
        return _ridge_penalty(classifier, n_labeled), 0.0
    if nets.is_net(classifier):
        decay = nets.weight_decay(classifier)
        return (decay * n_labeled, decay * n_labeled) if decay else (1.0, 0.0)
    logistic = as_logistic(classifier)
    if logistic is not None:
        return float(logistic.penalty[0]), float(logistic.penalty[-1])
    if isinstance(classifier, MLPS):
        return float(classifier.alpha), 0.0
    if isinstance(classifier, SGDClassifier) and classifier.penalty == "l2":
        return float(classifier.alpha) * n_labeled, 0.0
    return 1.0, 0.0


def _ridge_penalty(regressor: Any, n_labeled: int) -> float:
    """Strength of an l2 penalty, for half of the sum of the squared errors."""
    if isinstance(regressor, BayesianRidge):
        return float(regressor.lambda_ / regressor.alpha_)
    if isinstance(regressor, SGDRegressor):
        return float(regressor.alpha) * n_labeled
    return float(np.max(getattr(regressor, "alpha_", getattr(regressor, "alpha", 1.0))))


def _as_features(X: Any) -> Any:
    return as_embedding(X.to_numpy() if hasattr(X, "to_numpy") else X)
