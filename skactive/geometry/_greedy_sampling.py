"""Greedy sampling for regression: rows that are far in X and in the predicted target.

Distances to the labelled rows are computed in blocks, and each choice adds one column.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skactive._compat.typing import Array
from skactive.geometry._blocks import unlabeled_positions
from skactive.geometry._points import Pool, draw_largest, squares_to_each

_BLOCK_CENTERS = 64


def greedy_sampling(
    vectors: Any,
    target: Array,
    n_queries: int,
    *,
    candidates: Array | None = None,
    labeled: Array | None = None,
    space: str = "both",
    rng: np.random.Generator,
) -> Array:
    """Choose rows far from all labelled and chosen rows, one after the other.

    The next row has the largest smallest distance to a labelled or chosen row. The
    distance is ``|x - z| * |f(x) - f(z)|`` in both spaces, or ``|f(x) - f(z)|`` in that
    of the target, where f is the label, or else its prediction.

    Parameters
    ----------
    vectors : ndarray or CSR of shape (n_samples, n_features)
        Embedding of all rows, finite. Not used in the space of the target.
    target : ndarray of shape (n_samples,)
        Labels of the labelled rows, and predictions for all others.
    n_queries : int
        Number of rows to choose. If there are fewer candidates, all are chosen.
    candidates : ndarray of shape (n_candidates,), default=None
        Ascending positions of the candidates. None means all unlabelled rows.
    labeled : ndarray of shape (n_labeled,), default=None
        Positions of the labelled rows. If there are none, the first row is random.
    space : {"both", "target"}, default="both"
        The space in which distances are measured.
    rng : numpy.random.Generator
        Breaks ties.

    Returns
    -------
    positions : ndarray of shape (min(n_queries, n_candidates),)
        Distinct positions, in order of choice.

    References
    ----------
    .. [1] D. Wu, C.-T. Lin, J. Huang, "Active Learning for Regression Using Greedy
       Sampling", Information Sciences 474, 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.geometry._greedy_sampling import greedy_sampling
    >>> vectors = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> target = np.array([0.0, 5.0, 1.0, 1.0])
    >>> rng = np.random.default_rng(0)
    >>> greedy_sampling(vectors, target, 2, labeled=np.array([0]), rng=rng)
    array([1, 3])
    """
    candidates, labeled = unlabeled_positions(vectors, candidates, labeled)
    n_rows = len(candidates)
    n_queries = min(n_queries, n_rows)
    if n_queries == 0:
        return candidates[:0]
    positions = np.concatenate([candidates, labeled])
    pool = Pool(vectors, positions) if space == "both" else None
    values = np.asarray(target, dtype=np.float64)[positions]
    # Squares of distances have the same order.
    nearest = np.full(n_rows, np.inf)
    centers = n_rows + np.arange(len(labeled))
    for start in range(0, len(centers), _BLOCK_CENTERS):
        _approach(nearest, pool, values, centers[start : start + _BLOCK_CENTERS])
    chosen: list[int] = []
    if len(labeled) == 0:
        chosen.append(int(rng.integers(n_rows)))
        _approach(nearest, pool, values, np.array(chosen))
    is_left = np.ones(n_rows, dtype=bool)
    is_left[chosen] = False
    while len(chosen) < n_queries:
        best = draw_largest(np.where(is_left, nearest, -1.0), rng)
        chosen.append(best)
        is_left[best] = False
        if len(chosen) < n_queries:
            _approach(nearest, pool, values, np.array([best]))
    return candidates[chosen]


def _approach(nearest: Array, pool: Pool | None, values: Array, centers: Array) -> None:
    """Lower the squared distances to the nearest centre by new centres, in place."""
    n_rows = len(nearest)
    if pool is None:
        for center in centers:
            np.minimum(nearest, (values[:n_rows] - values[center]) ** 2, out=nearest)
        return
    others = pool.take(centers)
    for rows in pool.blocks(n_rows, len(centers)):
        found_CP = squares_to_each(pool.take(rows), others)
        found_CP *= (values[rows] - values[centers, np.newaxis]) ** 2
        nearest[rows] = np.minimum(nearest[rows], found_CP.min(axis=0))
