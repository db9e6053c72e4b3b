"""Largest cluster maximum distance: rows far from the centre of the largest cluster.

Every row belongs to its nearest centre, a labelled or chosen row. The size of a cluster
is the sum of the squared distances in it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from skactive._compat.typing import Array
from skactive.geometry._blocks import blocks, unlabeled_positions
from skactive.geometry._points import Pool, draw_largest, squares_to_each


def largest_clusters(
    vectors: Any,
    n_queries: int,
    *,
    candidates: Array | None = None,
    labeled: Array | None = None,
    scale: Array | None = None,
    rng: np.random.Generator,
) -> Array:
    """Choose the farthest row of the largest cluster, one after the other (LCMD).

    The labelled rows are centres, and each chosen row becomes a centre. Candidates are
    in the cluster of their nearest centre. The next row is the one that is farthest
    from its centre, in the cluster with the largest sum of squared distances. If no row
    is labelled, the first row is drawn uniformly.

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
    scale : ndarray of shape (n_features,), default=None
        Factors of the columns of a dense embedding. None means ones.
    rng : numpy.random.Generator
        Draws the first row if no row is labelled, and breaks ties.

    Returns
    -------
    positions : ndarray of shape (min(n_queries, n_candidates),)
        Distinct positions, in order of choice.

    References
    ----------
    .. [1] D. Holzmueller, V. Zaverkin, J. Kaestner, I. Steinwart, "A Framework and
       Benchmark for Deep Batch Active Learning for Regression", Journal of Machine
       Learning Research 24, 2023.

    Examples
    --------
    The row at 9 is farther from a centre, but alone in its cluster:

    >>> import numpy as np
    >>> from skactive.geometry._largest_clusters import largest_clusters
    >>> vectors = np.array([[0.0], [3.0], [3.1], [3.2], [20.0], [16.0]])
    >>> rng = np.random.default_rng(0)
    >>> largest_clusters(vectors, 1, labeled=np.array([0, 4]), rng=rng)
    array([3])
    """
    candidates, labeled = unlabeled_positions(vectors, candidates, labeled)
    n_rows = len(candidates)
    n_queries = min(n_queries, n_rows)
    if n_queries == 0:
        return candidates[:0]
    pool = Pool(vectors, np.concatenate([candidates, labeled]), scale=scale)
    nearest = np.full(n_rows, np.inf)
    owner = np.zeros(n_rows, dtype=np.intp)
    _assign(nearest, owner, pool, n_rows + np.arange(len(labeled)), 0)
    chosen: list[int] = []
    n_centers = len(labeled)
    if n_centers == 0:
        chosen.append(int(rng.integers(n_rows)))
        _assign(nearest, owner, pool, np.array(chosen), 0)
        n_centers = 1
    is_left = np.ones(n_rows, dtype=bool)
    is_left[chosen] = False
    while len(chosen) < n_queries:
        totals = np.bincount(owner, weights=nearest * is_left, minlength=n_centers)
        # A cluster without a row that could be chosen is no choice.
        totals[np.bincount(owner[is_left], minlength=n_centers) == 0] = -1.0
        largest = draw_largest(totals, rng)
        inside = np.flatnonzero((owner == largest) & is_left)
        best = int(inside[draw_largest(nearest[inside], rng)])
        chosen.append(best)
        is_left[best] = False
        if len(chosen) < n_queries:
            _assign(nearest, owner, pool, np.array([best]), n_centers)
            n_centers += 1
    return candidates[chosen]


def unit_scale(vectors: Any) -> Array | None:
    """Compute factors that bring columns of different units to one scale.

    Columns are divided by their standard deviation, and those with two values by the
    difference of these, so that another category counts like a typical difference of
    numbers. Sparse columns, mostly zero, have one unit, and there are no factors.

    Parameters
    ----------
    vectors : ndarray or CSR of shape (n_samples, n_features)
        Finite.

    Returns
    -------
    scale : ndarray of shape (n_features,) or None
        Factors, one for a column with a single value.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.geometry._largest_clusters import unit_scale
    >>> unit_scale(np.array([[0.0, 7.0, 1.0], [0.0, 9.0, 1.0], [4.0, 8.0, 1.0]]))
    array([0.25      , 1.22474487, 1.        ])
    """
    if sp.issparse(vectors) or len(vectors) == 0:
        return None
    low = vectors.min(axis=0).astype(np.float64)
    width = vectors.max(axis=0) - low
    total, squares = np.zeros(len(low)), np.zeros(len(low))
    is_binary = np.ones(len(low), dtype=bool)
    for rows in blocks(vectors):
        some = vectors[rows] - low
        is_binary &= ((some == 0) | (some == width)).all(axis=0)
        total += some.sum(axis=0)
        squares += np.einsum("ij,ij->j", some, some)
    mean = total / len(vectors)
    deviation = np.sqrt(np.maximum(squares / len(vectors) - mean**2, 0))
    width = np.where(is_binary, width, deviation)
    return 1 / np.where(width > 0, width, 1)


def _assign(
    nearest: Array, owner: Array, pool: Pool, centers: Array, first: int
) -> None:
    """Move rows to the clusters of new, nearer centres, in place.

    The new centres are numbered from `first`.
    """
    n_rows = len(nearest)
    for start in range(0, len(centers), pool.n_centers):
        some = centers[start : start + pool.n_centers]
        others = pool.take(some)
        for rows in pool.blocks(n_rows, len(some)):
            found_CP = squares_to_each(pool.take(rows), others)
            best = found_CP.argmin(axis=0)
            squares = np.take_along_axis(found_CP, best[np.newaxis], axis=0)[0]
            closer = squares < nearest[rows]
            nearest[rows] = np.where(closer, squares, nearest[rows])
            owner[rows] = np.where(closer, first + start + best, owner[rows])
