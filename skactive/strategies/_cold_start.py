"""The first batch, while no model can say which rows are worth a label."""

from __future__ import annotations

from skactive._compat.tally import counting
from skactive._compat.typing import Array
from skactive._models.vectors import embed_without_labels
from skactive.strategies._base import Request, Strategy
from skactive.strategies._coverage import MaxHerding
from skactive.strategies._random import Random


class ColdStart(Strategy):
    """Rows that represent the pool, where rows are vectors; random rows elsewhere.

    The default of `initial_strategy`. It is :class:`MaxHerding` where what the
    classifier sees, after the steps of a pipeline before its last one, are finite
    numbers (images are flattened), and these steps can be fitted without labels. It is
    :class:`Random` for anything else: texts without a vectorizer, missing features,
    steps that learn from labels. Which of the two it is depends on the data only, never
    on chance.

    See Also
    --------
    MaxHerding : What it does with vectors. ``benchmarks/README.md`` has the
        study that it was chosen by.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive import get_strategy
    >>> X = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]])
    >>> strategy = get_strategy("cold_start")
    >>> rows = strategy.select(LogisticRegression(), X, n_queries=2, random_state=0)
    >>> sorted((X[rows, 0] > 3).tolist())
    [False, True]
    """

    informed = False
    uses_labels = False

    def _choose(self, request: Request) -> Array:
        vectors = embed_without_labels(request.estimator, request.X)
        inner: Strategy = Random()
        if vectors is not None:
            inner = MaxHerding(embedding=lambda X: vectors)
        with counting():  # the vectors are there, and were counted
            return inner._choose(request)
