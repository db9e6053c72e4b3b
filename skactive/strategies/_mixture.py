"""Mixtures: several measures of usefulness on one scale, added or multiplied."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from skactive._compat.sklearn import StrOptions, _num_samples
from skactive.strategies._base import (
    Strategy,
    _for_part,
    _round,
    check_has_utilities,
    check_needs,
    check_utilities,
)
from skactive.strategies._composition import Composition, check_one_each

Array = NDArray[Any]


def rank_shares(utilities: ArrayLike) -> Array:
    """Ranks of utilities on a scale from 0 to 1: ``(rank - 1/2) / n_rows``.

    The smallest utility has rank 1; equal ones share the mean of their ranks. No share
    is 0, so that no row is lost in a product.

    Parameters
    ----------
    utilities : array-like of shape (n_rows,)
        Finite. Those that differ by rounding only count as equal.

    Returns
    -------
    shares : ndarray of shape (n_rows,)
        Values in (0, 1), their mean is 1/2.

    Examples
    --------
    >>> from skactive.strategies._mixture import rank_shares
    >>> rank_shares([7.0, 0.1, 0.1, 9.0])
    array([0.625, 0.25 , 0.25 , 0.875])
    """
    utilities = np.asarray(utilities, dtype=np.float64)
    return (rankdata(_round(utilities)) - 0.5) / len(utilities)


def scaled_utilities(
    part: Strategy, normalize: str, estimator: Any, X: Any, y: Any, candidates: Array
) -> Array:
    """Utilities of `part` in [0, 1]: divided by its bound, or their ranks.

    Parameters
    ----------
    part : Strategy
        Whose utilities.
    normalize : {"auto", "rank"}
        "auto" divides by the bound of a strategy that has one.
    estimator : estimator object, or list of estimators
        Fitted.
    X : array-like, sparse, data frame or sequence of n_samples
        The pool.
    y : array-like of shape (n_samples,) or None
        Labels with NaN or None where a row is unlabelled.
    candidates : ndarray of shape (n_candidates,)
        Ascending positions in `X`.

    Returns
    -------
    utilities : ndarray of shape (n_candidates,)
        Values in [0, 1].
    """
    estimator = _for_part(part, estimator)
    utilities = part.candidate_utilities(estimator, X, y, candidates)
    bound = part.bound(estimator) if normalize == "auto" and part.bounded else None
    if bound is None:
        return rank_shares(utilities)
    # A bound of zero is that of a single class, or of a weight of zero.
    return np.clip(utilities / bound, 0, 1) if bound > 0 else np.zeros(len(utilities))


class Mixture(Composition):
    """Weighted mean, or product, of the utilities of several strategies.

    Each strategy is brought to the scale from 0 to 1 first. A strategy with a known
    largest utility is divided by it: margin by 1, least confidence by ``1 - 1 /
    n_classes``, entropy, vote entropy, consensus entropy and information gain by
    ``log(n_classes)``; a sum or product of such, with weights, by that of its parts.
    All others, information density among them, are replaced by their ranks among the
    candidates, as ``(rank - 1/2) / n_candidates`` with the mean rank for equal
    utilities, so that one row far from all others does not decide the scale. A strategy
    that finds all rows alike, as "random" does, adds nothing to choose by.

    Parameters
    ----------
    strategies : list of str, callable or (str, str or callable) pairs
        Names, strategy objects, or functions ``(estimator, X, y) -> utilities``, each
        alone or paired with a name, under which its parameters nest. Each must give
        a utility a row; those that choose a batch as a whole are no terms.
    weights : array-like of shape (n_strategies,), default=None
        Not negative, and not all zero; None means 1 for each. In a sum they are
        divided by their sum, in a product they are exponents. A strategy of weight 0
        is left out.
    combine : {"sum", "product"}, default="sum"
        "sum" finds rows that are useful on the whole, "product" rows that are
        useful in every respect.
    normalize : {"auto", "rank"}, default="auto"
        "auto" as said above; "rank" takes the ranks of all.

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
    array([0.263, 0.599, 0.781, 0.824, 0.385])
    >>> mixture.set_params(combine="product", weights=None)
    Mixture(combine='product', strategies=['margin', 'information_density'])
    """

    _parameter_constraints: dict = {
        **Composition._parameter_constraints,
        "weights": ["array-like", None],
        "combine": [StrOptions({"sum", "product"})],
        "normalize": [StrOptions({"auto", "rank"})],
    }

    def __init__(
        self,
        strategies: list[Any],
        weights: ArrayLike | None = None,
        *,
        combine: str = "sum",
        normalize: str = "auto",
    ):
        self.strategies = strategies
        self.weights = weights
        self.combine = combine
        self.normalize = normalize

    @property
    def pointwise(self) -> bool:  # type: ignore[override]
        try:
            parts = self.parts()
        except (TypeError, ValueError):
            return True  # the call itself says what is wrong with the strategies
        return self.bounded and all(part.pointwise for _, part in parts)

    @property
    def bounded(self) -> bool:  # type: ignore[override]
        is_known = all(part.bounded for _, part in self.parts())
        return self.normalize == "auto" and is_known

    def bound(self, estimator: Any) -> float | None:
        """One, if every strategy has a bound."""
        return 1.0 if self.bounded else None

    @property
    def operation(self) -> str:  # type: ignore[override]
        return self.combine

    def leaves(self) -> list[Strategy]:
        """The strategies that the terms are made of, from left to right."""
        for _, part in self.parts():
            check_has_utilities(part, self)
        return super().leaves()

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> Array:
        """Utility of each row, shape (n_samples,), in [0, 1]."""
        return self.candidate_utilities(estimator, X, y, np.arange(_num_samples(X)))

    def candidate_utilities(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> Array:
        """Utilities in [0, 1] of the rows at the ascending positions `candidates`."""
        values = [value for _, value in self.terms(estimator, X, y, candidates)]
        utilities = sum(values) if self.combine == "sum" else math.prod(values)
        return check_utilities(utilities, len(candidates), self)

    def terms(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> list[tuple[str, Array]]:
        """Names with weighted and normalised utilities, see :meth:`Strategy.terms`."""
        self._validate_params()
        check_needs(self, estimator)
        found = []
        for (name, part), weight in zip(self.parts(), self._weights(), strict=True):
            if weight == 0:
                continue
            value = scaled_utilities(part, self.normalize, estimator, X, y, candidates)
            found.append(
                (name, weight * value if self.combine == "sum" else value**weight)
            )
        return found

    def _weights(self) -> Array:
        n_strategies = len(self.strategies)  # type: ignore[arg-type]
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
