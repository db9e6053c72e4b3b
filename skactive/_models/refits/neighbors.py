"""Nearest neighbours with one more row: it pushes the last neighbour out, or not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.metrics import DistanceMetric, pairwise_distances
from sklearn.neighbors import VALID_METRICS, KNeighborsClassifier

from skactive._compat.typing import Array
from skactive._models.refits.base import (
    _LOSSES,
    CHUNK_SIZE,
    Retrained,
    as_rows,
    batches,
)

# Distances that scikit-learn takes from the training rows unless they are given.
_DATA_DEPENDENT = {"seuclidean": {"V"}, "mahalanobis": {"V", "VI"}}


class KNeighborsRefits:
    """Refits of :class:`sklearn.neighbors.KNeighborsClassifier`.

    Among equally distant rows the first ones count as nearer, and so the new row as
    the farthest; scikit-learn's search in trees decides by the shape of the tree.
    """

    def __init__(
        self, classifier: Any, features: Any, codes: Array, weights: Array | None
    ):
        self.classifier = classifier
        self.rows, self.codes = as_rows(features), codes
        # What was last asked of `nearest`: the same for all candidates of a pool.
        self.last: tuple[Any, Any] = (None, None)
        self.n_classes = len(classifier.classes_)
        n_rows = self.rows.shape[0]
        if classifier.n_neighbors > n_rows + 1:
            raise ValueError(
                f"{classifier!r} wants {classifier.n_neighbors} neighbours, but a "
                f"refit has {n_rows + 1} rows. Label more rows first, or lower "
                "n_neighbors."
            )

    @classmethod
    def supports(cls, classifier: Any) -> bool:
        """Exactly KNeighborsClassifier with a metric on rows, and one output."""
        if type(classifier) is not KNeighborsClassifier or classifier.outputs_2d_:
            return False
        metric, params = classifier.effective_metric_, classifier.metric_params or {}
        needed = _DATA_DEPENDENT.get(metric) if isinstance(metric, str) else None
        return metric != "precomputed" and (
            needed is None or bool(needed & set(params))
        )

    def retrain(self, candidates: Any) -> _NeighborsModels:
        """Models with one more row each."""
        return _NeighborsModels(self, as_rows(candidates))

    def distances(self, rows: Any, targets: Any) -> Array:
        """Shape (n_rows, n_targets); the same for the same pair in any block."""
        metric = self.classifier.effective_metric_
        params = self.classifier.effective_metric_params_
        if metric == "euclidean" and isinstance(rows, np.ndarray):
            return cdist(rows, targets)  # the same sums as below, with fewer checks
        # Trees use the same sums, in which equal distances are equal numbers.
        if isinstance(metric, str) and metric in VALID_METRICS["ball_tree"]:
            return DistanceMetric.get_metric(metric, **params).pairwise(rows, targets)
        return pairwise_distances(rows, targets, metric=metric, **params)

    def nearest(self, targets: Any) -> tuple[Array, Array]:
        """Distances and codes of the nearest labelled rows, (n_targets, k), sorted.

        An infinite distance stands for a neighbour that only the new row can be.
        """
        k = self.classifier.n_neighbors
        n_targets = targets.shape[0]
        found = np.full((n_targets, k), np.inf)
        codes = np.zeros((n_targets, k), dtype=np.intp)
        n_found = min(k, self.rows.shape[0])
        for chunk in batches(n_targets, max(1, CHUNK_SIZE // self.rows.shape[0])):
            distances = self.distances(targets[chunk], self.rows)
            order = np.argsort(distances, axis=1, kind="stable")[:, :n_found]
            found[chunk, :n_found] = np.take_along_axis(distances, order, axis=1)
            codes[chunk, :n_found] = self.codes[order]
        return found, codes


class _NeighborsModels(Retrained):
    def __init__(self, refits: KNeighborsRefits, rows: Any):
        self.refits, self.rows = refits, rows
        self.n_candidates, self.n_classes = rows.shape[0], refits.n_classes
        weights = refits.classifier.weights
        self.weights = None if weights in (None, "uniform") else weights

    def planes(self, targets: Any) -> Iterator[Array]:
        """Probabilities."""
        distances = self.refits.distances(self.rows, targets)
        found, codes = self.refits.nearest(targets)
        is_near = distances < found[:, -1]
        shares = self._old_shares(found, codes, is_near)
        near, at = np.nonzero(is_near)
        rest, own = self._new_shares(distances[near, at], found[at], codes[at])
        shape = (self.n_classes, self.n_candidates, targets.shape[0])
        for label in range(self.n_classes):
            planes = np.empty(shape)
            planes[:] = shares.T[:, np.newaxis]
            planes[:, near, at] = rest.T
            planes[label, near, at] += own
            yield planes

    def expected_loss(self, targets: Any, loss: str) -> Array:
        """As for all, by what changes where the row is a neighbour."""
        targets = as_rows(targets)
        found_all, codes_all = self._nearest_of_pool(targets)
        n_targets = targets.shape[0]
        look = self._weighed_losses if self.weights else self._counted_losses
        total = np.zeros((self.n_candidates, self.n_classes))
        for chunk in batches(n_targets, max(16, CHUNK_SIZE // self.n_candidates)):
            distances = self.refits.distances(self.rows, targets[chunk])
            total += look(distances, found_all[chunk], codes_all[chunk], _LOSSES[loss])
        return total / n_targets

    def _counted_losses(
        self, distances: Array, found: Array, codes: Array, function: Any
    ) -> Array:
        """Summed losses (n_candidates, n_classes) where every neighbour counts one."""
        is_near = (distances < found[:, -1]).astype(np.float64)
        before, rest = self._counts(found, codes)
        # What the loss becomes where the new row pushes out the last neighbour.
        losses = function(rest[:, np.newaxis] + np.eye(self.n_classes) / found.shape[1])
        if np.isinf(found[0, -1]):  # never without the new row
            return is_near @ losses
        before = function(before)
        return is_near @ (losses - before[:, np.newaxis]) + before.sum()

    def _weighed_losses(
        self, distances: Array, found: Array, codes: Array, function: Any
    ) -> Array:
        """The same where neighbours have weights, from pairs of near rows."""
        is_near = distances < found[:, -1]
        losses = function(self._old_shares(found, codes, is_near))
        total = np.repeat((~is_near @ losses)[:, np.newaxis], self.n_classes, axis=1)
        near, at = np.nonzero(is_near)
        rest, own = self._new_shares(distances[near, at], found[at], codes[at])
        for label in range(self.n_classes):
            rest[:, label] += own
            losses = function(rest)
            rest[:, label] -= own
            total[:, label] += np.bincount(near, losses, minlength=len(total))
        return total

    def _nearest_of_pool(self, targets: Any) -> tuple[Array, Array]:
        last_targets, answer = self.refits.last
        if last_targets is not targets:
            answer = self.refits.nearest(targets)
            self.refits.last = (targets, answer)
        return answer

    def _counts(self, found: Array, codes: Array) -> tuple[Array, Array]:
        """Shares (n_targets, n_classes) of votes, and without the last neighbour."""
        one_hot = np.eye(self.n_classes) / found.shape[1]
        rest = np.zeros((len(codes), self.n_classes))
        for column in codes.T[:-1]:
            rest += one_hot[column]
        return rest + one_hot[codes[:, -1]], rest

    def _old_shares(self, found: Array, codes: Array, is_near: Array) -> Array:
        """Shares (n_targets, n_classes) of classes without the new row."""
        if self.weights is None:
            return self._counts(found, codes)[0]
        shares = np.zeros((len(found), self.n_classes))
        used = np.flatnonzero(~is_near.all(axis=0))
        weights = _weigh(found[used], self.weights)
        weights /= self._totals(weights)[:, np.newaxis]
        for weight, code in zip(weights.T, codes[used].T, strict=True):
            shares[used, code] += weight
        return shares

    def _new_shares(
        self, distances: Array, found: Array, codes: Array
    ) -> tuple[Array, Array]:
        """Shares (n_pairs, n_classes) of all others and (n_pairs,) of the new row.

        It is nearer than the last neighbour, which it pushes out.
        """
        n_pairs, k = found.shape
        if self.weights is None:
            return self._counts(found, codes)[1], np.full(n_pairs, 1.0 / k)
        # Neighbours behind it move one place on.
        pairs = np.arange(n_pairs)
        place = (found <= distances[:, np.newaxis]).sum(axis=1)
        moved = np.arange(k) - (np.arange(k) > place[:, np.newaxis])
        sorted_distances = np.take_along_axis(found, moved, axis=1)
        sorted_distances[pairs, place] = distances
        weights = _weigh(sorted_distances, self.weights)
        weights /= self._totals(weights)[:, np.newaxis]
        own = weights[pairs, place]
        weights[pairs, place] = 0.0
        rest = np.zeros((n_pairs, self.n_classes))
        new_codes = np.take_along_axis(codes, moved, axis=1)
        for weight, code in zip(weights.T, new_codes.T, strict=True):
            rest[pairs, code] += weight
        return rest, own

    def _totals(self, weights: Array) -> Array:
        totals = weights.sum(axis=1)
        if not totals.all():
            raise ValueError(
                "All neighbours of a row have weight zero; change weights= of "
                f"{self.refits.classifier!r}."
            )
        return totals


def _weigh(distances: Array, weights: Any) -> Array:
    """Weights (n, k) of neighbours; copies of the target, if any, share all weight."""
    if callable(weights):
        return np.array(weights(distances), dtype=np.float64)
    is_zero = distances == 0
    with np.errstate(divide="ignore"):
        inverse = 1.0 / distances
    has_zero = is_zero.any(axis=1)
    inverse[has_zero] = is_zero[has_zero]
    return inverse
