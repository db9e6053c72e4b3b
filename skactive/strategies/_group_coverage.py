"""Labels of groups of rows of which the labelled set has too few."""

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

    The utility of a row is the weight of its group, t_g / s_g divided by the largest,
    for target proportions t_g and the shares ``s_g = (n_g + m t_g) / (n + m)`` of the
    groups in n labels so far, n_g of them in group g; m is `smoothing`. Utilities lie
    in [0, 1], are 1 in the group that is farthest behind, and all equal where each
    group has the share it should have.

    It needs nothing of the estimator, so that it can choose the first rows, and it is a
    factor for any strategy that gives utilities: ``get_strategy("margin") *
    GroupCoverage("region")``. Alone it chooses a batch row by row, each from the group
    that is farthest behind by then, and by chance within the group.

    Parameters
    ----------
    groups : str, int or callable
        The group of each row: the name of a column of a data frame, the position of
        a column of `X`, or a function ``X -> groups`` of shape (n_samples,). Numbers
        without a fraction, strings or booleans; rows whose group is NaN or None are a
        group of their own.
    target : dict, {"equal", "pool"}, default="equal"
        Proportions wanted among the labels. "equal" for all groups of `X`, "pool" for
        those that the groups have in `X`. A dict from group to proportion in [0, 1],
        which sum up to 1 at most; groups that it does not name share what is left
        equally, and those that it names but `X` has not are passed over.
    smoothing : float, default=1.0
        Positive. As if so many labels had been there in the target proportions.

    See Also
    --------
    ClassBalance : The same for classes, which the model has to guess.

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
    # `select` only adds what else is in the batch.
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
        """Utilities in [0, 1] of the rows at the ascending positions `candidates`."""
        codes, counts, target = self._count(X, y)
        return balance_weights(counts, target, self.smoothing)[codes[candidates]]

    def _choose(self, request: Request) -> Array:
        """Choose rows, each from the group that is farthest behind by then."""
        _, X, y, candidates, n_queries, seed = request
        codes, counts, target = self._count(X, y)
        rng = as_generator(seed)
        # In random order, the k-th row of a group has the utility that the group will
        # have after k more labels; the largest of these are the greedy choice.
        candidates = rng.permutation(candidates)
        own = codes[candidates]
        n_labels = counts[own] + rank_in_group(own)
        behind = ratios(n_labels, target[own], self.smoothing)
        return take_distinct(X, candidates, behind, n_queries, rng)

    def _count(self, X: Any, y: Any) -> tuple[Array, Array, Array]:
        """Group of each row, and for each group its labels and target."""
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
                "one a row is needed."
            )
        try:
            kinds, codes = encode_labels(groups)
        except ValueError as error:
            raise ValueError(
                "Groups must be strings, booleans or numbers without a fraction, one "
                f"a row; those of {self.groups!r} are not ({error}). Give a function "
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
            f"groups={column!r} names a column, but X is no data frame: "
            f"{type(X).__name__}. Give the position of a column, or a function X -> "
            "groups."
        )
    if isinstance(column, str) and column not in list(X.columns):
        raise ValueError(
            f"groups={column!r} names no column of X; there are {list(X.columns)}."
        )
    if sp.issparse(X):
        return np.ravel(X.tocsc()[:, [column]].toarray())
    return _safe_indexing(X, column, axis=1)
