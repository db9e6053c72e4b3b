"""Strategies that care what else is in the batch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skactive._compat.sklearn import _num_samples
from skactive._data.copies import row_keys
from skactive._models.vectors import embed
from skactive.strategies._base import (
    Strategy,
    as_generator,
    check_needs,
    find_candidates,
)

Array = NDArray[Any]


class BatchStrategy(Strategy):
    """Base of strategies that choose a batch from an embedding of the pool.

    A new one defines `pick`. Rows that are identical in the embedding are never in one
    batch while others remain; rows of X, where there is no embedding.

    The argument `embedding` of subclasses is one of:

    - a fitted transformer, or a function ``X -> vectors`` of shape (n_samples,
      n_features);
    - "last_layer": what the last layer of the fitted classifier is given. For a net,
      `MLPClassifier` or one of skorch, that is its last hidden layer; for a linear
      classifier "input".
    - "input": what the classifier is given: what the steps of a pipeline before its
      last one give, or X itself. Images and the like are flattened.
    - None: "last_layer" for a fitted net, else "input".
    """

    embedding: Any = None
    # False where `pick` does without vectors, which are None then unless named.
    embeds: bool = True
    uses_labels = False

    @abstractmethod
    def pick(
        self,
        estimator: Any,
        X: Any,
        y: Any,
        vectors: Any,
        candidates: Array,
        labeled: Array,
        n_queries: int,
        rng: np.random.Generator,
    ) -> Array:
        """Choose `n_queries` of the ascending positions `candidates`, in order.

        `y` is what :meth:`select` was given. `vectors` is the embedding of all rows of
        `X`, (n_samples, n_features), dense or CSR, float32 or float64; `labeled` are
        the positions of rows with a label.
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
        candidates = find_candidates(X, y)
        n_queries = min(n_queries, len(candidates))
        if n_queries == 0:
            return candidates[:0]
        rows = np.arange(_num_samples(X))
        labeled = np.delete(rows, candidates)
        rng = as_generator(random_state)
        vectors: Any = None
        if self.embeds or self.embedding is not None:
            vectors = embed(estimator, X, self.embedding)

        def pick(rows: Array, n_rows: int) -> Array:
            return self.pick(estimator, X, y, vectors, rows, labeled, n_rows, rng)

        things = X if vectors is None else vectors
        return pick_distinct(pick, things, candidates, n_queries, rng)


def pick_distinct(
    pick: Callable[[Array, int], Array],
    things: Any,
    candidates: Array,
    n_queries: int,
    rng: np.random.Generator,
) -> Array:
    """``pick(rows, n_rows)`` such that copies come when no other row is left.

    Copies are rows whose `things`, rows of the pool or vectors, are identical.
    """
    keys_of = partial(row_keys, things)
    chosen = pick(candidates, n_queries)
    if len(np.unique(keys_of(chosen))) == n_queries:
        return chosen
    # Copies are in the batch: offer each row once, and copies when none is left.
    first, copies = split_copies(keys_of(candidates), candidates, rng)
    n_first = min(n_queries, len(first))
    chosen = pick(first, n_first)
    if n_first < n_queries:
        chosen = np.append(chosen, rng.permutation(copies)[: n_queries - n_first])
    return chosen


def split_copies(
    keys: Array, candidates: Array, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Any one of each group of `candidates` with equal `keys`, and the others.

    Both are ascending.
    """
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys[order], prepend=~keys[order[:1]]))
    if len(starts) == len(candidates):
        return candidates, candidates[:0]
    sizes = np.diff(starts, append=len(candidates))
    is_copy = np.ones(len(candidates), dtype=bool)
    is_copy[order[starts + rng.integers(sizes)]] = False
    return candidates[~is_copy], candidates[is_copy]
