"""Fisher information of a softmax layer, and how rows add to it.

Let a row have features h (with a one for the intercept) and class probabilities p. Its
information about the coefficients is ``I(x) = V outer h h'`` (a Kronecker product),
where ``V = diag(p) - p p'``. The first class is the reference: the coefficients of the
others are differences from its coefficients. So V has shape (n_rows, n_rows), where
n_rows = n_classes - 1. Information matrices have shape (n_parameters, n_parameters),
where n_parameters = n_rows * n_features, class by class. A trace ``tr(M^-1 T)`` does
not depend on the choice of the reference.

Let ``V = F F'`` (F lower triangular, in closed form [1]_) and ``U = F outer h``. Adding
a row to M lowers the trace by ``tr((1 + G)^-1 H)``, where ``G = U' M^-1 U`` and
``H = U' M^-1 T M^-1 U`` have shape (n_rows, n_rows). These small matrices are kept for
all rows, in arrays of shape (n_rows, n_rows, n_samples), and are updated with M by
updates of low rank.

References
----------
.. [1] K. Tanabe, M. Sagae, "An Exact Cholesky Decomposition and the Generalized Inverse
   of the Variance-Covariance Matrix of the Multinomial Distribution, with
   Applications", Journal of the Royal Statistical Society B, 1992.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg
import scipy.sparse as sp

from skactive._compat.typing import Array
from skactive.geometry._blocks import blocks, dense_rows

# Size of the small matrices of a block of rows: 512 KiB, which fits in caches.
_SMALL_BLOCK = 2**16
# Gains that differ by less than this, relative to the largest, count as equal.
_TIE_TOLERANCE = 1e-9
# Smaller pivots and eigenvalues come from rounding.
_LEAST_PIVOT = 1e-12
# Updates have the absolute precision of the largest values so far. Once gains have
# fallen below this share of them, everything is computed anew.
_REFRESH_BELOW = 1e-3


def expected_gradient_length(
    features: Any, proba: Array, has_intercept: bool = True
) -> Array:
    """Expected norm of the gradient of the log loss of a softmax layer.

    Parameters
    ----------
    features : ndarray or CSR of shape (n_samples, n_features)
        Inputs of the layer, without a column of ones.
    proba : ndarray of shape (n_samples, n_classes)
        Outputs of the layer. With two classes it has one logistic output and one row of
        coefficients.
    has_intercept : bool, default=True
        Whether the coefficients include an intercept.

    Returns
    -------
    lengths : ndarray of shape (n_samples,)
        Expected norms, float64 and not negative.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.geometry._fisher import expected_gradient_length
    >>> expected_gradient_length(np.array([[3.0, 4.0]]), np.array([[0.5, 0.5]]), False)
    array([2.5])
    """
    if sp.issparse(features):
        squares = features.astype(np.float64).power(2).sum(axis=1)
        squared = np.asarray(squares).ravel()
    else:
        squared = np.einsum("ij,ij->i", features, features, dtype=np.float64)
    proba = np.asarray(proba, dtype=np.float64)
    if proba.shape[1] == 2:
        expected = 2 * proba[:, 0] * proba[:, 1]
    else:
        squared_sum = np.einsum("ij,ij->i", proba, proba)[:, np.newaxis]
        lengths = np.sqrt(np.maximum(squared_sum - 2 * proba + 1, 0))
        # For the largest this would cancel. The others tell how far it is from 1.
        best = proba.argmax(axis=1)[:, np.newaxis]
        others = proba.copy()
        np.put_along_axis(others, best, 0.0, axis=1)
        far = others.sum(axis=1) ** 2 + np.einsum("ij,ij->i", others, others)
        np.put_along_axis(lengths, best, np.sqrt(far)[:, np.newaxis], axis=1)
        expected = np.einsum("ij,ij->i", proba, lengths)
    return np.sqrt(squared + has_intercept) * expected


# ---------------------------------------------------------------------------------
# Information of many rows
# ---------------------------------------------------------------------------------


def total_information(
    features: Any, proba: Array, weights: Array | None = None
) -> Array:
    """Sum of the information of rows, ``sum_i weights_i V_i outer h_i h_i'``.

    Parameters
    ----------
    features : ndarray or CSR of shape (n_samples, n_features)
        Inputs of the layer, with a column of ones if there is an intercept.
    proba : ndarray of shape (n_samples, n_classes)
        Class probabilities.
    weights : ndarray of shape (n_samples,), default=None
        Weights of the rows. None means ones.

    Returns
    -------
    information : ndarray of shape (n_parameters, n_parameters)
        Information of all rows.
    """

    def weigh(p: Array, c: int, d: int) -> Array:
        return p[c] * ((c == d) - p[d])

    return _weighted_grams(features, proba, weigh, weights)


def total_gradient_products(features: Any, proba: Array) -> Array:
    """Sum over rows and classes of ``g g'``, with g the gradient of the probability.

    It is ``sum_i V_i V_i outer h_i h_i'``, with V of all classes. The trace of its
    product with the inverse of the information about the coefficients is the sum of the
    variances of all probabilities. The parameters are those of
    :func:`total_information`. The shape is (n_parameters, n_parameters).
    """

    def weigh(p: Array, c: int, d: int) -> Array:
        common = np.einsum("ij,ij->j", p, p) - p[c] - p[d]
        return p[c] * ((c == d) * p[c] + p[d] * common)

    return _weighted_grams(features, proba, weigh)


def left_out_logits(
    features: Array, proba: Array, codes: Array, information: Array, weights: Array
) -> Array:
    """Logits of training rows under the model without the row, by one Newton step [1]_.

    Parameters
    ----------
    features : ndarray of shape (n_rows, n_features)
        Inputs of the layer for training rows, with a column of ones if there is an
        intercept.
    proba : ndarray of shape (n_rows, n_classes)
        Class probabilities of these rows under the model fitted on all training rows.
    codes : ndarray of shape (n_rows,)
        Columns of their labels.
    information : ndarray of shape (n_parameters, n_parameters)
        Information of all training rows and the penalty, the Hessian of the loss.
    weights : ndarray of shape (n_rows,)
        Weights of the rows in the loss.

    Returns
    -------
    logits : ndarray of shape (n_rows, n_classes)
        Logits without the row. Those of the first class are zero.

    References
    ----------
    .. [1] K. Rahnama Rad, A. Maleki, "A Scalable Estimate of the Out-of-Sample
       Prediction Error via Approximate Leave-One-Out Cross-Validation", JRSS B 2020.
    """
    n_rows, n_features = features.shape
    n_free = proba.shape[1] - 1
    inverse = np.linalg.pinv(information, hermitian=True)
    inverse = inverse.reshape(n_free, n_features, n_free, n_features)
    # How the logits of a row move with the gradient of that row, (n, free, free).
    leverage = np.empty((n_rows, n_free, n_free))
    for c in range(n_free):
        for d in range(n_free):
            moved = features @ inverse[c, :, d]
            leverage[:, c, d] = np.einsum("ij,ij->i", moved, features)
    p = proba[:, 1:]
    curvature = np.einsum("ic,cd->icd", p, np.eye(n_free)) - p[:, :, None] * p[:, None]
    curvature *= weights[:, None, None]
    residual = p - (codes[:, None] == np.arange(1, n_free + 1))
    residual *= weights[:, None]
    own = np.eye(n_free) - leverage @ curvature
    step = np.linalg.solve(own, leverage @ residual[:, :, None])[:, :, 0]
    tiny = np.finfo(np.float64).tiny
    logits = np.log(np.maximum(proba, tiny))
    logits -= logits[:, :1]
    logits[:, 1:] += step
    return logits


def prior_information(n_classes: int, penalty: Array) -> Array:
    """Information of an l2 penalty, of shape (n_parameters, n_parameters).

    `penalty`, of shape (n_features,), is the strength on the coefficients of all
    classes, whose sum is then zero. With two classes, it is the strength on the
    coefficients of the second class, which are the only ones.
    """
    n_rows = n_classes - 1
    metric = np.eye(n_rows)
    if n_classes > 2:
        metric -= 1 / n_classes
    return np.kron(metric, np.diag(penalty))


def _weighted_grams(
    features: Any, proba: Array, weigh: Any, weights: Array | None = None
) -> Array:
    n_features, n_rows = features.shape[1], proba.shape[1] - 1
    total = np.zeros((n_rows, n_features, n_rows, n_features))
    # Rows on the last axis: a few long operations instead of many short ones.
    # A quarter of a block, 2 MiB, stays in the caches.
    for rows in blocks(features, 4 * n_features * n_rows):
        h = dense_rows(features, rows)
        h_FN = np.ascontiguousarray(h.T)
        p_CN = np.ascontiguousarray(proba[rows].T)
        for c in range(n_rows):
            weight_DN = np.stack([weigh(p_CN, c + 1, d + 1) for d in range(c + 1)])
            if weights is not None:
                weight_DN *= weights[rows]
            scaled = (weight_DN[:, np.newaxis] * h_FN).reshape(-1, len(h))
            grams = (scaled @ h).reshape(c + 1, n_features, n_features)
            total[c, :, : c + 1] += grams.transpose(1, 0, 2)
            total[:c, :, c] += grams[:c]
    return total.reshape(n_rows * n_features, n_rows * n_features)


def inverse_of(information: Array) -> Array:
    """Inverse of a positive definite matrix."""
    factor = scipy.linalg.cho_factor(information, lower=True)
    return scipy.linalg.cho_solve(factor, np.eye(len(information)))


# ---------------------------------------------------------------------------------
# Small matrices of each row
# ---------------------------------------------------------------------------------


class Factor(NamedTuple):
    """Parts of the factor F of each row's V.

    ``F[a, a] = diagonal[a]`` and ``F[c, a] = -proba[c] * below[a]`` for c > a. The
    parts have shape (n_rows, n_samples), where n_rows counts all classes but the first.
    """

    proba: Array
    diagonal: Array
    below: Array

    def times(self, vectors: Array) -> Array:
        """``F' B`` for `vectors` B of shape (n_rows, n_columns, n_samples)."""
        result = vectors * self.diagonal[:, np.newaxis]
        rest = np.zeros_like(vectors[0])
        for a in range(len(vectors) - 2, -1, -1):
            rest += vectors[a + 1] * self.proba[a + 1]
            result[a] -= rest * self.below[a]
        return result

    def as_matrix(self) -> Array:
        """F of shape (n_rows, n_rows, n_samples)."""
        n_rows, n_samples = self.proba.shape
        eye = np.repeat(np.eye(n_rows)[:, :, np.newaxis], n_samples, axis=2)
        return self.times(eye).transpose(1, 0, 2)


