"""Class and group information: labels where the labelled set has too few of them."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from skactive._compat.sklearn import Interval, StrOptions, _num_samples, _safe_indexing
from skactive._data.chunks import map_rows
from skactive._data.labels import MISSING, encode_labels
from skactive._models.members import classes_of
from skactive._models.response import predict_proba
from skactive.strategies._base import (
    Strategy,
    as_generator,
    check_n_queries,
    check_needs,
    check_utilities,
    find_candidates,
)

Array = NDArray[Any]


def balance_weights(
    counts: ArrayLike, target: ArrayLike, smoothing: float = 1.0
) -> Array:
    """How far kinds of rows are behind their target proportions, from 0 to 1.

    With n labels in all, n_c of kind c, and target proportions t_c, the smoothed share
    of a kind is ``s_c = (n_c + smoothing * t_c) / (n + smoothing)``, as if there had
    been `smoothing` labels in the target proportions before the first one. The weight
    is t_c / s_c, divided by the largest: 1 for the kind that is farthest behind, 1/2
    for one that has twice as many labels for its target, and 0 where the target is 0.

    Parameters
    ----------
    counts : array-like of shape (n_kinds,)
        Labels so far of each kind.
    target : array-like of shape (n_kinds,)
        Proportions, not negative. All zero gives the weight 1 for every kind.
    smoothing : float, default=1.0
        Positive. The larger, the nearer to 1 are the weights while labels are few.

    Returns
    -------
    weights : ndarray of shape (n_kinds,)
        In [0, 1]; all equal 1 where every kind has the share it should have.

    Examples
    --------
    >>> from skactive.strategies._class_balance import balance_weights
    >>> balance_weights([30, 10, 0], [1 / 3, 1 / 3, 1 / 3]).round(3)
    array([0.011, 0.032, 1.   ])
    >>> balance_weights([30, 10], [0.75, 0.25])
    array([1., 1.])
    """
    counts = np.asarray(counts, dtype=np.float64)
    target = np.asarray(target, dtype=np.float64)
    if not target.any():
        return np.ones(len(target))
    ratios = _ratios(counts, target, smoothing)
    return ratios / ratios.max()


class ClassBalance(Strategy):
    """Rows of classes that have too few labels so far, as the model expects.

    The utility of a row is ``sum_c p_c w_c``: p_c is the probability of class c under
    the model, and w_c the weight of that class. With n labels so far, n_c of class c,
    and target proportions t_c, a class has the share ``s_c = (n_c + m t_c) / (n + m)``
    of labels, where m is `smoothing`; its weight is t_c / s_c, divided by the largest
    weight of a class that the model knows. With equal targets that is the balanced
    class weight 1 / n_c of scikit-learn, so that the utility is the class weight that
    the label is expected to have. Utilities lie in [0, 1], and are all equal to 1
    where each class has the share it should have.

    It is a factor for any strategy that gives utilities, as in
    ``get_strategy("margin") * get_strategy("class_balance")``, and a term of a
    :class:`Mixture`. Alone, it asks for rows that are surely of a rare class: these
    make that class well represented, but tell little about its border.

    Parameters
    ----------
    target : dict, array-like of shape (n_classes,) or None, default=None
        Proportions wanted among the labels. A dict from label to proportion in [0, 1],
        which sum up to 1 at most; classes that it does not name share what is left
        equally, and labels that the model has not seen yet have an effect once it has.
        An array has an entry for each class in ``estimator.classes_``, so that it
        serves once all are known. None means equal proportions.
    smoothing : float, default=1.0
        Positive. As if so many labels had been there in the target proportions.

    See Also
    --------
    GroupCoverage : The same for groups of rows, that are known.

    Notes
    -----
    A class that the model does not know has no probability: rows of it can be found by
    their distance from labelled ones (``k_center``, ``typiclust``) or by chance, and
    not by this strategy.

    References
    ----------
    .. [1] U. Aggarwal, A. Popescu, C. Hudelot, "Active Learning for Imbalanced
       Datasets", WACV 2020. A balancing step, that prefers classes with few labels.
    .. [2] J. Z. Bengar, J. van de Weijer, L. L. Fuentes, B. Raducanu, "Class-Balanced
       Active Learning for Image Classification", WACV 2022. Probabilities of the
       model against the labels that each class lacks, as an optimization problem.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive.strategies import ClassBalance
    >>> X = np.array([[0.0], [0.5], [1.0], [3.0], [0.2], [1.8], [3.2]])
    >>> y = np.array([0, 0, 0, 1, np.nan, np.nan, np.nan])
    >>> model = LogisticRegression().fit(X[:4], y[:4])
    >>> ClassBalance()(model, X, y)[4:].round(3)
    array([0.485, 0.617, 0.798])
    >>> ClassBalance(target={0: 0.75, 1: 0.25})(model, X, y)[4:]
    array([1., 1., 1.])
    """

    needs = ("predict_proba",)
    # Equal utilities mean that the labels are in balance.
    informed = False
    bounded = True
    _parameter_constraints: dict = {
        "target": [dict, "array-like", None],
        "smoothing": [Interval(numbers.Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        target: Mapping[Any, float] | ArrayLike | None = None,
        *,
        smoothing: float = 1.0,
    ):
        self.target = target
        self.smoothing = smoothing

    def bound(self, estimator: Any) -> float:
        """One."""
        return 1.0

    def class_weights(self, estimator: Any, y: Any = None) -> Array:
        """Weight of each class, with which its probability enters the utility.

        Parameters
        ----------
        estimator : estimator object, or list of estimators
            Fitted.
        y : array-like of shape (n_samples,), default=None
            Labels with NaN or None where a row is unlabelled. None means that no
            row is labelled.

        Returns
        -------
        weights : ndarray of shape (n_classes,)
            In [0, 1], in the order of the classes of the estimator.
        """
        classes = classes_of(estimator)
        known = classes.tolist()
        counts = _count_labels(y)
        if self.target is None or isinstance(self.target, Mapping):
            # Classes that the model has not seen have a share as well.
            kinds = list(dict.fromkeys([*known, *counts]))
            target = _proportions(self.target, kinds, "class")
        else:
            target = _as_array(self.target, known)
        return balance_weights(
            [counts.get(kind, 0) for kind in known],
            [target[kind] for kind in known],
            self.smoothing,
        )

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> Array:
        """Utility of each row, shape (n_samples,), in [0, 1]."""
        return self.candidate_utilities(estimator, X, y, np.arange(_num_samples(X)))

    def candidate_utilities(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> Array:
        """Utilities in [0, 1] of the rows at the ascending positions `candidates`."""
        self._validate_params()
        check_needs(self, estimator)
        weights = self.class_weights(estimator, y)

        def expect(rows: Any) -> Array:
            proba = predict_proba(estimator, rows)
            # Sums of products row by row: a matrix product rounds as its shape says.
            return np.einsum("nc,c->n", proba.astype(np.float64, copy=False), weights)

        utilities = map_rows(expect, X, candidates, len(weights))
        utilities = check_utilities(utilities, len(candidates), self)
        return np.clip(utilities, 0.0, 1.0)


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
    bounded = True
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

    def bound(self, estimator: Any) -> float:
        """One."""
        return 1.0

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> Array:
        """Utility of each row, shape (n_samples,), in [0, 1]."""
        codes, counts, target = self._count(X, y)
        return balance_weights(counts, target, self.smoothing)[codes]

    def select(
        self,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        n_queries: int,
        random_state: int | np.random.RandomState | None = None,
    ) -> Array:
        """Choose rows, each from the group that is farthest behind by then.

        See :meth:`Strategy.select`.
        """
        check_n_queries(n_queries)
        codes, counts, target = self._count(X, y)
        candidates = find_candidates(X, y)
        rng = as_generator(random_state)
        # In random order, the k-th row of a group has the utility that the group will
        # have after k more labels; the largest of these are the greedy choice.
        candidates = rng.permutation(candidates)
        own = codes[candidates]
        order = np.argsort(own, kind="stable")
        ranks = np.empty(len(own))
        firsts = np.searchsorted(own[order], np.arange(len(counts)))
        ranks[order] = np.arange(len(own)) - firsts[own[order]]
        behind = _ratios(counts[own] + ranks, target[own], self.smoothing)
        return self._take_distinct(X, candidates, behind, n_queries, rng)

    def _count(self, X: Any, y: Any) -> tuple[Array, Array, Array]:
        """Group of each row, and for each group its labels and target."""
        self._validate_params()
        kinds, codes = self._find_groups(X)
        n_kinds = len(kinds)
        if isinstance(self.target, Mapping):
            shares = _proportions(self.target, kinds, "group")
            target = np.array([shares[kind] for kind in kinds])
        elif self.target == "pool":
            target = np.bincount(codes, minlength=n_kinds) / max(1, len(codes))
        else:
            target = np.full(n_kinds, 1 / max(1, n_kinds))
        is_labeled = np.ones(len(codes), dtype=bool)
        is_labeled[find_candidates(X, y)] = False
        return codes, np.bincount(codes[is_labeled], minlength=n_kinds), target

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


def _ratios(counts: Array, target: Array, smoothing: float) -> Array:
    """Target by share, up to a factor that is the same for all kinds."""
    total = counts + smoothing * target
    return np.divide(target, total, out=np.zeros(len(target)), where=target > 0)


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


def _count_labels(y: Any) -> dict[Any, int]:
    if y is None:
        return {}
    labels, codes = encode_labels(y)
    counts = np.bincount(codes[codes != MISSING], minlength=len(labels))
    return dict(zip(labels.tolist(), counts.tolist(), strict=True))


def _proportions(
    target: Mapping[Any, float] | None, kinds: list[Any], what: str
) -> dict[Any, float]:
    """Target of each of `kinds`; those not named share what is left equally."""
    named = dict(target or {})
    shares = np.array(list(named.values()), dtype=np.float64)
    if not ((shares >= 0).all() and shares.sum() <= 1 + 1e-9):
        raise ValueError(
            f"target must give proportions that are not negative and sum up to 1 at "
            f"most; got {named!r}. A {what} that is not named has an equal part of "
            "what is left."
        )
    others = [kind for kind in kinds if kind not in named]
    left = max(0.0, 1 - float(shares.sum()))
    return named | {kind: left / len(others) for kind in others}


def _as_array(target: Any, known: list[Any]) -> dict[Any, float]:
    shares = np.asarray(target, dtype=np.float64)
    if shares.shape != (len(known),):
        raise ValueError(
            f"target has the shape {shares.shape}, but the estimator knows "
            f"{len(known)} classes, {known}; one proportion a class is needed. A dict "
            "from label to proportion serves while some classes have not been seen."
        )
    if not ((shares >= 0).all() and np.isfinite(shares).all() and shares.any()):
        raise ValueError(
            "target must hold proportions that are finite, not negative and not all "
            f"zero; got {shares.tolist()}."
        )
    return dict(zip(known, shares / shares.sum(), strict=True))
