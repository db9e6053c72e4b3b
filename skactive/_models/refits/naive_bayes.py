"""Naive Bayes with one more row: sums and counts change by one term."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.utils.validation import check_non_negative

from skactive._compat.typing import Array
from skactive._models.refits.base import (
    _FLOOR,
    Retrained,
    as_rows,
    class_priors,
    dense,
    log_quietly,
)

# Squares are multiplied out, for a matrix product, while the terms stay below this:
# then what cancels costs less than 1e-7 in a log-probability.
_LARGEST_TERM = 1e8
# Below this scikit-learn changes alpha, or takes the logarithm of zero.
_LEAST_ALPHA = 1e-10
# The logarithm of a class prior of zero: of infinities, differences would be NaN.
_LOG_ZERO = -1e300
# Logarithms of odds beyond this are cut: their exponential could be infinite.
_LARGEST_ODDS = 400.0
# Losses are linear in what moves log-probabilities by less than the root of this, but
# for errors of this size divided by eight.
_LARGEST_SQUARE = 1e-7


class _Models(Retrained):
    """Models in which a new row changes the likelihood of its own class alone."""

    in_logs = True
    n_arrays = 2
    log_priors: Array

    def tables(self, targets: Any) -> tuple[list[Array], list[Array]]:
        """Log-likelihoods of each class without the new row and with it.

        Each is of shape (n_candidates or 1, n_targets).
        """
        raise NotImplementedError

    def planes(self, targets: Any) -> Iterator[Array]:
        """Log joint probabilities."""
        same, changed = self.tables(targets)
        shape = (self.n_classes, self.n_candidates, targets.shape[0])
        for label, log_prior in enumerate(self.log_priors):
            planes = np.empty(shape)
            for k in range(self.n_classes):
                table = changed[k] if k == label else same[k]
                np.add(table, log_prior[k], out=planes[k])
            yield planes

    def _chunk_losses(self, targets: Any, loss: str) -> Array:
        """As for all, but from the odds of the label's class."""
        same, changed = self.tables(targets)
        return self._losses_by_odds([same], changed, loss)[0]

    def _losses_by_odds(
        self, alternatives: list[list[Array]], changed: Iterable[Array], loss: str
    ) -> Array:
        """Summed losses (n_alternatives, n_candidates, n_classes) from tables.

        There may be several tables for the classes that the new row leaves alone.
        """
        total = np.empty((len(alternatives), self.n_candidates, self.n_classes))
        for label, table in enumerate(changed):
            log_prior = self.log_priors[label]
            others = [k for k in range(self.n_classes) if k != label]
            for alternative, same in enumerate(alternatives):
                rest = _Rest(np.stack([same[k] + log_prior[k] for k in others]))
                log_odds = table + (log_prior[label] - rest.log_total)
                losses = rest.losses(log_odds, loss)
                total[alternative, :, label] = losses.sum(axis=1)
        return total


class _Rest:
    """All classes but one; only their sum matters to that one.

    `logs` (n_classes - 1, n_candidates or 1, n_targets) are log joint probabilities,
    and are overwritten.
    """

    def __init__(self, logs: Array):
        self.log_total, self.largest, self.entropy = logs[0], 1.0, 0.0
        if len(logs) == 1:
            return
        top = logs.max(axis=0)
        logs -= top
        np.maximum(logs, _FLOOR, out=logs)
        weights = np.exp(logs)
        total = weights.sum(axis=0)
        self.log_total = top + np.log(total)
        self.largest = 1.0 / total
        weights *= logs
        self.entropy = np.log(total) - weights.sum(axis=0) / total

    def losses(self, log_odds: Array, loss: str) -> Array:
        """Losses (n_candidates, n_targets) from the odds of the one; overwrites them.

        The zero-one loss is one minus the larger one of the one's probability and the
        largest among the rest. The entropy is that of one against rest and, as often
        as it is the rest, that within it.
        """
        np.minimum(log_odds, _LARGEST_ODDS, out=log_odds)
        share = np.exp(log_odds)
        share += 1.0
        if loss == "log":
            losses = np.log(share)
        np.reciprocal(share, out=share)  # the probability of the rest
        if loss == "zero_one":
            return np.minimum(share, 1.0 - share * self.largest)
        log_odds *= 1.0 - share
        losses -= log_odds
        share *= self.entropy
        losses += share
        return losses


