"""Base class of strategies that use the utilities of another one."""

from __future__ import annotations

from typing import Any

from skactive._compat.typing import Array
from skactive.strategies._base import CombinedStrategy, Strategy, Terms
from skactive.strategies._function import as_strategy
from skactive.strategies._messages import shorten
from skactive.strategies._uncertainty import Margin

# Valid values of `strategy`, the constraint in subclasses.
INNER: list = [Strategy, str, callable, None]


class WrapperStrategy(CombinedStrategy):
    """Base class of strategies around a pointwise inner strategy.

    The parameters of the inner strategy nest, as in ``strategy__normalize``, unless it
    is given by its name. The needs are those of the inner strategy.
    """

    # Subclasses have an argument `strategy`; None means margin.
    strategy: Any = None

    def parts(self) -> list[tuple[str, Strategy]]:
        """Return the inner strategy, under the name of its parameter."""
        return [("strategy", self._inner())]

    def terms(self, estimator: Any, X: Any, y: Any, candidates: Array) -> Terms | None:
        """Return the terms of the inner strategy, by which rows are chosen."""
        return self._inner().terms(estimator, X, y, candidates)

    def _inner(self) -> Strategy:
        if self.strategy is None:
            return Margin()
        try:
            inner = as_strategy(self.strategy)
        except TypeError as error:
            raise ValueError(
                f"strategy of {type(self).__name__} must be a name, a strategy object, "
                "a function (estimator, X, y) -> utilities, or None for margin; got "
                f"{self.strategy!r}."
            ) from error
        self._check_inner(inner)
        return inner

    def _check_inner(self, inner: Strategy) -> None:
        """Raise if the inner strategy is of a kind that cannot be used."""
        if not inner.pointwise:
            raise ValueError(
                f"{type(self).__name__} needs a strategy whose utility of a row "
                "depends on that row only, such as margin, entropy or "
                f"information_gain; got {shorten(inner)}."
            )

    def _check_not_negative(self, utilities: Array) -> None:
        if utilities.min(initial=0) < 0:
            raise ValueError(
                f"{type(self).__name__} needs utilities that are not negative; "
                f"{shorten(self._inner())} gave {utilities.min():.4g}. Softmax and "
                "Softrank take any."
            )
