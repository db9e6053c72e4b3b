"""Strategies that take into account what else is in the batch."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from skactive._compat.sklearn import (
    HasMethods,
    StrOptions,
    _num_samples,
    _safe_indexing,
)
from skactive._compat.typing import Array
from skactive._models.vectors import embed
from skactive.strategies._base import Request, Strategy
from skactive.strategies._selection import as_generator, check_chosen, pick_distinct

# Valid values of `embedding`; the docstring of BatchStrategy describes them.
EMBEDDING: list = [
    HasMethods("transform"),
    callable,
    StrOptions({"input", "last_layer", "leaves"}),
    None,
]


class Batch(NamedTuple):
    """The input of :meth:`BatchStrategy.pick`.

    Attributes
    ----------
    estimator : estimator object, or list of estimators
        The estimator. It is fitted, unless the strategy needs nothing of it.
    X : array-like, sparse, data frame or sequence of n_samples
        The pool.
    y : array-like of shape (n_samples,) or None
        Labels, with NaN or None where a row is unlabelled.
    vectors : ndarray or CSR of shape (n_samples, n_features), or None
        The embedding of all rows, float32 or float64, finite. None if the strategy
        needs no embedding.
    candidates : ndarray of shape (n_candidates,)
        Ascending positions of the rows to choose from.
    labeled : ndarray of shape (n_labeled,)
        Ascending positions of the rows with a label.
    n_queries : int
        Number of rows to choose, from 1 to n_candidates.
    rng : numpy Generator
        The source of all randomness.
    """

    estimator: Any
    X: Any
    y: Any
    vectors: Any
    candidates: Array
    labeled: Array
    n_queries: int
    rng: np.random.Generator

    def part(self, drawn: Array) -> tuple[Batch, Array]:
        """Return the same for some candidates and all labelled rows only.

        The second array holds the positions of these rows. `drawn` is ascending.
        """
        rows = np.union1d(drawn, self.labeled)
        part = self._replace(
            X=_safe_indexing(self.X, rows),
            y=None if self.y is None else _safe_indexing(self.y, rows),
            vectors=None if self.vectors is None else self.vectors[rows],
            candidates=np.searchsorted(rows, drawn),
            labeled=np.searchsorted(rows, self.labeled),
        )
        return part, rows


class BatchStrategy(Strategy):
    """Base class of strategies that choose a batch from an embedding of the pool.

    A subclass defines `pick`. Rows that are identical in the embedding are chosen into
    one batch only when no other rows are left. Without an embedding, the same holds for
    identical rows of X.

    The argument `embedding`, which subclasses with other arguments take as well, is one
    of:

    - a fitted transformer, or a function ``X -> vectors`` that returns an array of
      shape (n_samples, n_features);
    - "last_layer": the input of the last layer of the fitted estimator. For a neural
      net (`MLPClassifier`, `MLPRegressor` or a net of skorch), this is the output of
      the last hidden layer. For a linear model, it is the same as "input".
    - "leaves": the leaves of a fitted forest that rows fall into. The squared distance
      of two rows is twice the share of the trees in which their leaves differ. It does
      not depend on the scale of features, and counts those that matter to the forest.
    - "input": the input of the classifier, which is the output of the pipeline steps
      before the last one, or X itself. Images and other arrays of more than two
      dimensions are flattened.
    - None: "last_layer" for a fitted neural net, else "input".
    """

    # False if `pick` needs no vectors. They are then None, unless `embedding` is set.
    embeds: bool = True
    uses_labels = False
    _parameter_constraints: dict = {"embedding": EMBEDDING}

    def __init__(self, embedding: Any = None):
        self.embedding = embedding

    def pick(self, batch: Batch) -> Array:
        """Choose `batch.n_queries` of `batch.candidates`, in order of choice.

        If the chosen rows contain copies, `pick` is called again with one row of each
        kind as the candidates.
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
