"""Strategies that use clusters of the pool: ProbCover and TypiClust."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from skactive._compat.sklearn import Interval
from skactive._compat.typing import Array
from skactive._models.members import classes_of
from skactive.geometry._balls import prob_cover, purity_radius
from skactive.geometry._blocks import row_hashes
from skactive.geometry._k_means import fit_k_means
from skactive.geometry._typicality import typicality
from skactive.strategies._batch import EMBEDDING, Batch, BatchStrategy
from skactive.strategies._selection import round_ties
from skactive.strategies._shortlist import MAX_CANDIDATES, draw_candidates

# ProbCover: number of rows whose balls determine the radius.
_PURITY_ROWS = 5_000
# ProbCover: maximum number of clusters while no model has seen a class.
_UNKNOWN_CLASSES = 10
# TypiClust: clusters of at most this many rows come last, as in the authors' code.
_SMALL_CLUSTER_SIZE = 5
# TypiClust: with more clusters than this, k-means uses mini-batches, as in the paper.
_MAX_EXACT_CLUSTERS = 50
_BATCH_SIZE = 1024
# TypiClust: of larger clusters, only this many rows are looked at.
_MAX_CLUSTER_ROWS = 20_000


class ProbCover(BatchStrategy):
    """Rows whose balls cover the most rows that no labelled row covers yet.

    Parameters
    ----------
    radius : float, default=None
        Radius of the balls, at least 0. None means the largest radius at which a share
        `alpha` of the balls is pure. A ball is pure if all rows in it are in the same
        k-means cluster. If there are more than 5,000 rows, the share is computed from
        5,000 balls drawn at random.
    alpha : float, default=0.95
        Share of pure balls, in (0, 1]. Not used if `radius` is given.
    n_clusters : int, default=None
        Number of clusters, ideally the number of classes. None means the number of
        classes that the estimator has seen, but at least 2. While the estimator is not
        fitted, None means the number of rows to choose, at least 2 and at most 10. Not
        used if `radius` is given.
    embedding : transformer, callable, {"last_layer", "input", "leaves"} or None, \
            default=None
        How rows are represented as vectors, see :class:`BatchStrategy`. None means the
        last hidden layer of a neural net, and the input of any other classifier.

    Notes
    -----
    Once every row that can be covered is covered, the remaining rows of the batch are
    chosen at random. Use a smaller radius to avoid this.

    References
    ----------
    .. [1] O. Yehuda, A. Dekel, G. Hacohen, D. Weinshall, "Active Learning Through a
       Covering Lens", NeurIPS 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import ProbCover
    >>> X = np.array([[0.0], [1.0], [2.0], [7.0], [8.0]])
    >>> ProbCover(radius=1.0).select(None, X, n_queries=1, random_state=0)
    array([1])
    """

    _parameter_constraints: dict = {
        "radius": [Interval(numbers.Real, 0, None, closed="left"), None],
        "alpha": [Interval(numbers.Real, 0, 1, closed="right")],
        "n_clusters": [Interval(numbers.Integral, 1, None, closed="left"), None],
        "embedding": EMBEDDING,
    }

    def __init__(
        self,
        radius: float | None = None,
        alpha: float = 0.95,
        n_clusters: int | None = None,
        embedding: Any = None,
    ):
        self.radius = radius
        self.alpha = alpha
        self.n_clusters = n_clusters
        self.embedding = embedding

    def pick(self, batch: Batch) -> Array:
        """Choose a greedy cover, see :meth:`BatchStrategy.pick`."""
        radius = self.radius
        if radius is None:
            n_clusters = self.n_clusters or _n_classes(batch.estimator, batch.n_queries)
            clusters = _cluster(batch.vectors, n_clusters, batch.rng, exact=True)
            rows = batch.rng.permutation(batch.vectors.shape[0])[:_PURITY_ROWS]
            radius = purity_radius(batch.vectors, clusters, self.alpha, rows=rows)
        return prob_cover(
            batch.vectors,
            batch.n_queries,
            radius=radius,
            candidates=batch.candidates,
            labeled=batch.labeled,
            rng=batch.rng,
        )


class TypiClust(BatchStrategy):
    """The most typical row of each of the largest clusters without a labelled row.

    All rows are clustered by k-means. The number of clusters is the number of labelled
    rows plus the number of rows to choose. Clusters with the fewest labelled rows come
    first, and the largest of these before the others. In each cluster, the row with the
    smallest mean distance to its neighbours is chosen. After the last cluster, the
    strategy starts again with the first one. Clusters of at most 5 rows are used only
    when the other clusters have no candidates left.

    Parameters
    ----------
    n_neighbors : int, default=20
        Number of neighbours in the same cluster over which distances are averaged. In a
        smaller cluster, all neighbours are used. Of a cluster with more than 20,000
        rows, only 20,000 rows drawn at random are looked at.
    max_clusters : int, default=500
        Maximum number of clusters. With more than 50 clusters, k-means uses
        mini-batches.
    max_candidates : int or None, default=100_000
        Maximum number of candidates. If there are more, this many are drawn at random,
        and stand for all: only these and the labelled rows are clustered. None means
        all rows.
    embedding : transformer, callable, {"last_layer", "input", "leaves"} or None, \
            default=None
        How rows are represented as vectors, see :class:`BatchStrategy`. None means the
        last hidden layer of a neural net, and the input of any other classifier.

    References
    ----------
    .. [1] G. Hacohen, A. Dekel, D. Weinshall, "Active Learning on a Budget: Opposite
       Strategies Suit High and Low Budgets", ICML 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import TypiClust
    >>> X = np.array([[0.0], [1.0], [2.0], [70.0], [71.0], [72.0], [73.5]])
    >>> TypiClust().select(None, X, n_queries=2, random_state=0)
    array([4, 1])
    """

    _parameter_constraints: dict = {
        "n_neighbors": [Interval(numbers.Integral, 1, None, closed="left")],
        "max_clusters": [Interval(numbers.Integral, 1, None, closed="left")],
        "max_candidates": MAX_CANDIDATES,
        "embedding": EMBEDDING,
    }

    def __init__(
        self,
        n_neighbors: int = 20,
        max_clusters: int = 500,
        max_candidates: int | None = 100_000,
        embedding: Any = None,
    ):
        self.n_neighbors = n_neighbors
        self.max_clusters = max_clusters
        self.max_candidates = max_candidates
        self.embedding = embedding

    def pick(self, batch: Batch) -> Array:
        """Choose typical rows cluster by cluster, see :meth:`BatchStrategy.pick`."""
        drawn = draw_candidates(
            batch.vectors,
            batch.candidates,
            self.max_candidates,
            batch.n_queries,
            batch.rng,
        )
        if len(drawn) == len(batch.candidates):
            return self._pick(batch)
        part, rows = batch.part(drawn)
        return rows[self._pick(part)]

    def _pick(self, batch: Batch) -> Array:
        n_clusters = min(len(batch.labeled) + batch.n_queries, self.max_clusters)
        clusters = _cluster(batch.vectors, n_clusters, batch.rng)
        large, small = self._queues(
            clusters, batch.candidates, batch.labeled, batch.rng
        )
        is_candidate = np.zeros(batch.vectors.shape[0], dtype=bool)
        is_candidate[batch.candidates] = True
        # For each cluster, its candidates from the least to the most typical.
        ranked: dict[int, list[int]] = {}
        chosen: list[int] = []
        while len(chosen) < batch.n_queries:
            queue = large or small
            cluster = queue.pop(0)
            if cluster not in ranked:
                members = np.flatnonzero(clusters == cluster)
                ranked[cluster] = self._rank(batch, members, is_candidate)
            chosen.append(ranked[cluster].pop())
            if ranked[cluster]:
                queue.append(cluster)
        return np.array(chosen, dtype=np.intp)

    def _queues(
        self,
        clusters: Array,
        candidates: Array,
        labeled: Array,
        rng: np.random.Generator,
    ) -> tuple[list[int], list[int]]:
        """Large and small clusters that hold a candidate, in the order of use."""
        sizes = np.bincount(clusters)
        n_labeled = np.bincount(clusters[labeled], minlength=len(sizes))
        order = rng.permutation(np.unique(clusters[candidates]))
        order = order[np.lexsort((-sizes[order], n_labeled[order]))]
        is_small = sizes[order] <= _SMALL_CLUSTER_SIZE
        return order[~is_small].tolist(), order[is_small].tolist()

    def _rank(self, batch: Batch, members: Array, is_candidate: Array) -> list[int]:
        """Candidates of a cluster, ordered so that the most typical one is last."""
        members = batch.rng.permutation(members)  # for ties
        seen, unseen = members[:_MAX_CLUSTER_ROWS], members[_MAX_CLUSTER_ROWS:]
        scores = round_ties(typicality(batch.vectors, seen, self.n_neighbors))
        ranked = np.append(unseen, seen[np.argsort(scores, kind="stable")])
        return ranked[is_candidate[ranked]].tolist()


def _n_classes(estimator: Any, n_queries: int) -> int:
    """Number of classes that the estimator has seen, or a guess if not fitted."""
    try:
        n_classes = len(classes_of(estimator))
    except AttributeError:
        n_classes = min(n_queries, _UNKNOWN_CLASSES)
    return max(2, n_classes)


def _cluster(
    vectors: Any, n_clusters: int, rng: np.random.Generator, exact: bool = False
) -> Array:
    """Cluster codes of a seeded k-means, shape (n_samples,)."""
    n_clusters = min(n_clusters, len(np.unique(row_hashes(vectors))))
    is_exact = exact or n_clusters <= _MAX_EXACT_CLUSTERS
    batch_size = None if is_exact else _BATCH_SIZE
    return fit_k_means(vectors, n_clusters, rng, batch_size=batch_size).labels_
