"""The pool of a query: rows with their labels, names and weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import indexable

from skactive._compat.sklearn import _safe_indexing
from skactive._compat.typing import Array


class Pool(NamedTuple):
    """Rows of X and all that belongs to them, so that they are indexed together.

    Parameters
    ----------
    X : array-like, sparse, data frame or sequence of n_samples
        The rows.
    missing : ndarray of shape (n_samples,)
        Mask of the rows without a label, the candidates.
    y : ndarray of shape (n_samples,) or None
        Labels as strategies see them, with NaN or None where there is no label. None
        if no row has a label.
    ids : ndarray of shape (n_samples,) or None
        Names of the rows, ascending ints. None if these are the positions.
    weights : ndarray of shape (n_samples,) or None
        Weights of the rows in fits.
    """

    X: Any
    missing: Array
    y: Array | None = None
    ids: Array | None = None
    weights: Array | None = None

    @property
    def n_samples(self) -> int:
        """Number of rows, with and without a label."""
        return len(self.missing)

    @property
    def n_candidates(self) -> int:
        """Number of rows without a label."""
        return int(np.count_nonzero(self.missing))

    def take(self, rows: Array) -> Pool:
        """The rows at ascending positions, with their names in this pool."""
        return Pool(
            X=_safe_indexing(self.X, rows),
            missing=self.missing[rows],
            y=None if self.y is None else self.y[rows],
            ids=rows if self.ids is None else self.ids[rows],
            weights=None if self.weights is None else self.weights[rows],
        )

    def closed(self, rows: Array) -> Pool:
        """The same rows, with some of them not candidates, as if they had a label."""
        missing = self.missing.copy()
        missing[rows] = False
        return self._replace(missing=missing, y=np.where(missing, np.nan, 0.0))

    def draw(self, n_drawn: int, rng: np.random.Generator) -> Array:
        """Ascending positions of random candidates and of all rows with a label."""
        drawn = rng.permutation(np.flatnonzero(self.missing))[:n_drawn]
        return np.sort(np.concatenate([drawn, np.flatnonzero(~self.missing)]))


def as_rows(X: Any) -> Any:
    """Check that `X` can be indexed by positions, and return it."""
    library, kind = type(X).__module__.partition(".")[0], type(X).__name__
    is_in_parts = hasattr(X, "__dask_graph__") or library == "ray"
    if is_in_parts or kind == "LazyFrame":
        what = (
            f"X is a {library} {kind}, whose rows do not exist until they are "
            "computed, and cannot be indexed by position."
        )
        if is_in_parts:
            raise TypeError(
                f"{what} Write skactive.pools.query(learner, X, n_queries) to query it "
                "part by part, and skactive.pools.take(X, ids) for the rows to learn "
                "from."
            )
        raise TypeError(
            f"{what} Pass X.collect() or, if that does not fit into memory, write "
            "Parquet files, and pass their folder to skactive.pools.query."
        )
    if isinstance(X, Mapping) and not hasattr(X, "shape"):  # skorch's have one
        keys = ", ".join(map(repr, list(X)[:5]))
        raise TypeError(
            f"X is a {type(X).__name__} with the keys {keys}, and has no rows that can "
            "be indexed by position. X may be an array, a sparse matrix, a data frame "
            "of pandas or polars, or a list with one item per row. For a dict of "
            "columns, pass pandas.DataFrame(X); for a net of skorch with several "
            "inputs, skorch.helper.SliceDict(**X)."
        )
    return indexable(X)[0]
