"""Expected model change: how much a label would change the model."""

from __future__ import annotations

from typing import Any

import numpy as np

from skactive._compat.sklearn import HasMethods, _num_samples
from skactive._compat.tally import count_rows
from skactive._compat.typing import Array
from skactive._models.last_layer import (
    LastLayer,
    last_layer,
    layer_inputs,
    named_layer,
)
from skactive._models.members import member_predictions
from skactive._models.response import has_response, predict_proba
from skactive._models.wrappers import align, at_last_step, task_of
from skactive.geometry._blocks import squared_norms
from skactive.geometry._fisher import expected_gradient_length
from skactive.strategies._pointwise import PointwiseStrategy

FEATURES: list = [HasMethods("transform"), callable, None]


class ExpectedModelChange(PointwiseStrategy):
    """Rows whose label is expected to move the model most (expected gradient length).

    The utility is the euclidean norm of the gradient of the log loss of a row with
    respect to the coefficients of the last layer, in expectation over the row's label
    under the model's own probabilities. For features h, with a one for the intercept,
    and probabilities p, this is ``|h| * sum_c p_c * |p - e_c|``, where e_c is one at
    class c and zero elsewhere. Two classes have one row of coefficients, and the
    utility is ``|h| * 2 * p * (1 - p)``. Rows far from the origin are preferred, so
    scale the features.

    The estimator is a linear classifier with `predict_proba`, an `MLPClassifier` or a
    net of skorch, alone or at the end of a pipeline or a search. For neural nets, the
    features are the activations of the last hidden layer. A classifier with one model
    per class, such as `SGDClassifier`, is treated as a softmax with its probabilities.
    Outputs of a net for labels that have not been seen yet are left out.

    For regressors, the gradient is that of half the squared error, and the label is
    expected to be what one of the members of a committee predicts: ``|h| * mean_k |f(x)
    - f_k(x)|``. For a regressor whose last layer is not linear, such as a forest, only
    the second factor counts.

    Parameters
    ----------
    features : transformer or callable, default=None
        Gives the inputs of the last layer of any other classifier with `predict_proba`:
        a fitted transformer, or a function ``X -> features`` that returns an array of
        shape (n_samples, n_features), such as a net without its last layer. The layer
        is assumed to have an intercept.

    References
    ----------
    .. [1] B. Settles, M. Craven, S. Ray, "Multiple-Instance Active Learning", NeurIPS
       2007.
    .. [2] B. Settles, M. Craven, "An Analysis of Active Learning Strategies for
       Sequence Labeling Tasks", EMNLP 2008.
    .. [3] W. Cai, Y. Zhang, J. Zhou, "Maximizing Expected Model Change for Active
       Learning in Regression", ICDM 2013.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive.strategies import ExpectedModelChange
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    >>> model = LogisticRegression().fit(X, y)
    >>> ExpectedModelChange()(model, [[1.5], [3.0]]).round(3)
    array([0.901, 0.981])
    """

    in_units_of_y = True
    _parameter_constraints: dict = {"features": FEATURES}

    def __init__(self, features: Any = None):
        self.features = features

    @property
    def needs(self) -> tuple[str, ...]:  # type: ignore[override]
        return (*layer_needs(self.features), "member_predictions")

    def score_rows(self, estimator: Any, X: Any) -> Array:
        """Compute utilities, not negative, and zero if the model is certain."""
        if task_of(estimator) == "regression":
            lengths = _lengths(estimator, X, self.features)
            answers = member_predictions(estimator, X)
            predicted = np.ravel(estimator.predict(X))
            count_rows(len(predicted))
            return lengths * np.abs(answers - predicted).mean(axis=0)
        layer = read_last_layer(estimator, X, self.features)
        return expected_gradient_length(*layer)


def layer_needs(features: Any) -> tuple[str, ...]:
    """Return what a strategy needs of the estimator, given its argument `features`."""
    return ("last_layer",) if features is None else ("predict_proba",)


def _lengths(estimator: Any, X: Any, features: Any) -> Array:
    """Norms of the inputs of a regressor's last layer; ones if it is not linear."""
    if features is None and not has_response(estimator, "features"):
        return np.ones(_num_samples(X))
    vectors, has_intercept = read_features(estimator, X, features)
    return np.sqrt(squared_norms(vectors).astype(np.float64) + has_intercept)


def read_features(estimator: Any, X: Any, features: Any = None) -> tuple[Any, bool]:
    """Return the inputs of a regressor's last layer, and whether it has an intercept.

    The inputs are dense or CSR of shape (n_samples, n_features). `features` gives them
    if the regressor is of an unknown kind.
    """
    if features is not None:
        return named_layer(features, np.empty(0), X).features, True
    regressor, rows = at_last_step(estimator, X)
    count_rows(_num_samples(X))
    has_intercept = bool(getattr(regressor, "fit_intercept", True))
    return layer_inputs(regressor, rows), has_intercept


def read_last_layer(estimator: Any, X: Any, features: Any = None) -> LastLayer:
    """Return the last layer of a fitted estimator at rows of X, see :class:`LastLayer`.

    `features` gives the inputs of the layer if the estimator is of an unknown kind.
    """
    if features is None:
        layer = last_layer(*at_last_step(estimator, X))
        # Outputs of a net without a label are left out.
        return layer._replace(proba=align(estimator, layer.proba))
    proba = predict_proba(estimator, X)
    return named_layer(features, np.asarray(proba), X)
