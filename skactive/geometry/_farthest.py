"""Rows farthest from all others chosen: the greedy core-set.

Distances to the nearest centre only fall, so that old ones are upper bounds: greedy
choice looks only at rows whose bound is large enough, and these get a new distance by
matrix products against all centres that they have not met yet.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skactive.geometry._points import (
    Pool,
    all_positions,
    draw_largest,
    nearest_distances,
    tie_level,
)

Array = NDArray[Any]

# Rows that the greedy choice keeps up to date, at least half and at most twice as many.
_FRONT_SIZE = 128
# Labelled rows that every row is compared with; with the others, only far rows are.
_FIRST_CENTERS = 16


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
    >>> from skactive.geometry._farthest import k_center
    >>> vectors = np.array([[0.0], [1.0], [5.0], [9.0]])
    >>> rng = np.random.default_rng(0)
    >>> k_center(vectors, 2, candidates=np.arange(1, 4), labeled=np.array([0]), rng=rng)
    array([3, 2])
    """
    candidates, labeled = all_positions(vectors, candidates, labeled)
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

    `bounds` holds the distance of a row to the nearest of the first `n_seen` centres;
    rows that are centres have -1.
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
        if values.max() == 0:  # what is left are copies of centres
            left = np.flatnonzero(self.bounds >= 0)
            return rng.permutation(left)[:n_most].tolist()
        at = draw_largest(values, rng)
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
            np.minimum(values, nearest_distances(front, newest), out=values)
            if len(picks) == n_most or tie_level(values.max()) <= outside:
                break
            at = draw_largest(values, rng)
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
        level = tie_level(np.median(self.bounds[trial]))
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
