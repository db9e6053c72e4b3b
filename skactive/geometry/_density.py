"""Density: how similar is a row to all the others?"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from skactive.geometry._blocks import blocks, squared_norms

Array = NDArray[Any]

# Rows of one side of a square tile: 2 MiB of float64, which stays in the cache.
_TILE_ROWS = 512
# Numbers in the rows themselves, of a tile whose rows are long.
_TILE_SIZE = 2**20


def information_density(
    vectors: Any,
    rows: Array | None = None,
    *,
    similarity: Literal["euclidean", "cosine"] = "euclidean",
    n_neighbors: int | None = None,
    max_rows: int | None = None,
    rng: np.random.Generator | None = None,
) -> Array:
    """Mean similarity of rows to all rows, themselves included.

    Parameters
    ----------
    vectors : ndarray or CSR of shape (n_samples, n_features)
        float32 or float64, finite.
    rows : ndarray of shape (n_rows,), default=None
        Distinct positions of the rows whose density is wanted. None means all.
    similarity : {"euclidean", "cosine"}, default="euclidean"
        "euclidean" is 1 / (1 + distance). "cosine" is the cosine where no number in
        `vectors` is negative, and otherwise (1 + cosine) / 2, so that it is never
        negative either; the order of the rows is the same. The cosine of a row of
        zeros to every row, itself included, is 0.
    n_neighbors : int, default=None
        Take the mean over a row itself and as many nearest other rows only. None
        means over all rows.
    max_rows : int, default=None
        Look for similar rows among a random sample of at most so many, at least 2,
        the row itself apart. Without `n_neighbors` the mean over the sample stands
        for the mean over all other rows. None means to look at all. The cosine
        without `n_neighbors` needs no sample, and is always exact.
    rng : numpy Generator, default=None
        Draws the sample. None means a generator of seed 0.

    Returns
    -------
    density : ndarray of shape (n_rows,)
        float64 in [0, 1].

    Notes
    -----
    The time grows as n_rows * n_samples * n_features (half of it where all rows are
    wanted), with `max_rows` in place of n_samples if given; for the exact cosine as
    n_samples * n_features. Temporaries are tiles of a few MiB.

    References
    ----------
    .. [1] B. Settles, M. Craven, "An Analysis of Active Learning Strategies for
       Sequence Labeling Tasks", EMNLP 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.geometry._density import information_density
    >>> vectors = np.array([[0.0, 0], [3, 4], [0, 1]])
    >>> information_density(vectors).round(4)
    array([0.5556, 0.4525, 0.5636])
    >>> information_density(vectors, similarity="cosine").round(4)
    array([0. , 0.6, 0.6])
    >>> information_density(vectors, n_neighbors=1).round(4)
    array([0.75  , 0.5954, 0.75  ])
    """
    if similarity not in ("euclidean", "cosine"):
        raise ValueError(
            f"similarity must be 'euclidean' or 'cosine'; got {similarity!r}."
        )
    if max_rows is not None and max_rows < 2:
        raise ValueError(f"max_rows must be at least 2, or None; got {max_rows!r}.")
    n_samples = vectors.shape[0]
    rows = np.arange(n_samples) if rows is None else np.asarray(rows)
    sampled = max_rows is not None and max_rows < n_samples
    if n_neighbors is None and similarity == "cosine":
        return _non_negative(_mean_cosines(vectors)[rows], vectors)
    if n_neighbors is None and not sampled:
        return _similarity_sums(vectors, rows) / n_samples
    reference = np.arange(n_samples)
    if sampled:
        rng = np.random.default_rng(0) if rng is None else rng
        reference = np.sort(rng.choice(n_samples, size=max_rows, replace=False))
    if n_neighbors is None:
        others = _reference_sums(vectors, rows, reference, None, similarity)
        n_others = len(reference) - np.isin(rows, reference)
        return (1 + (n_samples - 1) * others / n_others) / n_samples
    n_neighbors = min(n_neighbors, len(reference) - 1)
    nearest = _reference_sums(vectors, rows, reference, n_neighbors, similarity)
    if similarity == "euclidean":
        return (1 + nearest) / (1 + n_neighbors)
    itself = _inverse_norms(vectors)[rows] > 0
    return _non_negative((itself + nearest) / (1 + n_neighbors), vectors)


def _non_negative(mean_cosines: Array, vectors: Any) -> Array:
    values = vectors.data if sp.issparse(vectors) else vectors
    if values.min(initial=0) < 0:
        mean_cosines = (1 + mean_cosines) / 2
    return np.clip(mean_cosines, 0, 1)  # rounding


def _inverse_norms(vectors: Any) -> Array:
    """One over the norm of each row, 0 for a row of zeros; float64."""
    norms = np.sqrt(squared_norms(vectors).astype(np.float64))
    return np.divide(1, norms, out=np.zeros_like(norms), where=norms > 0)


def _mean_cosines(vectors: Any) -> Array:
    """Mean cosine of each row to all rows: its product with the mean direction."""
    inverse = _inverse_norms(vectors)
    mean = np.zeros(vectors.shape[1])
    for rows in blocks(vectors):
        mean += vectors[rows].T @ inverse[rows].astype(vectors.dtype)
    mean /= vectors.shape[0]
    return (vectors @ mean.astype(vectors.dtype)) * inverse


def _similarity_sums(vectors: Any, rows: Array) -> Array:
    """Sum over all rows of the euclidean similarity to `rows`, shape (n_rows,).

    A pair of wanted rows is looked at once: a tile adds to its rows and its columns.
    """
    n_samples = vectors.shape[0]
    is_other = np.ones(n_samples, dtype=bool)
    is_other[rows] = False
    order = np.concatenate([rows, np.flatnonzero(is_other)])
    sums = np.zeros(n_samples)
    shift = _shift(vectors)
    step = _tile_rows(vectors)
    for start in range(0, len(rows), step):
        here = slice(start, start + step)
        left = _tile(vectors, order[here], "euclidean", shift)
        for begin in range(start, n_samples, step):
            there = slice(begin, begin + step)
            right = _tile(vectors, order[there], "euclidean", shift)
            similarities = _similarities(_costs(left, right, "euclidean"), "euclidean")
            if begin == start:
                np.fill_diagonal(similarities, 1)  # itself, without rounding
            else:
                sums[there] += similarities.sum(axis=0)
            sums[here] += similarities.sum(axis=1)
    return sums[: len(rows)]


def _reference_sums(
    vectors: Any,
    rows: Array,
    reference: Array,
    n_neighbors: int | None,
    similarity: str,
) -> Array:
    """Sum of the similarity of each row to the ascending positions `reference`.

    Or to the `n_neighbors` nearest of these; the row itself is left out.
    """
    sums = np.zeros(len(rows))
    shift = _shift(vectors)
    step = _tile_rows(vectors)
    # Tall tiles for sums; wide ones where the nearest of each tile have to be merged.
    width = step if n_neighbors is None else min(len(reference), 8 * step)
    height = max(1, _TILE_SIZE // (width + (n_neighbors or 0)))
    height = min(height, step)
    # Where each row stands in `reference`; at a place beyond it if it does not.
    place = np.searchsorted(reference, rows)
    is_in = np.isin(rows, reference)
    for start in range(0, len(rows), height):
        here = slice(start, start + height)
        left = _tile(vectors, rows[here], similarity, shift)
        best = np.empty((len(rows[here]), 0))
        for begin in range(0, len(reference), width):
            right = _tile(vectors, reference[begin : begin + width], similarity, shift)
            costs = _costs(left, right, similarity)
            column = place[here] - begin
            own = is_in[here] & (column >= 0) & (column < costs.shape[1])
            costs[np.flatnonzero(own), column[own]] = np.inf
            if n_neighbors is None:
                sums[here] += _similarities(costs, similarity).sum(axis=1)
                continue
            best = np.hstack([best, _smallest(costs, n_neighbors)])
            best = _smallest(best, n_neighbors)
        if n_neighbors is not None:
            sums[here] = _similarities(best, similarity).sum(axis=1)
    return sums


def _smallest(costs: Array, n: int) -> Array:
    """The `n` smallest numbers of each row, in any order; all, if there are fewer."""
    size = 16
    n_groups = costs.shape[1] // size
    if 2 * n < n_groups:
        # They are in the n groups with the smallest minima, which are found faster.
        groups, rest = np.split(costs, [size * n_groups], axis=1)
        groups = groups.reshape(len(costs), size, n_groups)
        lowest = np.argpartition(groups.min(axis=1), n, axis=1)[:, np.newaxis, :n]
        near = np.take_along_axis(groups, lowest, axis=2).reshape(len(costs), -1)
        costs = np.hstack([near, rest])
    if n >= costs.shape[1]:
        return costs
    return np.partition(costs, n, axis=1)[:, :n]


def _tile_rows(vectors: Any) -> int:
    """Rows of a tile: fewer where dense rows are long."""
    if sp.issparse(vectors):
        return _TILE_ROWS
    return max(16, min(_TILE_ROWS, _TILE_SIZE // max(1, vectors.shape[1])))


def _shift(vectors: Any) -> Array | None:
    """Mean of dense rows: less is lost to rounding where rows are around zero."""
    if sp.issparse(vectors):
        return None
    return vectors.mean(axis=0, dtype=np.float64)


def _tile(
    vectors: Any, positions: Array, similarity: str, shift: Array | None
) -> tuple[Any, Array]:
    """Some rows in float64, shifted or of norm one, and their squared norms."""
    tile = vectors[positions].astype(np.float64)
    if similarity == "cosine":
        inverse = _inverse_norms(tile)
        tile = (
            sp.diags(inverse) @ tile
            if sp.issparse(tile)
            else (tile * inverse[:, np.newaxis])
        )
    elif shift is not None:
        tile -= shift
    return tile, squared_norms(tile)


def _costs(left: tuple[Any, Array], right: tuple[Any, Array], similarity: str) -> Array:
    """Squared distances, or cosines times -1, shape (n_left, n_right)."""
    product = left[0] @ right[0].T
    costs = product.toarray() if sp.issparse(product) else product
    if similarity == "cosine":
        return np.negative(costs, out=costs)
    costs *= -2
    costs += left[1][:, np.newaxis]
    costs += right[1]
    return np.maximum(costs, 0, out=costs)


def _similarities(costs: Array, similarity: str) -> Array:
    """Similarities of costs, in their place."""
    if similarity == "cosine":
        return np.negative(costs, out=costs)
    np.sqrt(costs, out=costs)
    costs += 1
    return np.reciprocal(costs, out=costs)
