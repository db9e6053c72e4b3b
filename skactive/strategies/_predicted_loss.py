"""How wrong will it be? A regressor learns the losses of the labelled rows."""

from __future__ import annotations

import numbers
import warnings
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.stats import rankdata
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.neighbors import NearestNeighbors
from sklearn.utils.extmath import randomized_svd
from sklearn.utils.parallel import Parallel, delayed

from skactive import measures
from skactive._compat.sklearn import (
    BaseSearchCV,
    HasMethods,
    Interval,
    StrOptions,
    _num_samples,
    _safe_indexing,
)
from skactive._compat.tally import count_fits, count_rows, counting
from skactive._data.chunks import map_rows
from skactive._data.labels import MISSING, encode_labels
from skactive._models.bootstrap import fit_on_rows, seeded
from skactive._models.members import classes_of
from skactive._models.response import predict_proba
from skactive._models.vectors import embed
from skactive._models.wrappers import Fitted
from skactive.strategies._base import Strategy
from skactive.strategies._messages import shorten

Array = NDArray[Any]

# The least probability that the log loss sees: no loss is above log(100).
_LEAST_PROBA = 0.01
# Directions that stand for a place in the embedding, and rows they are found with.
_N_DIRECTIONS = 10
_MAX_ROWS = 2000
# Folds of the regressor's own cross-validation.
_N_REGRESSOR_FOLDS = 5


