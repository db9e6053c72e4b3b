"""Linear discriminants and ridge classifiers with one more row."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from numbers import Real
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import RidgeClassifier
from sklearn.utils.class_weight import compute_class_weight

from skactive._compat.typing import Array
from skactive._models.refits.base import Retrained, as_rows, class_priors, log_quietly

# Covariances worse conditioned than this are left to scikit-learn.
_LARGEST_CONDITION = 1e10
# More features than this are left to scikit-learn as well.
_MAX_FEATURES = 2000


class DiscriminantRefits:
    """Refits of :class:`sklearn.discriminant_analysis.LinearDiscriminantAnalysis`.

    The scatter within classes changes by one outer product. The solver "svd" is
    followed in its rank decisions, so that fewer rows than features are no obstacle;
    "lsqr" and "eigen" are supported without shrinkage, where the covariance has full
    rank, and with a number as shrinkage.
    """

    def __init__(
        self, classifier: Any, features: Any, codes: Array, weights: Array | None
    ):
        rows = as_rows(features)
        self.center = rows.mean(axis=0)
        rows = rows - self.center
        self.n_rows = len(rows)
        self.solver, self.tol = classifier.solver, classifier.tol
        self.shrinkage = classifier.shrinkage or 0.0
        n_classes = len(classifier.classes_)
        self.counts = np.bincount(codes, minlength=n_classes)
        self.means = np.stack([rows[codes == k].mean(axis=0) for k in range(n_classes)])
        gaps = [rows[codes == k] - self.means[k] for k in range(n_classes)]
        self.scatters = np.stack([gap.T @ gap for gap in gaps])
        if classifier.priors is None:
            self.priors = class_priors(self.counts)
        else:
            self.priors = np.tile(classifier.priors_, (n_classes, 1))
        self.numbers_per_candidate = 2 * n_classes * rows.shape[1] + (
            4 * rows.shape[1] ** 2
        )

    @classmethod
    def supports(cls, classifier: Any) -> bool:
        """Exactly the class, without "auto" shrinkage or a covariance estimator."""
        return (
            type(classifier) is LinearDiscriminantAnalysis
            and classifier.shrinkage != "auto"
            and classifier.covariance_estimator is None
        )

    @classmethod
    def suits(cls, classifier: Any, features: Any, codes: Array) -> bool:
        """Whether these rows determine the model beyond the noise of rounding."""
        n_rows, n_features = features.shape
        if sp.issparse(features) or n_features > _MAX_FEATURES:
            return False
        if classifier.solver == "svd":
            return True
        if not classifier.shrinkage and n_rows - len(classifier.classes_) < n_features:
            return False
        refits = cls(classifier, features, codes, None)
        covariance = refits.covariances(np.zeros((1, n_features)))
        return bool((np.linalg.cond(covariance) < _LARGEST_CONDITION).all())

    def covariances(self, rows: Array) -> Array:
        """Covariances within classes (n_labels, n_rows, n_features, n_features)."""
        n_features = rows.shape[1]
        result = []
        for label, prior in enumerate(self.priors):
            shares = prior / self.counts
            gap = rows - self.means[label]
            count = self.counts[label]
            shares[label] = prior[label] / (count + 1)
            base = np.einsum("k,kij->ij", shares, self.scatters)
            factor = shares[label] * count / (count + 1)
            added = factor * gap[:, :, np.newaxis] * gap[:, np.newaxis]
            result.append(base + added)
        covariances = np.stack(result)
        trace = np.trace(covariances, axis1=2, axis2=3) / n_features
        covariances *= 1 - self.shrinkage
        diagonal = np.arange(n_features)
        covariances[:, :, diagonal, diagonal] += self.shrinkage * trace[..., np.newaxis]
        return covariances

    def retrain(self, candidates: Any) -> _LinearModels:
        """Models with one more row each."""
        rows = as_rows(candidates) - self.center
        solve = self._by_svd if self.solver == "svd" else self._by_solving
        return _LinearModels(self.center, *solve(rows))

    def _new_means(self, rows: Array, label: int) -> Array:
        means = np.repeat(self.means[np.newaxis], len(rows), axis=0)
        means[:, label] += (rows - means[:, label]) / (self.counts[label] + 1)
        return means

    def _by_solving(self, rows: Array) -> tuple[Array, Array]:
        coefs, intercepts = [], []
        for label, covariance in enumerate(self.covariances(rows)):
            means = self._new_means(rows, label)
            coef = np.linalg.solve(covariance, means.transpose(0, 2, 1))
            coef = coef.transpose(0, 2, 1)
            halves = -0.5 * np.einsum("mkf,mkf->mk", means, coef)
            coefs.append(coef)
            intercepts.append(halves + log_quietly(self.priors[label]))
        return np.stack(coefs), np.stack(intercepts)

    def _by_svd(self, rows: Array) -> tuple[Array, Array]:
        coefs, intercepts = [], []
        within = self.scatters.sum(axis=0)
        n = self.n_rows + 1
        n_classes = len(self.counts)
        unbiased = n / (n - n_classes) if _divides_by_degrees_of_freedom() else 1.0
        for label, prior in enumerate(self.priors):
            count = self.counts[label]
            gap = rows - self.means[label]
            scatter = within + count / (count + 1) * (
                gap[:, :, np.newaxis] * gap[:, np.newaxis]
            )
            std = np.sqrt(np.einsum("mff->mf", scatter) / n)
            std[std == 0] = 1.0
            scatter *= unbiased / n
            scatter /= std[:, :, np.newaxis] * std[:, np.newaxis]
            squares, vectors = np.linalg.eigh(scatter)
            singular = np.sqrt(np.maximum(squares, 0))
            inverse = np.zeros_like(singular)
            np.divide(1.0, singular, out=inverse, where=singular > self.tol)
            scalings = vectors * inverse[:, np.newaxis] / std[:, :, np.newaxis]
            means = self._new_means(rows, label)
            overall = np.einsum("k,mkf->mf", prior, means)
            white = (means - overall[:, np.newaxis]) @ scalings
            spread = np.sqrt(n * prior / (n_classes - 1))[:, np.newaxis]
            _, sizes, axes = np.linalg.svd(spread * white, full_matrices=False)
            axes[sizes <= self.tol * sizes[:, :1]] = 0.0
            scores = white @ axes.transpose(0, 2, 1)
            coef = scores @ (axes @ scalings.transpose(0, 2, 1))
            halves = -0.5 * (scores**2).sum(axis=2) + log_quietly(prior)
            coefs.append(coef)
            intercepts.append(halves - np.einsum("mf,mkf->mk", overall, coef))
        return np.stack(coefs), np.stack(intercepts)


@lru_cache(maxsize=1)
def _divides_by_degrees_of_freedom() -> bool:
    """Whether "svd" divides the scatter by n - n_classes, as it did, or by n."""
    rows, labels = [[0.0], [2.0], [4.0], [6.0]], [0, 0, 1, 1]
    coef = LinearDiscriminantAnalysis().fit(rows, labels).coef_
    return bool(np.isclose(coef[0, 0], 2.0))


class _LinearModels(Retrained):
    """Log-probabilities that are linear in a row, up to a constant."""

    in_logs = True

    def __init__(self, center: Array, coef: Array, intercept: Array):
        # (n_labels, n_candidates, n_classes, n_features) and without the last axis.
        self.center, self.coef, self.intercept = center, coef, intercept
        self.n_classes, self.n_candidates = coef.shape[:2]

    def planes(self, targets: Any) -> Iterator[Array]:
        """Log-probabilities."""
        targets = targets - self.center
        for coef, intercept in zip(self.coef, self.intercept, strict=True):
            by_class = coef.transpose(1, 0, 2).reshape(-1, coef.shape[2])
            planes = (by_class @ targets.T).reshape(*coef.shape[1::-1], -1)
            planes += intercept.T[:, :, np.newaxis]
            yield planes


# ---------------------------------------------------------------------------------
# Ridge
# ---------------------------------------------------------------------------------


def ridge_proba(decision: Array, axis: int = -1) -> Array:
    """Probabilities from decision values of a ridge classifier, classes along `axis`.

    Least squares on targets -1 and 1 estimate 2 p - 1, so p = (1 + d) / 2, cut to
    [0, 1] and divided by the sum over the classes; equal where all are zero. For two
    classes `decision` is of length one there, for the second class.
    """
    share = np.clip((1.0 + decision) / 2.0, 0.0, 1.0)
    n_classes = share.shape[axis]
    if n_classes == 1:
        return np.concatenate([1.0 - share, share], axis=axis)
    total = share.sum(axis=axis, keepdims=True)
    share += (total == 0) / n_classes
    return share / np.where(total == 0, 1.0, total)


class RidgeRefits:
    """Refits of :class:`sklearn.linear_model.RidgeClassifier`, by rank-one updates.

    "balanced" class weights follow the new row. See :func:`ridge_proba` for what its
    probabilities are.
    """

    def __init__(
        self, classifier: Any, features: Any, codes: Array, weights: Array | None
    ):
        rows = as_rows(features)
        self.has_intercept = classifier.fit_intercept
        self.center = rows.mean(axis=0) if self.has_intercept else 0.0
        rows = self.extend(rows)
        classes = np.asarray(classifier.classes_)
        self.n_classes = len(classes)
        signs = 2.0 * np.eye(self.n_classes) - 1.0
        # (n_labels, n_outputs): the targets that a label stands for.
        self.signs = signs if self.n_classes > 2 else signs[:, 1:]
        penalty = np.full(rows.shape[1], float(classifier.alpha))
        if self.has_intercept:
            penalty[-1] = 0.0
        weights = np.ones(len(rows)) if weights is None else weights
        self.inverses: list[Array] = []
        self.coefs: list[Array] = []
        self.new_weights = np.ones(self.n_classes)
        for label in range(self.n_classes):
            by_class = _class_weights(classifier.class_weight, classes, codes, label)
            self.new_weights[label] = by_class[label]
            total = (weights * by_class[codes])[:, np.newaxis]
            gram = rows.T @ (total * rows)
            gram[np.diag_indices_from(gram)] += penalty
            self.inverses.append(np.linalg.inv(gram))
            sums = rows.T @ (total * self.signs[codes])
            self.coefs.append(np.linalg.solve(gram, sums))
            if classifier.class_weight != "balanced":  # the same for every label
                self.inverses *= self.n_classes
                self.coefs *= self.n_classes
                self.new_weights = by_class
                break

    @classmethod
    def supports(cls, classifier: Any) -> bool:
        """Exactly RidgeClassifier with one penalty, and a solver that is exact."""
        return (
            type(classifier) is RidgeClassifier
            and classifier.solver in ("auto", "cholesky", "svd")
            and not classifier.positive
            and isinstance(classifier.alpha, Real)
            and float(classifier.alpha) > 0
        )

    @classmethod
    def suits(cls, classifier: Any, features: Any, codes: Array) -> bool:
        """Whether scikit-learn's solver is exact for such features."""
        return not sp.issparse(features) and features.shape[1] <= _MAX_FEATURES

    def extend(self, rows: Array) -> Array:
        """Centred rows, with a one for the intercept."""
        if not self.has_intercept:
            return rows
        return np.column_stack([rows - self.center, np.ones(len(rows))])

    def retrain(self, candidates: Any) -> _RidgeModels:
        """Models with one more row each."""
        return _RidgeModels(self, self.extend(as_rows(candidates)))


