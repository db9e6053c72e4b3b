"""Group coverage: labels for groups of rows that have too few of them."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike

from skactive._compat.sklearn import Interval, StrOptions, _num_samples, _safe_indexing
from skactive._compat.typing import Array
from skactive._data.labels import MISSING, encode_labels
from skactive.strategies._base import Request, Strategy
from skactive.strategies._class_balance import balance_weights, proportions, ratios
from skactive.strategies._selection import (
    as_generator,
    find_candidates,
    rank_in_group,
    take_distinct,
)


class GroupCoverage(Strategy):
    """Rows of groups that have too few labels so far.

    The utility of a row is the weight of its group. With n labels so far, n_g of them
    in group g, and target proportions t_g, the share of a group among the labels is
    ``s_g = (n_g + m t_g) / (n + m)``, where m is `smoothing`. The weight of a group is
    t_g / s_g, divided by the largest such ratio. Utilities lie in [0, 1], and are 1 in
    the group that is farthest behind. They are all equal if each group has the share
    that it should have.

    The strategy needs nothing of the estimator, so it can choose the first rows as
    well. Use it as a factor for any strategy that has utilities, as in
    ``get_strategy("margin") * GroupCoverage("region")``. On its own, it chooses a batch
    row by row. Each row is drawn at random from the group that is then farthest behind.

    Parameters
    ----------
    groups : str, int or callable
        The group of each row: the name of a column of a data frame, the position of a
        column of `X`, or a function ``X -> groups`` that returns an array of shape
        (n_samples,). Groups are strings, booleans or numbers without a fraction. Rows
        whose group is NaN or None form a group of their own.
    target : dict, {"equal", "pool"}, default="equal"
        Target proportions among the labels. "equal" means equal proportions for all
        groups of `X`. "pool" means the proportions that the groups have in `X`. A dict
        maps groups to proportions in [0, 1], which sum to at most 1. Groups that it
        does not name share the rest equally. Groups that are not in `X` are ignored.
    smoothing : float, default=1.0
        Positive. Shares are computed as if there were this many additional labels in
        the target proportions.

    See Also
    --------
    ClassBalance : The same for classes, which the model has to predict.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.strategies import GroupCoverage
    >>> X = np.array([[0, 1.5], [0, 0.1], [0, 0.2], [1, 0.3], [2, 0.4], [2, 0.5]])
    >>> y = np.array([1, 0, np.nan, 0, np.nan, np.nan])
    >>> GroupCoverage(groups=0)(None, X, y).round(3)
    array([0.143, 0.143, 0.143, 0.25 , 1.   , 1.   ])
    >>> GroupCoverage(groups=lambda X: X[:, 0]).select(None, X, y, n_queries=3)[2]
    np.int64(2)
    """

    uses_labels = False
    informed = False
    # `select` only takes into account what else is in the batch.
    has_utilities = True
    _parameter_constraints: dict = {
        "groups": [str, numbers.Integral, callable],
        "target": [dict, StrOptions({"equal", "pool"})],
        "smoothing": [Interval(numbers.Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        groups: str | int | Callable[[Any], ArrayLike],
        target: Mapping[Any, float] | str = "equal",
        *,
        smoothing: float = 1.0,
    ):
        self.groups = groups
        self.target = target
        self.smoothing = smoothing

    def score_candidates(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> Array:
        """Compute utilities in [0, 1] of the rows at ascending `candidates`."""
        codes, counts, target = self._count(X, y)
        return balance_weights(counts, target, self.smoothing)[codes[candidates]]

    def _choose(self, request: Request) -> Array:
        """Choose rows, each from the group that is then farthest behind."""
        _, X, y, candidates, n_queries, seed = request
        codes, counts, target = self._count(X, y)
        rng = as_generator(seed)
        # In random order, the k-th row of a group has the utility that the group will
        # have after k more labels. The largest of these are the greedy choice.
        candidates = rng.permutation(candidates)
        own = codes[candidates]
        n_labels = counts[own] + rank_in_group(own)
        behind = ratios(n_labels, target[own], self.smoothing)
        return take_distinct(X, candidates, behind, n_queries, rng)

    def _count(self, X: Any, y: Any) -> tuple[Array, Array, Array]:
        """Group of each row, and the number of labels and the target of each group."""
        kinds, codes = self._find_groups(X)
        n_kinds = len(kinds)
        if isinstance(self.target, Mapping):
            shares = proportions(self.target, kinds, "group")
            target = np.array([shares[kind] for kind in kinds])
        elif self.target == "pool":
            target = np.bincount(codes, minlength=n_kinds) / max(1, len(codes))
        else:
            target = np.full(n_kinds, 1 / max(1, n_kinds))
        known = np.delete(codes, find_candidates(X, y))
        return codes, np.bincount(known, minlength=n_kinds), target

    def _find_groups(self, X: Any) -> tuple[list[Any], Array]:
        if callable(self.groups):
            groups = self.groups(X)
        else:
            groups = _column(X, self.groups)
        n_groups = _num_samples(groups)
        if n_groups != _num_samples(X):
            raise ValueError(
                f"groups gave {n_groups} groups for the {_num_samples(X)} rows of X; "
                "one per row is needed."
            )
        try:
            kinds, codes = encode_labels(groups)
        except ValueError as error:
            raise ValueError(
                "Groups must be strings, booleans or numbers without a fraction, one "
                f"per row; those of {self.groups!r} are not ({error}). Give a function "
                "X -> groups, which may cut numbers into ranges."
            ) from error
        found = kinds.tolist()
        if (codes == MISSING).any():
            codes = np.where(codes == MISSING, len(found), codes)
            found.append(None)
        return found, codes


def _column(X: Any, column: str | int) -> Any:
    if isinstance(column, str) and not hasattr(X, "columns"):
        raise ValueError(
            f"groups={column!r} names a column, but X is not a data frame: "
            f"{type(X).__name__}. Give the position of a column, or a function X -> "
            "groups."
        )
    if isinstance(column, str) and column not in list(X.columns):
        raise ValueError(
            f"groups={column!r} is not a column of X; there are {list(X.columns)}."
        )
    if sp.issparse(X):
        return np.ravel(X.tocsc()[:, [column]].toarray())
    return _safe_indexing(X, column, axis=1)
