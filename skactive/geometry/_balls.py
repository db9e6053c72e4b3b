"""ProbCover: rows whose balls cover the others, and the choice of the radius."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike
from sklearn.metrics import pairwise_distances_argmin

from skactive._compat.typing import Array
from skactive.geometry._blocks import as_embedding, unlabeled_positions
from skactive.geometry._pairs import Halves, centered, pair_distances

# Rows in a block of the graph of balls. The pairs of a block stay in the cache.
_BLOCK_ROWS = 512
# Largest number of edges of the graph that are kept: 16 MiB unsorted, 32 MiB sorted.
_MAX_EDGES = 2**21
# Some pairs are too close to the radius for single precision. If they are more than
# this share of a block, the whole block is computed again in double precision.
_BAND_SHARE = 0.01


def prob_cover(
    vectors: Any,
    n_queries: int,
    *,
    radius: float,
    candidates: ArrayLike | None = None,
    labeled: ArrayLike | None = None,
    rng: np.random.Generator,
) -> Array:
    """Choose rows whose balls cover most rows, one after another (ProbCover).

    A row covers the rows at most `radius` away, including itself. Rows covered by a
    labelled row do not count. In each step, the candidate that covers most of the
    uncovered rows is chosen, with ties broken at random. Once no candidate covers
    anything new, the rest is chosen at random.

    Parameters
    ----------
    vectors : {ndarray, sparse matrix} of shape (n_samples, n_features)
        The embedding, which must be finite.
    n_queries : int
        Number of rows to choose. If there are fewer candidates, all are chosen.
    radius : float
        Radius of the balls, not negative. A row at exactly this distance is inside, as
        in the paper. The published code of the paper leaves it outside.
    candidates : array-like of shape (n_candidates,), default=None
        Distinct positions of the candidates. None means all unlabelled rows.
    labeled : array-like of shape (n_labeled,), default=None
        Positions of the labelled rows. None means that there are none.
    rng : numpy.random.Generator
        Breaks ties.

    Returns
    -------
    positions : ndarray of shape (min(n_queries, n_candidates),)
        Distinct positions among `candidates`, in order of choice.

    Raises
    ------
    ValueError
        If `radius` is negative or NaN, or `vectors` is not two-dimensional or not
        finite.

    See Also
    --------
    purity_radius : Choose the radius as in the paper.

    Notes
    -----
    The number of uncovered rows in each ball is kept up to date. The graph of balls is
    kept if it has few edges. Otherwise the ball of a row is computed again when the row
    is covered, which happens once to each row. So time grows as n_samples squared, and
    memory as n_samples.

    References
    ----------
    .. [1] O. Yehuda, A. Dekel, G. Hacohen, D. Weinshall, "Active Learning Through a
       Covering Lens", NeurIPS 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.geometry._balls import prob_cover
    >>> vectors = np.array([[0.0], [1.0], [1.5], [2.0], [7.0], [8.0], [9.0]])
    >>> prob_cover(vectors, 1, radius=1, rng=np.random.default_rng(0))
    array([1])
    >>> prob_cover(vectors, 1, radius=1, labeled=[1], rng=np.random.default_rng(0))
    array([5])
    """
    if not radius >= 0:
        raise ValueError(f"radius must be at least 0; got {radius!r}.")
    vectors = as_embedding(vectors)
    candidates, labeled = unlabeled_positions(vectors, candidates, labeled)
    n_queries = min(n_queries, len(candidates))
    uncovered = np.ones(vectors.shape[0], dtype=bool)
    everything = np.arange(vectors.shape[0])
    for start in range(0, len(labeled), _BLOCK_ROWS):
        some = labeled[start : start + _BLOCK_ROWS]
        uncovered[some] = False
        left = np.flatnonzero(uncovered)
        ball = _Balls(vectors, np.concatenate([some, left]), radius)
        uncovered[left[ball.reached(len(some))]] = False
    # Rows that are neither candidates nor uncovered play no part.
    keep = uncovered.copy()
    keep[candidates] = True
    rows = everything[keep]
    balls = _Balls(vectors, rows, radius)
    chosen = _greedy_balls(
        balls, uncovered[rows], np.searchsorted(rows, candidates), n_queries, rng
    )
    return rows[chosen]


def _greedy_balls(
    balls: _Balls,
    uncovered: Array,
    candidates: Array,
    n_queries: int,
    rng: np.random.Generator,
) -> Array:
    if n_queries == 0:
        return candidates[:0]
    counts = balls.count_all(uncovered)
    is_open = np.zeros(len(counts), dtype=bool)
    is_open[candidates] = True
    chosen: list[int] = []
    while True:
        counts[~is_open] = -1
        largest = counts.max()
        if largest <= 0:
            others = rng.permutation(np.flatnonzero(is_open))
            return np.append(chosen, others[: n_queries - len(chosen)]).astype(np.intp)
        pick = int(rng.choice(np.flatnonzero(counts == largest)))
        chosen.append(pick)
        if len(chosen) == n_queries:
            return np.array(chosen, dtype=np.intp)
        is_open[pick] = False
        ball = balls.members(pick)
        covered = ball[uncovered[ball]]
        uncovered[covered] = False
        left = np.flatnonzero(uncovered)
        if len(left) < len(covered):
            counts = balls.count(left)
        else:
            counts -= balls.count(covered)


class _Balls:
    """Pairs among `rows` that are at most `radius` apart."""

    def __init__(self, vectors: Any, rows: Array, radius: float):
        self.halves = Halves(vectors, rows, group=_BLOCK_ROWS)
        self.vectors, self.rows, self.radius = vectors, rows, radius
        self.graph: sp.csr_array | None = None
        # Are norms beyond the range of single precision?
        huge = self.halves.norms.max(initial=0) > 1e30
        self.dtypes: Any = (np.float64,) if huge else (np.float32, np.float64)

    def near(self, some: Any, others: Any) -> Array:
        """Whether each of `some` is near each of `others`, shape (n_some, n_others)."""
        if np.isinf(self.radius):
            shape = (len(self.rows[some]), len(self.rows[others]))
            return np.ones(shape, dtype=bool)
        limit = -0.5 * self.radius**2
        dtype: Any
        for dtype in self.dtypes:
            values = self.halves.block(some, others, dtype)
            slack = self.halves.error(some, others, dtype) - limit * 4e-16
            if dtype is np.float32:
                slack -= limit * 2e-7
            sure = values >= dtype(limit + slack)
            n_near = np.count_nonzero(values >= dtype(limit - slack))
            n_doubtful = n_near - np.count_nonzero(sure)
            if n_doubtful == 0:
                return sure
            if n_doubtful <= _BAND_SHARE * values.size:
                break
        doubtful = np.flatnonzero((values >= dtype(limit - slack)) & ~sure)
        i, j = np.divmod(doubtful, values.shape[1])
        i, j = self.rows[some][i], self.rows[others][j]
        sure.ravel()[doubtful] = pair_distances(self.vectors, i, j) <= self.radius
        return sure

    def count_all(self, uncovered: Array) -> Array:
        """Number of `uncovered` rows in each ball. Keep the graph if it is small."""
        counts = uncovered.astype(np.int64)  # each row is in its own ball
        weight = uncovered.astype(np.float32)
        edges: list[tuple[Array, Array]] | None = []
        n_edges = 0
        for some, others in self.halves.pairs_of_groups():
            near = self.near(some, others)
            if some == others:
                near = np.triu(near, 1)
            if edges is not None:
                found = np.flatnonzero(near)
                i, j = np.divmod(found.astype(np.int32), np.int32(near.shape[1]))
                by_j, by_i = uncovered[others][j], uncovered[some][i]
                counts[some] += np.bincount(i[by_j], minlength=near.shape[0])
                counts[others] += np.bincount(j[by_i], minlength=near.shape[1])
                edges.append((i + np.int32(some.start), j + np.int32(others.start)))
                n_edges += len(i)
                if n_edges > _MAX_EDGES:
                    edges = None
                continue
            # A sum of so few ones is exact in single precision.
            near = near.astype(np.float32)
            counts[some] += (near @ weight[others]).astype(np.int64)
            counts[others] += (weight[some] @ near).astype(np.int64)
        if edges is not None:
            i = np.concatenate([part for part, _ in edges])
            j = np.concatenate([part for _, part in edges])
            ones = np.ones(len(i), dtype=np.int8)
            n = len(counts)
            half = sp.csr_array((ones, (i, j)), shape=(n, n))
            self.graph = sp.csr_array(half + half.T)
        return counts

    def count(self, some: Array) -> Array:
        """Number of rows of `some` in each ball, shape (n_rows,)."""
        n = len(self.rows)
        if self.graph is not None:
            inside = self.graph[some].indices
            counts = np.bincount(inside, minlength=n)
            counts[some] += 1
            return counts
        counts = np.zeros(n, dtype=np.int64)
        for start in range(0, len(some), _BLOCK_ROWS):
            part = some[start : start + _BLOCK_ROWS]
            ones = np.ones(len(part), dtype=np.float32)
            for others in self.halves.groups():
                near = self.near(part, others).astype(np.float32)
                counts[others] += (ones @ near).astype(np.int64)
        return counts

    def members(self, row: int) -> Array:
        """Positions of the rows in the ball of one row."""
        if self.graph is not None:
            return np.append(self.graph[[row]].indices, row)
        some = np.array([row])
        near = [self.near(some, others).ravel() for others in self.halves.groups()]
        return np.flatnonzero(np.concatenate(near))

    def reached(self, n_first: int) -> Array:
        """Whether each row after the first `n_first` is near any of these."""
        first = slice(0, n_first)
        parts = [np.zeros(0, dtype=bool)]
        for start in range(n_first, len(self.rows), _BLOCK_ROWS):
            others = slice(start, min(start + _BLOCK_ROWS, len(self.rows)))
            parts.append(np.logical_or.reduce(self.near(first, others), axis=0))
        return np.concatenate(parts)


def purity_radius(
    vectors: Any,
    pseudo_labels: ArrayLike,
    alpha: float = 0.95,
    *,
    rows: ArrayLike | None = None,
) -> float:
    """Largest radius at which a share `alpha` of the balls is pure.

    The ball of a row is pure if all rows in it have the same pseudo-label as that row.

    Parameters
    ----------
    vectors : {ndarray, sparse matrix} of shape (n_samples, n_features)
        The embedding, which must be finite.
    pseudo_labels : array-like of shape (n_samples,)
        Clusters of the rows. In the paper they come from k-means with as many clusters
        as there are classes.
    alpha : float, default=0.95
        Share of pure balls, in (0, 1].
    rows : array-like of shape (n_rows,), default=None
        Positions of the rows whose balls are examined, each against all rows. A sample
        is enough to estimate the share. None means all rows.

    Returns
    -------
    radius : float
        Radius in [0, inf]. It is the largest number below the distance at which too
        many balls cease to be pure. It is 0 if rows of different labels coincide too
        often, and infinite if there is a single label.

    Raises
    ------
    ValueError
        If `alpha` is outside (0, 1], or there is not one label per row.

    References
    ----------
    .. [1] O. Yehuda, A. Dekel, G. Hacohen, D. Weinshall, "Active Learning Through a
       Covering Lens", NeurIPS 2022.

    Examples
    --------
    >>> from skactive.geometry._balls import purity_radius
    >>> vectors = [[0.0], [1.0], [5.0], [8.0]]
    >>> round(purity_radius(vectors, [0, 0, 1, 1], alpha=1), 6)
    4.0
    >>> round(purity_radius(vectors, [0, 0, 1, 1], alpha=0.5), 6)
    5.0
    """
    if not 0 < alpha <= 1:
        raise ValueError(f"alpha must be in (0, 1]; got {alpha!r}.")
    vectors = as_embedding(vectors)
    labels = np.unique(np.asarray(pseudo_labels), return_inverse=True)[1]
    n_samples = vectors.shape[0]
    if labels.shape != (n_samples,):
        raise ValueError(
            f"There must be one pseudo-label per row, {n_samples}; got shape "
            f"{np.shape(pseudo_labels)}."
        )
    rows = np.arange(n_samples) if rows is None else np.asarray(rows, dtype=np.intp)
    if labels.max(initial=0) == 0:
        return np.inf
    near = centered(vectors)
    distances = np.empty(len(rows))
    for label in np.unique(labels[rows]):
        is_own = labels[rows] == label
        others = np.flatnonzero(labels != label)
        nearest = pairwise_distances_argmin(near[rows[is_own]], near[others])
        distances[is_own] = pair_distances(vectors, rows[is_own], others[nearest])
    # The slack is for products such as 20 * (1 - 0.95), which is not exactly 1.
    n_impure = min(int(len(rows) * (1 - alpha) + 1e-9), len(rows) - 1)
    return float(np.nextafter(np.sort(distances)[n_impure], 0))
