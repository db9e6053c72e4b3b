"""Random sampling, the baseline that every strategy must beat."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skactive._compat.sklearn import _num_samples
from skactive.strategies._pointwise import PointwiseStrategy


class Random(PointwiseStrategy):
    """Random sampling: all rows are equally useful, and ties are broken at random.

    Examples
    --------
    >>> from skactive import get_strategy
    >>> X = [[0.0], [1.0], [2.0]]
    >>> get_strategy("random")(None, X)
    array([0., 0., 0.])
    >>> positions = get_strategy("random").select(None, X, n_queries=2, random_state=0)
    >>> positions.shape
    (2,)
    """

    informed = False

    def score_rows(self, estimator: Any, X: Any) -> NDArray[np.float64]:
        """Return zero for every row."""
        return np.zeros(_num_samples(X))
