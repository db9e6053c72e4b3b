"""Cold start: the first batch, while there is no model to ask."""

from __future__ import annotations

from skactive._compat.tally import counting
from skactive._compat.typing import Array
from skactive._models.vectors import embed_without_labels
from skactive.strategies._base import Request, Strategy
from skactive.strategies._coverage import MaxHerding
from skactive.strategies._random import Random

# Largest number of rows that the greedy choice looks at. It falls as rows get wider,
# down to the second number, so that the first query of a campaign is quick.
_MAX_ROWS, _MAX_ROWS_OF_WIDE = 20_000, 4_000
# Between the two, the rows have about this many numbers.
_MAX_NUMBERS = 2_000_000
# There are at least this many rows for each row of the batch, up to the largest number.
_ROWS_PER_QUERY = 20


class ColdStart(Strategy):
    """Rows that represent the pool, or random rows if the rows are not vectors.

    This is the default `initial_strategy`. It uses :class:`MaxHerding` if the input of
    the classifier, after the pipeline steps before the last one, consists of finite
    numbers, and if these steps can be fitted without labels. Images are flattened. It
    uses :class:`Random` for everything else: texts without a vectorizer, missing
    features, or steps that learn from labels. Which of the two is used depends only on
    the data, never on chance.

    All pairs of rows are looked at, so that their number decides how long the first
    query takes. It is at most 20,000. Of rows with more than 100 columns it is at most
    ``2_000_000 / n_columns``, but 4,000 in any case, and 20 for each row of the batch.
    If there are more rows, this many drawn at random represent all. For 20,000 texts of
    100 words this takes 0.6 seconds instead of 6. To set the number, use
    ``MaxHerding(max_rows=...)``.

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
            max_rows = _rows_for(vectors.shape[1], request.n_queries)
            inner = MaxHerding(max_rows=max_rows, embedding=lambda X: vectors)
        with counting():  # the vectors are there, and were counted
            return inner._choose(request)


def _rows_for(width: int, n_queries: int) -> int:
    """Number of rows of this width that represent the pool."""
    wanted = max(
        _MAX_NUMBERS // max(1, width), _MAX_ROWS_OF_WIDE, _ROWS_PER_QUERY * n_queries
    )
    return min(wanted, _MAX_ROWS)
