"""Strategies add up and multiply, as kernels do."""

from __future__ import annotations

import numbers
from abc import abstractmethod
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skactive._compat.sklearn import _num_samples
from skactive.strategies._base import (
    PointwiseStrategy,
    Strategy,
    _for_part,
    check_has_utilities,
    check_needs,
    check_utilities,
)
from skactive.strategies._lookup import get_strategy

Array = NDArray[Any]


class Constant(PointwiseStrategy):
    """The same utility for every row: a weight to multiply with.

    Parameters
    ----------
    value : float, default=1.0
        The utility, or the weight.

    Examples
    --------
    >>> from skactive import get_strategy
    >>> 0.5 * get_strategy("entropy")
    Product(left=Constant(value=0.5), right=Entropy())
    """

    informed = False

    def __init__(self, value: float = 1.0):
        self.value = value

    def score_rows(self, estimator: Any, X: Any) -> Array:
        """The value, for every row."""
        return np.full(_num_samples(X), float(self.value))

    @property
    def bounded(self) -> bool:  # type: ignore[override]
        return self.value >= 0

    def bound(self, estimator: Any) -> float | None:
        """The value, unless it is negative."""
        return float(self.value) if self.bounded else None

    def _label(self) -> str:
        return f"{self.value:g}"


class _Combination(Strategy):
    def __init__(self, left: Strategy, right: Strategy):
        self.left = left
        self.right = right

    @property
    def pointwise(self) -> bool:  # type: ignore[override]
        return self.left.pointwise and self.right.pointwise

    @property
    def informed(self) -> bool:  # type: ignore[override]
        return any(leaf.informed for leaf in self.leaves())

    @property
    def uses_labels(self) -> bool:  # type: ignore[override]
        return any(leaf.uses_labels for leaf in self.leaves())

    @property
    def bounded(self) -> bool:  # type: ignore[override]
        return self.left.bounded and self.right.bounded

    def bound(self, estimator: Any) -> float | None:
        """What the bounds of both make, if both have one."""
        bounds = self.left.bound(estimator), self.right.bound(estimator)
        if bounds[0] is None or bounds[1] is None:
            return None
        return float(self._merge(*bounds))

    def leaves(self) -> list[Strategy]:
        """The strategies combined, from left to right."""
        for part in (self.left, self.right):
            check_has_utilities(part, self)
        return self.left.leaves() + self.right.leaves()

    def terms(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> list[tuple[str, Array]]:
        """The terms of a sum, or the factors of a product, from left to right."""
        found = []
        for part in (self.left, self.right):
            # A sum of sums is one sum, and likewise products.
            flat = type(part) is type(self)
            terms = part.terms if flat else partial(Strategy.terms, part)
            found += terms(estimator, X, y, candidates)
        return found

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> Array:
        """Utility of each row, shape (n_samples,)."""
        return self.candidate_utilities(estimator, X, y, np.arange(_num_samples(X)))

    def candidate_utilities(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> Array:
        """Utilities of the rows at the ascending positions `candidates`."""
        check_needs(self, estimator)
        left, right = (
            part.candidate_utilities(_for_part(part, estimator), X, y, candidates)
            for part in (self.left, self.right)
        )
        return check_utilities(self._merge(left, right), len(candidates), self)

    @abstractmethod
    def _merge(self, left: Any, right: Any) -> Any: ...


class Sum(_Combination):
    """Sum of the utilities of two strategies; written ``left + right``.

    Parameters
    ----------
    left, right : Strategy
        The terms. Utilities are added as they are; give weights, or use
        ``normalize=True`` where a strategy has it, to bring them to one scale.

    See Also
    --------
    Mixture : Brings its terms to one scale.

    Examples
    --------
    >>> from skactive import get_strategy
    >>> mixture = get_strategy("entropy") + 2 * get_strategy("margin")
    >>> mixture
    Sum(left=Entropy(), right=Product(left=Constant(value=2), right=Margin()))
    >>> mixture.set_params(right__left__value=3).right.left
    Constant(value=3)
    """

    def _merge(self, left: Any, right: Any) -> Any:
        return left + right

    def _label(self) -> str:
        return f"{self.left._label()} + {self.right._label()}"


class Product(_Combination):
    """Product of the utilities of two strategies; written ``left * right``.

    Parameters
    ----------
    left, right : Strategy
        The factors. Their utilities should not be negative; those of every
        registered strategy are not.

    Examples
    --------
    >>> from skactive import get_strategy
    >>> get_strategy("margin") * get_strategy("entropy")
    Product(left=Margin(), right=Entropy())
    """

    operation = "product"

    def _merge(self, left: Any, right: Any) -> Any:
        return left * right

    def _label(self) -> str:
        return " * ".join(
            f"({part._label()})" if isinstance(part, Sum) else part._label()
            for part in (self.left, self.right)
        )


def combine(operation: str, left: Any, right: Any) -> Strategy:
    """Sum or product of two terms, one of which may be a number or a name.

    `operation` is "sum" or "product". Gives NotImplemented, as Python's operators
    want it, if a term is neither a strategy nor a number nor a name.
    """
    terms = []
    for term in (left, right):
        if isinstance(term, numbers.Real) and not isinstance(term, bool):
            term = Constant(term)  # type: ignore[arg-type]
        elif isinstance(term, str):
            term = get_strategy(term)
        elif not isinstance(term, Strategy):
            return NotImplemented
        terms.append(term)
    return (Sum if operation == "sum" else Product)(*terms)
