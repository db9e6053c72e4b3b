"""What a regressor says of its own doubt: standard deviations, members, covariances.

:class:`Beliefs` is a regressor's normal distribution over the values at any rows. It is
in closed form for Gaussian processes and linear models. Others have members, whose
spread it is then.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.linalg import solve_triangular
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import (
    ARDRegression,
    BayesianRidge,
    LinearRegression,
    Ridge,
    RidgeCV,
)

from skactive._compat.sklearn import _num_samples, _safe_indexing
from skactive._compat.tally import count_rows
from skactive._compat.typing import Array
from skactive._data.chunks import map_rows
from skactive._models.members import given_members, member_predictions
from skactive._models.wrappers import (
    at_last_step,
    last_step,
    layers,
    pass_in,
    pass_in_numbers,
    pass_out_numbers,
)
from skactive.geometry._blocks import as_embedding

# Linear models whose posterior follows from the labelled rows and the penalty.
_RIDGES = (Ridge, RidgeCV, LinearRegression)


# ---------------------------------------------------------------------------------
# Which regressors say what
# ---------------------------------------------------------------------------------


def has_own_std(estimator: Any) -> bool:
    """Whether `predict` of the innermost layer can return a standard deviation."""
    if isinstance(estimator, (list, tuple)):
        return False
    return _returns_std(type(last_step(estimator)))


@lru_cache
def _returns_std(kind: type) -> bool:
    predict = getattr(kind, "predict", None)
    if predict is None:
        return False
    try:
        return "return_std" in inspect.signature(predict).parameters
    except (TypeError, ValueError):  # compiled
        return False


def has_covariance(estimator: Any) -> bool:
    """Whether the covariances of a regressor, fitted or not, have a closed form."""
    if isinstance(estimator, (list, tuple)):
        return False
    last = last_step(estimator)
    kinds = (GaussianProcessRegressor, BayesianRidge, ARDRegression, *_RIDGES)
    return isinstance(last, kinds)


# ---------------------------------------------------------------------------------
# Standard deviations and members
# ---------------------------------------------------------------------------------


def predictive_std(estimator: Any, X: Any) -> Array:
    """Standard deviation of the prediction for each row, (n_samples,), float64.

    It is that of the estimator where its `predict` has `return_std`, else that of the
    predictions of its members. Members that were given come first.
    """
    if given_members(estimator) is None and has_own_std(estimator):
        std = _own_std(estimator, X)[1]
        count_rows(_num_samples(X))
    else:
        std = member_predictions(estimator, X).std(axis=0)
    if not np.isfinite(std).all():
        raise ValueError(
            f"{estimator!r} gave {np.count_nonzero(~np.isfinite(std))} standard "
            f"deviations that are NaN or infinite for {_num_samples(X)} rows."
        )
    return std


def _own_std(estimator: Any, X: Any) -> tuple[Array, Array]:
    """Predictions and standard deviations of a fitted estimator, in units of y."""
    around = [*layers(estimator)]
    for layer in around[:-1]:
        X = pass_in(layer, X)
    mean, std = (np.ravel(a).astype(np.float64) for a in _predict(around[-1], X))
    for layer in reversed(around[:-1]):
        # Half of what lies between one deviation below and above. It is exact for
        # scalers, and the deviation to first order for smooth transformations.
        ends = [pass_out_numbers(layer, mean + side * std) for side in (-1, 1)]
        mean, std = pass_out_numbers(layer, mean), np.abs(ends[1] - ends[0]) / 2
    return mean, std


def _predict(last: Any, X: Any) -> tuple[Array, Array]:
    return last.predict(X, return_std=True)


# ---------------------------------------------------------------------------------
# Joint distributions
# ---------------------------------------------------------------------------------


class Beliefs(ABC):
    """A regressor's normal distribution over the values at any rows.

    Attributes
    ----------
    noise : float
        Variance of a measurement around the value at its row, at least zero.
    """

    noise: float

    @abstractmethod
    def covariance(self, X: Any, Z: Any) -> Array:
        """Covariances of the values at rows of `X` and `Z`, (n_samples, n_others)."""

    @abstractmethod
    def variance(self, X: Any) -> Array:
        """Variances of the values at rows of `X`, (n_samples,)."""


def beliefs(estimator: Any, X: Any, y: Array, weights: Array | None = None) -> Beliefs:
    """The beliefs of a regressor that was fitted on the rows `X` with the labels `y`.

    The rows are needed by models that keep no covariance, and for the noise, which
    members do not tell. Where the target is transformed, the beliefs are about what is
    learnt.
    """
    if given_members(estimator) is None and has_covariance(estimator):
        last, inner = at_last_step(estimator, X)
        if isinstance(last, GaussianProcessRegressor):
            return _ProcessBeliefs(estimator, last)
        for layer in layers(estimator):
            y = pass_in_numbers(layer, y)
        return _LinearBeliefs(estimator, last, inner, y, weights)
    return _MemberBeliefs(estimator, X, y)


def predictive_covariance(
    estimator: Any, X: Any, Z: Any, X_labeled: Any, y_labeled: Array
) -> Array:
    """Covariances of the values at rows of `X` and `Z`, (n_samples, n_others).

    The estimator was fitted on `X_labeled` and `y_labeled`.
    """
    return beliefs(estimator, X_labeled, y_labeled).covariance(X, Z)


def noise_variance(estimator: Any, X_labeled: Any, y_labeled: Array) -> float:
    """Variance of a measurement around the value that the estimator is to learn."""
    return beliefs(estimator, X_labeled, y_labeled).noise


class _ProcessBeliefs(Beliefs):
    """A Gaussian process. White noise in its kernel counts as noise."""

    def __init__(self, estimator: Any, process: Any):
        self.estimator, self.process = estimator, process
        self.kernel, rows = process.kernel_, process.X_train_
        self.scale = float(np.ravel(process._y_train_std)[0]) ** 2
        # A kernel adds white noise only where it does not know that there are two rows.
        first = rows[:1]
        self.white = float(self.kernel.diag(first)[0] - self.kernel(first, first)[0, 0])
        self.noise = self.scale * (self.white + float(np.mean(process.alpha)))

    def _halves(self, X: Any) -> tuple[Any, Array]:
        _, rows = at_last_step(self.estimator, X)
        rows = np.asarray(rows) if not isinstance(rows, list) else rows
        cross = self.kernel(rows, self.process.X_train_)
        half = solve_triangular(
            self.process.L_, cross.T, lower=True, check_finite=False
        )
        count_rows(_num_samples(X))
        return rows, half

    def covariance(self, X: Any, Z: Any) -> Array:
        others, other_half = self._halves(Z)

        def block(some: Any) -> Array:
            rows, half = self._halves(some)
            return self.kernel(rows, others) - half.T @ other_half

        n_outputs = len(self.process.X_train_) + 2 * len(others)
        every = np.arange(_num_samples(X))
        return self.scale * map_rows(block, X, every, n_outputs)

    def variance(self, X: Any) -> Array:
        def block(some: Any) -> Array:
            rows, half = self._halves(some)
            own = self.kernel.diag(rows) - self.white
            return own - np.einsum("ij,ij->j", half, half)

        every = np.arange(_num_samples(X))
        found = map_rows(block, X, every, 2 * len(self.process.X_train_))
        return self.scale * np.maximum(found, 0)


class _FactorBeliefs(Beliefs):
    """Beliefs whose covariances are inner products of vectors of the rows."""

    n_factors: int

    @abstractmethod
    def factor(self, X: Any) -> Array:
        """Vectors of the rows, (n_samples, n_factors)."""

    def covariance(self, X: Any, Z: Any) -> Array:
        others = self.factor(Z).T
        every = np.arange(_num_samples(X))
        n_outputs = self.n_factors + others.shape[1]
        return map_rows(lambda some: self.factor(some) @ others, X, every, n_outputs)

    def variance(self, X: Any) -> Array:
        def block(some: Any) -> Array:
            factor = self.factor(some)
            return np.einsum("ij,ij->i", factor, factor)

        return map_rows(block, X, np.arange(_num_samples(X)), self.n_factors)


class _LinearBeliefs(_FactorBeliefs):
    """Bayesian ridge regressions, and ridge regressions as their posterior."""

    def __init__(
        self, estimator: Any, linear: Any, X: Any, y: Array, weights: Array | None
    ):
        self.estimator = estimator
        design = _dense(X)
        self.kept: Any = slice(None)
        self.offset = design.mean(axis=0) if linear.fit_intercept else 0.0
        self.on_intercept = 0.0
        if isinstance(linear, (BayesianRidge, ARDRegression)):
            self.noise = 1 / float(linear.alpha_)
            covariance = np.asarray(linear.sigma_, dtype=np.float64)
            if isinstance(linear, ARDRegression):
                self.kept = linear.lambda_ < linear.threshold_lambda
        else:
            weights = np.ones(len(y)) if weights is None else weights
            penalty = float(np.max(_penalty(linear)))
            if linear.fit_intercept:
                self.offset = np.average(design, axis=0, weights=weights)
            self.noise = _residual_variance(linear.predict(X), y, design.shape[1])
            centred = design - self.offset
            information = centred.T @ (centred * weights[:, np.newaxis])
            # Without a penalty, labelled rows may leave directions open.
            least = 1e-9 * np.trace(information) / max(1, len(information))
            information[np.diag_indices_from(information)] += max(penalty, least, 1e-12)
            covariance = self.noise * np.linalg.pinv(information, hermitian=True)
        if linear.fit_intercept:
            self.on_intercept = np.sqrt(self.noise / max(1, len(y)))
        values, axes = np.linalg.eigh(covariance)
        self.root = axes * np.sqrt(np.maximum(values, 0))
        self.n_factors = self.root.shape[1] + 1

    def factor(self, X: Any) -> Array:
        _, rows = at_last_step(self.estimator, X)
        count_rows(_num_samples(X))
        vectors = (_dense(rows) - self.offset)[:, self.kept] @ self.root
        return np.column_stack([vectors, np.full(len(vectors), self.on_intercept)])


class _MemberBeliefs(_FactorBeliefs):
    """The spread of members around their mean."""

    def __init__(self, estimator: Any, X: Any, y: Array):
        self.estimator = estimator
        answers = member_predictions(estimator, X)
        # A member has not learnt from some of the rows, so its errors tell the noise.
        self.noise = float(np.mean((answers - y) ** 2))
        self.n_factors = len(answers)

    def factor(self, X: Any) -> Array:
        answers = member_predictions(self.estimator, X)
        answers = answers - answers.mean(axis=0)
        return answers.T / np.sqrt(max(1, len(answers) - 1))


def _penalty(linear: Any) -> Any:
    """Strength of the l2 penalty of a fitted ridge regression, zero if it has none."""
    return linear.alpha_ if hasattr(linear, "alpha_") else getattr(linear, "alpha", 0.0)


def _residual_variance(predicted: Array, y: Array, n_features: int) -> float:
    """Variance of residuals, for the degrees of freedom that are left; not zero."""
    residuals = np.ravel(predicted) - y
    n_left = max(1, len(y) - n_features - 1)
    least = np.finfo(np.float64).tiny + 1e-12 * float(np.var(y))
    return max(float(residuals @ residuals) / n_left, least)


def _dense(X: Any) -> Array:
    vectors = as_embedding(X.to_numpy() if hasattr(X, "to_numpy") else X)
    dense = vectors.toarray() if sp.issparse(vectors) else vectors
    return dense.astype(np.float64, copy=False)


def labeled_part(X: Any, y: Any, candidates: Array) -> tuple[Any, Array]:
    """The rows with a label, and their labels, given the positions of the others."""
    rows = np.delete(np.arange(_num_samples(X)), candidates)
    return _safe_indexing(X, rows), np.asarray(y, dtype=np.float64)[rows]
