"""Gaussian-process classifiers with one more row, and the kernel as it was fitted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import erf, expit
from sklearn.gaussian_process import GaussianProcessClassifier

from skactive._compat.sklearn import COEFS, LAMBDAS
from skactive._models.refits.base import Retrained, as_rows

Array = NDArray[Any]

# scikit-learn's Newton iterations end when the evidence grows by less.
_TOLERANCE = 1e-10


class GaussianProcessRefits:
    """Refits of :class:`sklearn.gaussian_process.GaussianProcessClassifier`.

    The parameters of the kernel stay as they were fitted (`kernel_`); a real refit
    would tune them anew unless ``optimizer=None``. Laplace's approximation is found
    by Newton iterations, for all refits at once and as long as scikit-learn does.
    """

    def __init__(
        self, classifier: Any, features: Any, codes: Array, weights: Array | None
    ):
        self.rows = as_rows(features)
        self.n_classes = len(classifier.classes_)
        self.max_iter = classifier.max_iter_predict
        if self.n_classes == 2:
            self.kernels = [classifier.base_estimator_.kernel_]
            self.positives = [1]
        else:
            members = classifier.base_estimator_.estimators_
            self.kernels = [member.kernel_ for member in members]
            self.positives = list(range(self.n_classes))
        self.grams = [kernel(self.rows) for kernel in self.kernels]
        self.codes = codes
        size = len(self.rows) + 1
        self.numbers_per_candidate = 4 * len(self.kernels) * size**2

    @classmethod
    def supports(cls, classifier: Any) -> bool:
        """Exactly the class, for two classes or one versus the rest."""
        return (
            type(classifier) is GaussianProcessClassifier
            and (classifier.kernel is None or classifier.kernel.requires_vector_input)
            and (
                len(classifier.classes_) == 2 or classifier.multi_class == "one_vs_rest"
            )
        )

    @classmethod
    def is_exact(cls, classifier: Any, features: Any, codes: Array) -> bool:
        """Kernels take dense rows."""
        return not sp.issparse(features)

    def retrain(self, candidates: Any) -> _ProcessModels:
        """Models with one more row each."""
        return _ProcessModels(self, as_rows(candidates))


class _ProcessModels(Retrained):
    def __init__(self, refits: GaussianProcessRefits, rows: Array):
        self.refits, self.rows = refits, rows
        self.n_candidates, self.n_classes = len(rows), refits.n_classes
        # For each binary problem the posterior if the new row is negative, or positive.
        self.posteriors = []
        for kernel, gram, positive in zip(
            refits.kernels, refits.grams, refits.positives, strict=True
        ):
            grams = _bordered(gram, kernel(refits.rows, rows).T, kernel.diag(rows))
            is_positive = (refits.codes == positive).astype(np.float64)
            self.posteriors.append(
                [
                    _find_mode(grams, np.append(is_positive, sign), refits.max_iter)
                    for sign in (0.0, 1.0)
                ]
            )

    def planes(self, targets: Any) -> Iterator[Array]:
        """Probabilities."""
        refits = self.refits
        found = []
        for kernel, posteriors in zip(refits.kernels, self.posteriors, strict=True):
            old, new = kernel(refits.rows, targets), kernel(self.rows, targets)
            prior = kernel.diag(targets)
            found.append([_predict(old, new, prior, *p) for p in posteriors])
        for label in range(self.n_classes):
            if self.n_classes == 2:
                share = found[0][label]
                yield np.stack([1.0 - share, share])
            else:
                planes = np.stack(
                    [shares[int(k == label)] for k, shares in enumerate(found)]
                )
                planes /= planes.sum(axis=0)
                yield planes


def _bordered(gram: Array, columns: Array, diagonal: Array) -> Array:
    """Kernel matrices (n_candidates, n + 1, n + 1) with one more row each."""
    n = len(gram)
    grams = np.empty((len(columns), n + 1, n + 1))
    grams[:, :n, :n] = gram
    grams[:, n, :n] = grams[:, :n, n] = columns
    grams[:, n, n] = diagonal
    return grams


def _find_mode(grams: Array, is_positive: Array, max_iter: int) -> tuple[Array, Array]:
    """Residuals (n_candidates, n + 1) at the mode, and roots of precisions.

    The latter, (n_candidates, n + 1, n + 1), are R with R' R = (K + 1 / W)^-1, for
    curvatures W of the likelihood.
    """
    latent = np.zeros(grams.shape[:2])
    shares, roots = np.empty_like(latent), np.empty_like(latent)
    factors = np.empty_like(grams)
    evidence = np.full(len(grams), -np.inf)
    signs = 2 * is_positive - 1
    active = np.arange(len(grams))
    for _ in range(max_iter):
        gram, f = grams[active], latent[active]
        share = expit(f)
        curvature = share * (1 - share)
        root = np.sqrt(curvature)
        matrix = root[:, :, np.newaxis] * gram * root[:, np.newaxis]
        diagonal = np.arange(matrix.shape[1])
        matrix[:, diagonal, diagonal] += 1.0
        factor = np.linalg.cholesky(matrix)
        b = curvature * f + (is_positive - share)
        right = root * np.einsum("mij,mj->mi", gram, b)
        solved = np.linalg.solve(matrix, right[:, :, np.newaxis])[:, :, 0]
        a = b - root * solved
        f = np.einsum("mij,mj->mi", gram, a)
        grown = (
            -0.5 * np.einsum("mi,mi->m", a, f)
            - np.logaddexp(0, -signs * f).sum(axis=1)
            - np.log(factor[:, diagonal, diagonal]).sum(axis=1)
        )
        latent[active], shares[active], roots[active] = f, share, root
        factors[active] = factor
        goes_on = grown - evidence[active] >= _TOLERANCE
        evidence[active] = grown
        active = active[goes_on]
        if len(active) == 0:
            break
    eye = np.eye(grams.shape[1])
    inverse = np.linalg.solve(factors, np.broadcast_to(eye, grams.shape))
    return is_positive - shares, inverse * roots[:, np.newaxis]


def _predict(
    old: Array, new: Array, prior: Array, residuals: Array, precision_roots: Array
) -> Array:
    """Probabilities (n_candidates, n_targets) of the positive class."""
    mean = residuals[:, :-1] @ old + residuals[:, -1:] * new
    explained = np.empty_like(mean)
    # One candidate at a time: for all, (n + 1) numbers a pair would be held.
    for i, root in enumerate(precision_roots):
        projected = root[:, :-1] @ old + root[:, -1:] * new[i]
        explained[i] = np.einsum("ij,ij->j", projected, projected)
    variance = prior - explained
    # scikit-learn's approximation of the logistic function by five error functions.
    total = np.full_like(mean, COEFS.sum())
    for coefficient, scale in zip(COEFS.ravel(), LAMBDAS.ravel(), strict=True):
        total += coefficient * erf(scale * mean / np.sqrt(1 + 2 * scale**2 * variance))
    return total / 2
