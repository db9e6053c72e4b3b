"""Rows that cover the others: balls, kernels, facilities, typical members.

All of it needs distances between very many pairs of rows. They are made block by
block, in single precision where that is enough to rule a row out, and again in double
precision where it is not; so the answer is that of a plain implementation in double
precision, and no array of the size (n_samples x n_samples) exists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from skactive.geometry._blocks import BLOCK_SIZE, as_embedding, blocks

Array = NDArray[Any]

# Rows of a block of pairs, for sums over all pairs and for the graph of balls.
_GROUP = 512
_BALL_BLOCK = 1024
# Prepared rows of a precision are kept while they take fewer bytes than this.
_KEPT_SIZE = 2**26
# Edges kept of the graph of balls, 16 MiB as they come and 32 MiB sorted.
_MAX_EDGES = 2**21
# A CSR embedding with no more columns than this is made dense, block by block.
_DENSE_WIDTH = 2048
# Pairs too close to the radius for single precision: beyond this share of a block, all
# of it is made again in double precision.
_BAND_SHARE = 0.01
# Single precision is used where it errs by less than this in a similarity.
_SINGLE_ERROR = 1e-4
# Rows from which the first choice of a generalized coverage is guessed.
_GUESS_ROWS = 512
# Gains closer than this, relative to the largest, are equal.
_TIE_TOLERANCE = 1e-12
# Pairs of rows that the default bandwidth is taken from.
_BANDWIDTH_PAIRS = 10_000


# ---------------------------------------------------------------------------------
# Balls: ProbCover
# ---------------------------------------------------------------------------------


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
    >>> from skactive.geometry._coverage import prob_cover
    >>> vectors = np.array([[0.0], [1.0], [1.5], [2.0], [7.0], [8.0], [9.0]])
    >>> prob_cover(vectors, 1, radius=1, rng=np.random.default_rng(0))
    array([1])
    >>> prob_cover(vectors, 1, radius=1, labeled=[1], rng=np.random.default_rng(0))
    array([5])
    """
    if not radius >= 0:
        raise ValueError(f"radius must be a number of at least 0; got {radius!r}.")
    vectors = as_embedding(vectors)
    candidates, labeled = _positions(vectors, candidates, labeled)
    n_queries = min(n_queries, len(candidates))
    uncovered = np.ones(vectors.shape[0], dtype=bool)
    everything = np.arange(vectors.shape[0])
    for start in range(0, len(labeled), _BALL_BLOCK):
        some = labeled[start : start + _BALL_BLOCK]
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
        self.halves = _Halves(vectors, rows, group=_BALL_BLOCK)
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
            # Sums of at most 1024 ones are exact in single precision.
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
        for start in range(0, len(some), _BALL_BLOCK):
            part = some[start : start + _BALL_BLOCK]
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
        for start in range(n_first, len(self.rows), _BALL_BLOCK):
            others = slice(start, min(start + _BALL_BLOCK, len(self.rows)))
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
    >>> from skactive.geometry._coverage import purity_radius
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
    halves = _Halves(vectors, np.arange(n_samples))
    distances = np.empty(len(rows))
    for start in range(0, len(rows), _GROUP):
        some = rows[start : start + _GROUP]
        best = np.full(len(some), -np.inf)
        nearest = np.zeros(len(some), dtype=np.intp)
        for others in halves.groups():
            values = halves.block(some, others, np.float64)
            same = labels[some][:, np.newaxis] == labels[others]
            np.copyto(values, -np.inf, where=same)
            at = values.argmax(axis=1)
            value = values[np.arange(len(some)), at]
            nearest = np.where(value > best, at + others.start, nearest)
            best = np.maximum(best, value)
        distances[start : start + len(some)] = pair_distances(vectors, some, nearest)
    # The slack is for products such as 20 * (1 - 0.95), which is not quite 1.
    n_impure = min(int(len(rows) * (1 - alpha) + 1e-9), len(rows) - 1)
    return float(np.nextafter(np.sort(distances)[n_impure], 0))


# ---------------------------------------------------------------------------------
# Generalized coverage: MaxHerding, facility location
# ---------------------------------------------------------------------------------


