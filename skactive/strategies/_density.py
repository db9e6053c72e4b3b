"""Density: rows that represent many others."""

from __future__ import annotations

import numbers
from typing import Any

from skactive._compat.sklearn import Interval, StrOptions
from skactive._compat.typing import Array
from skactive._models.vectors import embed
from skactive.geometry._density import information_density
from skactive.strategies._base import Strategy
from skactive.strategies._batch import EMBEDDING


class InformationDensity(Strategy):
    """Rows that are similar to many rows of the pool.

    The utility is the mean similarity of a row to all rows of `X`, itself included. It
    is useful as a factor for a strategy that tends to choose outliers, as in
    ``get_strategy("entropy") * InformationDensity()``. It needs nothing of the
    estimator, so it can choose the first rows as well. Utilities lie in [0, 1].

    Parameters
    ----------
    similarity : {"euclidean", "cosine"}, default="euclidean"
        "euclidean" is 1 / (1 + distance). "cosine" is the cosine if no number in the
        embedding is negative (as in word counts), and (1 + cosine) / 2 otherwise. The
        computation time of "cosine" grows with the number of rows, not with its square.
    n_neighbors : int, default=None
        Take the mean only over a row itself and this many nearest other rows. None
        means over all rows.
    max_rows : int, default=None
        For large pools: look for similar rows in a sample of at most this many rows,
        not counting the row itself. The sample is the same in every call on the same
        number of rows. None means to look at all rows. "cosine" without `n_neighbors`
        is always exact.
    beta : float, default=1.0
        Power to which the density is raised, which is its weight in a product.
    embedding : transformer, callable, {"last_layer", "input", "leaves"} or None, \
            default=None
        How rows are represented as vectors, see :class:`BatchStrategy`. None means the
        last hidden layer of a neural net, and the input of any other classifier.

    References
    ----------
    .. [1] B. Settles, M. Craven, "An Analysis of Active Learning Strategies for
       Sequence Labeling Tasks", EMNLP 2008.

    Examples
    --------
    >>> from skactive.strategies import InformationDensity
    >>> X = [[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]
    >>> InformationDensity()(None, X).round(4)
    array([0.5556, 0.4525, 0.5636])
    >>> InformationDensity(similarity="cosine").select(None, X[1:], n_queries=2).size
    2
    """

    _parameter_constraints: dict = {
        "similarity": [StrOptions({"euclidean", "cosine"})],
        "n_neighbors": [Interval(numbers.Integral, 1, None, closed="left"), None],
        "max_rows": [Interval(numbers.Integral, 2, None, closed="left"), None],
        "beta": [Interval(numbers.Real, 0, None, closed="left")],
        "embedding": EMBEDDING,
    }

    def __init__(
        self,
        similarity: str = "euclidean",
        n_neighbors: int | None = None,
        max_rows: int | None = None,
        beta: float = 1.0,
        embedding: Any = None,
    ):
        self.similarity = similarity
        self.n_neighbors = n_neighbors
        self.max_rows = max_rows
        self.beta = beta
        self.embedding = embedding

    def score_candidates(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> Array:
        """Compute the utilities of the rows at the ascending positions `candidates`."""
        density = information_density(
            embed(estimator, X, self.embedding),
            candidates,
            similarity=self.similarity,  # type: ignore[arg-type]
            n_neighbors=self.n_neighbors,
            max_rows=self.max_rows,
        )
        return density**self.beta
