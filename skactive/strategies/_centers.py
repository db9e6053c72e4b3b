"""Batches that cover the pool: core-set, k-means, BADGE, CLUE, FALCUN."""

from __future__ import annotations

from functools import partial
from numbers import Real
from typing import Any

import numpy as np

from skactive import measures
from skactive._compat.sklearn import Interval
from skactive._compat.typing import Array
from skactive._data.chunks import map_rows
from skactive._models.response import count_outputs, predict_proba
from skactive.geometry._blocks import dense_rows
from skactive.geometry._farthest import k_center
from skactive.geometry._k_means import fit_k_means
from skactive.geometry._nearest import nearest_to_centers
from skactive.geometry._relevance import relevance_sampling
from skactive.geometry._sampling import badge_sampling, k_means_plus_plus
from skactive.strategies._batch import EMBEDDING, Batch, BatchStrategy
from skactive.strategies._shortlist import MAX_CANDIDATES, draw_weighted_candidates

# With more distances per round than this, k-means uses mini-batches.
_MINI_BATCH_SIZE = 2**21
_MINI_BATCH_ROWS = 4096


class KCenter(BatchStrategy):
    """Rows farthest from everything that is labelled or already in the batch.

    This is the greedy core-set method. Each pick is the row whose euclidean distance to
    the nearest labelled or chosen row is largest. If no row is labelled, the first row
    is random. The batch covers the pool, outliers first. No model is needed.

    Parameters
    ----------
    embedding : transformer, callable, {"last_layer", "input", "leaves"} or None, \
            default=None
        How rows are represented as vectors, see :class:`BatchStrategy`. None means the
        last hidden layer of a neural net, and the input of any other classifier.

    References
    ----------
    .. [1] O. Sener, S. Savarese, "Active Learning for Convolutional Neural Networks:
       A Core-Set Approach", ICLR 2018.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive.strategies import KCenter
    >>> X, y = [[0.0], [1.0], [5.0], [9.0]], [0, None, None, None]
    >>> KCenter().select(LogisticRegression(), X, y, n_queries=2)
    array([3, 2])
    """

    def pick(self, batch: Batch) -> Array:
        """Choose the farthest rows, one after the other."""
        return k_center(
            batch.vectors,
            batch.n_queries,
            candidates=batch.candidates,
            labeled=batch.labeled,
            rng=batch.rng,
        )


class KMeans(BatchStrategy):
    """Rows nearest to the means of k-means clusters, one row per cluster.

    The candidates are clustered by k-means into `n_queries` clusters. If there are many
    candidates, mini-batches are used. The row of the largest cluster comes first.
    Labelled rows play no part, and no model is needed.

    Parameters
    ----------
    embedding : transformer, callable, {"last_layer", "input", "leaves"} or None, \
            default=None
        How rows are represented as vectors, see :class:`BatchStrategy`. None means the
        last hidden layer of a neural net, and the input of any other classifier.

    References
    ----------
    .. [1] J. Zhu, H. Wang, T. Yao, B. Tsou, "Active Learning with Sampling by
       Uncertainty and Density for Word Sense Disambiguation and Text
       Classification", COLING 2008.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive.strategies import KMeans
    >>> X = [[0.0], [1.0], [2.0], [10.0], [11.0]]
    >>> KMeans().select(LogisticRegression(), X, n_queries=1)
    array([2])
    """

    def pick(self, batch: Batch) -> Array:
        """Choose the rows nearest to cluster means, largest cluster first."""
        return pick_by_clusters(
            batch.vectors, batch.candidates, batch.n_queries, None, batch.rng
        )


