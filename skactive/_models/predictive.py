"""What a regressor says of its own doubt: standard deviations, members, covariances.

:class:`Beliefs` is a regressor's normal distribution over the values at any rows. It is
in closed form for Gaussian processes and linear models. Others have members, whose
spread it is then.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterator
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
from skactive._models.members import (
    each_prediction,
    given_members,
    member_predictions,
)
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
    return _returns_std(getattr(type(last_step(estimator)), "predict", None))


@lru_cache
def _returns_std(predict: Any) -> bool:
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
        std = _spread(each_prediction(estimator, X))
    if not np.isfinite(std).all():
        raise ValueError(
            f"{estimator!r} gave {np.count_nonzero(~np.isfinite(std))} standard "
            f"deviations that are NaN or infinite for {_num_samples(X)} rows."
        )
    return std


def _spread(answers: Iterator[Array]) -> Array:
    """Standard deviation of arrays that come one after the other."""
    first = next(answers)
    total, squares, n_answers = np.zeros(len(first)), np.zeros(len(first)), 1
    for answer in answers:
        # Differences from the first: little is lost if all are far from zero.
        change = answer - first
        total += change
        squares += np.multiply(change, change, out=change)
        n_answers += 1
    total /= n_answers
    return np.sqrt(np.maximum(squares / n_answers - total**2, 0))


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


class Values(ABC):
    """The values at some rows under a regressor's beliefs.

    Attributes
    ----------
    variance : ndarray of shape (n_rows,)
        Variance of each value, without the noise of measurements.
    """

    variance: Array

    @abstractmethod
    def covariance(self, others: Any) -> Array:
        """Covariances with the values at other rows, (n_rows, n_others)."""

    @abstractmethod
    def take(self, rows: Array) -> Values:
        """The values at some of the rows."""


class Beliefs(ABC):
    """A regressor's normal distribution over the values at any rows.

    Attributes
    ----------
    noise : float
        Variance of a measurement around the value at its row, at least zero.
    n_factors : int
        Size of what is held for a row.
    """

    noise: float
    n_factors: int

    @abstractmethod
    def at(self, X: Any) -> Values:
        """The values at rows of `X`."""


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
    believed = beliefs(estimator, X_labeled, y_labeled)
    return believed.at(X).covariance(believed.at(Z))


def noise_variance(estimator: Any, X_labeled: Any, y_labeled: Array) -> float:
    """Variance of a measurement around the value that the estimator is to learn."""
    return beliefs(estimator, X_labeled, y_labeled).noise


class _ProcessValues(Values):
    """Values of a Gaussian process: rows, and their covariances with what it learnt."""

    def __init__(self, process: Any, scale: float, rows: Any, half: Array):
        self.process, self.scale, self.rows, self.half = process, scale, rows, half

    @property
    def variance(self) -> Array:  # type: ignore[override]
        own = self.process.kernel_.diag(self.rows) - white_noise(self.process)
        left = own - np.einsum("ij,ij->i", self.half, self.half)
        return self.scale * np.maximum(left, 0)

    def covariance(self, others: Any) -> Array:
        """Covariances with the values at other rows."""
        prior = self.process.kernel_(self.rows, others.rows)
        return self.scale * (prior - self.half @ others.half.T)

    def take(self, rows: Array) -> Values:
        """The values at some of the rows."""
        some = _safe_indexing(self.rows, rows)
        return _ProcessValues(self.process, self.scale, some, self.half[rows])


class _ProcessBeliefs(Beliefs):
    """A Gaussian process. White noise in its kernel counts as noise."""

    def __init__(self, estimator: Any, process: Any):
        self.estimator, self.process = estimator, process
        self.scale = float(np.ravel(process._y_train_std)[0]) ** 2
        white = white_noise(process)
        self.noise = self.scale * (white + float(np.mean(process.alpha)))
        self.n_factors = len(process.X_train_)

    def at(self, X: Any) -> Values:
        """The values at rows of `X`."""
        _, rows = at_last_step(self.estimator, X)
        rows = rows.to_numpy() if hasattr(rows, "to_numpy") else rows
        if self.process.kernel_.requires_vector_input:
            rows = np.asarray(rows, dtype=np.float64)

        def halves(some: Any) -> Array:
            cross = self.process.kernel_(some, self.process.X_train_)
            lower = self.process.L_
            return solve_triangular(lower, cross.T, lower=True, check_finite=False).T

        n_rows = _num_samples(rows)
        count_rows(n_rows)
        half = map_rows(halves, rows, np.arange(n_rows), 2 * self.n_factors)
        return _ProcessValues(self.process, self.scale, rows, half)


def white_noise(process: Any) -> float:
    """Variance of the white noise in the kernel of a fitted Gaussian process."""
    # A kernel adds it only where it does not know that there are two sets of rows.
    kernel, first = process.kernel_, process.X_train_[:1]
    return float(kernel.diag(first)[0] - kernel(first, first)[0, 0])


class _FactorValues(Values):
    """Values whose covariances are inner products of vectors, (n_rows, n_factors)."""

    def __init__(self, factor: Array):
        self.factor = factor

    @property
    def variance(self) -> Array:  # type: ignore[override]
        return np.einsum("ij,ij->i", self.factor, self.factor)

    def covariance(self, others: Any) -> Array:
        """Covariances with the values at other rows."""
        return self.factor @ others.factor.T

    def take(self, rows: Array) -> Values:
        """The values at some of the rows."""
        return _FactorValues(self.factor[rows])


class _LinearBeliefs(Beliefs):
    """Bayesian ridge regressions, and ridge regressions as their posterior."""

    def __init__(
        self, estimator: Any, linear: Any, X: Any, y: Array, weights: Array | None
    ):
        self.estimator = estimator
        design = _dense(X)
        self.offset: Any = 0.0
        if linear.fit_intercept:
            self.offset = np.average(design, axis=0, weights=weights)
        self.kept: Any = slice(None)
        if isinstance(linear, (BayesianRidge, ARDRegression)):
            self.noise = 1 / float(linear.alpha_)
            covariance = np.asarray(linear.sigma_, dtype=np.float64)
            if isinstance(linear, ARDRegression):
                self.kept = linear.lambda_ < linear.threshold_lambda
        else:
            self.noise = _residual_variance(linear.predict(X), y, design.shape[1])
            centred = design - self.offset
            weighted = centred if weights is None else centred * weights[:, np.newaxis]
            information = centred.T @ weighted
            # Without a penalty, labelled rows may leave directions open.
            least = 1e-9 * np.trace(information) / max(1, len(information)) + 1e-12
            diagonal = np.diag_indices_from(information)
            information[diagonal] += max(float(np.max(_penalty(linear))), least)
            covariance = self.noise * np.linalg.pinv(information, hermitian=True)
        self.on_intercept = 0.0
        if linear.fit_intercept:
            self.on_intercept = float(np.sqrt(self.noise / max(1, len(y))))
        values, axes = np.linalg.eigh(covariance)
        self.root = axes * np.sqrt(np.maximum(values, 0))
        self.n_factors = self.root.shape[1] + 1

    def at(self, X: Any) -> Values:
        """The values at rows of `X`."""
        _, rows = at_last_step(self.estimator, X)
        count_rows(_num_samples(X))

        def factor(some: Any) -> Array:
            vectors = (_dense(some) - self.offset)[:, self.kept] @ self.root
            ones = np.full(len(vectors), self.on_intercept)
            return np.column_stack([vectors, ones])

        every = np.arange(_num_samples(rows))
        return _FactorValues(map_rows(factor, rows, every, 2 * self.n_factors))


class _MemberBeliefs(Beliefs):
    """The spread of members around their mean."""

    def __init__(self, estimator: Any, X: Any, y: Array):
        self.estimator = estimator
        answers = member_predictions(estimator, X)
        # A member has not learnt from some of the rows, so its errors tell the noise.
        self.noise = float(np.mean((answers - y) ** 2))
        self.n_factors = len(answers)

    def at(self, X: Any) -> Values:
        """The values at rows of `X`."""

        def factor(some: Any) -> Array:
            answers = member_predictions(self.estimator, some)
            answers = answers - answers.mean(axis=0)
            return answers.T / np.sqrt(max(1, len(answers) - 1))

        every = np.arange(_num_samples(X))
        return _FactorValues(map_rows(factor, X, every, 2 * self.n_factors))


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
