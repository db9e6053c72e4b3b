"""Greedy core-set: rows farthest from all others chosen.

Distances to the nearest centre only fall, so old distances are upper bounds. The greedy
choice looks only at rows whose bound is large enough. These get a new distance, by
matrix products with all centres that they have not been compared with yet.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skactive._compat.typing import Array
from skactive.geometry._blocks import unlabeled_positions
from skactive.geometry._points import Among, Pool, draw_largest, tie_level

# Number of rows that the greedy choice keeps up to date, give or take a factor of two.
_FRONT_SIZE = 128
# Number of labelled rows that every row is compared with. Only far rows are compared
# with the others: first with as many again, then with twice as many, and so on.
_FIRST_CENTERS = 16


def k_center(
    vectors: Any,
    n_queries: int,
    *,
    candidates: Array | None = None,
    labeled: Array | None = None,
    rng: np.random.Generator,
) -> Array:
    """Choose rows farthest from their nearest centre, one after the other (core-set).

    The labelled rows are centres, and each chosen row becomes a centre. The next row is
    the candidate whose distance to its nearest centre is largest. If no row is
    labelled, the first row is drawn uniformly. Distances equal up to rounding are ties,
    which `rng` breaks.

    Parameters
    ----------
    vectors : ndarray or CSR of shape (n_samples, n_features)
        Embedding of all rows, finite.
    n_queries : int
        Number of rows to choose. If there are fewer candidates, all are chosen.
    candidates : ndarray of shape (n_candidates,), default=None
        Ascending positions of the candidates. None means all unlabelled rows.
    labeled : ndarray of shape (n_labeled,), default=None
        Positions of the first centres. None means that there are none.
    rng : numpy.random.Generator
        Draws the first row if no row is labelled, and breaks ties.

    Returns
    -------
    positions : ndarray of shape (min(n_queries, n_candidates),)
        Distinct positions, in order of choice.

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
    >>> from skactive.geometry._farthest import k_center
    >>> vectors = np.array([[0.0], [1.0], [5.0], [9.0]])
    >>> rng = np.random.default_rng(0)
    >>> k_center(vectors, 2, candidates=np.arange(1, 4), labeled=np.array([0]), rng=rng)
    array([3, 2])
    """
    candidates, labeled = unlabeled_positions(vectors, candidates, labeled)
    n_rows = len(candidates)
    n_queries = min(n_queries, n_rows)
    if n_queries == 0:
        return candidates[:0]
    pool = Pool(vectors, np.concatenate([candidates, labeled]))
    centers = n_rows + np.arange(len(labeled))
    chosen = [] if len(labeled) else [int(rng.integers(n_rows))]
    greedy = _FarthestFirst(pool, n_rows, np.append(centers, chosen).astype(np.intp))
    while len(chosen) < n_queries:
        chosen += greedy.pick_some(n_queries - len(chosen), rng)
    return candidates[chosen]


class _FarthestFirst:
    """Rows of the pool with upper bounds of their squared distance to a centre.

    `bounds` holds the squared distance of a row to the nearest of the first `n_seen`
    centres, and -1 for rows that are centres.
    """

    def __init__(self, pool: Pool, n_rows: int, centers: Array):
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
        if values.max() == 0:  # only copies of centres are left
            left = np.flatnonzero(self.bounds >= 0)
            return rng.permutation(left)[:n_most].tolist()
        at = draw_largest(values, rng)
        if n_most == 1:
            return [int(rows[at])]
        if len(rows) > 2 * _FRONT_SIZE:
            first, values[at] = rows[at], np.inf
            order = np.argpartition(values, -2 * _FRONT_SIZE)
            outside = max(outside, values[order[: -2 * _FRONT_SIZE]].max())
            rows = rows[order[-2 * _FRONT_SIZE :]]
            values, at = self.bounds[rows], int((rows == first).argmax())
        front = Among(self.pool.take(rows))
        picks: list[int] = []
        while True:
            # Picked rows have -1. No row outside may be as far as the best one.
            picks.append(int(rows[at]))
            values[at] = -1
            np.minimum(values, front.distances(at), out=values)
            if len(picks) == n_most or tie_level(values.max()) <= outside:
                break
            at = draw_largest(values, rng)
        self.centers = np.append(self.centers, picks)
        self.bounds[rows] = values
        self.n_seen[rows] = len(self.centers)
        return picks

    def _find_far_rows(self) -> tuple[Array, float]:
        """Rows at least as far as some level, with exact bounds, and that level."""
        n_trial = min(4 * _FRONT_SIZE, len(self.bounds))
        trial = np.argpartition(self.bounds, -n_trial)[-n_trial:]
        trial = trial[self.bounds[trial] >= 0]
        self._lower(trial)
        # Several trial rows reach the level, so that it is not too high.
        n_reach = min(_FRONT_SIZE, (len(trial) + 1) // 2)
        level = tie_level(np.partition(self.bounds[trial], -n_reach)[-n_reach])
        rows = np.flatnonzero(self.bounds >= level)
        far = np.empty(0)
        n_far = 2 * _FRONT_SIZE
        for block in self.pool.blocks(len(rows)):
            self._lower(rows[block], level)
            values = self.bounds[rows[block]]
            far = np.append(far, values[values >= level])
            if len(far) > n_far:
                # More than a front holds: rows nearer than these keep their bounds.
                far = np.partition(far, -n_far)[-n_far:]
                level = tie_level(far[0])
        return rows[self.bounds[rows] >= level], level

    def _lower(self, rows: Array, level: float = 0.0) -> None:
        """Make the bounds of some rows exact, unless they fall below a level."""
        n_centers = len(self.centers)
        rows = rows[(self.n_seen[rows] < n_centers) & (self.bounds[rows] >= level)]
        rows = rows[np.argsort(self.n_seen[rows], kind="stable")]
        for block in self.pool.blocks(len(rows)):
            some = rows[block]
            points, first = self.pool.take(some), self.n_seen[some[0]]
            step = _FIRST_CENTERS
            while len(some) and first < n_centers:
                last = min(first + step, n_centers)
                found = self.pool.distances(points, self.centers[first:last])
                self.bounds[some] = found = np.minimum(self.bounds[some], found)
                self.n_seen[some] = np.maximum(self.n_seen[some], last)
                first, step = last, 2 * step
                is_left = found >= level
                if first < n_centers and not is_left.all():
                    some, points = some[is_left], points[is_left]
