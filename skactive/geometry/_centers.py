"""Batches that cover an embedding: farthest-first, D^2 sampling, rows at centres.

Two tricks make them fast, and both leave the result as it is. Distances to the
nearest centre only fall, so that old ones are upper bounds: greedy choice looks only
at rows whose bound is large enough, and sampling draws from old distances and rejects.
And the rows that do need a new distance get it by matrix products, blockwise, against
all centres that they have not met yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

__all__ = [
    "badge_sampling",
    "k_center",
    "k_means_plus_plus",
    "nearest_to_centers",
    "relevance_sampling",
]

Array = NDArray[Any]

# Squared distances closer than this, relatively, count as equal: matrix products of
# different shapes round differently.
_TIE_TOLERANCE = 1e-12
# Below this share of the squared norm, |x|^2 + |c|^2 - 2 xc has lost too many digits,
# and the difference is taken instead; so that copies of a centre are at distance zero.
_CANCELLATION = 1e-4
# Numbers in a block of rows, or of inner products: it stays in the processor's cache.
_BLOCK_SIZE = 2**17
# Centres in a block, as many as make the matrix product efficient.
_BLOCK_CENTERS = 256
# Rows that the greedy choice keeps up to date, at least half and at most twice as many.
_FRONT_SIZE = 128
# Labelled rows that every row is compared with; with the others, only far rows are.
_FIRST_CENTERS = 16
# Rows drawn at once from old distances.
_QUEUE_SIZE = 256
# All distances are renewed when this share of the rows has been drawn: the draws have
# then cost about as much as that.
_PATIENCE = 0.25


# ---------------------------------------------------------------------------------
# Rows and distances
# ---------------------------------------------------------------------------------


class _Points:
    """Some rows in float64, whose inner product is the product over their factors.

    One factor is an embedding; two stand for the outer product of a row of the first
    with a row of the second, which is never formed.
    """

    def __init__(self, factors: list[Any], norms: Array):
        self.factors = factors
        self.norms = norms  # squared, shape (n_points,)

    def __getitem__(self, rows: Any) -> _Points:
        return _Points([factor[rows] for factor in self.factors], self.norms[rows])

    def remove(self, row: int) -> _Points:
        """Take one out: it counts as infinitely far from everything afterwards."""
        one = _Points(self[row : row + 1].factors, self.norms[row : row + 1].copy())
        self.norms[row] = np.inf
        return one


class _Pool:
    """The candidates, then the labelled rows, of an embedding, addressed by number.

    `residual`, where given, has one row for each of `positions` and is multiplied
    with the embedding as an outer product.
    """

    def __init__(self, vectors: Any, positions: Array, residual: Array | None = None):
        self.vectors = vectors if sp.issparse(vectors) else np.asarray(vectors)
        self.positions = positions
        self.residual = residual
        self.shift = None if residual is not None else self._find_shift()
        n_stored = vectors.nnz / max(1, vectors.shape[0]) if self.is_sparse else 0
        self.row_size = int(n_stored) + 1 if self.is_sparse else vectors.shape[1]
        # Dense blocks of centres of a wide sparse embedding must stay small as well.
        n_affordable = 8 * _BLOCK_SIZE // max(1, vectors.shape[1])
        self.n_centers = int(np.clip(n_affordable, 1, _BLOCK_CENTERS))
        self.norms = np.empty(len(positions))
        for rows in self.blocks(len(positions)):
            self.norms[rows] = self._take_norms(rows)
        if not np.isfinite(self.norms).all():
            raise ValueError(
                "Vectors or probabilities are NaN, infinite or too large for their "
                "squares: distances are not defined. Impute or scale them."
            )

    @property
    def is_sparse(self) -> bool:
        return sp.issparse(self.vectors)

    def _find_shift(self) -> Array | None:
        """Where the rows lie, if so far from the origin that digits would be lost."""
        if self.is_sparse or len(self.positions) == 0:
            return None
        every = max(1, len(self.positions) // 256)
        some = self.vectors[self.positions[::every]].astype(np.float64)
        mean = some.mean(axis=0)
        is_far = mean @ mean > some.var(axis=0).sum()
        return mean if is_far else None

    def blocks(self, n_rows: int, n_centers: int = 1) -> Iterator[slice]:
        """Slices such that rows, and their products with centres, make a block."""
        width = max(1, self.row_size, min(n_centers, self.n_centers))
        step = max(1, _BLOCK_SIZE // width)
        for start in range(0, n_rows, step):
            yield slice(start, min(start + step, n_rows))

    def _take_factors(self, rows: Any) -> list[Any]:
        at = self.positions[rows]
        is_run = len(at) > 0 and at[-1] - at[0] == len(at) - 1
        # A run of rows is a view; positions are ascending wherever `rows` are.
        if is_run and (len(at) < 3 or (np.diff(at) == 1).all()):
            at = slice(at[0], at[-1] + 1)
        vectors = self.vectors[at].astype(np.float64, copy=False)
        if self.shift is not None:
            vectors = vectors - self.shift
        if self.residual is None:
            return [vectors]
        return [self.residual[rows].astype(np.float64, copy=False), vectors]

    def _take_norms(self, rows: Any) -> Array:
        norms = np.ones(1)
        for factor in self._take_factors(rows):
            norms = norms * _inner_pairs(factor, factor)
        return norms

    def take(self, rows: Any) -> _Points:
        return _Points(self._take_factors(rows), self.norms[rows])

    def distances(self, points: _Points, centers: Array) -> Array:
        """Squared distances of points to the nearest of rows `centers`, (n_points,)."""
        result = np.full(len(points.norms), np.inf)
        for start in range(0, len(centers), self.n_centers):
            block = self.take(centers[start : start + self.n_centers])
            np.minimum(result, _nearest(points, block), out=result)
        return result

    def all_distances(self, n_rows: int, centers: Array) -> Array:
        """Squared distances of the first rows to the nearest center, (n_rows,)."""
        result = np.empty(n_rows)
        for rows in self.blocks(n_rows, len(centers)):
            result[rows] = self.distances(self.take(rows), centers)
        return result


def _nearest(points: _Points, centers: _Points) -> Array:
    """Squared distances to the nearest centre, (n_points,)."""
    inner_CP = _inner(centers, points)
    inner_CP -= centers.norms[:, np.newaxis] / 2
    best = inner_CP[0] if len(inner_CP) == 1 else inner_CP.max(axis=0)
    result = points.norms - 2 * best
    # A centre much longer than the point is far away, so that the point's own norm
    # is what digits are lost against.
    close = np.flatnonzero(result < _CANCELLATION * points.norms)
    if len(close):
        nearest = inner_CP[:, close].argmax(axis=0)
        result[close] = _pair_distances(points[close], centers[nearest])
    return result


def _inner(centers: _Points, points: _Points) -> Array:
    """Inner products, shape (n_centers, n_points): long rows reduce fast."""
    result = None
    for c, p in zip(centers.factors, points.factors, strict=True):
        c = c.toarray() if sp.issparse(c) else c
        product = (p @ c.T).T if sp.issparse(p) else c @ p.T
        result = product if result is None else np.multiply(result, product, result)
    return np.asarray(result)


def _inner_pairs(left: Any, right: Any) -> Array:
    """Inner product of each row with its partner, shape (n_rows,)."""
    if sp.issparse(left):
        return np.asarray(left.multiply(right).sum(axis=1)).ravel()
    return np.einsum("ij,ij->i", left, right)


def _pair_distances(left: _Points, right: _Points) -> Array:
    """Squared distance of each row to its partner, by differences; (n_rows,)."""
    steps = [a - b for a, b in zip(left.factors, right.factors, strict=True)]
    lengths = [_inner_pairs(step, step) for step in steps]
    if len(steps) == 1:
        return lengths[0]
    # a x b - c x d = (a - c) x b + c x (b - d)
    b, c = left.factors[1], right.factors[0]
    result = lengths[0] * _inner_pairs(b, b) + lengths[1] * _inner_pairs(c, c)
    result += 2 * _inner_pairs(steps[0], c) * _inner_pairs(b, steps[1])
    return np.maximum(result, 0)


# ---------------------------------------------------------------------------------
# Farthest first
# ---------------------------------------------------------------------------------


def k_center(
    vectors: Any,
    n_queries: int,
    *,
    candidates: Array | None = None,
    labeled: Array | None = None,
    rng: np.random.Generator,
) -> Array:
    """Rows farthest from the nearest centre, one after the other (core-set).

    The labelled rows are centres, and so is every row once it is chosen: the next one
    is the candidate whose distance to its nearest centre is largest. Where nothing is
    labelled, the first row is drawn uniformly. Distances equal up to rounding are
    ties, which `rng` breaks.

    Parameters
    ----------
    vectors : ndarray or CSR of shape (n_samples, n_features)
        Embedding of all rows, finite.
    n_queries : int
        How many rows; all candidates, if there are fewer.
    candidates : ndarray of shape (n_candidates,), default=None
        Ascending positions of rows that may be chosen; None means all.
    labeled : ndarray of shape (n_labeled,), default=None
        Positions of the first centres; None means that there are none.
    rng : numpy.random.Generator
        Draws the first row where nothing is labelled, and breaks ties.

    Returns
    -------
    positions : ndarray of shape (min(n_queries, n_candidates),)
        Distinct, in order of choice.

    Raises
    ------
    ValueError
        If a vector is not finite.

    References
    ----------
    .. [1] T. Gonzalez, "Clustering to Minimize the Maximum Intercluster Distance",
       Theoretical Computer Science 38, 1985.
    .. [2] O. Sener, S. Savarese, "Active Learning for Convolutional Neural Networks:
       A Core-Set Approach", ICLR 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.geometry._centers import k_center
    >>> vectors = np.array([[0.0], [1.0], [5.0], [9.0]])
    >>> rng = np.random.default_rng(0)
    >>> k_center(vectors, 2, candidates=np.arange(1, 4), labeled=np.array([0]), rng=rng)
    array([3, 2])
    """
    candidates, labeled = _as_positions(vectors, candidates, labeled)
    n_rows = len(candidates)
    n_queries = min(n_queries, n_rows)
    if n_queries == 0:
        return candidates[:0]
    pool = _Pool(vectors, np.concatenate([candidates, labeled]))
    centers = n_rows + np.arange(len(labeled))
    chosen = [] if len(labeled) else [int(rng.integers(n_rows))]
    greedy = _FarthestFirst(pool, n_rows, np.append(centers, chosen).astype(np.intp))
    while len(chosen) < n_queries:
        chosen += greedy.pick_some(n_queries - len(chosen), rng)
    return candidates[chosen]


class _FarthestFirst:
    """Rows of the pool with upper bounds of their squared distance to a centre.

    `bounds` holds the distance of a row to the nearest of the first `n_seen` centres;
    rows that are centres have -1.
    """

    def __init__(self, pool: _Pool, n_rows: int, centers: Array):
        self.pool = pool
        self.centers = centers
        first = centers[:_FIRST_CENTERS]
        self.bounds = pool.all_distances(n_rows, first)
        self.n_seen = np.full(n_rows, len(first), dtype=np.int32)
        self.bounds[centers[centers < n_rows]] = -1

    def pick_some(self, n_most: int, rng: np.random.Generator) -> list[int]:
        """Pick at least one row, and at most `n_most`."""
        rows, outside = self._find_far_rows()
        values = self.bounds[rows]
        if values.max() == 0:  # what is left are copies of centres
            left = np.flatnonzero(self.bounds >= 0)
            return rng.permutation(left)[:n_most].tolist()
        at = _draw_largest(values, rng)
        picks = [int(rows[at])]
        self.bounds[picks[0]] = values[at] = -1
        if len(rows) > 2 * _FRONT_SIZE:
            order = np.argpartition(values, -2 * _FRONT_SIZE)
            outside = max(outside, values[order[: -2 * _FRONT_SIZE]].max())
            rows = rows[order[-2 * _FRONT_SIZE :]]
        front, values = self.pool.take(rows), self.bounds[rows]
        newest = self.pool.take(np.array(picks))
        while True:
            # Picked rows keep -1, and nothing outside may be as far as the best.
            np.minimum(values, _nearest(front, newest), out=values)
            if len(picks) == n_most or _tie_level(values.max()) <= outside:
                break
            at = _draw_largest(values, rng)
            picks.append(int(rows[at]))
            newest = front.remove(at)
            values[at] = -1
        self.centers = np.append(self.centers, picks)
        self.bounds[rows] = values
        self.n_seen[rows] = len(self.centers)
        return picks

    def _find_far_rows(self) -> tuple[Array, float]:
        """Rows at least as far as a certain level, with exact bounds; and the level."""
        n_front = min(_FRONT_SIZE, len(self.bounds))
        trial = np.argpartition(self.bounds, -n_front)[-n_front:]
        trial = trial[self.bounds[trial] >= 0]
        self._lower(trial)
        # Half of the trial rows reach the median, so that the level is not too high.
        level = _tie_level(np.median(self.bounds[trial]))
        rows = np.flatnonzero(self.bounds >= level)
        self._lower(rows)
        return rows[self.bounds[rows] >= level], level

    def _lower(self, rows: Array) -> None:
        """Make the bounds of some rows exact."""
        rows = rows[self.n_seen[rows] < len(self.centers)]
        rows = rows[np.argsort(self.n_seen[rows], kind="stable")]
        if len(rows) == 0:
            return
        n_unseen = len(self.centers) - self.n_seen[rows[0]]
        for block in self.pool.blocks(len(rows), n_unseen):
            some = rows[block]
            unseen = self.centers[self.n_seen[some[0]] :]
            found = self.pool.distances(self.pool.take(some), unseen)
            self.bounds[some] = np.minimum(self.bounds[some], found)
        self.n_seen[rows] = len(self.centers)


def _tie_level(value: float) -> float:
    return value * (1 - _TIE_TOLERANCE)


def _draw_largest(values: Array, rng: np.random.Generator) -> int:
    """Position of the largest value, by chance among ties."""
    tied = np.flatnonzero(values >= _tie_level(values.max()))
    return int(tied[rng.integers(len(tied))] if len(tied) > 1 else tied[0])


# ---------------------------------------------------------------------------------
# D^2 sampling
# ---------------------------------------------------------------------------------


def k_means_plus_plus(
    vectors: Any,
    n_queries: int,
    *,
    candidates: Array | None = None,
    labeled: Array | None = None,
    weights: Array | None = None,
    rng: np.random.Generator,
) -> Array:
    """Rows drawn with probability weight x squared distance to the nearest chosen one.

    This is the seeding of k-means++, without repeats and exact in law. The first row
    is drawn by its weight alone, or, where rows are labelled, by its distance to
    these. When no candidate with a weight is away from the chosen ones any more,
    rows are drawn uniformly among those left.

    Parameters
    ----------
    vectors : ndarray or CSR of shape (n_samples, n_features)
        Embedding of all rows, finite.
    n_queries : int
        How many rows; all candidates, if there are fewer.
    candidates : ndarray of shape (n_candidates,), default=None
        Ascending positions of rows that may be chosen; None means all.
    labeled : ndarray of shape (n_labeled,), default=None
        Positions of rows that count as chosen before; None means that there are none.
    weights : ndarray of shape (n_candidates,), default=None
        Finite and not negative, one for each of `candidates`; None means equal ones.
    rng : numpy.random.Generator
        Source of the draws.

    Returns
    -------
    positions : ndarray of shape (min(n_queries, n_candidates),)
        Distinct, in order of choice.

    Raises
    ------
    ValueError
        If a vector is not finite, or the weights do not fit.

    References
    ----------
    .. [1] D. Arthur, S. Vassilvitskii, "k-means++: The Advantages of Careful Seeding",
       SODA 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.geometry._centers import k_means_plus_plus
    >>> vectors = np.array([[0.0], [0.0], [9.0], [9.0]])
    >>> chosen = k_means_plus_plus(vectors, 2, rng=np.random.default_rng(0))
    >>> np.sort(vectors[chosen, 0])
    array([0., 9.])
    """
    candidates, labeled = _as_positions(vectors, candidates, labeled)
    n_rows = len(candidates)
    weights = _as_weights(weights, n_rows)
    n_queries = min(n_queries, n_rows)
    if n_queries == 0:
        return candidates[:0]
    pool = _Pool(vectors, np.concatenate([candidates, labeled]))
    chosen: list[int] = []
    centers = n_rows + np.arange(len(labeled))
    if len(labeled) == 0:
        law = np.ones(n_rows) if weights is None else weights
        chosen = _draw(law if law.any() else np.ones(n_rows), rng, 1).tolist()
        centers = np.array(chosen)
    distances = pool.all_distances(n_rows, centers)
    return candidates[_sample(pool, distances, weights, chosen, n_queries, rng)]


def badge_sampling(
    vectors: Any,
    proba: Array,
    n_queries: int,
    *,
    candidates: Array | None = None,
    rng: np.random.Generator,
) -> Array:
    """Rows with large and diverse gradients, as in BADGE.

    The gradient embedding of a row is the outer product of ``p - e`` with its vector,
    where p are its class probabilities and e is one at the most probable class: what
    the last layer of a network would learn from the row if its guess were right. The
    first row is the one whose embedding is longest; each further one is drawn with
    probability proportional to the squared distance of its embedding to the nearest
    chosen one. Embeddings are never formed, since inner products of outer products
    are products of inner products.

    Parameters
    ----------
    vectors : ndarray or CSR of shape (n_samples, n_features)
        Embedding of all rows, finite.
    proba : ndarray of shape (n_candidates, n_classes)
        Class probabilities of the candidates.
    n_queries : int
        How many rows; all candidates, if there are fewer.
    candidates : ndarray of shape (n_candidates,), default=None
        Ascending positions of rows that may be chosen; None means all.
    rng : numpy.random.Generator
        Source of the draws; breaks ties for the first row.

    Returns
    -------
    positions : ndarray of shape (min(n_queries, n_candidates),)
        Distinct, in order of choice.

    Raises
    ------
    ValueError
        If a vector or a probability is not finite, or the shapes do not fit.

    References
    ----------
    .. [1] J. Ash et al., "Deep Batch Active Learning by Diverse, Uncertain Gradient
       Lower Bounds", ICLR 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.geometry._centers import badge_sampling
    >>> vectors = np.array([[1.0], [1.0], [-1.0]])
    >>> proba = np.array([[0.5, 0.5], [1.0, 0.0], [0.6, 0.4]])
    >>> badge_sampling(vectors, proba, 1, rng=np.random.default_rng(0))
    array([0])
    """
    candidates, _ = _as_positions(vectors, candidates, None)
    n_rows = len(candidates)
    residual = np.array(proba)
    if residual.ndim != 2 or len(residual) != n_rows:
        raise ValueError(
            f"proba has the shape {residual.shape}; expected one row for each of the "
            f"{n_rows} candidates, (n_candidates, n_classes)."
        )
    n_queries = min(n_queries, n_rows)
    if n_queries == 0:
        return candidates[:0]
    if residual.dtype not in (np.float32, np.float64):
        residual = residual.astype(np.float64)
    residual[np.arange(n_rows), residual.argmax(axis=1)] -= 1
    pool = _Pool(vectors, candidates, residual)
    chosen = [_draw_largest(pool.norms, rng)]
    distances = pool.all_distances(n_rows, np.array(chosen))
    return candidates[_sample(pool, distances, None, chosen, n_queries, rng)]


def _sample(
    pool: _Pool,
    distances: Array,
    weights: Array | None,
    chosen: list[int],
    n_queries: int,
    rng: np.random.Generator,
) -> list[int]:
    """Add rows to `chosen`, by weight x squared distance to the nearest chosen row.

    `distances`, to what is chosen so far, are overwritten. Rows are drawn by these
    while they grow old; a drawn row is taken with the chance new distance / old
    distance, which gives exactly the law of the new ones.
    """
    n_rows = len(distances)
    while len(chosen) < n_queries:
        n_known = len(chosen)
        mass = distances if weights is None else distances * weights
        cumulative = np.cumsum(mass)
        if not cumulative[-1] > 0:
            is_left = np.ones(n_rows, dtype=bool)
            is_left[chosen] = False
            left = rng.permutation(np.flatnonzero(is_left))
            return chosen + left[: n_queries - n_known].tolist()
        n_drawn = 0
        while len(chosen) < n_queries and n_drawn <= _PATIENCE * n_rows:
            rows = _draw_from(cumulative, rng, _QUEUE_SIZE)
            newer = np.array(chosen[n_known:], dtype=np.intp)
            n_wanted = n_queries - len(chosen)
            chosen += _take_drawn(pool, rows, distances[rows], newer, n_wanted, rng)
            n_drawn += len(rows)
        if len(chosen) < n_queries:
            newer = np.array(chosen[n_known:], dtype=np.intp)
            found = pool.all_distances(n_rows, newer)
            np.minimum(distances, found, out=distances)
    return chosen


def _take_drawn(
    pool: _Pool,
    rows: Array,
    old_distances: Array,
    newer: Array,
    n_wanted: int,
    rng: np.random.Generator,
) -> list[int]:
    """Those of the drawn `rows` that are not rejected, one after the other.

    A row that is taken changes the distances of those drawn after it, but not that
    these are independent draws from the old law.
    """
    thresholds = rng.random(len(rows)) * old_distances
    queue = pool.take(rows)
    current = np.minimum(old_distances, pool.distances(queue, newer))
    taken: list[int] = []
    start = 0
    while len(taken) < n_wanted and start < len(rows):
        is_taken = current[start:] > thresholds[start:]
        step = int(is_taken.argmax())
        if not is_taken[step]:
            break
        start += step + 1
        taken.append(int(rows[start - 1]))
        found = _nearest(queue[start:], queue[start - 1 : start])
        np.minimum(current[start:], found, out=current[start:])
    return taken


def _draw_from(cumulative: Array, rng: np.random.Generator, size: int) -> Array:
    """Positions drawn with the probabilities whose running sum is given."""
    return np.searchsorted(
        cumulative, rng.random(size) * cumulative[-1], side="right"
    ).astype(np.intp)


def _draw(mass: Array, rng: np.random.Generator, size: int) -> Array:
    return _draw_from(np.cumsum(mass), rng, size)


def relevance_sampling(
    proba: Array,
    uncertainty: Array,
    n_queries: int,
    *,
    gamma: float = 10,
    rng: np.random.Generator,
) -> Array:
    """Rows that are uncertain, and far from the chosen ones in their probabilities.

    FALCUN: a row is drawn with probability proportional to ``(u + d) ** gamma``, where
    u is its uncertainty and d its diversity. The diversity is u at first, then the
    least of it and the L1 distances between the class probabilities of the row and of
    each chosen one. Before it is added, it is brought to [0, 1] over the rows left by
    ``(d - min) / (max - min)``, or zero where all are equal; the distances themselves
    are kept as they are. When all relevances are zero, the draw is uniform.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)
        Class probabilities.
    uncertainty : ndarray of shape (n_samples,)
        Values in [0, 1], greater is more uncertain; the paper's is 1 - margin.
    n_queries : int
        How many rows; all, if there are fewer.
    gamma : float, default=10
        0 draws uniformly; the larger, the closer to taking the largest relevance.
    rng : numpy.random.Generator
        Source of the draws.

    Returns
    -------
    positions : ndarray of shape (min(n_queries, n_samples),)
        Distinct, in order of choice.

    References
    ----------
    .. [1] S. Gilhuber, A. Beer, Y. Ma, T. Seidl, "FALCUN: A Simple and Efficient Deep
       Active Learning Strategy", ECML PKDD 2024.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.geometry._centers import relevance_sampling
    >>> proba = np.array([[0.5, 0.5], [0.9, 0.1], [1.0, 0.0]])
    >>> uncertainty = np.array([1.0, 0.2, 0.0])
    >>> relevance_sampling(proba, uncertainty, 1, rng=np.random.default_rng(0))
    array([0])
    """
    # Classes on the first axis: a few long operations instead of many short ones.
    proba_CN = np.ascontiguousarray(np.asarray(proba).T, dtype=np.float64)
    uncertainty = np.asarray(uncertainty, dtype=np.float64)
    diversity = uncertainty.copy()
    n_queries = min(n_queries, len(diversity))
    chosen = np.empty(n_queries, dtype=np.intp)
    for i in range(n_queries):
        law = _relevance_law(uncertainty, diversity, chosen[:i], gamma)
        chosen[i] = _draw(law, rng, 1)[0]
        found = _l1_distances(proba_CN, proba_CN[:, chosen[i]])
        np.minimum(diversity, found, out=diversity)
    return chosen


def _relevance_law(
    uncertainty: Array, diversity: Array, chosen: Array, gamma: float
) -> Array:
    """Chances of the rows, up to a factor; zero for chosen ones."""
    relevance = diversity.copy()
    relevance[chosen] = np.inf
    relevance -= relevance.min()
    relevance[chosen] = 0
    spread = relevance.max()
    if spread > 0:
        relevance /= spread
    relevance += uncertainty
    relevance[chosen] = 0
    largest = relevance.max()
    if largest > 0:
        relevance /= largest  # a large power must not overflow, or vanish
        relevance **= gamma
    else:
        relevance[:] = 1
    relevance[chosen] = 0
    return relevance


def _l1_distances(proba_CN: Array, center_C: Array) -> Array:
    """Sum over classes of absolute differences, shape (n_samples,)."""
    result = np.zeros(proba_CN.shape[1])
    step = np.empty_like(result)
    for row, value in zip(proba_CN, center_C, strict=True):
        np.abs(np.subtract(row, value, out=step), out=step)
        result += step
    return result


# ---------------------------------------------------------------------------------
# Rows at given centres
# ---------------------------------------------------------------------------------


def nearest_to_centers(
    vectors: Any,
    centers: Array,
    *,
    candidates: Array | None = None,
    weights: Array | None = None,
) -> Array:
    """For each centre the nearest row, no row twice.

    Centres choose one after the other, by falling weight, each the nearest row that
    is not taken yet; the positions come in this order. Of rows that are equally near,
    the first is taken.

    Parameters
    ----------
    vectors : ndarray or CSR of shape (n_samples, n_features)
        Embedding of all rows, finite.
    centers : ndarray of shape (n_centers, n_features)
        Points, such as means of clusters.
    candidates : ndarray of shape (n_candidates,), default=None
        Ascending positions of rows that may be chosen; None means all.
    weights : ndarray of shape (n_centers,), default=None
        Such as the number of rows in each cluster; None keeps the order of `centers`.

    Returns
    -------
    positions : ndarray of shape (min(n_centers, n_candidates),)
        Distinct, that of the heaviest centre first.

    Raises
    ------
    ValueError
        If a vector is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.geometry._centers import nearest_to_centers
    >>> vectors = np.array([[0.0], [1.0], [5.0]])
    >>> centers = np.array([[0.2], [0.1]])
    >>> nearest_to_centers(vectors, centers, weights=np.array([1, 2]))
    array([0, 1])
    """
    candidates, _ = _as_positions(vectors, candidates, None)
    centers = np.asarray(centers, dtype=np.float64)
    n_rows, n_centers = len(candidates), len(centers)
    if weights is not None:
        centers = centers[np.argsort(-np.asarray(weights), kind="stable")]
    centers = centers[:n_rows]
    pool = _Pool(vectors, candidates)
    if pool.shift is not None:
        centers = centers - pool.shift
    points = _Points([centers], np.einsum("ij,ij->i", centers, centers))
    nearest = _nearest_rows(pool, points)
    is_taken = np.zeros(n_rows, dtype=bool)
    for i in range(min(n_centers, n_rows)):
        if is_taken[nearest[i]]:
            nearest[i] = _nearest_rows(pool, points[i : i + 1], is_taken)[0]
        is_taken[nearest[i]] = True
    return candidates[nearest]


def _nearest_rows(
    pool: _Pool, centers: _Points, is_taken: Array | None = None
) -> Array:
    """Row nearest to each centre among those not taken, shape (n_centers,)."""
    n_centers = len(centers.norms)
    nearest = np.zeros(n_centers, dtype=np.intp)
    least = np.full(n_centers, np.inf)
    for rows in pool.blocks(len(pool.positions), n_centers):
        points = pool.take(rows)
        for start in range(0, n_centers, pool.n_centers):
            some = slice(start, start + pool.n_centers)
            # Squared distances without the norms of the centres, shape (centre, row).
            result = _inner(centers[some], points)
            result *= -2
            result += points.norms
            if is_taken is not None:
                result[:, is_taken[rows]] = np.inf
            best = result.argmin(axis=1)
            found = result[np.arange(len(result)), best]
            is_less = found < least[some]
            nearest[some][is_less] = rows.start + best[is_less]
            least[some][is_less] = found[is_less]
    return nearest


# ---------------------------------------------------------------------------------
# Arguments
# ---------------------------------------------------------------------------------


def _as_positions(
    vectors: Any, candidates: Array | None, labeled: Array | None
) -> tuple[Array, Array]:
    if candidates is None:
        candidates = np.arange(vectors.shape[0])
    labeled = np.empty(0, dtype=np.intp) if labeled is None else np.asarray(labeled)
    return np.asarray(candidates, dtype=np.intp), labeled.astype(np.intp)


def _as_weights(weights: Array | None, n_rows: int) -> Array | None:
    if weights is None:
        return None
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (n_rows,) or not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError(
            f"weights are {n_rows} finite numbers that are not negative, one for each "
            f"candidate; got an array of shape {weights.shape} with other values."
        )
    return weights
