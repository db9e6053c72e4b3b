"""k-means++ and BADGE: rows drawn by their squared distance to the chosen ones.

Distances to the nearest chosen row only fall. So rows can be drawn by old distances and
then rejected, which gives exactly the same distribution.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skactive._compat.typing import Array
from skactive.geometry._blocks import unlabeled_positions
from skactive.geometry._points import Among, Pool, draw_largest

# Number of rows drawn at once by old distances.
_QUEUE_SIZE = 256
# All distances are computed anew when this share of the rows has been drawn, because
# the draws have then cost about as much. A queue also costs as much as so many rows.
_PATIENCE = 0.25
_QUEUE_COST = 1000


def k_means_plus_plus(
    vectors: Any,
    n_queries: int,
    *,
    candidates: Array | None = None,
    labeled: Array | None = None,
    weights: Array | None = None,
    rng: np.random.Generator,
) -> Array:
    """Draw rows by their weight times squared distance to the nearest chosen row.

    This is the seeding of k-means++, without repeats and with the exact distribution.
    The first row is drawn by its weight alone if no row is labelled. Otherwise the
    labelled rows count as chosen. Once all candidates with a weight coincide with
    chosen rows, the rest is drawn uniformly.

    Parameters
    ----------
    vectors : ndarray or CSR of shape (n_samples, n_features)
        Embedding of all rows, finite.
    n_queries : int
        Number of rows to choose. If there are fewer candidates, all are chosen.
    candidates : ndarray of shape (n_candidates,), default=None
        Ascending positions of the candidates. None means all unlabelled rows.
    labeled : ndarray of shape (n_labeled,), default=None
        Positions of the labelled rows. None means that there are none.
    weights : ndarray of shape (n_candidates,), default=None
        Weights of the candidates, finite and not negative. None means equal weights.
    rng : numpy.random.Generator
        Draws the rows.

    Returns
    -------
    positions : ndarray of shape (min(n_queries, n_candidates),)
        Distinct positions, in order of choice.

    Raises
    ------
    ValueError
        If a vector is not finite, or the weights are invalid.

    References
    ----------
    .. [1] D. Arthur, S. Vassilvitskii, "k-means++: The Advantages of Careful Seeding",
       SODA 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.geometry._sampling import k_means_plus_plus
    >>> vectors = np.array([[0.0], [0.0], [9.0], [9.0]])
    >>> chosen = k_means_plus_plus(vectors, 2, rng=np.random.default_rng(0))
    >>> np.sort(vectors[chosen, 0])
    array([0., 9.])
    """
    candidates, labeled = unlabeled_positions(vectors, candidates, labeled)
    n_rows = len(candidates)
    weights = _as_weights(weights, n_rows)
    n_queries = min(n_queries, n_rows)
    if n_queries == 0:
        return candidates[:0]
    pool = Pool(vectors, np.concatenate([candidates, labeled]))
    chosen: list[int] = []
    centers = n_rows + np.arange(len(labeled))
    if len(labeled) == 0:
        law = np.ones(n_rows) if weights is None else weights
        chosen = draw(law if law.any() else np.ones(n_rows), rng, 1).tolist()
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
    """Choose rows with large and diverse gradients, as in BADGE.

    The gradient embedding of a row is the outer product of ``p - e`` and its vector,
    where p are its class probabilities and e is one at the most probable class. It is
    what the last layer of a network would learn from the row if its prediction were
    right. The first row is the one with the longest embedding. Each further row is
    drawn with probability proportional to the squared distance of its embedding to the
    nearest chosen one. The embeddings are never formed, since inner products of outer
    products are products of inner products.

    Parameters
    ----------
    vectors : ndarray or CSR of shape (n_samples, n_features)
        Embedding of all rows, finite.
    proba : ndarray of shape (n_candidates, n_classes)
        Class probabilities of the candidates.
    n_queries : int
        Number of rows to choose. If there are fewer candidates, all are chosen.
    candidates : ndarray of shape (n_candidates,), default=None
        Ascending positions of the candidates. None means all rows.
    rng : numpy.random.Generator
        Draws the rows, and breaks ties for the first one.

    Returns
    -------
    positions : ndarray of shape (min(n_queries, n_candidates),)
        Distinct positions, in order of choice.

    Raises
    ------
    ValueError
        If a vector or a probability is not finite, or the shapes do not match.

    References
    ----------
    .. [1] J. Ash et al., "Deep Batch Active Learning by Diverse, Uncertain Gradient
       Lower Bounds", ICLR 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.geometry._sampling import badge_sampling
    >>> vectors = np.array([[1.0], [1.0], [-1.0]])
    >>> proba = np.array([[0.5, 0.5], [1.0, 0.0], [0.6, 0.4]])
    >>> badge_sampling(vectors, proba, 1, rng=np.random.default_rng(0))
    array([0])
    """
    candidates, _ = unlabeled_positions(vectors, candidates, None)
    n_rows = len(candidates)
    residual = np.array(proba)
    if residual.ndim != 2 or len(residual) != n_rows:
        raise ValueError(
            f"proba has shape {residual.shape}; expected one row for each of the "
            f"{n_rows} candidates, (n_candidates, n_classes)."
        )
    n_queries = min(n_queries, n_rows)
    if n_queries == 0:
        return candidates[:0]
    if residual.dtype not in (np.float32, np.float64):
        residual = residual.astype(np.float64)
    residual[np.arange(n_rows), residual.argmax(axis=1)] -= 1
    pool = Pool(vectors, candidates, residual)
    chosen = [draw_largest(pool.norms, rng)]
    distances = pool.all_distances(n_rows, np.array(chosen))
    return candidates[_sample(pool, distances, None, chosen, n_queries, rng)]


def _sample(
    pool: Pool,
    distances: Array,
    weights: Array | None,
    chosen: list[int],
    n_queries: int,
    rng: np.random.Generator,
) -> list[int]:
    """Add rows to `chosen`, by weight times squared distance to the nearest chosen row.

    `distances`, to the rows chosen so far, are overwritten. Rows are drawn by these
    distances while they grow old. A drawn row is accepted with the probability new
    distance / old distance, which gives exactly the distribution of the new ones.
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
        n_spent = 0
        while len(chosen) < n_queries and n_spent <= _PATIENCE * n_rows:
            # While few rows are chosen, each one lowers the distances.
            size = min(_QUEUE_SIZE, 32 * (1 + len(chosen)))
            rows = _draw_from(cumulative, rng, size)
            newer = np.array(chosen[n_known:], dtype=np.intp)
            n_wanted = n_queries - len(chosen)
            chosen += _take_drawn(pool, rows, distances[rows], newer, n_wanted, rng)
            n_spent += len(rows) + _QUEUE_COST
        if len(chosen) < n_queries:
            newer = np.array(chosen[n_known:], dtype=np.intp)
            found = pool.all_distances(n_rows, newer)
            np.minimum(distances, found, out=distances)
    return chosen


