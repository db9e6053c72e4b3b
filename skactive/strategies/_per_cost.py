"""Utility per cost, if some labels cost more than others."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skactive._compat.sklearn import Interval, _num_samples
from skactive._compat.typing import Array
from skactive._data.chunks import map_rows
from skactive.strategies._base import Strategy, Terms, check_has_utilities
from skactive.strategies._messages import shorten
from skactive.strategies._wrapper import INNER, WrapperStrategy


class PerCost(WrapperStrategy):
    """Utility of a row divided by the cost of its label.

    A budget in units of cost then goes to the rows that are worth their cost, and not
    only to those from which the model learns the most. A long document is chosen only
    if it teaches more than the three short ones that could be read instead.

    Utilities are used as they are, so their scale matters: a row with twice the cost
    needs twice the utility. They must not be negative. If costs differ much more than
    utilities, the cheapest rows are chosen. "random", whose utilities are all 0, stays
    random.

    Parameters
    ----------
    strategy : str, callable or None, default="margin"
        The strategy that gives the utilities: a name, a strategy object or a function
        ``(estimator, X, y) -> utilities``. None means margin. It may be of any kind
        that has utilities of single rows.
    cost : float, array-like of shape (n_pool,) or callable, default=1.0
        Cost of the label of a row, positive. A function ``rows of X -> costs`` computes
        costs from some rows, such as the length of texts. An array-like has one number
        per row of the pool, which must then always be the same pool. A float is the
        cost of every row, which changes nothing.

    Notes
    -----
    An array of costs belongs to the positions of one pool. If `max_candidates`, an
    audit or `skip` cut the pool, a learner tells the strategy which rows it is shown.
    With a function, there are also utilities for rows of other data, as with
    ``score_samples``.

    References
    ----------
    .. [1] B. Settles, M. Craven, L. Friedland, "Active Learning with Real Annotation
       Costs", NIPS Workshop on Cost-Sensitive Learning, 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive.strategies import PerCost
    >>> X = np.array([[-1.0], [-0.2], [-0.1], [1.0]])
    >>> model = LogisticRegression().fit(X[[0, 3]], [0, 1])
    >>> PerCost("margin", cost=[1, 1, 5, 1])(model, X).round(2)
    array([0.67, 0.93, 0.19, 0.67])
    >>> def n_characters(texts):
    ...     return [len(text) for text in texts]
    >>> PerCost("entropy", cost=n_characters).pointwise
    True
    """

    _parameter_constraints: dict = {
        "strategy": INNER,
        "cost": [
            callable,
            "array-like",
            Interval(numbers.Real, 0, None, closed="neither"),
        ],
    }

    def __init__(self, strategy: Any = "margin", cost: Any = 1.0):
        self.strategy = strategy
        self.cost = cost

    @property
    def pointwise(self) -> bool:  # type: ignore[override]
        return self._inner().pointwise and not self._has_positions()

    def score_candidates(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> Array:
        """Compute the utilities of the rows at the ascending positions `candidates`."""
        utilities, costs = self._factors(estimator, X, y, candidates)
        return utilities / costs

    def terms(self, estimator: Any, X: Any, y: Any, candidates: Array) -> Terms:
        """Return the utility and one over the cost, as factors."""
        self._check(estimator)
        utilities, costs = self._factors(estimator, X, y, candidates)
        named = [(str(self._inner()), utilities), ("1 / cost", 1 / costs)]
        return Terms(named, "product")

    def for_rows(self, rows: ArrayLike) -> Strategy:
        """Return the same strategy for a part of the pool, with costs of its rows."""
        if not self._has_positions():
            return super().for_rows(rows)
        costs, rows = np.asarray(self.cost), np.asarray(rows, dtype=np.intp)
        if len(rows) and len(costs) <= rows.max():
            raise ValueError(
                f"cost has {len(costs)} entries, but the pool has {rows.max() + 1} "
                "rows at least. Give one per row of the pool, or a function of rows of "
                "X."
            )
        return PerCost(self._inner().for_rows(rows), costs[rows])

    def check_pool(self, n_samples: int) -> None:
        """Raise if the costs belong to a pool that does not have `n_samples` rows."""
        if self._has_positions() and len(self.cost) != n_samples:
            raise ValueError(
                f"cost has {len(self.cost)} entries, but the pool has {n_samples} "
                "rows. Give one per row of the pool or, if parts of it are pools of "
                "their own, as in a cross-validation, a function of rows of X."
            )

    def _has_positions(self) -> bool:
        return not callable(self.cost) and np.ndim(self.cost) > 0

    def _check_inner(self, inner: Strategy) -> None:
        check_has_utilities(inner, self)

    def _factors(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> tuple[Array, Array]:
        """Compute and check the utilities and costs of the candidates."""
        inner = self._inner()
        costs = self._costs(X, candidates)
        utilities = inner.utilities(estimator, X, y, candidates)
        if utilities.min(initial=0) < 0:
            raise ValueError(
                f"PerCost needs utilities that are not negative: a higher cost would "
                f"make them larger. {shorten(inner)} gave {utilities.min():.4g}. Use "
                "a strategy with utilities from 0 upwards, as all registered ones have."
            )
        return utilities, costs

    def _costs(self, X: Any, candidates: Array) -> Array:
        if callable(self.cost):
            return map_rows(self._checked, X, candidates)
        costs = np.asarray(self.cost)
        if costs.ndim and costs.shape != (_num_samples(X),):
            raise ValueError(
                f"cost has the shape {costs.shape}, but X has {_num_samples(X)} rows. "
                "Give one number per row of the pool or, for other rows, a function of "
                "rows of X."
            )
        costs = costs[candidates] if costs.ndim else np.full(len(candidates), costs)
        return check_costs(costs, len(candidates))

    def _checked(self, X: Any) -> Array:
        return check_costs(self.cost(X), _num_samples(X))


def check_costs(costs: Any, n_rows: int) -> Array:
    """Convert costs to a float64 array of shape (n_rows,), finite and above 0."""
    found = np.asarray(costs)
    if found.shape != (n_rows,) or found.dtype.kind not in "biuf":
        raise ValueError(
            f"cost gave an array of shape {found.shape} and type {found.dtype} for "
            f"{n_rows} rows; expected one number per row, shape ({n_rows},)."
        )
    found = found.astype(np.float64)
    is_wrong = ~(np.isfinite(found) & (found > 0))
    if is_wrong.any():
        raise ValueError(
            "A cost must be positive and finite, because utilities are divided by it; "
            f"got {found[is_wrong][0]:g}, and {np.count_nonzero(is_wrong)} such costs "
            f"for {n_rows} rows. Give rows that cost nothing a small cost."
        )
    return found
