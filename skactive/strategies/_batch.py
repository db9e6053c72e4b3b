"""Strategies that care what else is in the batch."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from skactive._compat.sklearn import HasMethods, StrOptions, _num_samples
from skactive._compat.typing import Array
from skactive._models.vectors import embed
from skactive.strategies._base import Request, Strategy
from skactive.strategies._selection import as_generator, check_chosen, pick_distinct

# What `embedding` of a strategy may be; BatchStrategy says what it means.
EMBEDDING: list = [
    HasMethods("transform"),
    callable,
    StrOptions({"input", "last_layer"}),
    None,
]


class Batch(NamedTuple):
    """What a batch strategy is given to choose from.

    Attributes
    ----------
    estimator : estimator object, or list of estimators
        Fitted, unless the strategy needs nothing of it.
    X : array-like, sparse, data frame or sequence of n_samples
        The pool.
    y : array-like of shape (n_samples,) or None
        Labels with NaN or None where a row is unlabelled.
    vectors : ndarray or CSR of shape (n_samples, n_features), or None
        The embedding of all rows, float32 or float64, finite. None if the strategy
        does without.
    candidates : ndarray of shape (n_candidates,)
        Ascending positions of the rows to choose from.
    labeled : ndarray of shape (n_labeled,)
        Ascending positions of the rows with a label.
    n_queries : int
        How many rows to choose, from 1 to n_candidates.
    rng : numpy Generator
        For all that is left to chance.
    """

    estimator: Any
    X: Any
    y: Any
    vectors: Any
    candidates: Array
    labeled: Array
    n_queries: int
    rng: np.random.Generator


class BatchStrategy(Strategy):
    """Base of strategies that choose a batch from an embedding of the pool.

    A new one defines `pick`. Rows that are identical in the embedding are never in one
    batch while others remain; rows of X, where there is no embedding.

    The argument `embedding`, which subclasses with others take as well, is one of:

    - a fitted transformer, or a function ``X -> vectors`` of shape (n_samples,
      n_features);
    - "last_layer": what the last layer of the fitted classifier is given. For a net,
      `MLPClassifier` or one of skorch, that is its last hidden layer; for a linear
      classifier "input".
    - "input": what the classifier is given: what the steps of a pipeline before its
      last one give, or X itself. Images and the like are flattened.
    - None: "last_layer" for a fitted net, else "input".
    """

    # False where `pick` does without vectors, which are None then unless named.
    embeds: bool = True
    uses_labels = False
    _parameter_constraints: dict = {"embedding": EMBEDDING}

    def __init__(self, embedding: Any = None):
        self.embedding = embedding

    def pick(self, batch: Batch) -> Array:
        """Positions of `batch.n_queries` of `batch.candidates`, in order of choice.

        If the batch holds copies, `pick` is called again with one row of each kind.
        """
        raise TypeError(
            f"{type(self).__name__} must define pick(batch) -> positions, some of "
            "batch.candidates."
        )

    def _choose(self, request: Request) -> Array:
        estimator, X, y, candidates, n_queries, seed = request
        rng = as_generator(seed)
        vectors: Any = None
        if self.embeds or self.embedding is not None:
            vectors = embed(estimator, X, self.embedding)
        labeled = np.delete(np.arange(_num_samples(X)), candidates)
        batch = Batch(estimator, X, y, vectors, candidates, labeled, n_queries, rng)

        def pick(rows: Array, n_rows: int) -> Array:
            chosen = self.pick(batch._replace(candidates=rows, n_queries=n_rows))
            return check_chosen(chosen, rows, n_rows, self)

        things = X if vectors is None else vectors
        return pick_distinct(pick, things, candidates, n_queries, rng)
