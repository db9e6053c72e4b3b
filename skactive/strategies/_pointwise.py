"""Strategies that look at one row at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from skactive._compat.sklearn import _num_samples
from skactive._compat.typing import Array
from skactive._data.chunks import map_rows
from skactive._models.response import count_outputs
from skactive.strategies._base import Strategy
from skactive.strategies._selection import check_one_a_row, check_utilities


class PointwiseStrategy(Strategy):
    """Base class of strategies whose utility of a row depends on that row only.

    A subclass defines `score_rows`, and `needs` if it needs something of the estimator.
    The pool is scored in chunks.
    """

    pointwise = True
    uses_labels = False

    def score_rows(self, estimator: Any, X: Any) -> Array:
        """Compute the utilities of a chunk of rows, shape (n_rows,)."""
        raise TypeError(
            f"{type(self).__name__} must define score_rows(estimator, X) -> utilities."
        )

    def utilities(self, estimator: Any, X: Any, y: Any, candidates: Array) -> Array:
        """Compute the utilities of the rows at the ascending positions `candidates`."""
        response = self._check(estimator)

        def score(rows: Any) -> Array:
            found = np.asarray(self.score_rows(estimator, rows))
            check_one_a_row(found, _num_samples(rows), self)
            return found

        n_outputs = count_outputs(estimator, response) if response else 1
        found = map_rows(score, X, candidates, n_outputs)
        return check_utilities(found, len(candidates), self)
