"""Rows whose balls cover the others: ProbCover, and the radius it chooses."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike
from sklearn.metrics import pairwise_distances_argmin

from skactive._compat.typing import Array
from skactive.geometry._blocks import as_embedding, unlabeled_positions
from skactive.geometry._pairs import Halves, centered, pair_distances

# Rows of a block of the graph of balls, whose pairs stay in the cache.
_BLOCK_ROWS = 512
# Edges kept of the graph of balls, 16 MiB as they come and 32 MiB sorted.
_MAX_EDGES = 2**21
# Pairs too close to the radius for single precision: beyond this share of a block, all
# of it is made again in double precision.
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
    """Rows whose balls cover most rows, one after another (ProbCover).

    A row covers the rows at most `radius` away, itself among them. Those that a
    labelled row covers are out; then the candidate that covers most of what is still
    uncovered is taken, again and again, ties at random. Where no candidate covers
    anything new, the others are taken at random.

    Parameters
    ----------
    vectors : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Finite.
    n_queries : int
        How many rows; all candidates, if there are fewer.
    radius : float
        Not negative. A distance that equals it is inside, as in the paper (whose
        published code leaves it outside).
    candidates : array-like of shape (n_candidates,), default=None
        Distinct positions; None means all rows that are not labelled.
    labeled : array-like of shape (n_labeled,), default=None
        Positions of the labelled rows; None means that there are none.
    rng : numpy.random.Generator
        Breaks ties.

    Returns
    -------
    positions : ndarray of shape (min(n_queries, n_candidates),)
        Distinct members of `candidates`, in order of choice.

    Raises
    ------
    ValueError
        If `radius` is negative or NaN, or `vectors` has not two axes or is not
        finite.

    See Also
    --------
    purity_radius : The radius that the paper chooses.

    Notes
    -----
    The number of uncovered rows in each ball is kept exact. The graph of balls is
    kept while it has few edges; beyond, a row's ball is made again when it is covered,
    which happens to each row once. So time grows as n_samples squared, memory as
    n_samples.

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
        raise ValueError(f"radius must be a number of at least 0; got {radius!r}.")
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
    # What is neither a candidate nor to be covered plays no part.
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
    """Which of `rows` are at most `radius` away from which."""

    def __init__(self, vectors: Any, rows: Array, radius: float):
        self.halves = Halves(vectors, rows, group=_BLOCK_ROWS)
        self.vectors, self.rows, self.radius = vectors, rows, radius
        self.graph: sp.csr_array | None = None
        # Norms beyond the range of single precision.
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
        """How many rows of `uncovered` each ball holds; keeps the graph if small."""
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
            # Sums of so few ones are exact in single precision.
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
        """How many of `some` each ball holds, shape (n_rows,)."""
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
        """Positions of the rows in the ball of one."""
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

    The ball of a row is pure if all rows in it have the row's own pseudo-label.

    Parameters
    ----------
    vectors : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Finite.
    pseudo_labels : array-like of shape (n_samples,)
        Clusters, of a k-means with as many as there are classes in the paper.
    alpha : float, default=0.95
        In (0, 1].
    rows : array-like of shape (n_rows,), default=None
        Rows whose balls are looked at, each against all rows: a sample is enough to
        estimate the share. None means all.

    Returns
    -------
    radius : float
        In [0, inf]. The largest number below the distance at which too many balls
        stop to be pure; 0 if rows of different labels coincide too often; infinite
        with a single label.

    Raises
    ------
    ValueError
        If `alpha` is outside (0, 1], or there is not one label a row.

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
            f"There must be one pseudo-label a row, {n_samples}; got an array of shape "
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
    # The slack is for products such as 20 * (1 - 0.95), which is not quite 1.
    n_impure = min(int(len(rows) * (1 - alpha) + 1e-9), len(rows) - 1)
    return float(np.nextafter(np.sort(distances)[n_impure], 0))