class PredictedLoss(Strategy):
    """Rows on which the model is expected to be most wrong, learnt from its errors.

    The labelled rows are split into folds; clones of the estimator that have not seen
    a fold say what the loss on its rows is. A regressor learns these losses, and its
    prediction for a row is combined with the loss that the model itself expects there,
    the entropy of its probabilities. The weights of the two, not negative, are those
    that predict the losses of the labelled rows best (least squares, with predictions
    of the regressor by cross-validation: stacking [2]_). There is little to gain where
    the model's own doubt is right already, as that of logistic regression often is,
    and more where it is not, as with trees that are certain everywhere.

    With few labels there is nothing to learn from. Where fewer than `min_labels` rows
    have a loss, or where the rank correlation of the combined prediction with the
    losses of the n labelled rows is not greater than that of the model's own
    expectation by ``n ** -0.5``, a standard error, it warns, and utilities are that
    expectation alone.

    Each call fits the estimator `n_folds` times and the regressor six times, all on the
    labelled rows. The estimator is cloned with the steps of its pipeline; of a search
    its best estimator is. A :class:`~sklearn.frozen.FrozenEstimator` stays as it is:
    where it has not seen the labelled rows, its losses on them are right.

    Parameters
    ----------
    loss : {"log", "error"}, default="log"
        "log" is the negative logarithm of the probability of the true class, where
        probabilities below 0.01 count as 0.01, so that no loss is above 4.61 nats; the
        model's own expectation is the entropy. "error" is one minus that probability;
        the model's own expectation is ``1 - sum p**2``.
    regressor : regressor or None, default=None
        Any scikit-learn regressor. None means ExtraTreesRegressor with 50 trees and at
        least 5 rows a leaf.
    features : {"all", "proba", "embedding"}, default="all"
        What the regressor sees of a row. "proba": the probabilities of the classes,
        least confidence, margin and entropy. "embedding": the ten leading principal
        components of the embedding (its columns standardized, unless sparse), and in
        these the distance to the nearest labelled row that the model has learnt from.
        "all": both. "proba" does without vectors, for rows that are none.
    n_folds : int, default=5
        Folds of the labelled rows, stratified. A class with a single label is never
        held out.
    min_labels : int, default=20
        At least 10.
    embedding : transformer or callable, default=None
        A fitted transformer or a function ``X -> vectors``; None means what the
        steps of a pipeline before its last one give, or X itself.
    random_state : int, default=0
        Draws the folds, and is the seed of clones and of the regressor, where theirs
        is None.

    References
    ----------
    .. [1] D. Yoo, I. S. Kweon, "Learning Loss for Active Learning", CVPR 2019.
    .. [2] L. Breiman, "Stacked Regressions", Machine Learning 1996.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skactive.strategies import PredictedLoss
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, size=(300, 2))
    >>> truth = np.where(X[:, 0] > 0, rng.integers(2, size=300), 0)  # noise on one side
    >>> y = np.where(np.arange(300) < 100, truth, np.nan)
    >>> model = DecisionTreeClassifier(random_state=0).fit(X[:100], truth[:100])
    >>> rows = PredictedLoss().select(model, X, y, n_queries=20, random_state=0)
    >>> int((X[rows, 0] > 0).sum())
    20
    """

    needs = ("predict_proba",)
    uses_weights = True
    _parameter_constraints: dict = {
        "loss": [StrOptions({"log", "error"})],
        "regressor": [HasMethods(["fit", "predict"]), None],
        "features": [StrOptions({"all", "proba", "embedding"})],
        "n_folds": [Interval(numbers.Integral, 2, None, closed="left")],
        "min_labels": [Interval(numbers.Integral, 10, None, closed="left")],
        "embedding": [HasMethods(["transform"]), callable, None],
        "random_state": [Interval(numbers.Integral, 0, None, closed="left")],
    }

    def __init__(
        self,
        loss: str = "log",
        *,
        regressor: Any = None,
        features: str = "all",
        n_folds: int = 5,
        min_labels: int = 20,
        embedding: Any = None,
        random_state: int = 0,
    ):
        self.loss = loss
        self.regressor = regressor
        self.features = features
        self.n_folds = n_folds
        self.min_labels = min_labels
        self.embedding = embedding
        self.random_state = random_state

    def score_candidates(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> Array:
        """Losses expected of the rows at the ascending positions `candidates`."""
        model = self._learn(estimator, X, y)
        predict = partial(self._predict, estimator, model)
        n_outputs = 2 * len(classes_of(estimator)) + _N_DIRECTIONS
        return map_rows(predict, X, candidates, n_outputs)

    def _predict(self, estimator: Any, model: _Model | None, X: Any) -> Array:
        proba = predict_proba(estimator, X).astype(np.float64, copy=False)
        expected = _expected_loss(proba, self.loss)
        if model is None:
            return expected
        features = []
        if self.features != "embedding":
            features.append(_proba_features(proba))
        if self.features != "proba":
            places = model.space.places(embed(estimator, X, self.embedding))
            features.append(_place_features(places, model.space.places_labeled))
        learnt = model.regressor.predict(np.hstack(features))
        return _combine(model.weights, expected, learnt)

    def _learn(self, estimator: Any, X: Any, y: Any) -> _Model | None:
        """What predicts the losses; None, with a warning, if nothing is learnt."""
        classes = classes_of(estimator)
        codes = _codes(classes, X, y)
        labeled = np.flatnonzero(codes != MISSING)
        rng = np.random.default_rng(self.random_state)
        folds = stratified_folds(codes[labeled], self.n_folds, rng)
        held_out = folds >= 0
        n_losses = int(np.count_nonzero(held_out))
        if n_losses < self.min_labels:
            self._warn(
                "there are too few labels to learn losses from, fewer than min_labels="
                f"{self.min_labels} of classes with two labels or more. Label more "
                "rows first, e.g. by Switch to this strategy later"
            )
            return None
        proba = self._out_of_fold(estimator, X, codes, labeled, folds)[held_out]
        losses = _losses(
            proba[np.arange(n_losses), codes[labeled][held_out]], self.loss
        )
        features = [_proba_features(proba)] if self.features != "embedding" else []
        space = None
        if self.features != "proba":
            space = self._find_space(estimator, X, labeled, rng)
            features.append(_out_of_fold_places(space.places_labeled, folds)[held_out])
        table = np.hstack(features)
        regressor = self._new_regressor()
        # Not in the order of X, which may be sorted.
        splits = KFold(_N_REGRESSOR_FOLDS, shuffle=True, random_state=self.random_state)
        learnt = cross_val_predict(regressor, table, losses, cv=splits)
        count_fits(_N_REGRESSOR_FOLDS)
        expected = _expected_loss(proba, self.loss)
        both = np.column_stack([expected, np.maximum(learnt, 0)])
        weights = nnls(both, losses)[0]
        own = _rank_correlation(expected, losses)
        found = _rank_correlation(_combine(weights, expected, learnt), losses)
        # The standard error of a rank correlation of things that are unrelated.
        error = 1 / np.sqrt(n_losses)
        if weights[1] == 0 or found <= max(own, 0.0) + error:
            self._warn(
                "its predictions rank the losses of the labelled rows not clearly "
                "better than the model's own probabilities do (by a standard error of "
                "the rank correlation). Label more rows, give it another regressor= or "
                "embedding=, or use entropy, which is cheaper"
            )
            return None
        count_fits()
        return _Model(regressor.fit(table, losses), weights, space)

    def _new_regressor(self) -> Any:
        regressor = self.regressor
        if regressor is None:
            regressor = ExtraTreesRegressor(n_estimators=50, min_samples_leaf=5)
        return seeded(clone(regressor), self.random_state)

    def _warn(self, reason: str) -> None:
        # Without numbers, so that Python shows it once and not in every round.
        what = "the entropy" if self.loss == "log" else "the expected error"
        warnings.warn(
            f"{shorten(self)} falls back on {what} of the model: {reason}.",
            UserWarning,
            stacklevel=6,
        )

    def _out_of_fold(
        self, estimator: Any, X: Any, codes: Array, labeled: Array, folds: Array
    ) -> Array:
        """Probabilities of the labelled rows by clones that have not seen them."""
        classes = classes_of(estimator)
        weights = getattr(estimator, "sample_weight", None)
        params = {} if weights is None else {"sample_weight": weights}
        template = _template(estimator)

        def answer(fold: int) -> tuple[Array, Array]:
            learnt, asked = labeled[folds != fold], labeled[folds == fold]
            with counting():  # it may run elsewhere, so the caller reports it
                model = self._fit(template, X, classes[codes[learnt]], learnt, params)
                X_asked = _safe_indexing(X, asked)
                return folds == fold, _aligned_proba(model, X_asked, classes)

        found = Parallel()(delayed(answer)(fold) for fold in range(folds.max() + 1))
        n_models = len(template) if isinstance(template, (list, tuple)) else 1
        proba = np.zeros((len(labeled), len(classes)))
        for rows, some in found:
            count_fits(n_models)
            count_rows(len(some), n_models)
            proba[rows] = some
        return proba

    def _fit(
        self, template: Any, X: Any, labels: Array, rows: Array, params: dict
    ) -> Any:
        if isinstance(template, (list, tuple)):
            return [self._fit(part, X, labels, rows, params) for part in template]
        count_fits()
        model = seeded(clone(template), self.random_state)
        return fit_on_rows(model, X, labels, rows, params)

    def _find_space(
        self, estimator: Any, X: Any, labeled: Array, rng: np.random.Generator
    ) -> _Space:
        n_samples = _num_samples(X)
        rows = np.arange(n_samples)
        if n_samples > _MAX_ROWS:
            rows = np.sort(rng.choice(n_samples, size=_MAX_ROWS, replace=False))
        some = embed(estimator, _safe_indexing(X, rows), self.embedding)
        space = _make_space(some, self.random_state)
        own = embed(estimator, _safe_indexing(X, labeled), self.embedding)
        return space._replace(places_labeled=space.places(own))


class _Space(NamedTuple):
    """Standardized principal directions of an embedding, and the labelled rows."""

    directions: Array
    origin: Array
    places_labeled: Array

    def places(self, vectors: Any) -> Array:
        """Coordinates of rows, (n_rows, n_directions), float64."""
        return np.asarray(vectors @ self.directions, dtype=np.float64) - self.origin


class _Model(NamedTuple):
    """Predicts losses; `weights` are of the model's own expectation and of learnt."""

    regressor: Any
    weights: Array
    space: Any


# ---------------------------------------------------------------------------------
# Losses
# ---------------------------------------------------------------------------------


def _losses(proba_of_truth: Array, loss: str) -> Array:
    if loss == "error":
        return 1 - proba_of_truth
    return -np.log(np.maximum(proba_of_truth, _LEAST_PROBA))


def _expected_loss(proba: Array, loss: str) -> Array:
    """The loss of each row that the model itself expects."""
    if loss == "error":
        return np.maximum(1 - np.einsum("nc,nc->n", proba, proba), 0)
    return measures.entropy(proba)


def _combine(weights: Array, expected: Array, learnt: Array) -> Array:
    return weights[0] * expected + weights[1] * np.maximum(learnt, 0)


def _rank_correlation(a: Array, b: Array) -> float:
    """Spearman's; zero where one of the two is constant."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])


# ---------------------------------------------------------------------------------
# Folds
# ---------------------------------------------------------------------------------


def stratified_folds(codes: Array, n_folds: int, rng: np.random.Generator) -> Array:
    """A fold for each row, such that every class is in every training part.

    Parameters
    ----------
    codes : ndarray of shape (n_rows,)
        Class of each row.
    n_folds : int
        At least 2.
    rng : numpy Generator
        Draws the folds.

    Returns
    -------
    folds : ndarray of shape (n_rows,)
        From 0 to ``n_folds - 1``; -1 for the only row of its class, which is never
        held out.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies._predicted_loss import stratified_folds
    >>> rng = np.random.default_rng(0)
    >>> folds = stratified_folds(np.array([0, 0, 0, 0, 1, 1, 2]), 2, rng)
    >>> np.bincount(folds[:4]), np.bincount(folds[4:6]), folds[6]
    (array([2, 2]), array([1, 1]), np.int64(-1))
    """
    counts = np.bincount(codes, minlength=1)
    folds = np.full(len(codes), -1)
    rows = rng.permutation(np.flatnonzero(counts[codes] > 1))
    rows = rows[np.argsort(codes[rows], kind="stable")]
    # Neighbours are of one class, and in different folds.
    folds[rows] = np.arange(len(rows)) % n_folds
    return folds


def _template(estimator: Any) -> Any:
    """What is cloned: the estimator, but the best one of a search."""
    while isinstance(estimator, (Fitted, BaseSearchCV)):
        if isinstance(estimator, BaseSearchCV):
            estimator = estimator.best_estimator_
        else:
            estimator = estimator.estimator
    return estimator


def _aligned_proba(model: Any, X: Any, classes: Array) -> Array:
    proba = np.zeros((_num_samples(X), len(classes)))
    columns = np.searchsorted(classes, classes_of(model))
    proba[:, columns] = predict_proba(model, X)
    return proba


def _codes(classes: Array, X: Any, y: Any) -> Array:
    """Positions of the labels in `classes`, MISSING where there is none."""
    if y is None:
        return np.full(_num_samples(X), MISSING)
    seen, codes = encode_labels(y)
    if len(codes) != _num_samples(X):
        raise ValueError(
            f"X has {_num_samples(X)} rows, but y has {len(codes)} labels."
        )
    position_of = {label: i for i, label in enumerate(classes.tolist())}
    unknown = [label for label in seen.tolist() if label not in position_of]
    if unknown:
        raise ValueError(
            f"y holds the labels {unknown}, which the estimator has not been fitted "
            f"on; it knows {classes.tolist()}. Fit it again."
        )
    positions = [position_of[label] for label in seen.tolist()]
    return np.array([*positions, MISSING])[codes]


# ---------------------------------------------------------------------------------
# Features
# ---------------------------------------------------------------------------------


def _proba_features(proba: Array) -> Array:
    """Probabilities of the classes and three measures of their spread."""
    return np.column_stack(
        [
            proba,
            measures.least_confidence(proba),
            measures.margin(proba),
            measures.entropy(proba),
        ]
    )


def _make_space(vectors: Any, seed: int) -> _Space:
    n_rows, n_features = vectors.shape
    if sp.issparse(vectors):
        # Counts and tf-idf are on one scale, and zero is where they start from.
        mean, scale = np.zeros(n_features), np.ones(n_features)
        scaled = vectors
    else:
        vectors = vectors.astype(np.float64, copy=False)
        mean, scale = vectors.mean(axis=0), vectors.std(axis=0)
        scale[scale <= 1e-12 * np.abs(mean)] = 1.0
        scaled = (vectors - mean) / scale
    if n_features <= _N_DIRECTIONS:
        directions = np.eye(n_features)
    else:
        n_components = min(_N_DIRECTIONS, n_rows)
        directions = randomized_svd(scaled, n_components, random_state=seed)[2].T
    directions = directions / scale[:, np.newaxis]
    return _Space(directions, mean @ directions, np.empty((0, directions.shape[1])))


def _place_features(places: Array, others: Array) -> Array:
    """Places of rows and their distances to the nearest of `others`."""
    # A tree, as it looks at rows one by one whatever the size of a chunk is.
    nearest = NearestNeighbors(n_neighbors=1, algorithm="kd_tree").fit(others)
    return np.column_stack([places, nearest.kneighbors(places)[0]])


def _out_of_fold_places(places: Array, folds: Array) -> Array:
    """Features of labelled rows, with distances to rows of other folds."""
    features = np.zeros((len(places), places.shape[1] + 1))
    for fold in range(folds.max() + 1):
        asked = folds == fold
        features[asked] = _place_features(places[asked], places[~asked])
    return features
