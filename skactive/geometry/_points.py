"""Distances of many rows to a few, for embeddings and for outer products of two.

Rows are taken in blocks that stay in the processor's cache. A matrix product computes
the distances of a block to all centres.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp

from skactive._compat.typing import Array

# Squared distances with a relative difference below this count as equal, because matrix
# products of different shapes round differently.
_TIE_TOLERANCE = 1e-12
# Below this share of the squared norm, |x|^2 + |c|^2 - 2 xc has lost too many digits.
# The distance is then computed from the difference, and is zero for copies of a centre.
_CANCELLATION = 1e-4
# Size of a block of rows or of inner products, which stays in the processor's cache.
_BLOCK_SIZE = 2**17
# Number of centres in a block, enough to make the matrix product efficient.
_BLOCK_CENTERS = 256


class Points:
    """Some rows in float64, whose inner product is the product over their factors.

    One factor is an embedding. Two factors stand for the outer product of a row of the
    first and a row of the second, which is never formed.
    """

    def __init__(self, factors: list[Any], norms: Array):
        self.factors = factors
        self.norms = norms  # squared, shape (n_points,)

    def __getitem__(self, rows: Any) -> Points:
        return Points([factor[rows] for factor in self.factors], self.norms[rows])


class Among:
    """Squared distances among some points, by one matrix product."""

    def __init__(self, points: Points):
        self.points = points
        norms = points.norms
        squares: Array | None = None
        for factor in points.factors:
            product = factor @ factor.T
            if sp.issparse(product):
                product = product.toarray()
            squares = product if squares is None else np.multiply(squares, product)
        self.squares = np.asarray(squares)
        self.squares *= -2
        self.squares += norms
        self.squares += norms[:, np.newaxis]
        np.fill_diagonal(self.squares, np.inf)  # known to be exact
        is_close = self.squares < _CANCELLATION * norms
        self.has_close: Array = np.logical_or.reduce(is_close, axis=1)
        np.fill_diagonal(self.squares, 0)

    def distances(self, i: int) -> Array:
        """Squared distances of all points to one of them, (n_points,)."""
        result = self.squares[i]
        if self.has_close[i]:
            _make_close_exact(result, self.points, self.points, lambda close: i)
        return result


class Pool:
    """Candidates, then labelled rows, of an embedding, addressed by number.

    `residual`, if given, has one row per position. The points are then outer products
    of its rows and those of the embedding. `scale`, if given, has one factor for each
    column of a dense embedding.
    """

    def __init__(
        self,
        vectors: Any,
        positions: Array,
        residual: Array | None = None,
        scale: Array | None = None,
    ):
        self.vectors = vectors if sp.issparse(vectors) else np.asarray(vectors)
        self.scale = scale
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
                "Vectors or probabilities are NaN, infinite or too large to be "
                "squared, so distances are not defined. Impute or scale them."
            )

    @property
    def is_sparse(self) -> bool:
        return sp.issparse(self.vectors)

    def _find_shift(self) -> Array | None:
        """Mean of the rows, if so far from the origin that digits would be lost."""
        if self.is_sparse or len(self.positions) == 0:
            return None
        every = max(1, len(self.positions) // 256)
        some = self.vectors[self.positions[::every]].astype(np.float64)
        mean = some.mean(axis=0)
        is_far = mean @ mean > some.var(axis=0).sum()
        return mean if is_far else None

    def blocks(self, n_rows: int, n_centers: int = 1) -> Iterator[slice]:
        """Slices such that rows, and their products with centres, fit in a block."""
        width = max(1, self.row_size, min(n_centers, self.n_centers))
        step = max(1, _BLOCK_SIZE // width)
        for start in range(0, n_rows, step):
            yield slice(start, min(start + step, n_rows))

    def _take_factors(self, rows: Any) -> list[Any]:
        at = self.positions[rows]
        is_run = len(at) > 0 and at[-1] - at[0] == len(at) - 1
        # A run of rows is a view. Positions are ascending if `rows` are.
        if is_run and (len(at) < 3 or (np.diff(at) == 1).all()):
            at = slice(at[0], at[-1] + 1)
        vectors = self.vectors[at].astype(np.float64, copy=False)
        if self.shift is not None:
            vectors = vectors - self.shift
        if self.scale is not None:
            vectors = vectors * self.scale
        if self.residual is None:
            return [vectors]
        return [self.residual[rows].astype(np.float64, copy=False), vectors]

    def _take_norms(self, rows: Any) -> Array:
        norms = np.ones(1)
        for factor in self._take_factors(rows):
            norms = norms * _inner_pairs(factor, factor)
        return norms

    def take(self, rows: Any) -> Points:
        return Points(self._take_factors(rows), self.norms[rows])

    def distances(self, points: Points, centers: Array) -> Array:
        """Squared distances of points to the nearest of rows `centers`, (n_points,)."""
        result = np.full(len(points.norms), np.inf)
        for start in range(0, len(centers), self.n_centers):
            block = self.take(centers[start : start + self.n_centers])
            np.minimum(result, nearest_distances(points, block), out=result)
        return result

    def all_distances(self, n_rows: int, centers: Array) -> Array:
        """Squared distances of the first rows to the nearest center, (n_rows,)."""
        result = np.empty(n_rows)
        for rows in self.blocks(n_rows, len(centers)):
            result[rows] = self.distances(self.take(rows), centers)
        return result


def nearest_distances(points: Points, centers: Points) -> Array:
    """Squared distances to the nearest centre, (n_points,)."""
    inner_CP = inner_products(centers, points)
    inner_CP -= centers.norms[:, np.newaxis] / 2
    best = inner_CP[0] if len(inner_CP) == 1 else inner_CP.max(axis=0)
    result = points.norms - 2 * best
    _make_close_exact(
        result, points, centers, lambda close: inner_CP[:, close].argmax(axis=0)
    )
    return result


def squares_to_each(points: Points, centers: Points) -> Array:
    """Squared distances to each centre, (n_centers, n_points), zero for copies."""
    squares = inner_products(centers, points)
    squares *= -2
    squares += points.norms
    squares += centers.norms[:, np.newaxis]
    for center, row in enumerate(squares):
        only = centers[center : center + 1]
        _make_close_exact(row, points, only, lambda close: 0)
    return squares


def _make_close_exact(
    squares: Array, points: Points, centers: Points, center_of: Callable[[Array], Any]
) -> None:
    """Replace small squared distances by those from differences, in place.

    `center_of` returns the centre to which each of some positions among the points
    belongs.
    """
    # A centre much longer than the point is far away. So the loss of digits is relative
    # to the norm of the point.
    close = np.flatnonzero(squares < _CANCELLATION * points.norms)
    if len(close):
        nearest = np.broadcast_to(center_of(close), close.shape)
        squares[close] = _pair_distances(points[close], centers[nearest])


def inner_products(centers: Points, points: Points) -> Array:
    """Inner products, shape (n_centers, n_points), so that reductions are fast."""
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


def _pair_distances(left: Points, right: Points) -> Array:
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


def tie_level(value: float) -> float:
    return value * (1 - _TIE_TOLERANCE)


def draw_largest(values: Array, rng: np.random.Generator) -> int:
    """Position of the largest value, with ties broken at random."""
    first = int(values.argmax())
    is_tied = values >= tie_level(values[first])
    if np.count_nonzero(is_tied) == 1:
        return first
    tied = np.flatnonzero(is_tied)
    return int(tied[rng.integers(len(tied))])
