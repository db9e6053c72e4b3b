"""Strategies that use the Fisher information about the last layer's coefficients.

Both strategies lower a trace ``tr(M^-1 T)``. M is the information that the penalty and
the labelled rows give about the coefficients. T says which of the coefficients matter
to the pool.
"""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.extmath import randomized_svd

from skactive._compat.sklearn import Interval
from skactive._compat.typing import Array
from skactive._data.labels import MISSING, encode_labels
from skactive._models.last_layer import LastLayer, l2_penalty
from skactive._models.linear import add_ones, training_weights
from skactive._models.members import classes_of
from skactive._models.wrappers import Fitted, last_step, task_of
from skactive.geometry import _fisher as fisher
from skactive.geometry._blocks import dense_rows, squared_norms
from skactive.strategies._base import Request, Strategy
from skactive.strategies._messages import name_of_model
from skactive.strategies._model_change import (
    FEATURES,
    layer_needs,
    read_features,
    read_last_layer,
)
from skactive.strategies._selection import as_generator, find_candidates, pick_distinct
from skactive.strategies._shortlist import MAX_CANDIDATES, draw_candidates

# With more classes than this, matrices for all of them would be too large.
_MAX_CLASSES = 20
# With at least this many labels, check whether the model can fit the data at all.
_LEAST_LABELS = 20
# The least penalty, as a share of the information that a row of the pool gives on
# average. Intercepts have no penalty, and labelled rows may leave directions open.
_LEAST_PENALTY = 1e-6
# Information of a row of two classes with equal probabilities.
_FLAT = 0.25
# Number of principal components that replace too many features, and number of rows that
# they are computed from. A sparse matrix becomes a dense one with as many columns.
_MAX_COMPONENTS = 256
_MAX_COMPONENT_ROWS = 2**14

_CONSTRAINTS: dict = {
    "features": FEATURES,
    "penalty": [Interval(Real, 0, None, closed="left"), None],
    "max_parameters": [Interval(Integral, 2, None, closed="left")],
}


class _Design(NamedTuple):
    """The pool as the last layer sees it, and the information about its coefficients.

    `features` has the shape (n_samples, n_features), with a column of ones for an
    intercept, `proba` has the shape (n_samples, n_classes), and `information` has the
    shape (n_parameters, n_parameters).
    """

    features: Any
    proba: Array
    information: Array


