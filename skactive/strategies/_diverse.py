"""Batches of useful rows that differ, from utilities and distances."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
import scipy.sparse as sp

from skactive._compat.sklearn import Interval, StrOptions
from skactive._compat.typing import Array
from skactive.geometry._blocks import blocks, dense_rows, squared_norms
from skactive.geometry._k_means import fit_k_means
from skactive.geometry._nearest import nearest_to_centers
from skactive.geometry._sampling import k_means_plus_plus
from skactive.strategies._batch import EMBEDDING, Batch, BatchStrategy
from skactive.strategies._selection import take_best
from skactive.strategies._wrapper import INNER, WrapperStrategy

# k-means loses weights that are smaller than this share of the largest one.
_SMALLEST_WEIGHT = 1e-6


# ---------------------------------------------------------------------------------
# Functions of vectors and utilities
# ---------------------------------------------------------------------------------


class _Distances:
    """Squared distances of all rows to points, by matrix products.

    Dense rows are centred at their mean, without a copy. This loses less to rounding if
    all rows are far from zero.
    """

    def __init__(self, vectors: Any):
        self.vectors = vectors
        self.shift = np.zeros(vectors.shape[1], dtype=vectors.dtype)
        if sp.issparse(vectors):
            self.norms = squared_norms(vectors)
            return
        self.shift[:] = vectors.mean(axis=0, dtype=np.float64)
        self.norms = np.empty(len(vectors), dtype=vectors.dtype)
        for rows in blocks(vectors):
            self.norms[rows] = squared_norms(vectors[rows] - self.shift)

    def to_points(self, points: Array, rows: slice = slice(None)) -> Array:
        """Squared distances to dense points, shape (n_rows, n_points)."""
        points = (points - self.shift).astype(self.vectors.dtype, copy=False)
        # (x - shift) @ point as x @ point - shift @ point
        result = np.asarray(self.vectors[rows] @ points.T)
        result -= points @ self.shift
        result *= -2
        result += self.norms[rows, np.newaxis]
        result += squared_norms(points)
        return np.maximum(result, 0, out=result)

    def to_row(self, row: int) -> Array:
        """Squared distances to one row, shape (n_samples,)."""
        distances = self.to_points(dense_rows(self.vectors, [row]))[:, 0]
        distances[row] = 0
        return distances

    def to_nearest(self, others: Array) -> Array:
        """Squared distances to the nearest row of `others`; inf if there is none."""
        nearest = np.full(len(self.norms), np.inf, dtype=self.vectors.dtype)
        # Split `others` as well, since they may be nearly all rows.
        step = next(blocks(self.vectors), slice(0, 1)).stop
        for start in range(0, len(others), step):
            points = dense_rows(self.vectors, others[start : start + step])
            for rows in blocks(self.vectors, max(len(points), *points.shape)):
                found = self.to_points(points, rows).min(axis=1)
                nearest[rows] = np.minimum(nearest[rows], found)
        nearest[others] = 0
        return nearest


def ranked_batch(
    vectors: Any,
    utilities: Array,
    candidates: Array,
    labeled: Array,
    n_queries: int,
    rng: np.random.Generator,
) -> Array:
    """Choose rows greedily that are useful and unlike labelled and chosen rows.

    Each pick has the largest ``alpha * (1 - phi) + (1 - alpha) * utility``, where phi
    is the largest similarity 1 / (1 + distance) to a labelled or chosen row, and alpha
    is the share of rows that are neither. While no row is labelled or chosen, phi is
    the same for all rows, and the row with the largest utility is picked.

    Parameters
    ----------
    vectors : ndarray or CSR of shape (n_samples, n_features)
        float32 or float64, finite.
    utilities : ndarray of shape (n_candidates,)
        Utilities of the candidates.
    candidates : ndarray of shape (n_candidates,)
        Positions that may be chosen.
    labeled : ndarray of shape (n_labeled,)
        Positions of labelled rows. All other rows count as unlabelled.
    n_queries : int
        At most n_candidates.
    rng : numpy Generator
        Breaks ties.

    Returns
    -------
    positions : ndarray of shape (n_queries,)
        In order of choice.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies._diverse import ranked_batch
    >>> vectors = np.array([[0.0], [0.1], [5.0], [9.0]])
    >>> rng = np.random.default_rng(0)
    >>> utilities, candidates = np.array([0.9, 0.5, 0.1]), np.array([1, 2, 3])
    >>> ranked_batch(vectors, utilities, candidates, np.array([0]), 2, rng)
    array([2, 1])
    """
    n_samples = vectors.shape[0]
    distances = _Distances(vectors)
    nearest = distances.to_nearest(labeled)[candidates]
    is_left = np.ones(len(candidates), dtype=bool)
    chosen = np.empty(n_queries, dtype=np.intp)
    n_known = len(labeled)
    for i in range(n_queries):
        if n_known:
            alpha = (n_samples - n_known) / n_samples
            novelty = 1 - 1 / (1 + np.sqrt(nearest, dtype=np.float64))
            scores = alpha * novelty + (1 - alpha) * utilities
        else:
            scores = utilities
        best = take_best(np.where(is_left, scores, -np.inf), 1, rng)[0]
        chosen[i] = candidates[best]
        is_left[best] = False
        n_known += 1
        if i < n_queries - 1:
            found = distances.to_row(chosen[i])[candidates]
            np.minimum(nearest, found, out=nearest)
    return chosen


def weighted_k_means(
    vectors: Any, weights: Array, n_clusters: int, rng: np.random.Generator
) -> Array:
    """Choose the rows nearest to the centres of a weighted k-means clustering.

    Parameters
    ----------
    vectors : ndarray or CSR of shape (n_samples, n_features)
        float32 or float64, finite, with at least `n_clusters` rows.
    weights : ndarray of shape (n_samples,)
        Positive.
    n_clusters : int
        Number of clusters.
    rng : numpy Generator
        Seeds k-means.

    Returns
    -------
    positions : ndarray of shape (n_clusters,)
        Distinct, one per centre. A row that is nearest to two centres is taken for the
        first of them, and the next nearest row for the other.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies._diverse import weighted_k_means
    >>> vectors = np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]])
    >>> weights = np.array([1, 1, 1, 1, 1, 9.0])
    >>> np.sort(weighted_k_means(vectors, weights, 2, np.random.default_rng(0)))
    array([1, 5])
    """
    shares = np.maximum(weights / weights.max(), _SMALLEST_WEIGHT)
    model = fit_k_means(vectors, n_clusters, rng, weights=shares)
    # If rows are so close that centres coincide, the next nearest rows are taken.
    return nearest_to_centers(vectors, model.cluster_centers_)


# ---------------------------------------------------------------------------------
# Strategies
# ---------------------------------------------------------------------------------


class _AroundUtilities(WrapperStrategy, BatchStrategy):  # type: ignore[override]
    def _utilities_in(self, batch: Batch) -> Array:
        """Utilities of the candidates under the inner strategy."""
        inner = self._inner_for(batch.estimator)
        args = batch.estimator, batch.X, batch.y, batch.candidates
        return inner.utilities(*args)


class RankedBatch(_AroundUtilities):
    """Rows that are useful and unlike all labelled and chosen rows, picked one by one.

    Each pick has the largest ``alpha * (1 - phi) + (1 - alpha) * utility``. Here phi is
    the similarity, 1 / (1 + euclidean distance), to the nearest row that is labelled or
    in the batch, and alpha is the share of rows of `X` that are neither. At first,
    distances count most, and later utilities. If `X` has no labelled row, phi is the
    same for all rows, and the first pick is the row with the largest utility.

    Parameters
    ----------
    strategy : str, Strategy or callable, default=None
        A pointwise strategy that gives the utilities. These are best in [0, 1], as phi
        is. None means margin, and for a regressor the standard deviation. Utilities in
        the unit of `y`, such as the latter, are divided by the largest one.
    embedding : transformer, callable, {"last_layer", "input", "leaves"} or None, \
            default=None
        How rows are represented as vectors, see :class:`BatchStrategy`. None means the
        last hidden layer of a neural net, and the input of any other classifier.

    References
    ----------
    .. [1] T. N. C. Cardoso, R. M. Silva, S. Canuto, M. M. Moro, M. A. Goncalves,
       "Ranked batch-mode active learning", Information Sciences 379, 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive.strategies import RankedBatch
    >>> X = np.array([[0.0], [9.0], [1.0], [4.0], [5.0]])
    >>> y = np.array([0, 1, np.nan, np.nan, np.nan])
    >>> model = LogisticRegression().fit(X[:2], y[:2])
    >>> RankedBatch().select(model, X, y, n_queries=3, random_state=0)
    array([4, 3, 2])
    """

    _parameter_constraints: dict = {
        "strategy": INNER,
        "embedding": EMBEDDING,
    }

    def __init__(self, strategy: Any = None, embedding: Any = None):
        self.strategy = strategy
        self.embedding = embedding

    def pick(self, batch: Batch) -> Array:
        """Choose rows one by one, see :meth:`BatchStrategy.pick`."""
        utilities = self._weighable(batch.estimator, self._utilities_in(batch))
        return ranked_batch(
            batch.vectors,
            utilities,
            batch.candidates,
            batch.labeled,
            batch.n_queries,
            batch.rng,
        )


class Diverse(_AroundUtilities):
    """The most useful rows, thinned out by clustering.

    The ``factor * n_queries`` rows with the largest utilities are clustered, with their
    utilities as weights. Rows with a utility of zero are chosen only when no other rows
    are left, and then with equal weights.

    Parameters
    ----------
    strategy : str, Strategy or callable, default=None
        A pointwise strategy that gives the utilities, which must not be negative. None
        means margin, and for a regressor the standard deviation.
    factor : int, default=10
        Ratio of the rows that are clustered to the rows that are chosen. With 1, the
        rows with the largest utilities are chosen.
    method : {"k_means", "k_means_plus_plus"}, default="k_means"
        "k_means" chooses the row nearest to each of `n_queries` centres, ordered by
        decreasing utility. "k_means_plus_plus" draws one row after another, with
        probabilities proportional to the utility times the squared distance to the
        nearest row drawn, and keeps this order.
    embedding : transformer, callable, {"last_layer", "input", "leaves"} or None, \
            default=None
        How rows are represented as vectors, see :class:`BatchStrategy`. None means the
        last hidden layer of a neural net, and the input of any other classifier.

    References
    ----------
    .. [1] F. Zhdanov, "Diverse mini-batch Active Learning", arXiv:1901.05954, 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive.strategies import Diverse
    >>> X = np.array([[0.0, 0], [2, 0], [1, 0], [1, 0.1], [1, 7], [1, 7.1]])
    >>> model = LogisticRegression().fit(X[:2], [0, 1])
    >>> y = np.array([0, 1, np.nan, np.nan, np.nan, np.nan])
    >>> batch = Diverse().select(model, X, y, n_queries=2, random_state=0)
    >>> sorted((batch > 3).tolist())  # one of each pair
    [False, True]
    """

    _parameter_constraints: dict = {
        "strategy": INNER,
        "factor": [Interval(numbers.Integral, 1, None, closed="left")],
        "method": [StrOptions({"k_means", "k_means_plus_plus"})],
        "embedding": EMBEDDING,
    }

    def __init__(
        self,
        strategy: Any = None,
        factor: int = 10,
        method: str = "k_means",
        embedding: Any = None,
    ):
        self.strategy = strategy
        self.factor = factor
        self.method = method
        self.embedding = embedding

    def pick(self, batch: Batch) -> Array:
        """Choose rows, those of utility zero last, see :meth:`BatchStrategy.pick`."""
        utilities = self._utilities_in(batch)
        self._check_not_negative(utilities)
        best = take_best(utilities, self.factor * batch.n_queries, batch.rng)
        n_positive = int((utilities[best] > 0).sum())
        rows, weights = batch.candidates[best], utilities[best]
        useful, useless = rows[:n_positive], rows[n_positive:]
        n_first = min(batch.n_queries, n_positive)
        chosen = self._thin(batch, useful, weights[:n_positive], n_first)
        if n_first < batch.n_queries:
            equal = np.ones(len(useless))
            more = self._thin(batch, useless, equal, batch.n_queries - n_first)
            chosen = np.append(chosen, more)
        return chosen

    def _thin(self, batch: Batch, rows: Array, weights: Array, n_rows: int) -> Array:
        """Choose `n_rows` of `rows`, whose `weights` are in descending order."""
        if n_rows == len(rows):
            return rows
        vectors = batch.vectors[rows]
        if self.method == "k_means_plus_plus":
            drawn = k_means_plus_plus(vectors, n_rows, weights=weights, rng=batch.rng)
            return rows[drawn]
        return rows[np.sort(weighted_k_means(vectors, weights, n_rows, batch.rng))]
