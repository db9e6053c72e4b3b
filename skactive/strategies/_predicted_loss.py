"""Predicted loss: a regressor learns the model's losses from the labelled rows."""

from __future__ import annotations

import numbers
import warnings
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import nnls
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.utils.parallel import Parallel, delayed

from skactive._compat.sklearn import (
    BaseSearchCV,
    HasMethods,
    Interval,
    StrOptions,
    _num_samples,
    _safe_indexing,
)
from skactive._compat.tally import count_fits, count_rows, counting
from skactive._compat.typing import Array
from skactive._data.chunks import map_rows
from skactive._data.labels import MISSING, codes_among
from skactive._models.bootstrap import fit_on_rows, seeded
from skactive._models.members import classes_of
from skactive._models.response import predict_proba
from skactive._models.vectors import embed
from skactive._models.wrappers import Fitted
from skactive.strategies._base import Strategy
from skactive.strategies._disagreement import proba_among
from skactive.strategies._losses import (
    N_DIRECTIONS,
    Space,
    combine_losses,
    expected_loss,
    losses_of,
    make_space,
    out_of_fold_places,
    place_features,
    proba_features,
    rank_correlation,
    stratified_folds,
)
from skactive.strategies._messages import shorten

# Maximum number of rows from which the directions of the embedding are computed.
_MAX_ROWS = 2000
# Number of folds of the regressor's own cross-validation.
_N_REGRESSOR_FOLDS = 5


class PredictedLoss(Strategy):
    """Rows on which the model is expected to be most wrong, learnt from its errors.

    The labelled rows are split into folds. The losses on the rows of a fold are those
    of clones of the estimator that have not seen the fold. A regressor learns these
    losses. Its prediction for a row is combined with the loss that the model itself
    expects, such as the entropy of its probabilities. The weights of the two are not
    negative, and are those that predict the losses of the labelled rows best (by least
    squares, with cross-validated predictions of the regressor: stacking [2]_). There is
    little to gain if the model's own uncertainty is already right, as it often is for
    logistic regression. There is more to gain if it is not, as with trees that are
    certain everywhere.

    With few labels, there is nothing to learn from. The strategy warns, and uses only
    the loss that the model itself expects, in two cases: if fewer than `min_labels`
    rows have a loss, or if the combined prediction does not rank the losses of the n
    labelled rows better than the model's own expectation. Its rank correlation with
    these losses must be greater by more than ``n ** -0.5``, a standard error.

    Each call fits the estimator `n_folds` times and the regressor six times, all on the
    labelled rows. A pipeline is cloned with all its steps. Of a search, the best
    estimator is cloned. A :class:`~sklearn.frozen.FrozenEstimator` is used as it is. If
    it has not seen the labelled rows, its losses on them are correct.

    Parameters
    ----------
    loss : {"log", "error"}, default="log"
        "log" is the negative logarithm of the probability of the true class, and the
        model's own expectation is the entropy. Probabilities below 0.01 count as 0.01,
        so no loss is above 4.61 nats. "error" is one minus the probability of the true
        class, and the model's own expectation is ``1 - sum p**2``.
    regressor : regressor or None, default=None
        Any scikit-learn regressor. None means ExtraTreesRegressor with 50 trees and at
        least 5 rows per leaf.
    features : {"all", "proba", "embedding"}, default="all"
        Input of the regressor:

        - "proba": the class probabilities, least confidence, margin and entropy. This
          needs no vectors.
        - "embedding": the ten leading principal components of the embedding (with
          standardized columns, unless sparse), and the distance in these to the nearest
          labelled row that the model has learnt from.
        - "all": both.
    n_folds : int, default=5
        Number of folds of the labelled rows, stratified. A class with a single label is
        never held out.
    min_labels : int, default=20
        Minimum number of labelled rows with a loss, at least 10.
    embedding : transformer or callable, default=None
        A fitted transformer or a function ``X -> vectors``. None means the output of
        the pipeline steps before the last one, or X itself.
    random_state : int, default=0
        Draws the folds, and seeds the clones and the regressor if their `random_state`
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
        """Predict the losses of the rows at the ascending positions `candidates`."""
        model = self._learn(estimator, X, y)
        predict = partial(self._predict, estimator, model)
        n_outputs = 2 * len(classes_of(estimator)) + N_DIRECTIONS
        return map_rows(predict, X, candidates, n_outputs)

    def _predict(self, estimator: Any, model: _Model | None, X: Any) -> Array:
        proba = predict_proba(estimator, X).astype(np.float64, copy=False)
        expected = expected_loss(proba, self.loss)
        if model is None:
            return expected
        features = []
        if self.features != "embedding":
            features.append(proba_features(proba))
        if self.features != "proba":
            places = model.space.places(embed(estimator, X, self.embedding))
            features.append(place_features(places, model.space.places_labeled))
        learnt = model.regressor.predict(np.hstack(features))
        return combine_losses(model.weights, expected, learnt)

    def _learn(self, estimator: Any, X: Any, y: Any) -> _Model | None:
        """What predicts the losses; None, with a warning, if nothing is learnt."""
        classes = classes_of(estimator)
        codes = np.full(_num_samples(X), MISSING)
        if y is not None:
            codes = codes_among(classes, y, _num_samples(X))
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
        losses = losses_of(
            proba[np.arange(n_losses), codes[labeled][held_out]], self.loss
        )
        features = [proba_features(proba)] if self.features != "embedding" else []
        space = None
        if self.features != "proba":
            space = self._find_space(estimator, X, labeled, rng)
            features.append(out_of_fold_places(space.places_labeled, folds)[held_out])
        table = np.hstack(features)
        regressor = self._new_regressor()
        # Shuffle, because X may be sorted.
        splits = KFold(_N_REGRESSOR_FOLDS, shuffle=True, random_state=self.random_state)
        learnt = cross_val_predict(regressor, table, losses, cv=splits)
        count_fits(_N_REGRESSOR_FOLDS)
        expected = expected_loss(proba, self.loss)
        both = np.column_stack([expected, np.maximum(learnt, 0)])
        weights = nnls(both, losses)[0]
        own = rank_correlation(expected, losses)
        found = rank_correlation(combine_losses(weights, expected, learnt), losses)
        # The standard error of the rank correlation of unrelated quantities.
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
        # The text has no numbers, so that Python shows it once and not in every round.
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
            with counting():  # it may run in another process, so the caller counts
                model = self._fit(template, X, classes[codes[learnt]], learnt, params)
                X_asked = _safe_indexing(X, asked)
                return folds == fold, proba_among(model, X_asked, classes)

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
    ) -> Space:
        n_samples = _num_samples(X)
        rows = np.arange(n_samples)
        if n_samples > _MAX_ROWS:
            rows = np.sort(rng.choice(n_samples, size=_MAX_ROWS, replace=False))
        some = embed(estimator, _safe_indexing(X, rows), self.embedding)
        space = make_space(some, self.random_state)
        own = embed(estimator, _safe_indexing(X, labeled), self.embedding)
        return space._replace(places_labeled=space.places(own))


class _Model(NamedTuple):
    """Predictor of losses; `weights` are those of the expected and the learnt loss."""

    regressor: Any
    weights: Array
    space: Any


def _template(estimator: Any) -> Any:
    """Return the estimator to clone; of a search, its best estimator."""
    while isinstance(estimator, (Fitted, BaseSearchCV)):
        if isinstance(estimator, BaseSearchCV):
            estimator = estimator.best_estimator_
        else:
            estimator = estimator.estimator
    return estimator