class VarianceReduction(Strategy):
    """Rows whose label lowers the variance of predictions most (A-optimality).

    The coefficients of the last layer have the covariance ``M^-1``, to first order.
    Here M is the Fisher information of the labelled rows, with their sample and class
    weights, plus the penalty. The class probabilities of a row then have the variance
    ``sum_c g_c' M^-1 g_c``, where g_c is the gradient of the probability of class c.
    The utility of a row is the amount by which its own information lowers the mean of
    this variance over all rows of `X`. The information of a row does not depend on its
    label. The probabilities are kept as they are, and no model is refitted. The
    information is exact for multinomial (or binary) logistic regression.

    Parameters
    ----------
    features : transformer or callable, default=None
        As in :class:`ExpectedModelChange`: gives the inputs of the last layer for
        classifiers other than linear ones, `MLPClassifier` and nets of skorch.
    penalty : float, default=None
        Strength of the l2 penalty: M includes `penalty` times the identity, for the sum
        of log losses. None means the penalty that the estimator was fitted with: 1 / C
        for `LogisticRegression`, alpha for `MLPClassifier`, alpha times the number of
        labelled rows for `SGDClassifier`, `weight_decay` times the number of labelled
        rows for nets of skorch that have one, and 1 for others. Intercepts are
        penalised as in the estimator. No penalty is below a millionth of the
        information of an average row of `X`.
    max_parameters : int, default=1500
        Maximum number of coefficients. If there are more, as for texts, the features
        are replaced by as many of their principal components (without centring) as this
        number allows, at least one and at most 256. Time grows with the square of this
        number. More than 20 classes are treated as two: the most probable class and all
        others.

    References
    ----------
    .. [1] T. Zhang, F. Oles, "A Probability Analysis on the Value of Unlabeled Data for
       Classification Problems", ICML 2000.
    .. [2] A. Schein, L. Ungar, "Active Learning for Logistic Regression: An
       Evaluation", Machine Learning 68, 2007.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive.strategies import VarianceReduction
    >>> X, y = [[0.0], [1.0], [4.0], [5.0], [6.0]], [0, 0, 1, None, None]
    >>> model = LogisticRegression().fit(X[:3], y[:3])
    >>> VarianceReduction()(model, X, y).round(4)
    array([0.0096, 0.0146, 0.0428, 0.0387, 0.0302])
    """

    uses_weights = True
    # For numbers, IntegratedVariance is the same.
    tasks = ("classification",)
    _parameter_constraints: dict = _CONSTRAINTS

    def __init__(
        self,
        features: Any = None,
        penalty: float | None = None,
        max_parameters: int = 1500,
    ):
        self.features = features
        self.penalty = penalty
        self.max_parameters = max_parameters

    @property
    def needs(self) -> tuple[str, ...]:  # type: ignore[override]
        return layer_needs(self.features)

    def score_candidates(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> Array:
        """Compute the utilities of the rows at the ascending positions `candidates`."""
        design = _read_design(self, estimator, X, y)
        n_samples = design.features.shape[0]
        target = fisher.total_gradient_products(design.features, design.proba)
        is_all = len(candidates) == n_samples
        return fisher.trace_reductions(
            design.features if is_all else design.features[candidates],
            design.proba[candidates],
            design.information,
            target / n_samples,
        )


class Bait(Strategy):
    """Batch that tells the most about the coefficients that matter to the pool (BAIT).

    The batch S is chosen to make ``tr(M^-1 T)`` small, which is a bound on the expected
    log loss. T is the mean Fisher information of all rows of `X` about the coefficients
    of the last layer. M is the sum of the information of the labelled rows, with their
    sample and class weights, and of the rows in S, plus the penalty. Rows are added
    greedily until there are `oversampling` times as many as asked for. Then the least
    useful rows are removed one by one. The information matrices are those of the
    multinomial distribution, without approximation.

    BAIT assumes that the model is true. With a model that can fit the data, it is among
    the strongest strategies. With a model that cannot, such as a linear model on two
    concentric classes, it may end 20 points of accuracy below random. It therefore
    checks the model once there are 20 labelled rows, and 5 for each class. Each
    labelled row is left out in turn (by one Newton step). BAIT warns if the model is
    right about these rows no more often than the most frequent class would be.

    For regressors with a linear last layer, the information of a row is ``h h'``, for
    its features h: the batch makes the variance of the predictions on `X` small. There
    is no check of the model.

    Unlike in [1]_, the labelled rows and S are summed and not averaged, and the penalty
    is that of the estimator. M is therefore the Hessian of the loss that a fit
    minimises.

    Parameters
    ----------
    features : transformer or callable, default=None
        As in :class:`ExpectedModelChange`: gives the inputs of the last layer for
        classifiers other than linear ones, `MLPClassifier` and nets of skorch.
    penalty : float, default=None
        Strength of the l2 penalty, as in :class:`VarianceReduction`.
    oversampling : float, default=2.0
        Ratio of the rows that are first added to the rows asked for. With 1, no rows
        are removed.
    max_parameters : int, default=1500
        Maximum number of coefficients, as in :class:`VarianceReduction`, where more
        than 20 classes are described too.
    max_candidates : int or None, default=5_000
        Maximum number of candidates. If there are more, this many are drawn at random.
        None means all. T is the mean over all rows in any case. Time grows with this
        number, and ``2 * (n_classes - 1)**2`` numbers per candidate are held in memory.

    References
    ----------
    .. [1] J. Ash, S. Goel, A. Krishnamurthy, S. Kakade, "Gone Fishing: Neural Active
       Learning with Fisher Embeddings", NeurIPS 2021.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive.strategies import Bait
    >>> X, y = [[0.0], [1.0], [4.0], [5.0], [6.0]], [0, 0, 1, None, None]
    >>> model = LogisticRegression().fit(X[:3], y[:3])
    >>> Bait().select(model, X, y, n_queries=1)
    array([3])
    """

    uses_weights = True
    _parameter_constraints: dict = {
        **_CONSTRAINTS,
        "oversampling": [Interval(Real, 1, None, closed="left")],
        "max_candidates": MAX_CANDIDATES,
    }

    def __init__(
        self,
        features: Any = None,
        penalty: float | None = None,
        oversampling: float = 2.0,
        max_parameters: int = 1500,
        max_candidates: int | None = 5_000,
    ):
        self.features = features
        self.penalty = penalty
        self.oversampling = oversampling
        self.max_parameters = max_parameters
        self.max_candidates = max_candidates

    @property
    def needs(self) -> tuple[str, ...]:  # type: ignore[override]
        of_regressors = "features" if self.features is None else "predict"
        return (*layer_needs(self.features), of_regressors)

    def _choose(self, request: Request) -> Array:
        estimator, X, y, candidates, n_queries, seed = request
        rng = as_generator(seed)
        design = _read_design(self, estimator, X, y)
        is_class = task_of(estimator) != "regression"
        if is_class and _is_no_better_than_constant(design, estimator, y):
            warnings.warn(
                f"{name_of_model(estimator)} is right about the labelled rows, each "
                "left out in turn, no more often than the most frequent class would "
                "be. Bait assumes that the model is true. If it cannot fit the data, "
                "its choice may be far worse than random. Give the model other "
                "features, or use a strategy that does not rely on it, such as "
                "'k_center' or 'random'.",
                UserWarning,
                stacklevel=3,
            )
        n_samples = len(design.proba)
        target = fisher.total_information(design.features, design.proba) / n_samples
        candidates = draw_candidates(
            design.features, candidates, self.max_candidates, n_queries, rng
        )

        def pick(rows: Array, n_rows: int) -> Array:
            return fisher.greedy_trace_batch(
                design.features,
                design.proba,
                design.information,
                target,
                n_rows,
                candidates=rows,
                oversampling=self.oversampling,
                rng=rng,
            )

        return pick_distinct(pick, design.features, candidates, n_queries, rng)


# ---------------------------------------------------------------------------------
# Parts of the strategies
# ---------------------------------------------------------------------------------


def _read_design(strategy: Any, estimator: Any, X: Any, y: Any) -> _Design:
    layer = _read_layer(estimator, X, strategy.features)
    proba = np.asarray(layer.proba, dtype=np.float64)
    if proba.shape[1] > _MAX_CLASSES:
        best = proba.max(axis=1)
        proba = np.column_stack([1 - best, best])
    features = layer.features
    n_rows = proba.shape[1] - 1
    n_affordable = max(1, strategy.max_parameters // n_rows - layer.has_intercept)
    if features.shape[1] > n_affordable:
        features = _project(features, min(n_affordable, _MAX_COMPONENTS))
    n_features = features.shape[1]
    if layer.has_intercept:
        features = add_ones(features)
    features = features.astype(np.float64, copy=False)
    labeled = np.delete(np.arange(len(proba)), find_candidates(X, y))
    classifier = last_step(estimator)
    strength, on_intercept = l2_penalty(classifier, len(labeled))
    penalty = np.full(features.shape[1], strength)
    penalty[n_features:] = on_intercept
    if strategy.penalty is not None:
        penalty[:n_features] = strategy.penalty
    if task_of(estimator) == "regression":
        penalty *= _FLAT
    weights = _label_weights(estimator, classifier, y, labeled)
    seen = fisher.total_information(features[labeled], proba[labeled], weights)
    prior = fisher.prior_information(
        proba.shape[1], np.maximum(penalty, _least_penalty(features, proba))
    )
    return _Design(features, proba, seen + prior)


def _read_layer(estimator: Any, X: Any, features: Any) -> LastLayer:
    """The last layer of a classifier, or of a regressor as that of a flat classifier.

    All rows of a linear regression tell the same amount, as those of two classes with
    equal probabilities do. Only the unit, which is `_FLAT`, is another one.
    """
    if task_of(estimator) != "regression":
        return read_last_layer(estimator, X, features)
    vectors, has_intercept = read_features(estimator, X, features)
    return LastLayer(vectors, np.full((vectors.shape[0], 2), 0.5), has_intercept)


def _is_no_better_than_constant(design: _Design, estimator: Any, y: Any) -> bool:
    """Whether the model, with each row left out in turn, is no better than a constant.

    The constant is the most frequent class. Returns False while there are few labels,
    or if classes were put together.
    """
    n_classes = design.proba.shape[1]
    classes = classes_of(estimator)
    if y is None or len(classes) != n_classes:
        return False
    known, codes = encode_labels(y)
    labeled = np.flatnonzero(codes != MISSING)
    labels = known[codes[labeled]]
    is_seen = np.isin(labels, classes)  # the model may know others only
    labeled, columns = labeled[is_seen], np.searchsorted(classes, labels[is_seen])
    if len(labeled) < max(_LEAST_LABELS, 5 * n_classes):
        return False
    weights = _label_weights(estimator, last_step(estimator), y, labeled)
    logits = fisher.left_out_logits(
        dense_rows(design.features, labeled),
        design.proba[labeled],
        columns,
        design.information,
        weights,
    )
    n_right = np.count_nonzero(logits.argmax(axis=1) == columns)
    return bool(n_right <= np.bincount(columns).max())


def _least_penalty(features: Any, proba: Array) -> float:
    """Share of the mean information of a row about a parameter; never zero."""
    variances = np.sum(proba[:, 1:] * (1 - proba[:, 1:]), axis=1)
    traces = squared_norms(features) * variances
    n_parameters = features.shape[1] * (proba.shape[1] - 1)
    return max(_LEAST_PENALTY * float(traces.mean()) / n_parameters, 1e-12)


def _project(features: Any, n_components: int) -> Array:
    """Coordinates of the rows along principal directions, without centring.

    The directions are orthonormal, so a penalty on the coefficients of the features is
    the same on those of the components.
    """
    rng = np.random.RandomState(0)
    some = features
    if features.shape[0] > _MAX_COMPONENT_ROWS:
        rows = rng.permutation(features.shape[0])[:_MAX_COMPONENT_ROWS]
        some = features[np.sort(rows)]
    # Draw on the side of the features, so that the order of rows does not matter.
    directions = randomized_svd(
        some, n_components, n_iter=2, random_state=rng, transpose=False
    )[2]
    return np.asarray(features @ directions.T)


def _label_weights(estimator: Any, classifier: Any, y: Any, labeled: Array) -> Array:
    """Weight of each labelled row in a fit of the estimator."""
    weights = np.ones(len(labeled))
    if isinstance(estimator, Fitted) and estimator.sample_weight is not None:
        weights = np.asarray(estimator.sample_weight, dtype=np.float64)[labeled]
    if len(labeled) == 0 or getattr(classifier, "class_weight", None) is None:
        return weights
    known_classes, codes = encode_labels(y)
    labels = known_classes[codes[labeled]]
    classes = classes_of(estimator)
    positions = np.minimum(np.searchsorted(classes, labels), len(classes) - 1)
    # Classes that the estimator does not know yet have no class weight.
    is_seen = classes[positions] == labels
    inner = np.asarray(classifier.classes_)[positions[is_seen]]
    if is_seen.any():
        weights[is_seen] = training_weights(classifier, inner, weights[is_seen])
    return weights
