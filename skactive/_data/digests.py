"""Digests of the content of rows, in any container."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from itertools import pairwise
from typing import Any

import joblib
import numpy as np
import scipy.sparse as sp

from skactive._compat.typing import Array

# Number of bytes in a digest.
DIGEST_SIZE = 16
# Bytes of an array hashed at a time. A part that is not contiguous is copied.
_BLOCK_BYTES = 2**24
# Types for which different values have a different repr.
_PLAIN = frozenset({str, int, float, bool, type(None)})


def row_digests(X: Any) -> tuple[str, list[bytes]]:
    """The kind of the rows, and a digest of the content of each row.

    Identical rows of the same kind have equal digests, and different rows almost surely
    have different ones. Texts are of the same kind in every container.

    Parameters
    ----------
    X : array-like, sparse, data frame or sequence of n_samples
        The rows.

    Returns
    -------
    kind : str
        Dtype and shape of a row of numbers, or names and dtypes of columns.
    digests : list of bytes
        16 bytes per row.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive._data.digests import row_digests
    >>> kind, digests = row_digests(np.zeros((3, 8, 8), dtype=np.float32))
    >>> kind, len(digests), len(set(digests))
    ('array <f4 (8, 8)', 3, 1)
    """
    if sp.issparse(X):
        return f"sparse {X.dtype.str} {X.shape[1]}", _sparse_digests(X.tocsr())
    if hasattr(X, "columns"):
        return _frame_digests(X)
    if hasattr(X, "__array__") and len(getattr(X, "shape", ())) > 1:
        X = np.asarray(X)
    if isinstance(X, np.ndarray) and X.dtype.kind in "biufcmM":
        return f"array {X.dtype.str} {X.shape[1:]}", _array_digests(X)
    for as_list in ("tolist", "to_list"):  # of Python's own strings and numbers
        if hasattr(X, as_list):
            X = getattr(X, as_list)()
            break
    return "objects", _digests(map(_as_bytes, X))


def _digests(rows: Iterable[Any]) -> list[bytes]:
    return [blake2b(row, digest_size=DIGEST_SIZE).digest() for row in rows]


def _array_digests(X: Array) -> list[bytes]:
    row_bytes = X.itemsize * int(np.prod(X.shape[1:], dtype=np.int64))
    if row_bytes == 0:
        return _digests([b""] * len(X))
    step = max(1, _BLOCK_BYTES // row_bytes)
    found = []
    for start in range(0, len(X), step):
        block = np.ascontiguousarray(X[start : start + step])
        found += _digests(block.reshape(len(block), -1).view(np.uint8))
    return found


def _sparse_digests(X: Any) -> list[bytes]:
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    columns = X.indices.astype(np.int64, copy=False)
    return _digests(
        columns[start:stop].tobytes() + X.data[start:stop].tobytes()
        for start, stop in pairwise(X.indptr.tolist())
    )


def _frame_digests(X: Any) -> tuple[str, list[bytes]]:
    names, dtypes = [str(name) for name in X.columns], [str(kind) for kind in X.dtypes]
    kind = f"frame {names} {dtypes}"
    if len(set(dtypes)) == 1:
        values = X.to_numpy()
        if values.dtype.kind in "biuf":
            return kind, _array_digests(values)
    if hasattr(X, "itertuples"):
        rows = X.itertuples(index=False, name=None)
    else:
        rows = X.iter_rows()
    return kind, _digests(map(_as_bytes, rows))


def _as_bytes(row: Any) -> bytes:
    if isinstance(row, str):
        return b"text " + row.encode("utf-8", "surrogatepass")
    if isinstance(row, np.ndarray) and not row.dtype.hasobject:
        return f"array {row.dtype.str} {row.shape} ".encode() + row.tobytes()
    if type(row) in (list, tuple) and _PLAIN.issuperset(map(type, row)):
        return b"plain " + repr(row).encode()
    return b"object " + joblib.hash(row, hash_name="sha1").encode()
