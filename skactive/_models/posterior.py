"""Members drawn from a posterior, for models that have one in closed form.

A logistic regression with an l2 penalty is the mode of a posterior, whose Laplace
approximation is a normal distribution. Gaussian naive Bayes has a conjugate posterior.
A member is one draw of the model's parameters. It is the same for all rows, so members
also represent how rows depend on each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.linalg import cho_solve, solve_triangular
from scipy.special import expit, ndtri, softmax
from sklearn.naive_bayes import GaussianNB
from sklearn.utils import check_array

from skactive._compat.typing import Array
from skactive._models.linear import Logistic, add_ones, as_logistic, training_weights
from skactive._models.members import classes_of
from skactive._models.wrappers import at_last_step, last_step, params_of_last_step

# Square matrices are built and factorised up to this number of rows.
_MAX_FACTORISED = 4096
# Directions outside the span of the labelled rows are drawn in at most this many
# dimensions. Dot products of rows are then accurate to 1 / sqrt(4096) = 0.016. The
# correlation of two rows over 100 members is only accurate to 0.1.
_MAX_FREE = 4096
# Size of a temporary array while members are drawn: 64 MiB.
_DRAW_SIZE = 2**23
# A draw is accurate to this share of its own spread.
_SOLVE_TOLERANCE = 1e-4
_SOLVE_ROUNDS = 500

# Prior precision of an intercept without a penalty. With none at all, it would have no
# posterior if the model is certain of all labelled rows, whose curvature is then zero.
_LEAST_PRECISION = 1e-8

# Number of rows that the prior of GaussianNB is worth. The means are almost free,
# because a prior in the middle of all classes would pull them together.
_ROWS_OF_MEAN = 0.01
_ROWS_OF_VARIANCE = 1.0


def posterior_members(
    estimator: Any,
    X: Any,
    labels: Array,
    params: dict[str, Any],
    *,
    n_members: int,
    random_state: int,
) -> Callable[[Any], Array] | None:
    """Draw members from the posterior of a fitted estimator.

    Parameters
    ----------
    estimator : estimator object
        Estimator fitted on `X` and `labels`. Only its last step matters.
    X : array-like, sparse, data frame or sequence of n_labeled
        The labelled rows. GaussianNB needs only their statistics, which it has.
    labels : ndarray of shape (n_labeled,)
        Labels of these rows.
    params : dict
        Further arguments of `fit` of `estimator`, indexed to these rows.
    n_members : int
        Number of draws.
    random_state : int
        Seed of the draws.

    Returns
    -------
    members : callable or None
        A picklable function ``X -> proba`` of shape (n_members, n_samples,
        n_classes), float64, with columns as in the classes of `estimator`. None if the
        model has no posterior in closed form. The models that have one are GaussianNB,
        and LogisticRegression and LogisticRegressionCV with an l2 penalty (multinomial,
        or with two classes).
    """
    classifier = last_step(estimator)
    rng = np.random.default_rng(random_state)
    if isinstance(classifier, GaussianNB):
        return GaussianNBPosterior(estimator, classifier, n_members, rng)
    logistic = as_logistic(classifier)
    if logistic is None or not logistic.penalty[0] > 0:  # a flat prior is no prior
        return None
    codes = np.searchsorted(classes_of(estimator), labels)
    weights = training_weights(
        classifier,
        logistic.classes[codes],
        params_of_last_step(estimator, params).get("sample_weight"),
    )
    features = _features(estimator, X)
    return LogisticPosterior(estimator, logistic, features, weights, n_members, rng)


def _features(estimator: Any, X: Any) -> Any:
    """Rows as the last step sees them: dense or CSR, float64."""
    _, features = at_last_step(estimator, X)
    return check_array(features, accept_sparse="csr", dtype=np.float64)


# ---------------------------------------------------------------------------------
# Logistic regression
# ---------------------------------------------------------------------------------


class LogisticPosterior:
    """Draws from the Laplace approximation of a logistic regression's posterior.

    The l2 penalty is a normal prior of variance C for every coefficient. An intercept
    without a penalty has a prior of variance 1e8, which is almost flat. Class weights
    and sample weights multiply the log-likelihood of a row. The draws have the
    estimator's coefficients as mean and the inverse of the Hessian there as covariance.
    Adding the same vector to the coefficients of all classes does not change the
    probabilities. So draws are taken in the subspace where classes sum to zero, in
    which every direction has a proper posterior.

    If there are many features, no array of shape (n_features, n_features) is built. A
    draw is exact in the span of the labelled rows. Outside this span the posterior is
    the prior, and draws are made in 4096 dimensions, to which features are hashed with
    random signs.

    Parameters
    ----------
    estimator : estimator object
        A fitted estimator whose last step is `logistic`.
    logistic : Logistic
        Formula of the last step, with a penalty greater than zero.
    features : {ndarray, CSR} of shape (n_labeled, n_features)
        Rows of the fit, as the last step saw them.
    weights : ndarray of shape (n_labeled,)
        Weights of these rows in the fit.
    n_members : int
        Number of draws.
    rng : Generator
        Source of the draws.
    """

    def __init__(
        self,
        estimator: Any,
        logistic: Logistic,
        features: Any,
        weights: Array,
        n_members: int,
        rng: np.random.Generator,
    ):
        self.estimator = estimator
        self.n_members = n_members
        coef, penalty = logistic.coef, logistic.penalty.copy()
        if len(coef) == 1:  # as a softmax: w and -w, each of half the size
            coef, penalty = np.vstack([-coef / 2, coef / 2]), 2 * penalty
        n_labeled, n_features = features.shape
        proba = softmax(features @ coef[:, :-1].T + coef[:, -1], axis=1)
        inside, root = features, None
        if n_labeled < n_features and n_labeled <= _MAX_FACTORISED:
            inside = root = _span_coordinates(features)
            penalty = np.append(np.full(n_labeled, penalty[0]), penalty[-1])
        n_inside = inside.shape[1]
        if logistic.has_intercept:
            inside = add_ones(inside)
            penalty[-1] = max(penalty[-1], _LEAST_PRECISION)
        else:
            penalty = penalty[:-1]
        # Mean curvature of the loss of a row over the directions that sum to zero.
        curvature = weights * (proba * (1 - proba)).sum(axis=1) / (len(coef) - 1)
        factor = _factorise(inside, curvature, penalty)
        draws = _draw(inside, proba, weights, penalty, factor, n_members, rng)
        intercept = coef[:, -1:] + (draws[-1] if logistic.has_intercept else 0.0)
        self.intercept = _contrast(intercept, axis=0)
        draws = draws[:n_inside]
        self.mean = _contrast(coef.T[:, :, np.newaxis])
        self.span: Any = None
        self.free: _FreeDirections | None = None
        if root is None:
            self.coef = self.mean[:-1] + _contrast(draws)
        else:
            self._leave_span(features, root, draws, penalty[0], rng)
        self.spread = None
        if len(proba.T) == 2 and factor.ndim == 2:
            self.spread = _Spread(factor, n_inside, root, self.span, penalty[0])

    def _leave_span(
        self,
        features: Any,
        root: Array,
        draws: Array,
        strength: float,
        rng: np.random.Generator,
    ) -> None:
        """Turn draws in coordinates of the span into draws for all features."""
        n_labeled, n_features = features.shape
        free = _FreeDirections(n_features, draws.shape[1], draws.shape[2], rng)
        free.draws /= np.sqrt(strength)
        # In the span, the draws made there replace the free draws.
        seen = free(features) @ free.draws.reshape(len(free.draws), -1)
        seen = solve_triangular(root, seen, lower=True)
        by_row = draws.reshape(n_labeled, -1) - seen
        by_row = solve_triangular(root, by_row, lower=True, trans="T")
        self.span = features
        if free.is_exact:
            by_feature = (features.T @ by_row).reshape(free.draws.shape)
            self.coef = self.mean[:-1] + _contrast(by_feature + free.draws)
        else:
            free.draws = _contrast(free.draws)
            self.coef = self.mean[:-1]
            self.by_row = _contrast(by_row.reshape(draws.shape))
            self.free = free

    def __call__(self, X: Any) -> Array:
        """Class probabilities of rows, (n_members, n_samples, n_classes).

        A member is the same for all rows and in all calls.
        """
        features = _features(self.estimator, X)
        latent = _product(features, self.coef) + self.intercept
        if self.free is not None:
            latent = latent + _product(features @ self.span.T, self.by_row)
            latent += _product(self.free(features), self.free.draws)
        latent = np.moveaxis(latent, 2, 0)
        if latent.shape[2] > 1:
            return softmax(latent, axis=2)
        return _two_classes(latent[:, :, 0])

    def marginal(self, X: Any) -> Array:
        """As a call, but preserving only the distribution in each row.

        With two classes the answer has no noise: the latent value of a row is normal,
        and members are at its quantiles. Otherwise the answer is that of a call.
        """
        if self.spread is None:
            return self(X)
        features = _features(self.estimator, X)
        latent = _product(features, self.mean[:-1])[:, 0, 0] + self.mean[-1, 0, 0]
        nodes = ndtri((np.arange(self.n_members) + 0.5) / self.n_members)
        nodes /= nodes.std()
        return _two_classes(latent + nodes[:, np.newaxis] * self.spread(features))


class _Spread:
    """Standard deviation of the latent values of rows, for two classes.

    A call with features (n_samples, n_features) returns an array (n_samples,).
    """

    def __init__(
        self,
        factor: Array,
        n_inside: int,
        root: Array | None,
        span: Any,
        strength: float,
    ):
        # The difference of two classes that sum to zero has twice the variance.
        self.inverse = np.sqrt(2) * solve_triangular(
            factor, np.eye(len(factor)), lower=True
        )
        self.n_inside = n_inside
        self.root = root
        self.span = span
        self.strength = strength

    def __call__(self, features: Any) -> Array:
        inside = features
        variance = np.zeros(features.shape[0])
        if self.root is not None:
            inside = features @ self.span.T
            inside = inside.toarray() if sp.issparse(inside) else inside
            inside = solve_triangular(self.root, inside.T, lower=True).T
            outside = _squared_norms(features) - _squared_norms(inside)
            variance = 2 * np.maximum(outside, 0.0) / self.strength
        whitened = inside @ self.inverse[:, : self.n_inside].T
        if self.n_inside < len(self.inverse):
            whitened += self.inverse[:, -1]
        return np.sqrt(variance + _squared_norms(whitened))


class _FreeDirections:
    """Standard normal draws (n_free, n_classes, n_members) of directions of features.

    A call with features returns their (n_samples, n_free) coordinates.
    """

    def __init__(
        self, n_features: int, n_classes: int, n_members: int, rng: np.random.Generator
    ):
        self.is_exact = n_features <= _MAX_FREE
        n_free = n_features
        if not self.is_exact:
            n_free = _MAX_FREE
            column = rng.integers(n_free, size=n_features)
            sign = rng.choice([-1.0, 1.0], size=n_features)
            self.hashing = sp.csr_array(
                (sign, column, np.arange(n_features + 1)), shape=(n_features, n_free)
            )
        draws = rng.standard_normal((n_free, n_classes, n_members))
        self.draws = draws - draws.mean(axis=1, keepdims=True)

    def __call__(self, features: Any) -> Any:
        if self.is_exact:
            return features
        if sp.issparse(features):
            return features @ self.hashing
        return (self.hashing.T @ features.T).T


def _two_classes(latent: Array) -> Array:
    """Probabilities (n_members, n_samples, 2) from values (n_members, n_samples)."""
    second = expit(latent)
    return np.stack([1.0 - second, second], axis=2)


def _squared_norms(rows: Any) -> Array:
    if sp.issparse(rows):
        return np.asarray(rows.multiply(rows).sum(axis=1)).ravel()
    return np.einsum("ij,ij->i", rows, rows)


def _contrast(values: Array, axis: int = 1) -> Array:
    """The second class minus the first if there are two, otherwise all classes."""
    return np.diff(values, axis=axis) if values.shape[axis] == 2 else values


def _product(features: Any, coef: Array) -> Array:
    """Products (n_samples, n_classes, n_members) with coefficients of members."""
    found = features @ coef.reshape(len(coef), -1)
    return found.reshape(-1, *coef.shape[1:])


def _span_coordinates(features: Any) -> Array:
    """Coordinates of rows in an orthonormal basis of their span.

    They are the lower triangular root of the rows' dot products. The coordinates of
    another row x in the same basis are ``solve(root, features @ x)``.
    """
    products = features @ features.T
    products = products.toarray() if sp.issparse(products) else products
    # Equal rows share one direction, so each gets a second one of almost no length.
    floor = np.finfo(np.float64).tiny + 1e-12 * products.diagonal().mean()
    products[np.diag_indices_from(products)] += floor
    return np.linalg.cholesky(products)


def _draw(
    features: Any,
    proba: Array,
    weights: Array,
    penalty: Array,
    factor: Array,
    n_members: int,
    rng: np.random.Generator,
) -> Array:
    """Draws (n_features, n_classes, n_members) of N(0, inverse Hessian).

    A draw u of covariance H is a sum over rows and penalties, whose roots are known.
    Then ``solve(H, u)`` has the inverse of H as covariance. H itself is never built.
    See G. Papandreou, A. Yuille, "Gaussian Sampling by Local Perturbations", NeurIPS
    2010.
    """
    n_rows, n_classes = proba.shape
    P = proba[:, :, np.newaxis]
    W = weights[:, np.newaxis, np.newaxis]

    def hessian(values: Array) -> Array:
        latent = _product(features, values)
        latent -= (P * latent).sum(axis=1, keepdims=True)
        latent *= P
        latent *= W
        return _product(features.T, latent) + penalty[:, None, None] * values

    n_together = max(1, _DRAW_SIZE // (max(features.shape) * n_classes))
    draws = np.empty((features.shape[1], n_classes, n_members))
    for start in range(0, n_members, n_together):
        part = draws[:, :, start : start + n_together]
        # The root of diag(p) - p p' is diag(sqrt(p)) - p sqrt(p)'.
        noise = rng.standard_normal((n_rows, n_classes, part.shape[2]))
        noise *= np.sqrt(P)
        noise -= P * noise.sum(axis=1, keepdims=True)
        noise *= np.sqrt(W)
        prior = rng.standard_normal(part.shape)
        prior -= prior.mean(axis=1, keepdims=True)
        prior *= np.sqrt(penalty)[:, None, None]
        prior += _product(features.T, noise)
        part[:] = _solve(hessian, factor, prior)
    return draws


def _factorise(features: Any, curvature: Array, penalty: Array) -> Array:
    """Factor of a class's own block of the Hessian, as if all classes were alike.

    With two classes they are alike. The factor is lower triangular of shape
    (n_features, n_features). If the block is too large to build, the diagonal of the
    block itself, (n_features,), is returned.
    """
    if len(penalty) > _MAX_FACTORISED:
        squares = features.multiply(features) if sp.issparse(features) else features**2
        return squares.T @ curvature + penalty
    if sp.issparse(features):
        weighted = features.multiply(curvature[:, np.newaxis]).tocsr()
        block = (features.T @ weighted).toarray()
    else:
        block = features.T @ (features * curvature[:, np.newaxis])
    diagonal = np.diag_indices_from(block)
    block[diagonal] += penalty
    # Rounding must not make the block indefinite, whatever the scales of features.
    block[diagonal] *= 1 + 1e-12
    return np.linalg.cholesky(block)


def _solve(
    matrix: Callable[[Array], Array],
    factor: Array,
    right: Array,
) -> Array:
    """Solve by conjugate gradients for each member, the last axis of `right`."""

    def precondition(values: Array) -> Array:
        columns = values.reshape(len(values), -1)
        if factor.ndim == 1:
            return (columns / factor[:, np.newaxis]).reshape(values.shape)
        return cho_solve((factor, True), columns).reshape(values.shape)

    found = np.zeros_like(right)
    residual = right
    step = direction = precondition(residual)
    size = (residual * step).sum(axis=(0, 1))
    small = _SOLVE_TOLERANCE**2 * size
    for _ in range(_SOLVE_ROUNDS):
        active = size > small
        if not active.any():
            break
        image = matrix(direction)
        length = (direction * image).sum(axis=(0, 1))
        pace = np.where(active, size, 0.0) / np.where(active, length, 1.0)
        found += pace * direction
        residual = residual - pace * image
        step = precondition(residual)
        before, size = size, (residual * step).sum(axis=(0, 1))
        ratio = np.where(active, size, 0.0) / np.where(active, before, 1.0)
        direction = step + ratio * direction
    return found


# ---------------------------------------------------------------------------------
# Gaussian naive Bayes
# ---------------------------------------------------------------------------------


class GaussianNBPosterior:
    """Draws from the conjugate posterior of a Gaussian naive Bayes.

    The mean and variance of a feature in a class have a normal-inverse-chi-squared
    posterior. The prior mean is the mean of all rows, worth 0.01 rows. The prior
    variance, worth one row, is the variance within classes, to which one degree of
    freedom with the variance of all rows is added. So a class with one row has a
    posterior too; in a parametric bootstrap it would have no variance. The shares of
    the classes have a Dirichlet posterior with a prior worth one row, unless they are
    given by the `priors` of the estimator. The estimator's `epsilon_` is added to drawn
    variances, as in its own fit. Rows have the same weights as in the fit.

    Parameters
    ----------
    estimator : estimator object
        A fitted estimator whose last step is `classifier`.
    classifier : GaussianNB
        A fitted classifier. Its statistics are all that is used of the rows.
    n_members : int
        Number of draws.
    rng : Generator
        Source of the draws.
    """

    def __init__(
        self,
        estimator: Any,
        classifier: GaussianNB,
        n_members: int,
        rng: np.random.Generator,
    ):
        self.estimator = estimator
        self.n_members = n_members
        counts = np.asarray(classifier.class_count_, dtype=np.float64)[:, np.newaxis]
        means = np.asarray(classifier.theta_, dtype=np.float64)
        squares = counts * np.maximum(classifier.var_ - classifier.epsilon_, 0.0)
        total = counts.sum()
        center = (counts * means).sum(axis=0) / total
        between = (counts * (means - center) ** 2).sum(axis=0)
        overall = (squares.sum(axis=0) + between) / total
        freedom = max(total - len(counts), 0.0)
        within = (squares.sum(axis=0) + overall) / (freedom + 1)

        rows_of_mean = _ROWS_OF_MEAN + counts
        rows_of_variance = _ROWS_OF_VARIANCE + counts
        mean = (_ROWS_OF_MEAN * center + counts * means) / rows_of_mean
        pull = _ROWS_OF_MEAN * counts / rows_of_mean * (means - center) ** 2
        scale = _ROWS_OF_VARIANCE * within + squares + pull
        shape = (n_members, *means.shape)
        freedoms = np.broadcast_to(rows_of_variance, means.shape)
        variance = scale / rng.chisquare(freedoms, size=shape)
        drawn = mean + np.sqrt(variance / rows_of_mean) * rng.standard_normal(shape)
        # These are draws of the estimator's `theta_`, `var_` and `class_prior_`.
        self.theta = drawn
        self.var = variance + classifier.epsilon_
        if classifier.priors is not None:
            self.prior = np.tile(classifier.class_prior_, (n_members, 1))
        else:
            self.prior = rng.dirichlet(counts[:, 0] + 1 / len(counts), size=n_members)
        self.center = center

    def __call__(self, X: Any) -> Array:
        """Class probabilities of rows, (n_members, n_samples, n_classes)."""
        features = _features(self.estimator, X) - self.center
        means = self.theta - self.center
        constant = np.log(self.prior) - 0.5 * (
            np.log(2 * np.pi * self.var) + means**2 / self.var
        ).sum(axis=2)
        coef = np.concatenate([-0.5 / self.var, means / self.var], axis=2)
        inputs = np.hstack([features**2, features])
        joint = np.tensordot(coef, inputs, axes=(2, 1)) + constant[:, :, np.newaxis]
        return softmax(np.swapaxes(joint, 1, 2), axis=2)