def max_herding(
    vectors: Any,
    n_queries: int,
    *,
    candidates: ArrayLike | None = None,
    labeled: ArrayLike | None = None,
    bandwidth: float | None = None,
    rng: np.random.Generator,
    weights: ArrayLike | None = None,
    max_rows: int = 20_000,
) -> Array:
    """Rows that cover most, in the sense of a gaussian kernel (MaxHerding).

    With the kernel ``k(x, z) = exp(-||x - z||^2 / (2 bandwidth^2))``, greedily
    maximises the sum over all rows x of ``weights[x] * max(k(x, z))``, the maximum over
    the rows z that are labelled or chosen. With uncertainties as weights this is
    uncertainty herding.

    Parameters
    ----------
    vectors : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Finite.
    n_queries : int
        How many rows; all candidates, if there are fewer.
    candidates : array-like of shape (n_candidates,), default=None
        Distinct positions; None means all rows that are not labelled.
    labeled : array-like of shape (n_labeled,), default=None
        Positions of the labelled rows; None means that there are none.
    bandwidth : float, default=None
        Positive. None means :func:`median_bandwidth`.
    rng : numpy.random.Generator
        Breaks ties, and draws the rows where there are more than `max_rows`.
    weights : array-like of shape (n_samples,), default=None
        Not negative, finite; None means 1 for each row.
    max_rows : int, default=20_000
        With more rows than this, that many drawn at random stand for all: the sum is
        over them, and candidates are those among them (and further ones, if these are
        fewer than half of it, or than `n_queries`). Otherwise the greedy solution is
        exact.

    Returns
    -------
    positions : ndarray of shape (min(n_queries, n_candidates),)
        Distinct members of `candidates`, in order of choice. Where nothing is left
        to gain, the rest is chosen at random.

    Raises
    ------
    ValueError
        If a parameter is outside its range, or `vectors` has not two axes or is not
        finite.

    References
    ----------
    .. [1] W. Bae, J. Noh, D. J. Sutherland, "Generalized Coverage for More Robust
       Low-Budget Active Learning", ECCV 2024.
    .. [2] W. Bae, D. J. Sutherland, G. L. Oliveira, "Uncertainty Herding: One Active
       Learning Method for All Label Budgets", ICLR 2025.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.geometry._coverage import max_herding
    >>> vectors = np.array([[0.0], [1.0], [2.0], [7.0], [7.5]])
    >>> max_herding(vectors, 1, bandwidth=1, rng=np.random.default_rng(0))
    array([1])
    >>> max_herding(vectors, 1, bandwidth=1, weights=[0, 0, 0, 0, 1],
    ...             rng=np.random.default_rng(0))
    array([4])
    """
    vectors = as_embedding(vectors)
    if bandwidth is None:
        bandwidth = median_bandwidth(vectors, rng)
    elif not 0 < bandwidth < np.inf:
        raise ValueError(f"bandwidth must be positive; got {bandwidth!r}.")
    return _maximize_coverage(
        vectors,
        n_queries,
        candidates=candidates,
        labeled=labeled,
        similarity="gaussian",
        scale=1 / bandwidth,
        weights=weights,
        max_rows=max_rows,
        rng=rng,
    )


def median_bandwidth(vectors: Any, rng: np.random.Generator) -> float:
    """Half the median distance between two different rows.

    So two rows at the median distance have the similarity ``exp(-2)``, 0.14: that of
    unrelated rows on the unit sphere with the kernel ``exp(-||x - z||^2)``, on which
    the paper works. Up to 10,000 random pairs are looked at.

    Parameters
    ----------
    vectors : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Finite.
    rng : numpy.random.Generator
        Draws the pairs.

    Returns
    -------
    bandwidth : float
        Positive; 1 if all rows looked at are identical.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.geometry._coverage import median_bandwidth
    >>> median_bandwidth(np.array([[0.0], [4.0]]), np.random.default_rng(0))
    2.0
    """
    vectors = as_embedding(vectors)
    n_samples = vectors.shape[0]
    i, j = rng.integers(max(n_samples, 1), size=(2, _BANDWIDTH_PAIRS))
    distances = pair_distances(vectors, i[: n_samples**2], j[: n_samples**2])
    distances = distances[distances > 0]
    return float(np.median(distances)) / 2 if len(distances) else 1.0


