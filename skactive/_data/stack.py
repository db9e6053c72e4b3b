"""Rows of several containers of one kind, in one container."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp


def stack_rows(parts: Sequence[Any]) -> Any:
    """Put the rows of `parts`, of which there is at least one, below each other.

    Parameters
    ----------
    parts : sequence of array-like, sparse, data frame or sequence
        At least one, all of one kind.

    Returns
    -------
    X : container of the same kind
        The rows of all parts, in order.

    Examples
    --------
    >>> from skactive._data.stack import stack_rows
    >>> stack_rows([["a", "b"], ["c"]])
    ['a', 'b', 'c']
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    if sp.issparse(first):
        kind = type(first.tocsr())  # older versions make a matrix of arrays
        return kind(sp.vstack(parts, format="csr"))
    if hasattr(first, "iloc"):
        return sys.modules["pandas"].concat(parts)
    if type(first).__module__.startswith("polars"):
        return sys.modules["polars"].concat(parts)
    if isinstance(first, (list, tuple)):
        return [row for part in parts for row in part]
    return np.concatenate(parts)
