"""Nearest neighbours with one more row: it pushes the last neighbour out, or not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import DistanceMetric, pairwise_distances
from sklearn.neighbors import VALID_METRICS, KNeighborsClassifier
from sklearn.utils import gen_batches

from skactive._refits._base import _LOSSES, CHUNK_SIZE, Retrained, as_rows

Array = NDArray[Any]

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
        for chunk in gen_batches(n_targets, max(1, CHUNK_SIZE // self.rows.shape[0])):
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
        if self.weights is None:
            votes, own = self._count(distances, targets)
        else:
            votes, own = self._weigh(distances, targets)
        total = votes.sum(axis=0) + own
        if not total.all():
            raise ValueError(
                "All neighbours of a row have weight zero; change weights= of "
                f"{self.refits.classifier!r}."
            )
        votes /= total
        own = own / total
        for label in range(self.n_classes):
            planes = votes.copy()
            planes[label] += own
            yield planes

    def expected_loss(self, targets: Any, loss: str) -> Array:
        """As for all, by what changes where the row is a neighbour."""
        if self.weights is not None:
            return super().expected_loss(targets, loss)
        targets = as_rows(targets)
        found_all, codes_all = self._nearest_of_pool(targets)
        function, n_targets = _LOSSES[loss], targets.shape[0]
        total = np.zeros((self.n_candidates, self.n_classes))
        for chunk in gen_batches(n_targets, max(16, CHUNK_SIZE // self.n_candidates)):
            found, codes = found_all[chunk], codes_all[chunk]
            without, votes = self._shares(found, codes)
            # What the loss becomes where the new row pushes out the last neighbour.
            steps = np.eye(self.n_classes) / found.shape[1]
            losses = function(votes[:, np.newaxis] + steps)
            distances = self.refits.distances(self.rows, targets[chunk])
            is_near = (distances < found[:, -1]).astype(np.float64)
            if np.isinf(found[0, -1]):  # never without the new row
                total += is_near @ losses
            else:
                before = function(without)
                total += is_near @ (losses - before[:, np.newaxis]) + before.sum()
        return total / n_targets

    def _nearest_of_pool(self, targets: Any) -> tuple[Array, Array]:
        last_targets, answer = self.refits.last
        if last_targets is not targets:
            answer = self.refits.nearest(targets)
            self.refits.last = (targets, answer)
        return answer

    def _shares(self, found: Array, codes: Array) -> tuple[Array, Array]:
        """Shares (n_targets, n_classes) of votes, and without the last neighbour."""
        one_hot = np.eye(self.n_classes) / found.shape[1]
        rest = np.zeros((len(codes), self.n_classes))
        for column in codes.T[:-1]:
            rest += one_hot[column]
        return rest + one_hot[codes[:, -1]], rest

    def _count(self, distances: Array, targets: Any) -> tuple[Array, Array]:
        """Votes (n_classes, n_candidates, n_targets) without the new row's, and its."""
        found, codes = self.refits.nearest(targets)
        without, rest = self._shares(found, codes)
        is_near = distances < found[:, -1]
        votes = np.where(is_near, rest.T[:, np.newaxis], without.T[:, np.newaxis])
        return votes, is_near / found.shape[1]

    def _weigh(self, distances: Array, targets: Any) -> tuple[Array, Array]:
        found, codes = self.refits.nearest(targets)
        k = found.shape[1]
        # The new row is inserted: neighbours behind it move one place on.
        before = np.column_stack([np.full(len(found), -np.inf), found[:, :-1]])
        between = np.maximum(before, distances[:, :, np.newaxis])
        inserted = np.minimum(between, found)
        is_behind = distances[:, :, np.newaxis] < before
        is_new = ~is_behind & (distances[:, :, np.newaxis] < found)
        weights = _weigh(inserted.reshape(-1, k), self.weights).reshape(inserted.shape)
        votes = np.zeros((self.n_classes, *distances.shape))
        own = np.where(is_new, weights, 0.0).sum(axis=2)
        for j in range(k):
            moved = codes[:, max(j - 1, 0)]
            code = np.where(is_behind[:, :, j], moved, codes[:, j])
            weight = np.where(is_new[:, :, j], 0.0, weights[:, :, j])
            for label in range(self.n_classes):
                votes[label] += np.where(code == label, weight, 0.0)
        return votes, own


def _weigh(distances: Array, weights: Any) -> Array:
    """Weights (n, k) of neighbours; copies of the target, if any, share all weight."""
    if callable(weights):
        return np.asarray(weights(distances), dtype=np.float64)
    is_zero = distances == 0
    with np.errstate(divide="ignore"):
        inverse = 1.0 / distances
    return np.where(is_zero.any(axis=1, keepdims=True), is_zero, inverse)