class Badge(BatchStrategy):
    """Rows with large and diverse gradients (BADGE).

    The gradient embedding of a row is the outer product of ``p - e`` with its vector,
    where p are its class probabilities and e is one at the most probable class and zero
    elsewhere. The first row is the one with the longest gradient embedding. The others
    are drawn as in k-means++, by their squared distance to the nearest chosen row.
    Uncertain rows have long gradient embeddings. Rows whose gradient embeddings are far
    apart differ in their vectors or in their likely classes.

    Parameters
    ----------
    embedding : transformer, callable, {"last_layer", "input", "leaves"} or None, \
            default=None
        How rows are represented as vectors, see :class:`BatchStrategy`. None means the
        last hidden layer of a neural net, and the input of any other classifier.

    References
    ----------
    .. [1] J. Ash et al., "Deep Batch Active Learning by Diverse, Uncertain Gradient
       Lower Bounds", ICLR 2020.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive.strategies import Badge
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    >>> model = LogisticRegression().fit(X, y)
    >>> Badge().select(model, [[0.0], [1.4], [3.0]], n_queries=1)
    array([1])
    """

    needs = ("predict_proba",)

    def pick(self, batch: Batch) -> Array:
        """Draw rows by the distances between their gradient embeddings."""
        proba = proba_of_rows(batch.estimator, batch.X, batch.candidates)
        return badge_sampling(
            batch.vectors,
            proba,
            batch.n_queries,
            candidates=batch.candidates,
            rng=batch.rng,
        )


class Clue(BatchStrategy):
    """Rows nearest to the means of clusters weighted by uncertainty (CLUE).

    The candidates are clustered by k-means into `n_queries` clusters. The weight of a
    row is its entropy. The row nearest to the mean of the heaviest cluster comes first.
    If no row is uncertain, all weights are equal.

    Parameters
    ----------
    temperature : float, default=1.0
        Class probabilities are raised to the power ``1 / temperature`` and scaled to
        sum to one, which is a softmax with this temperature. Large values make the
        weights more equal, and the batch diverse rather than uncertain.
    max_candidates : int or None, default=50_000
        Maximum number of candidates. If there are more, this many are drawn, with
        probabilities proportional to their entropy, and stand for all. None means all.
    embedding : transformer, callable, {"last_layer", "input", "leaves"} or None, \
            default=None
        How rows are represented as vectors, see :class:`BatchStrategy`. None means the
        last hidden layer of a neural net, and the input of any other classifier.

    References
    ----------
    .. [1] V. Prabhu, A. Chandrasekaran, K. Saenko, J. Hoffman, "Active Domain
       Adaptation via Clustering Uncertainty-Weighted Embeddings", ICCV 2021.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive.strategies import Clue
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    >>> model = LogisticRegression().fit(X, y)
    >>> Clue().select(model, [[-9.0], [1.4], [9.0]], n_queries=1)
    array([1])
    """

    needs = ("predict_proba",)
    _parameter_constraints: dict = {
        "temperature": [Interval(Real, 0, None, closed="neither")],
        "max_candidates": MAX_CANDIDATES,
        "embedding": EMBEDDING,
    }

    def __init__(
        self,
        temperature: float = 1.0,
        max_candidates: int | None = 50_000,
        embedding: Any = None,
    ):
        self.temperature = temperature
        self.max_candidates = max_candidates
        self.embedding = embedding

    def pick(self, batch: Batch) -> Array:
        """Choose the rows nearest to weighted cluster means, heaviest first."""
        proba = proba_of_rows(batch.estimator, batch.X, batch.candidates)
        entropy = tempered_entropy(proba, self.temperature)
        rows, weights = draw_weighted_candidates(
            batch.candidates, entropy, self.max_candidates, batch.n_queries, batch.rng
        )
        return pick_by_clusters(
            batch.vectors, rows, batch.n_queries, weights, batch.rng
        )