def facility_location(
    vectors: Any,
    n_queries: int,
    *,
    candidates: ArrayLike | None = None,
    labeled: ArrayLike | None = None,
    similarity: Literal["cosine", "euclidean"] = "cosine",
    rng: np.random.Generator,
    max_rows: int = 20_000,
) -> Array:
    """Rows such that every row is similar to one of them (facility location).

    Greedily maximises the sum over all rows x of ``max(similarity(x, z))``, the maximum
    over the rows z that are labelled or chosen.

    Parameters
    ----------
    vectors : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Finite.
    n_queries : int
        How many rows; all candidates, if there are fewer.
    candidates : array-like of shape (n_candidates,), default=None
        Distinct positions; None means all rows that are not labelled.
    labeled : array-like of shape (n_labeled,), default=None
        Positions of the labelled rows; None means that there are none.
    similarity : {"cosine", "euclidean"}, default="cosine"
        ``(1 + cosine) / 2``, with cosine 0 for a row of zeros; or ``1 / (1 +
        distance)``. Both are in [0, 1].
    rng : numpy.random.Generator
        Breaks ties, and draws the rows where there are more than `max_rows`.
    max_rows : int, default=20_000
        As in :func:`max_herding`.

    Returns
    -------
    positions : ndarray of shape (min(n_queries, n_candidates),)
        Distinct members of `candidates`, in order of choice.

    Raises
    ------
    ValueError
        If a parameter is outside its range, or `vectors` has not two axes or is not
        finite.

    References
    ----------
    .. [1] G. L. Nemhauser, L. A. Wolsey, M. L. Fisher, "An Analysis of Approximations
       for Maximizing Submodular Set Functions", Mathematical Programming 1978.
    .. [2] K. Wei, R. Iyer, J. Bilmes, "Submodularity in Data Subset Selection and
       Active Learning", ICML 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.geometry._coverage import facility_location
    >>> vectors = np.array([[0.0], [1.0], [2.0], [7.0], [7.5]])
    >>> rng = np.random.default_rng(0)
    >>> facility_location(vectors, 1, similarity="euclidean", rng=rng)
    array([1])
    """
    if similarity not in ("cosine", "euclidean"):
        raise ValueError(
            f"similarity must be 'cosine' or 'euclidean'; got {similarity!r}."
        )
    return _maximize_coverage(
        as_embedding(vectors),
        n_queries,
        candidates=candidates,
        labeled=labeled,
        similarity=similarity,
        scale=1.0,
        weights=None,
        max_rows=max_rows,
        rng=rng,
    )


def _from_gaussian(halves: Array, error: float) -> Array:
    return np.exp(halves, out=halves)


def _from_cosine(halves: Array, error: float) -> Array:
    # Of unit vectors, minus half the squared distance is the cosine less one.
    halves *= 0.5
    halves += 1
    return halves


def _from_euclidean(halves: Array, error: float) -> Array:
    # The root would make 1e-8 of what is nothing but rounding.
    np.copyto(halves, 0, where=halves > -error)
    halves *= -2
    np.sqrt(halves, out=halves)
    halves += 1
    return np.divide(1, halves, out=halves)


# Each turns -||x - z||^2 / 2 into a similarity in [0, 1], in place; the second argument
# is the rounding error of the first.
_SIMILARITIES: dict[str, Callable[[Array, float], Array]] = {
    "gaussian": _from_gaussian,
    "cosine": _from_cosine,
    "euclidean": _from_euclidean,
}


