"""Density: the mean similarity of a row to all the others."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from sklearn.neighbors import NearestNeighbors

from skactive._compat.typing import Array
from skactive.geometry._blocks import blocks, squared_norms
from skactive.geometry._pairs import centered

# Rows on one side of a square tile: 2 MiB of float64, which stays in the cache.
_TILE_ROWS = 512
# Numbers in the rows of one side of a tile, if rows are long.
_TILE_SIZE = 2**20
# Number of rows whose neighbours are searched at once.
_SEARCHED_ROWS = 256


def information_density(
    vectors: Any,
    rows: Array | None = None,
    *,
    similarity: Literal["euclidean", "cosine"] = "euclidean",
    n_neighbors: int | None = None,
    max_rows: int | None = None,
    rng: np.random.Generator | None = None,
) -> Array:
    """Mean similarity of rows to all rows, including themselves.

    Parameters
    ----------
    vectors : ndarray or CSR of shape (n_samples, n_features)
        The embedding, float32 or float64 and finite.
    rows : ndarray of shape (n_rows,), default=None
        Distinct positions of the rows whose density is computed. None means all.
    similarity : {"euclidean", "cosine"}, default="euclidean"
        "euclidean" is 1 / (1 + distance). "cosine" is the cosine if no number in
        `vectors` is negative. Otherwise it is (1 + cosine) / 2, so that it is never
        negative. The order of the rows is the same. The cosine of a row of zeros to
        every row, including itself, is 0.
    n_neighbors : int, default=None
        Number of nearest other rows in the mean, besides the row itself. None means all
        rows.
    max_rows : int, default=None
        Size of a random sample, at least 2, in which similar rows are searched,
        excluding the row itself. Without `n_neighbors`, the mean over the sample stands
        for the mean over all other rows. None means no sample. The cosine without
        `n_neighbors` needs no sample and is always exact.
    rng : numpy Generator, default=None
        Draws the sample. None means a generator with seed 0.

    Returns
    -------
    density : ndarray of shape (n_rows,)
        Density of the rows, float64 in [0, 1].

    Notes
    -----
    The time grows as n_rows * n_samples * n_features, and is half of that if `rows` are
    all rows. If `max_rows` is given, it takes the place of n_samples. For the exact
    cosine, the time grows as n_samples * n_features. Temporaries are tiles of a few
    MiB, and with `n_neighbors` a copy of the rows in float64.

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
        others = _sampled_sums(vectors, rows, reference)
        n_others = len(reference) - np.isin(rows, reference)
        return (1 + (n_samples - 1) * others / n_others) / n_samples
    n_neighbors = min(n_neighbors, len(reference) - 1)
    nearest = _nearest_sums(vectors, rows, reference, n_neighbors, similarity)
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
    """One over the norm of each row, float64; 0 for a row of zeros."""
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

    Each pair of `rows` is computed once: a tile adds to its rows and to its columns.
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
        left = _tile(vectors, order[here], shift)
        for begin in range(start, n_samples, step):
            there = slice(begin, begin + step)
            similarities = _similarities(left, _tile(vectors, order[there], shift))
            if begin == start:
                np.fill_diagonal(similarities, 1)  # the row itself, without rounding
            else:
                sums[there] += similarities.sum(axis=0)
            sums[here] += similarities.sum(axis=1)
    return sums[: len(rows)]


def _sampled_sums(vectors: Any, rows: Array, reference: Array) -> Array:
    """Sum of the similarity of each row to the rows `reference`, without itself."""
    sums = np.zeros(len(rows))
    shift = _shift(vectors)
    step = _tile_rows(vectors)
    for start in range(0, len(rows), step):
        here = slice(start, start + step)
        left = _tile(vectors, rows[here], shift)
        for begin in range(0, len(reference), step):
            there = reference[begin : begin + step]
            similarities = _similarities(left, _tile(vectors, there, shift))
            similarities[rows[here][:, np.newaxis] == there] = 0
            sums[here] += similarities.sum(axis=1)
    return sums


def _nearest_sums(
    vectors: Any, rows: Array, reference: Array, n_neighbors: int, similarity: str
) -> Array:
    """The same, over only the `n_neighbors` most similar rows of `reference`."""
    if similarity == "euclidean":
        vectors = centered(vectors)
    search = NearestNeighbors(
        n_neighbors=n_neighbors + 1, algorithm="brute", metric=similarity
    ).fit(vectors[reference])
    sums = np.empty(len(rows))
    for start in range(0, len(rows), _SEARCHED_ROWS):
        some = rows[start : start + _SEARCHED_ROWS]
        distances, found = search.kneighbors(vectors[some])
        is_out = reference[found] == some[:, np.newaxis]
        # If the row itself was not found, the last neighbour is one too many.
        is_out[~is_out.any(axis=1), -1] = True
        distances = distances[~is_out].reshape(len(some), n_neighbors)
        near = 1 - distances if similarity == "cosine" else 1 / (1 + distances)
        sums[start : start + len(some)] = near.sum(axis=1)
    return sums


def _tile_rows(vectors: Any) -> int:
    """Number of rows in a tile, fewer if dense rows are long."""
    if sp.issparse(vectors):
        return _TILE_ROWS
    return max(16, min(_TILE_ROWS, _TILE_SIZE // max(1, vectors.shape[1])))


def _shift(vectors: Any) -> Array | None:
    """Mean of dense rows; rows around zero lose less to rounding."""
    if sp.issparse(vectors):
        return None
    return vectors.mean(axis=0, dtype=np.float64)


def _tile(vectors: Any, positions: Array, shift: Array | None) -> tuple[Any, Array]:
    """Some rows in float64, shifted, and their squared norms."""
    tile = vectors[positions].astype(np.float64)
    if shift is not None:
        tile -= shift
    return tile, squared_norms(tile)


def _similarities(left: tuple[Any, Array], right: tuple[Any, Array]) -> Array:
    """Euclidean similarities, shape (n_left, n_right)."""
    product = left[0] @ right[0].T
    result = product.toarray() if sp.issparse(product) else product
    result *= -2
    result += left[1][:, np.newaxis]
    result += right[1]
    np.sqrt(np.maximum(result, 0, out=result), out=result)
    result += 1
    return np.reciprocal(result, out=result)
