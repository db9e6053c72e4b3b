"""Class balance: labels for classes that have too few of them."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skactive._compat.sklearn import Interval
from skactive._compat.typing import Array
from skactive._data.chunks import map_rows
from skactive._data.labels import MISSING, encode_labels
from skactive._models.members import classes_of
from skactive._models.response import predict_proba
from skactive.strategies._base import Strategy
from skactive.strategies._selection import check_utilities


def balance_weights(
    counts: ArrayLike, target: ArrayLike, smoothing: float = 1.0
) -> Array:
    """Weights in [0, 1] that say how far each kind is behind its target proportion.

    With n labels in all, n_c of kind c, and target proportions t_c, the smoothed share
    of a kind is ``s_c = (n_c + smoothing * t_c) / (n + smoothing)``, as if there had
    been `smoothing` labels in the target proportions before the first one. The weight
    is t_c / s_c, divided by the largest of these ratios. It is 1 for the kind that is
    farthest behind, 1/2 for a kind that has twice as many labels for its target, and 0
    if the target is 0.

    Parameters
    ----------
    counts : array-like of shape (n_kinds,)
        Number of labels of each kind so far.
    target : array-like of shape (n_kinds,)
        Proportions, not negative. If all are zero, every kind has the weight 1.
    smoothing : float, default=1.0
        Positive. The larger it is, the nearer to 1 the weights are while labels are
        few.

    Returns
    -------
    weights : ndarray of shape (n_kinds,)
        In [0, 1]. All are 1 if every kind has the share that it should have.

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
    found = ratios(counts, target, smoothing)
    return found / found.max()


def ratios(counts: Array, target: Array, smoothing: float) -> Array:
    """Ratios of target to share, up to a factor that is the same for all kinds."""
    total = counts + smoothing * target
    return np.divide(target, total, out=np.zeros(len(target)), where=target > 0)


def proportions(
    target: Mapping[Any, float] | None, kinds: list[Any], what: str
) -> dict[Any, float]:
    """Return the target of each of `kinds`. Unnamed kinds share the rest equally."""
    named = dict(target or {})
    shares = np.array(list(named.values()), dtype=np.float64)
    if not ((shares >= 0).all() and shares.sum() <= 1 + 1e-9):
        raise ValueError(
            f"target must give proportions that are not negative and sum to at "
            f"most 1; got {named!r}. Each {what} that is not named gets an equal part "
            "of the rest."
        )
    others = [kind for kind in kinds if kind not in named]
    left = max(0.0, 1 - float(shares.sum()))
    return named | {kind: left / len(others) for kind in others}


class ClassBalance(Strategy):
    """Rows that the model expects to be of classes with too few labels so far.

    The utility of a row is ``sum_c p_c w_c``, where p_c is the probability of class c
    under the model and w_c the weight of that class. With n labels so far, n_c of class
    c, and target proportions t_c, the share of a class among the labels is
    ``s_c = (n_c + m t_c) / (n + m)``, where m is `smoothing`. The weight of a class is
    t_c / s_c, divided by the largest such ratio of a class that the model knows. With
    equal targets, this is the balanced class weight 1 / n_c of scikit-learn, and the
    utility is the expected class weight of the label. Utilities lie in [0, 1]. All are
    1 if each class has the share that it should have.

    Use it as a factor for any strategy that has utilities, as in
    ``get_strategy("margin") * get_strategy("class_balance")``, or as a term of a
    :class:`Mixture`. On its own, it chooses rows that are almost certainly of a rare
    class. Such rows make the class well represented, but tell little about its border.

    Parameters
    ----------
    target : dict, array-like of shape (n_classes,) or None, default=None
        Target proportions among the labels. None means equal proportions. A dict maps
        labels to proportions in [0, 1], which sum to at most 1. Classes that it does
        not name share the rest equally. Labels that the model has not seen yet have an
        effect once it has seen them. An array has one entry for each class in
        ``estimator.classes_``, so it can be used only once all classes are known.
    smoothing : float, default=1.0
        Positive. Shares are computed as if there were this many additional labels in
        the target proportions.

    See Also
    --------
    GroupCoverage : The same for groups of rows, which are known.

    Notes
    -----
    A class that the model does not know has no probability. This strategy therefore
    cannot find rows of such a class. They can be found by their distance from labelled
    rows (``k_center``, ``typiclust``) or by chance.

    References
    ----------
    .. [1] U. Aggarwal, A. Popescu, C. Hudelot, "Active Learning for Imbalanced
       Datasets", WACV 2020. A balancing step that prefers classes with few labels.
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

    def class_weights(self, estimator: Any, y: Any = None) -> Array:
        """Compute the weight with which each class enters the utility.

        Parameters
        ----------
        estimator : estimator object, or list of estimators
            The fitted estimator.
        y : array-like of shape (n_samples,), default=None
            Labels, with NaN or None where a row is unlabelled. None means that no
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
            # Classes that the model has not seen get a share as well.
            kinds = list(dict.fromkeys([*known, *counts]))
            target = proportions(self.target, kinds, "class")
        else:
            target = _as_array(self.target, known)
        return balance_weights(
            [counts.get(kind, 0) for kind in known],
            [target[kind] for kind in known],
            self.smoothing,
        )

    def score_candidates(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> Array:
        """Compute utilities in [0, 1] of the rows at ascending `candidates`."""
        weights = self.class_weights(estimator, y)

        def expect(rows: Any) -> Array:
            proba = predict_proba(estimator, rows)
            # Sum row by row: the rounding of a matrix product depends on its shape.
            return np.einsum("nc,c->n", proba.astype(np.float64, copy=False), weights)

        utilities = map_rows(expect, X, candidates, len(weights))
        utilities = check_utilities(utilities, len(candidates), self)
        return np.clip(utilities, 0.0, 1.0)


def _count_labels(y: Any) -> dict[Any, int]:
    if y is None:
        return {}
    labels, codes = encode_labels(y)
    counts = np.bincount(codes[codes != MISSING], minlength=len(labels))
    return dict(zip(labels.tolist(), counts.tolist(), strict=True))


def _as_array(target: Any, known: list[Any]) -> dict[Any, float]:
    shares = np.asarray(target, dtype=np.float64)
    if shares.shape != (len(known),):
        raise ValueError(
            f"target has the shape {shares.shape}, but the estimator knows "
            f"{len(known)} classes, {known}; one proportion per class is needed. Use a "
            "dict from label to proportion while some classes have not been seen."
        )
    if not ((shares >= 0).all() and np.isfinite(shares).all() and shares.any()):
        raise ValueError(
            "target must hold proportions that are finite, not negative and not all "
            f"zero; got {shares.tolist()}."
        )
    return dict(zip(known, shares / shares.sum(), strict=True))
