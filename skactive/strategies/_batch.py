"""Strategies that care what else is in the batch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skactive import _response
from skactive._labels import is_missing
from skactive._sklearn import _num_samples
from skactive.geometry._blocks import row_hashes
from skactive.strategies._base import Strategy, as_generator, check_needs

Array = NDArray[Any]


class BatchStrategy(Strategy):
    """Base of strategies that choose a batch from an embedding of the pool.

    A new one defines `pick`. Rows that are identical in the embedding are never in one
    batch while others remain.
    """

    # Subclasses have an argument `embedding`; it is documented there.
    embedding: Any = None
    uses_labels = False

    @abstractmethod
    def pick(
        self,
        estimator: Any,
        X: Any,
        vectors: Any,
        candidates: Array,
        labeled: Array,
        n_queries: int,
        rng: np.random.Generator,
    ) -> Array:
        """Choose `n_queries` of the ascending positions `candidates`, in order.

        `vectors` is the embedding of all rows of `X`, (n_samples, n_features), dense
        or CSR, float32 or float64; `labeled` are the positions of rows with a label.
        There are at least `n_queries` candidates. If the batch holds copies, `pick` is
        called again with one row of each kind.
        """

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> Array:
        """Rank all rows by the order of choice, as utilities in (0, 1]."""
        raise TypeError(
            f"{type(self).__name__} chooses a batch as a whole: a row alone has no "
            "utility. Call select, or query of the learner."
        )

    def select(
        self,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        n_queries: int,
        random_state: int | np.random.RandomState | None = None,
    ) -> Array:
        """Choose rows to label, see :meth:`Strategy.select`."""
        self._validate_params()
        check_needs(self, estimator)
        n_samples = _num_samples(X)
        missing = np.ones(n_samples, dtype=bool) if y is None else is_missing(y)
        candidates, labeled = np.flatnonzero(missing), np.flatnonzero(~missing)
        n_queries = min(n_queries, len(candidates))
        if n_queries == 0:
            return candidates[:0]
        rng = as_generator(random_state)
        vectors = _response.embed(estimator, X, self.embedding)

        def pick(rows: Array, n_rows: int) -> Array:
            return self.pick(estimator, X, vectors, rows, labeled, n_rows, rng)

        return pick_distinct(pick, vectors, candidates, n_queries, rng)


def pick_distinct(
    pick: Callable[[Array, int], Array],
    vectors: Any,
    candidates: Array,
    n_queries: int,
    rng: np.random.Generator,
) -> Array:
    """``pick(rows, n_rows)`` such that copies come when no other row is left.

    Copies are rows whose `vectors` are identical.
    """
    chosen = pick(candidates, n_queries)
    if len(np.unique(row_hashes(vectors[chosen]))) == n_queries:
        return chosen
    # Copies are in the batch: offer each row once, and copies when none is left.
    first, copies = split_copies(vectors, candidates, rng)
    n_first = min(n_queries, len(first))
    chosen = pick(first, n_first)
    if n_first < n_queries:
        chosen = np.append(chosen, rng.permutation(copies)[: n_queries - n_first])
    return chosen


def split_copies(
    vectors: Any, candidates: Array, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Any one of each group of identical rows among `candidates`, and the others.

    Both are ascending.
    """
    hashes = row_hashes(vectors)[candidates]
    order = np.argsort(hashes, kind="stable")
    starts = np.flatnonzero(np.diff(hashes[order], prepend=~hashes[order[:1]]))
    if len(starts) == len(candidates):
        return candidates, candidates[:0]
    sizes = np.diff(starts, append=len(candidates))
    is_copy = np.ones(len(candidates), dtype=bool)
    is_copy[order[starts + rng.integers(sizes)]] = False
    return candidates[~is_copy], candidates[is_copy]
