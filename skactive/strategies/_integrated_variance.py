"""Integrated variance: rows whose label makes a regressor surer about all rows."""

from __future__ import annotations

import numbers
from functools import partial
from typing import Any

import numpy as np

from skactive._compat.sklearn import Interval, _num_samples, _safe_indexing
from skactive._compat.typing import Array
from skactive._data.chunks import map_rows
from skactive._models.predictive import Beliefs, Values, beliefs
from skactive.geometry._gaussian import greedy_gaussian_batch, variance_reduction
from skactive.strategies._base import Request, Strategy
from skactive.strategies._selection import as_generator, find_candidates, pick_distinct
from skactive.strategies._shortlist import MAX_CANDIDATES, draw_candidates


class IntegratedVariance(Strategy):
    """Rows whose labels lower the variance of predictions on the pool most.

    The utility of a row is the amount by which its label lowers the mean variance of
    the values at target rows. It does not depend on the label. A batch is chosen row by
    row, so that each row lowers what the rows before it leave. Unlike :class:`Std`, a
    row counts for what it tells about others, so outliers and noisy rows do not.

    The variances and covariances are those of the estimator, in closed form for
    `GaussianProcessRegressor`, `BayesianRidge`, `ARDRegression`, and for `Ridge` and
    `LinearRegression`, whose penalty is taken as a prior. For other regressors, they
    are those of the predictions of the members of a committee. This is known as
    active learning Cohn (ALC) and, for linear models, as A-optimality.

    Parameters
    ----------
    targets : array-like, sparse, data frame or sequence of rows, default=None
        Target rows, similar to the rows that will be predicted, as the estimator takes
        them. None means rows of the pool.
    n_targets : int, default=500
        Number of rows of the pool to use as targets, evenly spaced in its order,
        including labelled rows. If the pool has fewer rows, all are used. Not used if
        `targets` are given.
    max_candidates : int or None, default=10_000
        Maximum number of candidates of a batch. If there are more, this many are drawn
        at random. None means all. Covariances of this many rows with all targets are
        held in memory.

    See Also
    --------
    Epig : The information about targets instead of their variance.
    VarianceReduction : The same for classifiers.

    References
    ----------
    .. [1] D. A. Cohn, Z. Ghahramani, M. I. Jordan, "Active Learning with Statistical
       Models", Journal of Artificial Intelligence Research 4, 1996.
    .. [2] S. Seo, M. Wallat, T. Graepel, K. Obermayer, "Gaussian Process Regression:
       Active Data Selection and Test Point Rejection", IJCNN 2000.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from skactive.strategies import IntegratedVariance
    >>> X, y = [[0.0], [1.0], [0.4], [1.5], [-1.0]], [0.0, 1.0, None, None, None]
    >>> model = Ridge().fit(X[:2], y[:2])
    >>> IntegratedVariance().select(model, X, y, n_queries=2)
    array([4, 3])
    """

    needs = ("covariance", "member_predictions")
    uses_weights = True
    in_units_of_y = True
    # `select` only takes into account what else is in the batch.
    has_utilities = True
    _parameter_constraints: dict = {
        "targets": "no_validation",
        "n_targets": [Interval(numbers.Integral, 1, None, closed="left")],
        "max_candidates": MAX_CANDIDATES,
    }

    def __init__(
        self,
        targets: Any = None,
        n_targets: int = 500,
        max_candidates: int | None = 10_000,
    ):
        self.targets = targets
        self.n_targets = n_targets
        self.max_candidates = max_candidates

    def score_candidates(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> Array:
        """Compute the utilities of the rows at the ascending positions `candidates`."""
        believed = read_beliefs(estimator, X, y)
        targets = believed.at(target_rows(self, X))
        score = partial(_reduction, believed, targets)
        n_outputs = 2 * believed.n_factors + self.n_targets
        return map_rows(score, X, candidates, n_outputs)

    def _choose(self, request: Request) -> Array:
        """Choose rows one by one, each for what those before it leave."""
        return choose_greedily(self, request, self.max_candidates)


def choose_greedily(
    strategy: Any,
    request: Request,
    max_candidates: int | None,
    *,
    by_information: bool = False,
) -> Array:
    """Choose rows that tell a regressor the most about the targets of a strategy.

    They lower the variance of the targets, or give information about them. Of more than
    `max_candidates`, as many are drawn at random.
    """
    estimator, X, y, candidates, n_queries, seed = request
    rng = as_generator(seed)
    candidates = draw_candidates(X, candidates, max_candidates, n_queries, rng)
    believed = read_beliefs(estimator, X, y)
    values = believed.at(_safe_indexing(X, candidates))
    targets = believed.at(target_rows(strategy, X))

    def pick(rows: Array, n_rows: int) -> Array:
        is_all = rows is candidates
        own = values if is_all else values.take(np.searchsorted(candidates, rows))
        chosen = greedy_gaussian_batch(
            own.covariance(targets),
            own.variance,
            believed.noise,
            n_rows,
            column=lambda row: own.covariance(own.take(np.array([row])))[:, 0],
            target_variance=targets.variance if by_information else None,
            rng=rng,
        )
        return rows[chosen]

    return pick_distinct(pick, X, candidates, n_queries, rng)


def _reduction(believed: Beliefs, targets: Values, X: Any) -> Array:
    values = believed.at(X)
    return variance_reduction(
        values.covariance(targets), values.variance, believed.noise
    )


def read_beliefs(estimator: Any, X: Any, y: Any) -> Beliefs:
    """Return the beliefs of a regressor that was fitted on the labelled rows of `X`."""
    n_samples = _num_samples(X)
    labeled = np.delete(np.arange(n_samples), find_candidates(X, y))
    labels = np.asarray(y, dtype=np.float64)[labeled] if y is not None else np.empty(0)
    weights = getattr(estimator, "sample_weight", None)
    if weights is not None:
        weights = np.asarray(weights, dtype=np.float64)[labeled]
    if len(labeled) == 0:
        raise ValueError(
            "The strategy needs the rows that the estimator was fitted on, but no row "
            "has a label. Pass y with the labels, as in query(X, y)."
        )
    return beliefs(estimator, _safe_indexing(X, labeled), labels, weights)


def target_rows(strategy: Any, X: Any) -> Any:
    """Return the target rows of a strategy: its own, or some of the pool."""
    if strategy.targets is not None:
        return strategy.targets
    return _safe_indexing(X, evenly_spaced(_num_samples(X), strategy.n_targets))


def evenly_spaced(n_rows: int, n_wanted: int) -> Array:
    """Distinct ascending positions in the middle of equal parts."""
    if n_wanted >= n_rows:
        return np.arange(n_rows)
    return ((np.arange(n_wanted) + 0.5) * n_rows / n_wanted).astype(np.intp)