def _take_drawn(
    pool: Pool,
    rows: Array,
    old_distances: Array,
    newer: Array,
    n_wanted: int,
    rng: np.random.Generator,
) -> list[int]:
    """Those of the drawn `rows` that are not rejected, one after the other.

    A row that is taken changes the distances of the rows drawn after it. But these are
    still independent draws from the old distribution.
    """
    thresholds = rng.random(len(rows)) * old_distances
    queue = pool.take(rows)
    current = np.minimum(old_distances, pool.distances(queue, newer))
    left = np.flatnonzero(current > thresholds)
    if len(left) == 0:
        return []
    survivors, current = Among(queue[left]), current[left]
    taken: list[int] = []
    for i, (row, threshold) in enumerate(
        zip(rows[left], thresholds[left], strict=True)
    ):
        if current[i] > threshold:
            taken.append(int(row))
            if len(taken) == n_wanted:
                break
            np.minimum(current, survivors.distances(i), out=current)
    return taken


def _draw_from(cumulative: Array, rng: np.random.Generator, size: int) -> Array:
    """Positions drawn with probabilities whose cumulative sum is given."""
    return np.searchsorted(
        cumulative, rng.random(size) * cumulative[-1], side="right"
    ).astype(np.intp)


def draw(mass: Array, rng: np.random.Generator, size: int) -> Array:
    return _draw_from(np.cumsum(mass), rng, size)


def draw_proportional(
    weights: Array, n_rows: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Draw rows to stand for all, with probabilities proportional to their weights.

    A row is drawn with the probability ``p = min(1, c * weight)``, where c is such that
    the probabilities add up to `n_rows`, and counts with ``weight / p`` from then on.
    The expected sum of what it counts over any part of the rows is therefore the sum of
    the weights of that part (Horvitz and Thompson). The draw is systematic, in random
    order, so that a row is drawn at most once.

    Parameters
    ----------
    weights : ndarray of shape (n_samples,)
        Weights, finite and not negative.
    n_rows : int
        Number of rows to draw. If fewer rows have a weight, all these are drawn, and
        rows without a weight at random.
    rng : numpy.random.Generator
        Draws the rows.

    Returns
    -------
    positions : ndarray of shape (min(n_rows, n_samples),)
        Distinct positions, ascending.
    counts : ndarray of shape (min(n_rows, n_samples),)
        What each drawn row counts.

    References
    ----------
    .. [1] D. G. Horvitz, D. J. Thompson, "A Generalization of Sampling Without
       Replacement from a Finite Universe", Journal of the American Statistical
       Association, 1952.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.geometry._sampling import draw_proportional
    >>> rng = np.random.default_rng(0)
    >>> draw_proportional(np.array([1.0, 1.0, 1.0, 1.0, 16.0]), 2, rng)
    (array([2, 4]), array([ 4., 16.]))
    """
    n_samples = len(weights)
    if n_rows >= n_samples:
        return np.arange(n_samples), np.asarray(weights, dtype=np.float64)
    proba = _inclusion_probabilities(weights, n_rows)
    order = rng.permutation(n_samples)
    ends = np.cumsum(proba[order])
    ends *= n_rows / ends[-1]
    # One row at each of the points u, u + 1, ...; none is longer than one.
    points = rng.random() + np.arange(n_rows)
    rows = np.minimum(np.searchsorted(ends, points, side="right"), n_samples - 1)
    rows = np.unique(order[rows])
    if len(rows) < n_rows:  # by rounding
        others = np.setdiff1d(order, rows)
        rows = np.union1d(rows, rng.permutation(others)[: n_rows - len(rows)])
    counts = np.zeros(n_rows)
    np.divide(weights[rows], proba[rows], out=counts, where=weights[rows] > 0)
    return rows, counts


def _inclusion_probabilities(weights: Array, n_rows: int) -> Array:
    """The smallest multiples of the weights, cut at one, that add up to `n_rows`."""
    n_positive = int(np.count_nonzero(weights))
    if n_positive <= n_rows:
        share = (n_rows - n_positive) / max(1, len(weights) - n_positive)
        return np.where(weights > 0, 1.0, share)
    # Only the n_rows largest can have the probability one.
    largest = -np.sort(-np.partition(weights, -n_rows)[-n_rows:])
    left = weights.sum() - np.append(0.0, np.cumsum(largest[:-1]))
    factors = (n_rows - np.arange(n_rows)) / np.maximum(left, np.finfo(float).tiny)
    n_certain = int(np.argmax(factors * largest <= 1))
    return np.minimum(1.0, factors[n_certain] * weights)


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
