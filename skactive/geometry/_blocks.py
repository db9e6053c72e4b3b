"""Distances between the rows of an embedding, block by block.

An embedding is a dense array or a CSR matrix of shape (n_samples, n_features) and dtype
float32 or float64. No array of the size (n_samples x n_samples) is ever created. A
kernel asks for the distances of all rows to a few, or works block by block.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike

from skactive._compat.typing import Array

# Size of a block of distances, 8 MiB of float64.
BLOCK_SIZE = 2**20


def as_embedding(embedding: Any) -> Any:
    """Check an embedding, and convert it to float32 or float64, dense or CSR."""
    is_sparse = sp.issparse(embedding)
    embedding = embedding.tocsr() if is_sparse else np.asarray(embedding)
    if embedding.ndim != 2:
        raise ValueError(
            "An embedding must have shape (n_samples, n_features); got "
            f"{embedding.shape}."
        )
    if embedding.dtype not in (np.float32, np.float64):
        embedding = embedding.astype(np.float64)
    if is_sparse:
        finite = np.isfinite(embedding.data).all()
    else:
        finite = all(np.isfinite(embedding[rows]).all() for rows in blocks(embedding))
    if not finite:
        raise ValueError(
            "The embedding contains NaN or infinite values, so distances are not "
            "defined. Impute them in a step of the pipeline, or set an embedding."
        )
    return embedding


def blocks(embedding: Any, width: int | None = None) -> Iterator[slice]:
    """Slices of rows, such that (rows x width) numbers fit in a block."""
    n_samples = embedding.shape[0]
    width = embedding.shape[1] if width is None else width
    step = max(1, BLOCK_SIZE // max(1, width))
    for start in range(0, n_samples, step):
        yield slice(start, min(start + step, n_samples))


def squared_norms(embedding: Any) -> Array:
    """Squared euclidean norm of each row, shape (n_samples,)."""
    if sp.issparse(embedding):
        return np.asarray(embedding.multiply(embedding).sum(axis=1)).ravel()
    return np.einsum("ij,ij->i", embedding, embedding)


def dense_rows(embedding: Any, rows: Any) -> Array:
    """Some rows as a dense array, shape (n_rows, n_features)."""
    chosen = embedding[rows]
    return chosen.toarray() if sp.issparse(chosen) else np.asarray(chosen)


def squared_distances(
    embedding: Any, norms: Array, others: Array, other_norms: Array
) -> Array:
    """Squared distances of the rows of `embedding` to dense `others`, never negative.

    The shape is (n_samples, n_others). The caller keeps one of the two small.
    """
    result = np.asarray(embedding @ others.T)
    result *= -2
    result += norms[:, np.newaxis]
    result += other_norms
    return np.maximum(result, 0, out=result)


def unlabeled_positions(
    vectors: Any, candidates: ArrayLike | None, labeled: ArrayLike | None
) -> tuple[Array, Array]:
    """Positions of candidates, by default all unlabelled rows, and of labelled rows."""
    labeled = np.asarray([] if labeled is None else labeled, dtype=np.intp)
    if candidates is None:
        candidates = np.setdiff1d(np.arange(vectors.shape[0]), labeled)
    return np.asarray(candidates, dtype=np.intp), labeled


def row_hashes(embedding: Any) -> Array:
    """Hashes of rows, uint64 of shape (n_samples,). Equal rows have equal hashes."""
    salt = np.arange(1, embedding.shape[1] + 1, dtype=np.uint64)
    salt = _scramble(salt * np.uint64(0x9E3779B97F4A7C15)) | np.uint64(1)
    if sp.issparse(embedding):
        mixed = _mix(embedding.data, salt[embedding.indices])
        mixed[embedding.data == 0] = 0  # a stored zero is a zero
        total = np.zeros(len(mixed) + 1, dtype=np.uint64)
        np.cumsum(mixed, out=total[1:])
        return total[embedding.indptr[1:]] - total[embedding.indptr[:-1]]
    hashes = np.empty(len(embedding), dtype=np.uint64)
    for rows in blocks(embedding):
        hashes[rows] = _mix(embedding[rows], salt).sum(axis=1, dtype=np.uint64)
    return hashes


def _mix(values: Array, salt: Array) -> Array:
    values = np.ascontiguousarray(values + values.dtype.type(0))  # -0.0 becomes 0.0
    mixed: Array
    if values.itemsize == 4:
        mixed = values.view(np.uint32).astype(np.uint64)
    else:
        mixed = values.view(np.uint64)
    # Round numbers end in zero bits, so leading bits move to where products keep them.
    mixed ^= mixed >> np.uint64(32)
    mixed *= salt
    return mixed


def _scramble(bits: Array) -> Array:
    bits ^= bits >> np.uint64(29)
    bits *= np.uint64(0xBF58476D1CE4E5B9)
    bits ^= bits >> np.uint64(32)
    return bits