def factor_of(proba: Array) -> Factor:
    """The :class:`Factor` of class probabilities of shape (n_samples, n_classes)."""
    p = np.ascontiguousarray(proba[:, 1:].T)
    # What is left after each class, with the first class taken as the last. These are
    # sums from the end, because one minus the others would cancel.
    from_end = np.cumsum(np.vstack([proba[:, :1].T, p[::-1]]), axis=0)[::-1]
    before, after = from_end[:-1], from_end[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        # A class that takes all that is left has no variance, nor has one with p = 0.
        diagonal = np.where(before > 0, np.sqrt(p * after / before), 0.0)
        below = np.where(after > 0, np.sqrt(p / before) / np.sqrt(after), 0.0)
    return Factor(p, diagonal, below)


def small_matrices(features: Array, factor: Factor, *matrices: Array) -> list[Array]:
    """``U' A U`` of each row for symmetric matrices A over the parameters.

    `features` is dense. Each result has shape (n_rows, n_rows, n_samples).
    """
    n_rows, n_samples = factor.proba.shape
    results = []
    for matrix in matrices:
        blocks_of = matrix.reshape(n_rows, features.shape[1], n_rows, -1)
        forms = np.empty((n_rows, n_rows, n_samples))
        for c in range(n_rows):
            for d in range(c + 1):
                forms[c, d] = np.einsum(
                    "ij,ij->i", features @ blocks_of[c, :, d, :], features
                )
                forms[d, c] = forms[c, d]
        half = factor.times(forms)
        results.append(factor.times(np.ascontiguousarray(half.transpose(1, 0, 2))))
    return results


def trace_of_quotient(G: Array, H: Array, sign: float = 1.0) -> Array:
    """``tr((1 + sign * G)^-1 H)`` of each row, shape (n_samples,).

    It is computed by elimination without pivots, for all rows at once: up to rounding,
    ``1 + sign * G`` is positive definite. G and H are symmetric, of shape (n_rows,
    n_rows, n_samples).
    """
    n_rows = len(G)
    A = G * sign
    A[np.arange(n_rows), np.arange(n_rows)] += 1
    H = H.copy()
    total = np.zeros(G.shape[2])
    for k in range(n_rows):
        A[k, k] = np.maximum(A[k, k], _LEAST_PIVOT)
        total += H[k, k] / A[k, k]
        if k == n_rows - 1:
            break
        scale = A[k + 1 :, k] / A[k, k]
        A[k + 1 :, k + 1 :] -= scale[:, np.newaxis] * A[k, k + 1 :]
        # Rows and columns of H are eliminated alike, so H stays symmetric.
        shift = H[k, k + 1 :] - 0.5 * H[k, k] * scale
        product = scale[:, np.newaxis] * shift
        H[k + 1 :, k + 1 :] -= product + product.transpose(1, 0, 2)
    return total


def trace_reductions(
    features: Any, proba: Array, information: Array, target: Array
) -> Array:
    """Reduction of ``tr(M^-1 T)`` when a row is added to the information.

    Parameters
    ----------
    features : ndarray or CSR of shape (n_samples, n_features)
        Inputs of the layer, with a column of ones if there is an intercept.
    proba : ndarray of shape (n_samples, n_classes)
        Class probabilities.
    information : ndarray of shape (n_parameters, n_parameters)
        M, positive definite.
    target : ndarray of shape (n_parameters, n_parameters)
        T, positive semi-definite.

    Returns
    -------
    reductions : ndarray of shape (n_samples,)
        Reductions, not negative.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.geometry._fisher import trace_reductions
    >>> X, proba = np.array([[2.0], [0.0]]), np.full((2, 2), 0.5)
    >>> trace_reductions(X, proba, np.array([[1.0]]), np.array([[1.0]]))
    array([0.5, 0. ])
    """
    inverse = inverse_of(information)
    inner = inverse @ target @ inverse
    reductions = np.empty(features.shape[0])
    for rows in _small_blocks(features.shape[0], proba.shape[1] - 1):
        h, factor = dense_rows(features, rows), factor_of(proba[rows])
        G, H = small_matrices(h, factor, inverse, inner)
        reductions[rows] = trace_of_quotient(G, H)
    return np.maximum(reductions, 0)


# ---------------------------------------------------------------------------------
# Batches
# ---------------------------------------------------------------------------------


class _Rows:
    """Rows and their small matrices, updated with the information matrix."""

    def __init__(self, features: Any, proba: Array, information: Array, target: Array):
        self.features, self.proba, self.target = features, proba, target
        self.information = information.copy()
        n_samples, n_rows = features.shape[0], proba.shape[1] - 1
        self.G = np.empty((n_rows, n_rows, n_samples))
        self.H = np.empty((n_rows, n_rows, n_samples))
        self.refresh()

    def refresh(self) -> None:
        """Compute everything anew, without the rounding errors of updates."""
        self.inverse = inverse_of(self.information)
        inner = self.inverse @ self.target @ self.inverse
        for rows in _small_blocks(self.features.shape[0], len(self.G)):
            h, factor = dense_rows(self.features, rows), factor_of(self.proba[rows])
            self.G[:, :, rows], self.H[:, :, rows] = small_matrices(
                h, factor, self.inverse, inner
            )

    def gains(self, sign: float = 1.0) -> Array:
        """Change of the trace when a row is added (or removed, with sign -1)."""
        gains = np.empty(self.G.shape[2])
        for rows in _small_blocks(len(gains), len(self.G)):
            gains[rows] = trace_of_quotient(
                self.G[:, :, rows], self.H[:, :, rows], sign
            )
        return gains

    def root_of(self, row: int) -> Array:
        """U of one row, shape (n_parameters, n_rows)."""
        F = factor_of(self.proba[row : row + 1]).as_matrix()[:, :, 0]
        return np.kron(F, dense_rows(self.features, [row]).T)

    def move(self, row: int, sign: float) -> None:
        """Add the information of a row (or remove it, with sign -1)."""
        U = self.root_of(row)
        n_rows, n_features = len(self.G), self.features.shape[1]
        MU = self.inverse @ U
        small = np.eye(n_rows) + sign * (U.T @ MU)
        values, axes = np.linalg.eigh((small + small.T) / 2)
        # If a row alone tells of a direction, its information there is all but the
        # penalty, and rounding may leave nothing of the rest.
        Q = MU @ axes / np.sqrt(np.maximum(values, _LEAST_PIVOT))
        TQ = self.target @ Q
        P = self.inverse @ TQ - sign * 0.5 * Q @ (Q.T @ TQ)
        self.information += sign * (U @ U.T)
        # M^-1 loses Q Q', and M^-1 T M^-1 loses P Q' + Q P'.
        self.inverse -= sign * (Q @ Q.T)
        both: Array = np.concatenate([Q, P], axis=1).reshape(n_rows, n_features, -1)
        both = both.transpose(1, 0, 2).reshape(n_features, -1)
        for rows in _small_blocks(self.features.shape[0], n_rows):
            factor = factor_of(self.proba[rows])
            values = np.ascontiguousarray(np.asarray(self.features[rows] @ both).T)
            parts = factor.times(values.reshape(n_rows, 2 * n_rows, -1))
            B, E = parts[:, :n_rows], parts[:, n_rows:]
            self.G[:, :, rows] -= sign * np.einsum("aki,bki->abi", B, B)
            product = np.einsum("aki,bki->abi", E, B)
            self.H[:, :, rows] -= sign * (product + product.transpose(1, 0, 2))


def greedy_trace_batch(
    features: Any,
    proba: Array,
    information: Array,
    target: Array,
    n_chosen: int,
    *,
    candidates: Array,
    oversampling: float = 2.0,
    rng: np.random.Generator,
) -> Array:
    """Choose rows that together lower ``tr(M^-1 T)``: forward greedy, then backward.

    The forward steps add the row that lowers the trace most, until there are
    `oversampling` times `n_chosen` rows. The backward steps remove the row whose
    removal raises the trace least. M includes the information of the rows added.

    Parameters
    ----------
    features : ndarray or CSR of shape (n_samples, n_features)
        Inputs of the layer, with a column of ones if there is an intercept.
    proba : ndarray of shape (n_samples, n_classes)
        Class probabilities.
    information : ndarray of shape (n_parameters, n_parameters)
        M before the first step, positive definite.
    target : ndarray of shape (n_parameters, n_parameters)
        T, positive semi-definite.
    n_chosen : int
        Number of rows to choose, at most n_candidates.
    candidates : ndarray of shape (n_candidates,)
        Positions of the candidates.
    oversampling : float, default=2.0
        Factor of the forward steps, at least 1. With 1 there are no backward steps.
    rng : numpy.random.Generator
        Breaks ties.

    Returns
    -------
    positions : ndarray of shape (n_chosen,)
        Distinct positions, in the order in which they were added.

    Notes
    -----
    Small matrices take ``2 * (n_classes - 1)**2`` numbers per candidate. The time of a
    step is proportional to ``n_candidates * n_classes**2 * (n_features + n_classes)``.
    """
    is_all = len(candidates) == features.shape[0]
    pool = features if is_all else features[candidates]
    rows = _Rows(pool, proba[candidates], information, target)
    n_added = min(len(candidates), int(np.ceil(oversampling * n_chosen)))
    added: list[int] = []
    is_left = np.ones(len(candidates), dtype=bool)
    first_gain = 0.0
    for _ in range(n_added):
        gains = rows.gains()
        if gains[is_left].max() < _REFRESH_BELOW * first_gain:
            rows.refresh()
            gains, first_gain = rows.gains(), 0.0
        first_gain = max(first_gain, gains[is_left].max())
        best = _any_largest(np.where(is_left, gains, -np.inf), rng)
        rows.move(best, 1.0)
        is_left[best] = False
        added.append(best)
    if n_added == n_chosen:
        return candidates[added]
    few = _Rows(rows.features[added], rows.proba[added], rows.information, target)
    kept = np.ones(n_added, dtype=bool)
    for _ in range(n_added - n_chosen):
        losses = np.full(n_added, np.inf)
        losses[kept] = trace_of_quotient(few.G[:, :, kept], few.H[:, :, kept], -1.0)
        worst = _any_largest(-losses, rng)
        few.move(worst, -1.0)
        kept[worst] = False
    return candidates[np.asarray(added)[kept]]


def _any_largest(values: Array, rng: np.random.Generator) -> int:
    largest = values.max()
    ties = np.flatnonzero(values >= largest - _TIE_TOLERANCE * abs(largest))
    return int(ties[0] if len(ties) == 1 else rng.choice(ties))


def _small_blocks(n_samples: int, n_rows: int) -> Iterator[slice]:
    step = max(64, _SMALL_BLOCK // n_rows**2)
    for start in range(0, n_samples, step):
        yield slice(start, min(start + step, n_samples))