class _RidgeModels(Retrained):
    def __init__(self, refits: RidgeRefits, rows: Array):
        self.refits = refits
        self.n_candidates, self.n_classes = len(rows), refits.n_classes
        self.directions, self.steps = [], []
        for inverse, coef, weight, signs in zip(
            refits.inverses, refits.coefs, refits.new_weights, refits.signs, strict=True
        ):
            direction = rows @ inverse
            leverage = np.einsum("mf,mf->m", direction, rows)
            gain = weight / (1.0 + weight * leverage)
            self.directions.append(direction)
            self.steps.append((signs - rows @ coef) * gain[:, np.newaxis])

    def planes(self, targets: Any) -> Iterator[Array]:
        """Probabilities."""
        targets = self.refits.extend(targets)
        for coef, direction, step in zip(
            self.refits.coefs, self.directions, self.steps, strict=True
        ):
            decision = direction @ targets.T * step.T[:, :, np.newaxis]
            decision += (targets @ coef).T[:, np.newaxis]
            yield ridge_proba(decision, axis=0)


def _class_weights(
    class_weight: Any, classes: Array, codes: Array, label: int
) -> Array:
    """Weights of the classes when one more row has `label`."""
    if not class_weight:
        return np.ones(len(classes))
    labels = classes[np.append(codes, label)]
    return compute_class_weight(class_weight, classes=classes, y=labels)