# ---------------------------------------------------------------------------------
# Gaussian
# ---------------------------------------------------------------------------------


class GaussianNBRefits:
    """Refits of :class:`sklearn.naive_bayes.GaussianNB`.

    The smoothing of variances, which depends on all rows, follows the new row.
    """

    def __init__(
        self, classifier: Any, features: Any, codes: Array, weights: Array | None
    ):
        rows = as_rows(features)
        self.center = rows.mean(axis=0)  # so that squares stay small
        rows = rows - self.center
        n_classes = len(classifier.classes_)
        weights = np.ones(len(rows)) if weights is None else weights
        self.n_rows = len(rows)
        self.counts = np.bincount(codes, weights, minlength=n_classes)
        self.means = np.empty((n_classes, rows.shape[1]))
        self.variances = np.empty_like(self.means)
        for k in range(n_classes):
            own, w = rows[codes == k], weights[codes == k]
            self.means[k] = np.average(own, axis=0, weights=w)
            self.variances[k] = np.average(
                (own - self.means[k]) ** 2, axis=0, weights=w
            )
        self.total_variance = rows.var(axis=0)
        self.smoothing = classifier.var_smoothing
        if classifier.priors is None:
            priors = class_priors(self.counts)
        else:
            priors = np.tile(np.asarray(classifier.priors, float), (n_classes, 1))
        self.log_priors = np.maximum(log_quietly(priors), _LOG_ZERO)

    @classmethod
    def supports(cls, classifier: Any) -> bool:
        """Exactly GaussianNB, and some smoothing, without which variances vanish."""
        return type(classifier) is GaussianNB and classifier.var_smoothing > 0

    def retrain(self, candidates: Any) -> _GaussianModels:
        """Models with one more row each."""
        return _GaussianModels(self, as_rows(candidates) - self.center)


class _GaussianModels(_Models):
    def __init__(self, refits: GaussianNBRefits, rows: Array):
        self.n_candidates, self.n_classes = len(rows), len(refits.counts)
        self.center = refits.center
        self.log_priors = refits.log_priors
        n = refits.n_rows
        total = (n * refits.total_variance + n / (n + 1) * rows**2) / (n + 1)
        smoothing = refits.smoothing * total.max(axis=1, keepdims=True)
        least, largest = smoothing.min(), smoothing.max()
        self.range = largest - least
        self.position = (smoothing - least) / (self.range or 1.0)
        self.same, self.changed, self.ends = [], [], []
        for count, mean, variance in zip(
            refits.counts, refits.means, refits.variances, strict=True
        ):
            gap = rows - mean
            new_mean = mean + gap / (count + 1)
            new_variance = (count * variance + count / (count + 1) * gap**2) / (
                count + 1
            )
            mean = mean[np.newaxis]
            self.same.append(_Densities(mean, variance + smoothing))
            self.changed.append(_Densities(new_mean, new_variance + smoothing))
            ends = variance + np.array([[least], [largest]])
            self.ends.append(_Densities(mean, ends))

    def tables(self, targets: Any) -> tuple[list[Array], list[Array]]:
        powers = _Powers(targets - self.center)
        same = [densities.logs(powers) for densities in self.same]
        return same, [densities.logs(powers) for densities in self.changed]

    def _chunk_losses(self, targets: Any, loss: str) -> Array:
        """As for all; the classes left alone are smoothed in two ways, if that will do.

        Smoothing depends on the candidate, but so little that losses are linear in it.
        """
        if self.n_classes == 2:  # there is one rest for each candidate anyway
            return super()._chunk_losses(targets, loss)
        powers = _Powers(targets - self.center)
        if not all(self._is_linear(ends, powers.targets) for ends in self.ends):
            return Retrained._chunk_losses(self, targets, loss)
        ends = [densities.logs(powers) for densities in self.ends]
        alternatives = [[logs[[i]] for logs in ends] for i in range(len(ends[0]))]
        changed = (densities.logs(powers) for densities in self.changed)
        low, high = self._losses_by_odds(alternatives, changed, loss)
        return low + self.position * (high - low)

    def _is_linear(self, ends: _Densities, targets: Array) -> bool:
        inverse = ends.inverse[0]
        slopes = ((targets - ends.means) ** 2 @ inverse**2 + inverse.sum()) / 2
        return bool(np.mean((self.range * slopes) ** 2) < _LARGEST_SQUARE)