def _maximize_coverage(
    vectors: Any,
    n_queries: int,
    *,
    candidates: ArrayLike | None,
    labeled: ArrayLike | None,
    similarity: str,
    scale: float,
    weights: ArrayLike | None,
    max_rows: int,
    rng: np.random.Generator,
) -> Array:
    candidates, labeled = _positions(vectors, candidates, labeled)
    n_samples = vectors.shape[0]
    weights = _check_weights(weights, n_samples)
    n_queries = min(n_queries, len(candidates))
    if n_queries == 0:
        return candidates[:0]
    if max_rows < 1:
        raise ValueError(f"max_rows must be at least 1; got {max_rows!r}.")
    targets = np.arange(n_samples)
    if n_samples > max_rows:
        targets = np.sort(rng.choice(n_samples, size=max_rows, replace=False))
        is_target = np.zeros(n_samples, dtype=bool)
        is_target[targets] = True
        inside = is_target[candidates]
        wanted = max(n_queries, max_rows // 2)
        further = rng.permutation(candidates[~inside])
        further = further[: max(0, wanted - int(inside.sum()))]
        candidates = np.append(candidates[inside], further)
    coverage = _Coverage(
        vectors, targets, weights[targets], candidates, similarity, scale, rng
    )
    coverage.cover(labeled)
    return coverage.maximize(n_queries, rng)


class _Coverage:
    """Greedy maximiser of ``sum_x w(x) max_z similarity(x, z)`` over sets of z.

    Gains only fall as the set grows, so a gain of an earlier round is a bound, and only
    candidates whose bound reaches the best gain found are computed again. Bounds are
    kept a group of rows x at a time: a candidate is dropped when the first groups have
    brought its bound down far enough, and groups in which nothing has changed since are
    left as they are. Groups hold rows that are near each other for this reason.
    """

    def __init__(
        self,
        vectors: Any,
        targets: Array,
        weights: Array,
        candidates: Array,
        similarity: str,
        scale: float,
        rng: np.random.Generator,
    ):
        rows = np.union1d(targets, candidates)
        unit = similarity == "cosine"
        order = _order_by_pivots(vectors, rows, scale, unit, rng)
        self.vectors, self.rows = vectors, rows[order]
        self.halves = _Halves(vectors, self.rows, scale=scale, unit=unit)
        self.similarity = _SIMILARITIES[similarity]
        self.error = self.halves.error(slice(None), slice(None), np.float64)
        all_weights = np.zeros(vectors.shape[0])
        all_weights[targets] = weights
        self.weights = all_weights[self.rows]
        is_candidate = np.zeros(vectors.shape[0], dtype=bool)
        is_candidate[candidates] = True
        self.is_open = is_candidate[self.rows]
        self.groups = list(self.halves.groups())
        self.covered = np.zeros(len(self.rows))
        self.total = float(self.weights.sum())
        self.dtype, error = self._precision(similarity)
        self.slack = error * self.total
        # Bounds of gains by group, and the round they are of; no group has one yet.
        shape = (len(self.rows), len(self.groups))
        self.parts = np.zeros(shape, dtype=self.dtype)
        self.made = np.full(shape, -1, dtype=np.int32)
        self.changed = np.zeros(len(self.groups), dtype=np.int32)
        self.bounds = np.full(len(self.rows), np.inf)
        self.sequence = np.arange(len(self.groups))
        self.later = self.parts[:0]  # bounds of the next turn, if made beforehand

    def _precision(self, similarity: str) -> tuple[Any, Array]:
        """Type in which bounds are made, and how much a similarity may err in it."""
        norms = self.halves.norms
        if similarity == "euclidean":
            # The root takes up the error of short distances: no single precision.
            return np.float64, np.full(len(norms), 1e-11)
        # A gaussian kernel errs where it is not zero: where both norms are alike.
        factor = (1 + np.sqrt(2 * norms)) ** 2
        single = self.halves.relative_error(np.float32) * factor
        if single[self.is_open].max(initial=0) < _SINGLE_ERROR:
            return np.float32, single
        return np.float64, self.halves.relative_error(np.float64) * factor

    def _similar(self, some: Any, group: slice, dtype: Any) -> Array:
        values = self.halves.block(some, group, dtype)
        return self.similarity(values, self.error)

    def cover(self, labeled: Array) -> None:
        """Take labelled rows, which need not be among `rows`, into the set."""
        for start in range(0, len(labeled), _GROUP):
            some = self.halves.prepare(labeled[start : start + _GROUP])
            for group in self.groups:
                values = self.halves.block_of(some, group, np.float64)
                best = self.similarity(values, self.error).max(axis=0)
                self.covered[group] = np.maximum(self.covered[group], best)

    def maximize(self, n_queries: int, rng: np.random.Generator) -> Array:
        """Greedy choice of `n_queries` candidates."""
        chosen: list[int] = []
        guess = self._guess(rng) if n_queries > 1 else None
        self._refresh_all(0, guess)
        for turn in range(n_queries):
            front, gains = self._front(turn)
            largest = gains.max(initial=0)
            noise = 64 * np.finfo(np.float64).eps * self.total
            if largest <= noise:
                break  # all is covered; so it is for every later turn
            tied = front[gains >= largest - _TIE_TOLERANCE * largest - noise]
            pick = int(rng.choice(np.sort(tied)))
            chosen.append(pick)
            self.is_open[pick] = False
            if turn < n_queries - 1:
                self._add(pick, turn + 1)
                if turn == 0 and pick == guess:
                    self._set_parts(self.later, turn + 1)
            self.later = self.parts[:0]
        others = self.rows[self.is_open]
        others = rng.permutation(np.sort(others))[: n_queries - len(chosen)]
        return np.append(self.rows[np.array(chosen, dtype=np.intp)], others)

    def _add(self, pick: int, turn: int) -> None:
        some = np.array([pick])
        for g, group in enumerate(self.groups):
            values = self._similar(some, group, np.float64)[0]
            higher = values > self.covered[group]
            if (higher & (self.weights[group] > 0)).any():
                self.covered[group] = np.maximum(self.covered[group], values)
                self.changed[g] = turn

    def _front(self, turn: int) -> tuple[Array, Array]:
        """Candidates that may have the largest gain, and their exact gains."""
        is_new = self.is_open & (self.made >= self.changed).all(axis=1)
        best, size = -np.inf, 32
        if is_new.any():
            best = (self.bounds - self.slack)[is_new].max()
        share = 0.0  # of the pairs asked for that the last refresh made
        while True:
            reach = self.bounds + self.slack
            stale = np.flatnonzero(self.is_open & ~is_new & (reach >= best))
            if len(stale) == 0:
                break
            if share * len(stale) > 0.8 * len(self.rows):
                self._refresh_all(turn)
                is_new |= self.is_open
                best = (self.bounds - self.slack)[is_new].max()
                continue
            if len(stale) > size:
                stale = stale[np.argpartition(-reach[stale], size)[:size]]
            size = min(2 * size, 512)
            finished, made = self._refresh(stale, best)
            share = made if np.isfinite(best) else 0.0
            is_new[finished] = True
            if len(finished):
                best = max(best, (self.bounds - self.slack)[finished].max())
        front = np.flatnonzero(is_new & (self.bounds + self.slack >= best))
        return front, self._gains(front)

    def _sum(self, values: Array, group: slice, dtype: Any) -> Array:
        """Gains from the similarities (n_some, n_group) of a group of rows."""
        covered = self.covered[group].astype(dtype)
        if covered.any():
            values -= covered
            np.maximum(values, 0, out=values)
        return values @ self.weights[group].astype(dtype)

    def _gains(self, some: Array) -> Array:
        gains = np.zeros(len(some))
        for start in range(0, len(some), _GROUP):
            part = slice(start, start + _GROUP)
            for group in self.groups:
                values = self._similar(some[part], group, np.float64)
                gains[part] += self._sum(values, group, np.float64)
        return gains

    def _refresh(self, some: Array, best: float) -> tuple[Array, float]:
        """Bring bounds up to date.

        Gives those of `some` that still reach `best`, and the share of the pairs that
        were made to find out.
        """
        n_pairs, all_pairs = 0, len(some) * len(self.rows)
        falls = np.zeros(len(self.groups))
        for g in self.sequence:
            group = self.groups[g]
            old = some[self.made[some, g] < self.changed[g]]
            if len(old) == 0:
                continue
            values = self._similar(old, group, self.dtype)
            n_pairs += values.size
            gains = self._sum(values, group, self.dtype)
            change = gains.astype(np.float64) - self.parts[old, g]
            falls[g] = change.mean()
            self.bounds[old] += change
            self.parts[old, g] = gains
            self.made[old, g] = self.changed[g]
            some = some[self.bounds[some] + self.slack[some] >= best]
        if best == -np.inf:
            # The first refresh of a turn: groups whose gains fall most go first next.
            self.sequence = np.argsort(falls, kind="stable")
        return some, n_pairs / all_pairs

    def _guess(self, rng: np.random.Generator) -> int | None:
        """Candidate that has probably the largest gain, from a sample of the rows."""
        n_rows = len(self.rows)
        if n_rows < 8 * _GUESS_ROWS or self.is_open.sum() < n_rows / 2:
            return None
        some = np.sort(rng.choice(n_rows, size=_GUESS_ROWS, replace=False))
        weights, covered = self.weights[some], self.covered[some][:, np.newaxis]
        gains = np.empty(n_rows)
        for group in self.groups:
            values = self._similar(some, group, self.dtype)
            gains[group] = weights @ np.maximum(values - covered, 0)
        gains[~self.is_open] = -1
        n_best = min(128, n_rows // 2)
        best = np.argpartition(-gains, n_best)[:n_best]
        return int(best[self._gains(best).argmax()])

    def _refresh_all(self, turn: int, guess: int | None = None) -> None:
        """Make the bounds of all candidates anew.

        With a `guess` of the next choice, also those that follow from it.
        """
        parts = self.parts
        some = np.flatnonzero(self.is_open)
        if len(some) < len(self.rows) / 2:
            for start in range(0, len(some), _GROUP):
                rows = some[start : start + _GROUP]
                for g, group in enumerate(self.groups):
                    values = self._similar(rows, group, self.dtype)
                    parts[rows, g] = self._sum(values, group, self.dtype)
        elif guess is None:
            self._sum_by_symmetry([(self.covered, parts)])
        else:
            covered = [
                self._similar(np.array([guess]), group, np.float64)[0]
                for group in self.groups
            ]
            covered = np.maximum(self.covered, np.concatenate(covered))
            self.later = np.zeros_like(parts)
            self._sum_by_symmetry([(self.covered, parts), (covered, self.later)])
        self._set_parts(parts, turn)

    def _set_parts(self, parts: Array, turn: int) -> None:
        self.parts = parts
        self.bounds = parts.sum(axis=1, dtype=np.float64)
        self.made[:] = turn

    def _sum_by_symmetry(self, tasks: list[tuple[Array, Array]]) -> None:
        """Gains of all rows, candidates or not, from half of the pairs.

        A task is how well each row is covered, (n_rows,), and where the gains by group
        go, (n_rows, n_groups). A gain is made as the sum of max(k, c) less that of c.
        """
        dtype = self.dtype
        weights = self.weights.astype(dtype)
        levels = [covered.astype(dtype) for covered, _ in tasks]
        numbers = {group.start: g for g, group in enumerate(self.groups)}
        for some, others in self.halves.pairs_of_groups():
            g, h = numbers[some.start], numbers[others.start]
            values = self._similar(some, others, dtype)
            higher = np.empty_like(values)
            for level, (_, parts) in zip(levels, tasks, strict=True):
                least, most = level[some], values
                if least.any():
                    most = np.maximum(values, least[:, np.newaxis], out=higher)
                parts[others, g] = weights[some] @ most - weights[some] @ least
                if some == others:
                    continue
                least, most = level[others], values
                if least.any():
                    most = np.maximum(values, least, out=higher)
                parts[some, h] = most @ weights[others] - least @ weights[others]


def _order_by_pivots(
    vectors: Any, rows: Array, scale: float, unit: bool, rng: np.random.Generator
) -> Array:
    """Order of `rows` in which rows that are near each other stand together."""
    n_pivots = -(-len(rows) // _GROUP)
    if n_pivots == 1:
        return np.arange(len(rows))
    halves = _Halves(vectors, rows, scale=scale, unit=unit)
    pivots = halves.prepare(rng.choice(rows, size=n_pivots, replace=False))
    nearest = [
        halves.block_of(pivots, group, np.float64).argmax(axis=0)
        for group in halves.groups()
    ]
    return np.argsort(np.concatenate(nearest), kind="stable")


# ---------------------------------------------------------------------------------
# Typical members of a cluster: TypiClust
# ---------------------------------------------------------------------------------


def typicality(vectors: Any, rows: ArrayLike, n_neighbors: int = 20) -> Array:
    """How typical rows are of their cluster: one over the mean distance to neighbours.

    The neighbours are the nearest ``min(n_neighbors, n_rows - 1)`` of the other rows
    of the cluster.

    Parameters
    ----------
    vectors : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Finite.
    rows : array-like of shape (n_rows,)
        Positions of the members of the cluster, distinct.
    n_neighbors : int, default=20
        At least 1.

    Returns
    -------
    typicality : ndarray of shape (n_rows,)
        In (0, inf]: infinite where all neighbours are identical to the row; 0 for the
        row of a cluster with no other.

    Raises
    ------
    ValueError
        If `n_neighbors` is less than 1, or `vectors` has not two axes or is not
        finite.

    References
    ----------
    .. [1] G. Hacohen, A. Dekel, D. Weinshall, "Active Learning on a Budget: Opposite
       Strategies Suit High and Low Budgets", ICML 2022.

    Examples
    --------
    >>> from skactive.geometry._coverage import typicality
    >>> typicality([[0.0], [1.0], [3.0], [50.0]], [0, 1, 2], n_neighbors=2)
    array([0.5       , 0.66666667, 0.4       ])
    """
    if n_neighbors < 1:
        raise ValueError(f"n_neighbors must be at least 1; got {n_neighbors!r}.")
    vectors = as_embedding(vectors)
    rows = np.asarray(rows, dtype=np.intp)
    n_neighbors = min(n_neighbors, len(rows) - 1)
    if n_neighbors < 1:
        return np.zeros(len(rows))
    halves = _Halves(vectors, rows)
    result = np.empty(len(rows))
    for some in blocks(rows[:, np.newaxis], width=len(rows)):
        values = np.empty((some.stop - some.start, len(rows)))
        for group in halves.groups():
            values[:, group] = halves.block(some, group, np.float64)
        values *= -2
        own = np.arange(some.start, some.stop)
        values[own - some.start, own] = np.inf
        nearest = np.argpartition(values, n_neighbors - 1, axis=1)[:, :n_neighbors]
        squares = np.take_along_axis(values, nearest, axis=1)
        distances = np.sqrt(np.maximum(squares, 0))
        # A difference of large numbers says little of a short distance.
        limit = 1e-6 * (halves.norms[some][:, np.newaxis] + halves.norms[nearest])
        i, j = np.nonzero(squares <= limit)
        pairs = rows[own[i]], rows[nearest[i, j]]
        distances[i, j] = pair_distances(vectors, *pairs)
        with np.errstate(divide="ignore"):
            result[some] = 1 / distances.mean(axis=1)
    return result


# ---------------------------------------------------------------------------------
# Pairs of rows
# ---------------------------------------------------------------------------------


def pair_distances(vectors: Any, i: Array, j: Array) -> Array:
    """Euclidean distances of the rows at `i` to those at `j`, from differences.

    Parameters
    ----------
    vectors : {ndarray, sparse matrix} of shape (n_samples, n_features)
    i, j : ndarray of shape (n_pairs,)
        Positions.

    Returns
    -------
    distances : ndarray of shape (n_pairs,)
        float64.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.geometry._coverage import pair_distances
    >>> pair_distances(np.array([[0.0, 0.0], [3.0, 4.0]]), [0, 1], [1, 1])
    array([5., 0.])
    """
    i, j = np.asarray(i, dtype=np.intp), np.asarray(j, dtype=np.intp)
    distances = np.empty(len(i))
    step = max(1, BLOCK_SIZE // max(1, vectors.shape[1]))
    if sp.issparse(vectors):
        step = _BALL_BLOCK * 16
    for start in range(0, len(i), step):
        part = slice(start, start + step)
        first, second = vectors[i[part]], vectors[j[part]]
        if sp.issparse(vectors):
            difference = first.astype(np.float64) - second.astype(np.float64)
            squares = np.asarray(difference.multiply(difference).sum(axis=1)).ravel()
        else:
            difference = first.astype(np.float64)
            difference -= second
            squares = (difference * difference).sum(axis=1)
        distances[part] = np.sqrt(squares)
    return distances


class _Halves:
    """Blocks of ``-||x - z||^2 / 2`` between some rows of an embedding.

    Rows are taken from their mean, which keeps rounding errors down, and multiplied
    with `scale`; or divided by their norm, if `unit`.  They get two more columns, so
    that one matrix product makes a block: (-|x|^2 / 2, 1, x) and (1, -|z|^2 / 2, z).
    Rows with very many columns stay sparse.
    """

    def __init__(
        self,
        vectors: Any,
        rows: Array,
        *,
        scale: float = 1.0,
        unit: bool = False,
        group: int = _GROUP,
    ):
        self.vectors, self.rows = vectors, rows
        self.scale, self.unit = scale, unit
        self.width = vectors.shape[1]
        self.is_sparse = sp.issparse(vectors) and self.width > _DENSE_WIDTH
        self.group = group
        if not self.is_sparse:
            self.group = int(np.clip(2 * BLOCK_SIZE // (self.width + 2), 64, group))
        self._kept: dict[tuple[int, str], Array] = {}
        self.mean = np.zeros(self.width)
        if not (self.is_sparse or unit or len(rows) == 0):
            for group_ in self.groups():
                self.mean += self._dense(rows[group_]).sum(axis=0)
            self.mean /= len(rows)
        self.norms = np.empty(len(rows))
        for group_ in self.groups():
            self.norms[group_] = self._half_norms(self._take(rows[group_]))

    def groups(self) -> Iterator[slice]:
        """Slices of neighbouring rows."""
        for start in range(0, len(self.rows), self.group):
            yield slice(start, min(start + self.group, len(self.rows)))

    def pairs_of_groups(self) -> Iterator[tuple[slice, slice]]:
        """Each pair of groups once, and each group with itself."""
        for some in self.groups():
            for others in self.groups():
                if others.start >= some.start:
                    yield some, others

    def relative_error(self, dtype: Any) -> float:
        """Bound of the rounding error of a block, relative to the norms."""
        # A matrix product errs as the root of its length, not as the length.
        return float(np.finfo(dtype).eps) * (8 + float(np.sqrt(self.width)))

    def error(self, some: Any, others: Any, dtype: Any) -> float:
        """Bound of the rounding error of a block."""
        norm = self.norms[some].max(initial=0) + self.norms[others].max(initial=0)
        return self.relative_error(dtype) * norm

    def block(self, some: Any, others: Any, dtype: Any) -> Array:
        """Values between the rows at `some`, slice or positions, and at `others`."""
        if self.is_sparse:
            return self.block_of(self._take(self.rows[some]), others, dtype)
        return self._side(some, 0, dtype) @ self._side(others, 1, dtype).T

    def block_of(self, prepared: Any, others: Any, dtype: Any) -> Array:
        """Values between what `prepare` gave and the rows at `others`."""
        norms = self._half_norms(prepared)
        if self.is_sparse:
            other = self._take(self.rows[others]).astype(dtype)
            values = (prepared.astype(dtype) @ other.T).toarray()
            values -= norms[:, np.newaxis].astype(dtype)
            values -= self.norms[others].astype(dtype)
            return values
        side = self._with_columns(prepared, norms, 0, dtype)
        return side @ self._side(others, 1, dtype).T

    def prepare(self, positions: Array) -> Any:
        """Rows of the embedding, which need not be among `rows`, for `block_of`."""
        return self._take(positions)

    def _side(self, where: Any, side: int, dtype: Any) -> Array:
        size = 2 * len(self.rows) * (self.width + 2) * np.dtype(dtype).itemsize
        if size > _KEPT_SIZE:
            taken = self._take(self.rows[where])
            return self._with_columns(taken, self.norms[where], side, dtype)
        key = (side, np.dtype(dtype).char)
        if key not in self._kept:
            made = np.empty((len(self.rows), self.width + 2), dtype=dtype)
            for group in self.groups():
                taken = self._take(self.rows[group])
                norms = self.norms[group]
                made[group] = self._with_columns(taken, norms, side, dtype)
            self._kept[key] = made
        return self._kept[key][where]

    def _with_columns(self, taken: Array, norms: Array, side: int, dtype: Any) -> Array:
        result = np.empty((len(taken), self.width + 2), dtype=dtype)
        result[:, side] = -norms
        result[:, 1 - side] = 1
        result[:, 2:] = taken
        return result

    def _dense(self, positions: Array) -> Array:
        rows = self.vectors[positions]
        if sp.issparse(rows):
            rows = rows.toarray()
        return np.asarray(rows, dtype=np.float64)

    def _take(self, positions: Array) -> Any:
        """Rows of the embedding, shifted and scaled, float64."""
        if self.is_sparse:
            rows = self.vectors[positions].astype(np.float64)
            if not self.unit:
                return rows * self.scale
            norms = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
            return sp.diags(1 / np.where(norms > 0, norms, 1)).tocsr() @ rows
        rows = self._dense(positions)
        if not self.unit:
            return (rows - self.mean) * self.scale
        # The largest entry first, so that no square overflows or vanishes.
        largest = np.abs(rows).max(axis=1, initial=0, keepdims=True)
        rows = rows / np.where(largest > 0, largest, 1)
        norms = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, np.newaxis]
        return rows / np.where(norms > 0, norms, 1)

    def _half_norms(self, taken: Any) -> Array:
        if self.unit:
            return np.full(taken.shape[0], 0.5)  # of a row of zeros as well
        if self.is_sparse:
            return np.asarray(taken.multiply(taken).sum(axis=1)).ravel() / 2
        return np.einsum("ij,ij->i", taken, taken) / 2


def _positions(
    vectors: Any, candidates: ArrayLike | None, labeled: ArrayLike | None
) -> tuple[Array, Array]:
    labeled = np.asarray([] if labeled is None else labeled, dtype=np.intp)
    if candidates is None:
        candidates = np.setdiff1d(np.arange(vectors.shape[0]), labeled)
    return np.asarray(candidates, dtype=np.intp), labeled


def _check_weights(weights: ArrayLike | None, n_samples: int) -> Array:
    if weights is None:
        return np.ones(n_samples)
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (n_samples,):
        raise ValueError(
            f"There must be one weight a row, {n_samples}; got an array of shape "
            f"{weights.shape}."
        )
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise ValueError(
            "Weights must be finite and not negative; got values from "
            f"{weights.min()} to {weights.max()}."
        )
    return weights
