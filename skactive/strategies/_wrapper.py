"""Strategies around another one, whose utilities they use."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from skactive.strategies._base import Strategy, _shorten, warn_if_equal
from skactive.strategies._lookup import get_strategy
from skactive.strategies._uncertainty import Margin

Array = NDArray[Any]

# What `strategy` may be; its constraint in subclasses.
INNER: list = [Strategy, str, callable, None]


class WrapperStrategy(Strategy):
    """Base of strategies around a pointwise one.

    Its parameters nest, as ``strategy__normalize``, unless it is given by its name; it
    needs of the estimator what the inner strategy needs.
    """

    # Subclasses have an argument `strategy`; None means margin.
    strategy: Any = None

    @property
    def informed(self) -> bool:  # type: ignore[override]
        return any(leaf.informed for leaf in self.leaves())

    @property
    def uses_labels(self) -> bool:  # type: ignore[override]
        return any(leaf.uses_labels for leaf in self.leaves())

    def leaves(self) -> list[Strategy]:
        """The strategies that the inner one is made of."""
        return self._inner().leaves()

    def _inner(self) -> Strategy:
        if self.strategy is None:
            return Margin()
        try:
            inner = get_strategy(self.strategy)
        except TypeError as error:
            raise ValueError(
                f"strategy of {type(self).__name__} must be a name, a strategy object, "
                "a function (estimator, X, y) -> utilities, or None for margin; got "
                f"{self.strategy!r}."
            ) from error
        self._check_inner(inner)
        return inner

    def _check_inner(self, inner: Strategy) -> None:
        """Raise where the inner strategy is of a kind that cannot be used."""
        if not inner.pointwise:
            raise ValueError(
                f"{type(self).__name__} needs a strategy whose utility of a row "
                "depends on that row only, such as margin, entropy or "
                f"information_gain; got {_shorten(inner)}."
            )

    def _warn_if_equal(self, utilities: Array, n_queries: int, estimator: Any) -> None:
        if self.informed:
            warn_if_equal(self._inner(), utilities, n_queries, estimator)

    def _check_not_negative(self, utilities: Array) -> None:
        if utilities.min(initial=0) < 0:
            raise ValueError(
                f"{type(self).__name__} needs utilities that are not negative; "
                f"{_shorten(self._inner())} gave {utilities.min():.4g}. Softmax and "
                "Softrank take any."
            )
