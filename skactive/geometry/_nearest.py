"""Rows nearest to given centres, such as the means of clusters."""

from __future__ import annotations

from typing import Any

import numpy as np

from skactive._compat.typing import Array
from skactive.geometry._blocks import unlabeled_positions
from skactive.geometry._points import Points, Pool, inner_products


def nearest_to_centers(
    vectors: Any,
    centers: Array,
    *,
    candidates: Array | None = None,
    weights: Array | None = None,
) -> Array:
    """Choose the nearest row for each centre, without repeats.

    Centres are handled one after the other, in the order of decreasing weight. Each
    takes the nearest row that is not taken yet. The positions are in this order. Of
    rows that are equally near, the first one is taken.

    Parameters
    ----------
    vectors : ndarray or CSR of shape (n_samples, n_features)
        Embedding of all rows, finite.
    centers : ndarray of shape (n_centers, n_features)
        Points, such as means of clusters.
    candidates : ndarray of shape (n_candidates,), default=None
        Ascending positions of the candidates. None means all rows.
    weights : ndarray of shape (n_centers,), default=None
        Weights of the centres, such as the number of rows in each cluster. None keeps
        the order of `centers`.

    Returns
    -------
    positions : ndarray of shape (min(n_centers, n_candidates),)
        Distinct positions, that of the heaviest centre first.

    Raises
    ------
    ValueError
        If a vector is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.geometry._nearest import nearest_to_centers
    >>> vectors = np.array([[0.0], [1.0], [5.0]])
    >>> centers = np.array([[0.2], [0.1]])
    >>> nearest_to_centers(vectors, centers, weights=np.array([1, 2]))
    array([0, 1])
    """
    candidates, _ = unlabeled_positions(vectors, candidates, None)
    centers = np.asarray(centers, dtype=np.float64)
    n_rows, n_centers = len(candidates), len(centers)
    if weights is not None:
        centers = centers[np.argsort(-np.asarray(weights), kind="stable")]
    centers = centers[:n_rows]
    pool = Pool(vectors, candidates)
    if pool.shift is not None:
        centers = centers - pool.shift
    points = Points([centers], np.einsum("ij,ij->i", centers, centers))
    nearest = _nearest_rows(pool, points)
    is_taken = np.zeros(n_rows, dtype=bool)
    for i in range(min(n_centers, n_rows)):
        if is_taken[nearest[i]]:
            nearest[i] = _nearest_rows(pool, points[i : i + 1], is_taken)[0]
        is_taken[nearest[i]] = True
    return candidates[nearest]


def _nearest_rows(pool: Pool, centers: Points, is_taken: Array | None = None) -> Array:
    """Row nearest to each centre among those not taken, shape (n_centers,)."""
    n_centers = len(centers.norms)
    nearest = np.zeros(n_centers, dtype=np.intp)
    least = np.full(n_centers, np.inf)
    for rows in pool.blocks(len(pool.positions), n_centers):
        points = pool.take(rows)
        for start in range(0, n_centers, pool.n_centers):
            some = slice(start, start + pool.n_centers)
            # Squared distances without the norms of the centres, shape (centre, row).
            result = inner_products(centers[some], points)
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