class _Densities:
    """Normal densities of independent features, each (n_densities, n_features)."""

    def __init__(self, means: Array, variances: Array):
        self.means, self.inverse = means, 1.0 / variances
        linear = self.inverse * means
        self.constant = np.log(2 * np.pi * variances).sum(axis=1)
        self.at_zero = (linear * means).sum(axis=1)
        constant = self.constant + self.at_zero
        self.polynomials = np.column_stack([self.inverse, -2 * linear, constant])
        self.polynomials *= -0.5

    def logs(self, powers: _Powers) -> Array:
        """Log-densities (n_densities, n_targets)."""
        if (self.inverse @ powers.limits + self.at_zero).max() < _LARGEST_TERM:
            return self.polynomials @ powers.matrix.T
        values = np.zeros((len(self.inverse), len(powers.targets)))
        means = np.broadcast_to(self.means, self.inverse.shape)
        for f, column in enumerate(powers.targets.T):
            gap = column - means[:, f, np.newaxis]
            gap *= gap
            gap *= self.inverse[:, f, np.newaxis]
            values += gap
        values += self.constant[:, np.newaxis]
        values *= -0.5
        return values


class _Powers:
    """Squares, values and ones of targets, to which log-densities are linear."""

    def __init__(self, targets: Array):
        self.targets = targets
        squares = targets**2
        self.limits = squares.max(axis=0)
        self.matrix = np.column_stack([squares, targets, np.ones(len(targets))])


# ---------------------------------------------------------------------------------
# Counts
# ---------------------------------------------------------------------------------


class MultinomialNBRefits:
    """Refits of :class:`sklearn.naive_bayes.MultinomialNB`."""

    def __init__(
        self, classifier: Any, features: Any, codes: Array, weights: Array | None
    ):
        self.classifier = classifier
        rows = self.check(features)
        n_classes, n_rows = len(classifier.classes_), len(codes)
        weights = np.ones(n_rows) if weights is None else weights
        by_class = sp.csr_matrix(
            (weights, (codes, np.arange(n_rows))), shape=(n_classes, n_rows)
        )
        self.sums = dense(by_class @ rows) + np.asarray(classifier.alpha)
        if classifier.class_prior is not None:
            priors = np.tile(np.asarray(classifier.class_prior, float), (n_classes, 1))
        elif classifier.fit_prior:
            priors = class_priors(np.bincount(codes, weights, minlength=n_classes))
        else:
            priors = np.full((n_classes, n_classes), 1 / n_classes)
        self.log_priors = np.maximum(log_quietly(priors), _LOG_ZERO)

    @classmethod
    def supports(cls, classifier: Any) -> bool:
        """Exactly MultinomialNB, with some smoothing."""
        return type(classifier) is MultinomialNB and bool(
            np.min(classifier.alpha) >= _LEAST_ALPHA
        )

    def check(self, features: Any) -> Any:
        """Rows as the formulas take them; an error for what a real fit refuses."""
        rows = as_rows(features)
        check_non_negative(rows, repr(self.classifier))
        return rows

    def retrain(self, candidates: Any) -> _MultinomialModels:
        """Models with one more row each."""
        return _MultinomialModels(self, self.check(candidates))


class _MultinomialModels(_Models):
    def __init__(self, refits: MultinomialNBRefits, rows: Any):
        self.refits, self.rows = refits, rows
        self.n_candidates, self.n_classes = rows.shape[0], len(refits.sums)
        self.log_priors = refits.log_priors

    def tables(self, targets: Any) -> tuple[list[Array], list[Array]]:
        targets = self.refits.check(targets)
        same, changed = [], []
        sizes, added = _row_sums(targets), _row_sums(self.rows)
        for sums in self.refits.sums:
            logs = targets @ np.log(sums)
            same.append((logs - sizes * np.log(sums.sum()))[np.newaxis])
            table = dense(_growth(self.rows, sums) @ targets.T) + logs
            table -= np.log(sums.sum() + added)[:, np.newaxis] * sizes
            changed.append(table)
        return same, changed


def _growth(rows: Any, sums: Array) -> Any:
    """log((sums + row) / sums) for each row, as sparse as the rows."""
    if not sp.issparse(rows):
        return np.log1p(rows / sums)
    growth = rows.copy()
    growth.data = np.log1p(rows.data / sums[rows.indices])
    return growth


def _row_sums(rows: Any) -> Array:
    return np.asarray(rows.sum(axis=1)).ravel()