class Falcun(BatchStrategy):
    """Uncertain rows whose class probabilities differ (FALCUN).

    A row is drawn with probability proportional to ``(u + d) ** gamma``. Its
    uncertainty u is 1 - margin. Its diversity d is the L1 distance between its class
    probabilities and those of the nearest chosen row, but at most u, scaled to [0, 1]
    over the rows that are left. The batch therefore begins with uncertain rows and
    turns to diverse ones.

    Parameters
    ----------
    gamma : float, default=10
        With 0, rows are drawn uniformly. The larger the value, the closer the draw is
        to taking the rows with the largest ``u + d``.
    embedding : transformer, callable, {"last_layer", "input", "leaves"} or None, \
            default=None
        Only used to find rows that are copies of each other, see
        :class:`BatchStrategy`. None means to compare the rows of X themselves, which
        need not be numbers.

    Notes
    -----
    As in the authors' code, the distances are scaled to [0, 1] anew for each pick, over
    the rows that are left, and the scaled values are not kept. `gamma` does not change.
    If ``u + d`` is zero for all rows, the draw is uniform. If only the distances are
    zero for all rows, the rows are drawn by u; the authors' code draws uniformly then.

    References
    ----------
    .. [1] S. Gilhuber, A. Beer, Y. Ma, T. Seidl, "FALCUN: A Simple and Efficient Deep
       Active Learning Strategy", ECML PKDD 2024.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive.strategies import Falcun
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    >>> model = LogisticRegression().fit(X, y)
    >>> Falcun(gamma=100).select(model, [[-9.0], [1.4], [9.0]], n_queries=1)
    array([1])
    """

    needs = ("predict_proba",)
    embeds = False
    _parameter_constraints: dict = {
        "gamma": [Interval(Real, 0, None, closed="left")],
        "embedding": EMBEDDING,
    }

    def __init__(self, gamma: float = 10, embedding: Any = None):
        self.gamma = gamma
        self.embedding = embedding

    def pick(self, batch: Batch) -> Array:
        """Draw rows by their relevance."""
        proba = proba_of_rows(batch.estimator, batch.X, batch.candidates)
        uncertainty = measures.margin(proba)
        chosen = relevance_sampling(
            proba, uncertainty, batch.n_queries, gamma=self.gamma, rng=batch.rng
        )
        return batch.candidates[chosen]


# ---------------------------------------------------------------------------------
# Parts of the strategies
# ---------------------------------------------------------------------------------


def proba_of_rows(estimator: Any, X: Any, rows: Array) -> Array:
    """Return class probabilities of `rows`, ascending; (n_rows, n_classes)."""
    n_classes = count_outputs(estimator, "predict_proba")
    predict = partial(predict_proba, estimator)
    return map_rows(predict, X, rows, n_classes, dtype=None)


def tempered_entropy(proba: Array, temperature: float) -> Array:
    """Entropy of each row of ``proba ** (1 / temperature)``, scaled to sum to 1.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)
        Class probabilities.
    temperature : float
        Positive; 1 leaves the probabilities as they are.

    Returns
    -------
    entropy : ndarray of shape (n_samples,)
        Values in [0, log(n_classes)].

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies._centers import tempered_entropy
    >>> tempered_entropy(np.array([[0.8, 0.2], [0.5, 0.5]]), 0.5).round(3)
    array([0.224, 0.693])
    """
    if temperature != 1:
        # The largest becomes 1, so that not all can underflow.
        proba = proba / proba.max(axis=1, keepdims=True)
        proba **= 1 / temperature
        proba /= proba.sum(axis=1, keepdims=True)
    return measures.entropy(proba)


def pick_by_clusters(
    vectors: Any,
    candidates: Array,
    n_clusters: int,
    weights: Array | None,
    rng: np.random.Generator,
) -> Array:
    """Choose the candidates nearest to cluster means, heaviest cluster first.

    Parameters
    ----------
    vectors : ndarray or CSR of shape (n_samples, n_features)
        Embedding of all rows.
    candidates : ndarray of shape (n_candidates,)
        Ascending positions.
    n_clusters : int
        At most n_candidates.
    weights : ndarray of shape (n_candidates,), default=None
        Not negative. None or only zeros mean equal weights.
    rng : numpy.random.Generator
        Draws the first means, and an integer seed for k-means.

    Returns
    -------
    positions : ndarray of shape (n_clusters,)
        Distinct.
    """
    if weights is None or not weights.any():
        weights = np.ones(len(candidates))
    first = k_means_plus_plus(
        vectors, n_clusters, candidates=candidates, weights=weights, rng=rng
    )
    is_large = len(candidates) * n_clusters > _MINI_BATCH_SIZE
    is_all = len(candidates) == vectors.shape[0]
    model = fit_k_means(
        vectors if is_all else vectors[candidates],
        n_clusters,
        rng,
        weights=weights,
        init=dense_rows(vectors, first),
        batch_size=_MINI_BATCH_ROWS if is_large else None,
    )
    sizes = np.bincount(model.labels_, weights=weights, minlength=n_clusters)
    return nearest_to_centers(
        vectors, model.cluster_centers_, candidates=candidates, weights=sizes
    )
