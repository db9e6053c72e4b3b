"""Distances of many pairs of rows, block by block, in sufficient precision.

Single precision rules out most rows, and the others are computed again in double
precision. So the result is that of a plain implementation in double precision, but no
array of the size (n_samples x n_samples) is created.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp

from skactive._compat.typing import Array
from skactive.geometry._blocks import BLOCK_SIZE, dense_rows, squared_norms

# Number of rows in a block of pairs.
GROUP_ROWS = 512
# Number of pairs of sparse rows whose differences are computed at once.
_SPARSE_PAIRS = 2**11
# Prepared rows of a precision are kept if they take no more bytes than this.
_KEPT_SIZE = 2**26
# A CSR embedding with no more columns than this is made dense, block by block.
_DENSE_WIDTH = 2048


def pair_distances(vectors: Any, i: Array, j: Array) -> Array:
    """Euclidean distances of the rows at `i` to those at `j`, from differences.

    Parameters
    ----------
    vectors : {ndarray, sparse matrix} of shape (n_samples, n_features)
        The embedding.
    i, j : ndarray of shape (n_pairs,)
        Positions of the rows of each pair.

    Returns
    -------
    distances : ndarray of shape (n_pairs,)
        Distances, float64.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.geometry._pairs import pair_distances
    >>> pair_distances(np.array([[0.0, 0.0], [3.0, 4.0]]), [0, 1], [1, 1])
    array([5., 0.])
    """
    i, j = np.asarray(i, dtype=np.intp), np.asarray(j, dtype=np.intp)
    distances = np.empty(len(i))
    step = max(1, BLOCK_SIZE // max(1, vectors.shape[1]))
    if sp.issparse(vectors):
        step = _SPARSE_PAIRS
    for start in range(0, len(i), step):
        part = slice(start, start + step)
        first = vectors[i[part]].astype(np.float64)
        second = vectors[j[part]].astype(np.float64, copy=False)
        distances[part] = np.sqrt(squared_norms(first - second))
    return distances


def centered(vectors: Any) -> Any:
    """Rows in float64, dense ones around their mean, so distances lose fewer digits."""
    if vectors.shape[1] == 0:  # scikit-learn requires a feature
        return np.zeros((vectors.shape[0], 1))
    vectors = vectors.astype(np.float64)
    return vectors if sp.issparse(vectors) else vectors - vectors.mean(axis=0)


class Halves:
    """Blocks of ``-||x - z||^2 / 2`` between some rows of an embedding.

    The mean is subtracted from the rows, which reduces rounding errors, and they are
    multiplied by `scale`. If `unit`, they are divided by their norm instead. Two more
    columns are added, so that one matrix product computes a block: (-|x|^2 / 2, 1, x)
    and (1, -|z|^2 / 2, z). Sparse rows with very many columns stay sparse.
    """

    def __init__(
        self,
        vectors: Any,
        rows: Array,
        *,
        scale: float = 1.0,
        unit: bool = False,
        group: int = GROUP_ROWS,
    ):
        self.vectors, self.rows = vectors, rows
        self.scale, self.unit = scale, unit
        self.width = vectors.shape[1]
        self.is_sparse = sp.issparse(vectors) and self.width > _DENSE_WIDTH
        self.group = group
        if not self.is_sparse:
            self.group = int(np.clip(2 * BLOCK_SIZE // (self.width + 2), 64, group))
        self._kept: dict[tuple[int, str], Array] = {}
        self.mean = np.zeros(self.width)
        if not (self.is_sparse or unit or len(rows) == 0):
            for group_ in self.groups():
                self.mean += self._dense(rows[group_]).sum(axis=0)
            self.mean /= len(rows)
        self.norms = np.empty(len(rows))
        for group_ in self.groups():
            self.norms[group_] = self._half_norms(self._take(rows[group_]))

    def groups(self) -> Iterator[slice]:
        """Slices of neighbouring rows."""
        for start in range(0, len(self.rows), self.group):
            yield slice(start, min(start + self.group, len(self.rows)))

    def pairs_of_groups(self) -> Iterator[tuple[slice, slice]]:
        """Each pair of groups once, and each group with itself."""
        for some in self.groups():
            for others in self.groups():
                if others.start >= some.start:
                    yield some, others

    def relative_error(self, dtype: Any) -> float:
        """Bound of the rounding error of a block, relative to the norms."""
        # The error of a matrix product grows as the root of its length.
        return float(np.finfo(dtype).eps) * (8 + float(np.sqrt(self.width)))

    def error(self, some: Any, others: Any, dtype: Any) -> float:
        """Bound of the rounding error of a block."""
        norm = self.norms[some].max(initial=0) + self.norms[others].max(initial=0)
        return self.relative_error(dtype) * norm

    def block(self, some: Any, others: Any, dtype: Any) -> Array:
        """Values between the rows at `some`, a slice or positions, and at `others`."""
        if self.is_sparse:
            return self.block_of(self._take(self.rows[some]), others, dtype)
        return _product(self._side(some, 0, dtype), self._side(others, 1, dtype))

    def block_of(self, prepared: Any, others: Any, dtype: Any) -> Array:
        """Values between rows from `prepare` and the rows at `others`."""
        norms = self._half_norms(prepared)
        if self.is_sparse:
            other = self._take(self.rows[others]).astype(dtype)
            values = (prepared.astype(dtype) @ other.T).toarray()
            values -= norms[:, np.newaxis].astype(dtype)
            values -= self.norms[others].astype(dtype)
            return values
        side = self._with_columns(prepared, norms, 0, dtype)
        return _product(side, self._side(others, 1, dtype))

    def prepare(self, positions: Array) -> Any:
        """Prepare rows of the embedding, maybe not among `rows`, for `block_of`."""
        return self._take(positions)

    def _side(self, where: Any, side: int, dtype: Any) -> Array:
        size = 2 * len(self.rows) * (self.width + 2) * np.dtype(dtype).itemsize
        if size > _KEPT_SIZE:
            taken = self._take(self.rows[where])
            return self._with_columns(taken, self.norms[where], side, dtype)
        key = (side, np.dtype(dtype).char)
        if key not in self._kept:
            made = np.empty((len(self.rows), self.width + 2), dtype=dtype)
            for group in self.groups():
                taken = self._take(self.rows[group])
                norms = self.norms[group]
                made[group] = self._with_columns(taken, norms, side, dtype)
            self._kept[key] = made
        return self._kept[key][where]

    def _with_columns(self, taken: Array, norms: Array, side: int, dtype: Any) -> Array:
        result = np.empty((len(taken), self.width + 2), dtype=dtype)
        result[:, side] = -norms
        result[:, 1 - side] = 1
        result[:, 2:] = taken
        return result

    def _dense(self, positions: Array) -> Array:
        return dense_rows(self.vectors, positions).astype(np.float64, copy=False)

    def _take(self, positions: Array) -> Any:
        """Rows of the embedding, shifted and scaled, float64."""
        if self.is_sparse:
            rows = self.vectors[positions].astype(np.float64)
            if not self.unit:
                return rows * self.scale
            norms = np.sqrt(squared_norms(rows))
            return sp.diags(1 / np.where(norms > 0, norms, 1)).tocsr() @ rows
        rows = self._dense(positions)
        if not self.unit:
            return (rows - self.mean) * self.scale
        # Divide by the largest entry first, so that no square overflows or vanishes.
        largest = np.abs(rows).max(axis=1, initial=0, keepdims=True)
        rows = rows / np.where(largest > 0, largest, 1)
        norms = np.sqrt(squared_norms(rows))[:, np.newaxis]
        return rows / np.where(norms > 0, norms, 1)

    def _half_norms(self, taken: Any) -> Array:
        if self.unit:
            return np.full(taken.shape[0], 0.5)  # also for a row of zeros
        return squared_norms(taken) / 2


def _product(left: Array, right: Array) -> Array:
    # All numbers are finite, but kernels for narrow products sometimes warn.
    with np.errstate(invalid="ignore"):
        return left @ right.T
