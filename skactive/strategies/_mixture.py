"""Mixtures: utilities of several strategies on one scale, added or multiplied."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from skactive._compat.sklearn import StrOptions
from skactive._compat.typing import Array
from skactive.strategies._base import Strategy, Terms, check_has_utilities
from skactive.strategies._composition import Composition, check_one_each
from skactive.strategies._selection import TIE_TOLERANCE, check_utilities, round_ties


def rank_shares(utilities: ArrayLike) -> Array:
    """Ranks of utilities on a scale from 0 to 1: ``(rank - 1/2) / n_rows``.

    The smallest utility has rank 1. Equal utilities share the mean of their ranks. No
    value is 0, so no row is lost in a product.

    Parameters
    ----------
    utilities : array-like of shape (n_rows,)
        Finite. Utilities that differ only by rounding count as equal.

    Returns
    -------
    shares : ndarray of shape (n_rows,)
        Values in (0, 1) with mean 1/2.

    Examples
    --------
    >>> from skactive.strategies._mixture import rank_shares
    >>> rank_shares([7.0, 0.1, 0.1, 9.0])
    array([0.625, 0.25 , 0.25 , 0.875])
    """
    utilities = np.asarray(utilities, dtype=np.float64)
    return (rankdata(round_ties(utilities)) - 0.5) / len(utilities)


def range_shares(utilities: ArrayLike) -> Array:
    """Utilities on a scale from 0 (the smallest) to 1 (the largest).

    Parameters
    ----------
    utilities : array-like of shape (n_rows,)
        Finite.

    Returns
    -------
    shares : ndarray of shape (n_rows,)
        Values in [0, 1]. All are zero if the utilities are equal up to rounding.

    Examples
    --------
    >>> from skactive.strategies._mixture import range_shares
    >>> range_shares([7.0, 1.0, 1.0, 9.0])
    array([0.75, 0.  , 0.  , 1.  ])
    """
    utilities = np.asarray(utilities, dtype=np.float64)
    if len(utilities) == 0:
        return utilities
    least, width = utilities.min(), np.ptp(utilities)
    if width <= TIE_TOLERANCE * np.abs(utilities).max():
        return np.zeros(len(utilities))
    return (utilities - least) / width


_SCALES = {"rank": rank_shares, "range": range_shares}


class Blend(Composition):
    """Base class of strategies that bring others to one scale and combine them.

    The scale depends on the candidates: with other candidates, utilities differ.
    """

    # Subclasses have this argument.
    normalize: str

    _parameter_constraints: dict = {
        **Composition._parameter_constraints,
        "normalize": [StrOptions(set(_SCALES))],
    }

    def parts(self) -> list[tuple[str, Strategy]]:
        """Return the names and strategies, in order. All have utilities of rows."""
        parts = super().parts()
        for _, part in parts:
            check_has_utilities(part, self)
        return parts

    def utilities(self, estimator: Any, X: Any, y: Any, candidates: Array) -> Array:
        """Compute utilities in [0, 1] of the rows at ascending `candidates`."""
        found = self.terms(estimator, X, y, candidates).total()
        return check_utilities(found, len(candidates), self)

    @abstractmethod
    def terms(self, estimator: Any, X: Any, y: Any, candidates: Array) -> Terms:
        """Return names with weighted utilities on one scale; see `Strategy.terms`."""

    def _blend(self, weights: Any, operation: str, *args: Any) -> Terms:
        """Return weighted terms. A strategy with weight 0 is not asked."""
        named = []
        for (name, part), weight in zip(self.parts(), weights, strict=True):
            if weight > 0:
                value = _SCALES[self.normalize](part.utilities(*args))
                named.append(
                    (name, weight * value if operation == "sum" else value**weight)
                )
        return Terms(named, operation)


class Mixture(Blend):
    """Weighted mean, or product, of the utilities of several strategies.

    The utilities of each strategy are first brought to a scale from 0 to 1. By default,
    this is done by their ranks among the candidates: ``(rank - 1/2) / n_candidates``,
    with the mean rank for equal utilities. One row far from all others therefore does
    not determine the scale, and no row is lost in a product. A strategy with equal
    utilities for all rows, such as "random", has no influence on the choice. Utilities
    depend on the other candidates, so a learner with this strategy has no
    `score_samples`.

    Parameters
    ----------
    strategies : list of str, callable or (str, str or callable) pairs
        Names, strategy objects, or functions ``(estimator, X, y) -> utilities``, each
        alone or paired with a name, under which its parameters nest. Each must give one
        utility per row. Strategies that choose a batch as a whole cannot be used.
    weights : array-like of shape (n_strategies,), default=None
        Weights of the strategies, not negative, and not all zero. None means 1 for
        each. In a sum, they are divided by their sum. In a product, they are exponents.
        A strategy with weight 0 is left out.
    combine : {"sum", "product"}, default="sum"
        "sum" finds rows that are useful on the whole, "product" rows that are
        useful in every respect.
    normalize : {"rank", "range"}, default="rank"
        How utilities are brought to one scale. "rank" uses ranks, as described above.
        "range" keeps the distances between utilities: ``(utility - smallest) /
        (largest - smallest)`` among the candidates, and 0 for all candidates if their
        utilities are equal.

    See Also
    --------
    Fade : A mixture whose weights change as labels come in.
    Switch : One strategy after another.

    References
    ----------
    .. [1] B. Settles, M. Craven, "An Analysis of Active Learning Strategies for
       Sequence Labeling Tasks", EMNLP 2008.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive.strategies import Mixture
    >>> X = [[0.0], [1.0], [1.4], [2.0], [3.0]]
    >>> model = LogisticRegression().fit(X, [0, 0, 0, 1, 1])
    >>> mixture = Mixture(["margin", "information_density"], weights=[2, 1])
    >>> mixture(model, X).round(3)
    array([0.167, 0.567, 0.767, 0.767, 0.233])
    >>> mixture.set_params(combine="product", weights=None)
    Mixture(combine='product', strategies=['margin', 'information_density'])
    """

    _parameter_constraints: dict = {
        **Blend._parameter_constraints,
        "weights": ["array-like", None],
        "combine": [StrOptions({"sum", "product"})],
    }

    def __init__(
        self,
        strategies: list[Any],
        weights: ArrayLike | None = None,
        *,
        combine: str = "sum",
        normalize: str = "rank",
    ):
        self.strategies = strategies
        self.weights = weights
        self.combine = combine
        self.normalize = normalize

    def terms(self, estimator: Any, X: Any, y: Any, candidates: Array) -> Terms:
        """Return names with weighted utilities on one scale; see `Strategy.terms`."""
        self._check(estimator)
        weights = self._weights()
        return self._blend(weights, self.combine, estimator, X, y, candidates)

    def _weights(self) -> Array:
        n_strategies = len(self.strategies)
        if self.weights is None:
            weights = np.ones(n_strategies)
        else:
            weights = np.asarray(self.weights, dtype=np.float64)
            check_one_each(weights, n_strategies, "weights", self)
            if not (np.isfinite(weights).all() and (weights >= 0).all()):
                raise ValueError(
                    f"weights must be finite and not negative; got {weights.tolist()}."
                )
            if not weights.any():
                raise ValueError("At least one of the weights must be positive.")
        return weights / weights.sum() if self.combine == "sum" else weights
