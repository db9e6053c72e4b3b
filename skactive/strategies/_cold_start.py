"""Cold start: the first batch, while there is no model to ask."""

from __future__ import annotations

from skactive._compat.tally import counting
from skactive._compat.typing import Array
from skactive._models.vectors import embed_without_labels
from skactive.strategies._base import Request, Strategy
from skactive.strategies._coverage import MaxHerding
from skactive.strategies._random import Random


class ColdStart(Strategy):
    """Rows that represent the pool, or random rows if the rows are not vectors.

    This is the default `initial_strategy`. It uses :class:`MaxHerding` if the input of
    the classifier, after the pipeline steps before the last one, consists of finite
    numbers, and if these steps can be fitted without labels. Images are flattened. It
    uses :class:`Random` for everything else: texts without a vectorizer, missing
    features, or steps that learn from labels. Which of the two is used depends only on
    the data, never on chance.

    See Also
    --------
    MaxHerding : The strategy used for vectors. ``benchmarks/README.md`` has the
        study by which it was chosen.

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
