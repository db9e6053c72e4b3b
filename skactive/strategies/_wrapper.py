"""Base class of strategies that use the utilities of another one."""

from __future__ import annotations

from typing import Any

import numpy as np

from skactive._compat.typing import Array
from skactive._models.wrappers import task_of
from skactive.strategies._base import CombinedStrategy, Strategy, Terms
from skactive.strategies._function import as_strategy
from skactive.strategies._messages import shorten
from skactive.strategies._std import Uncertainty

# Valid values of `strategy`, the constraint in subclasses.
INNER: list = [Strategy, str, callable, None]


class WrapperStrategy(CombinedStrategy):
    """Base class of strategies around a pointwise inner strategy.

    The parameters of the inner strategy nest, as in ``strategy__normalize``, unless it
    is given by its name. The needs are those of the inner strategy.
    """

    # Subclasses have an argument `strategy`; None means this.
    strategy: Any = None
    _default: Strategy = Uncertainty()

    def parts(self) -> list[tuple[str, Strategy]]:
        """Return the inner strategy, under the name of its parameter."""
        return [("strategy", self._inner())]

    def terms(self, estimator: Any, X: Any, y: Any, candidates: Array) -> Terms | None:
        """Return the terms of the inner strategy, by which rows are chosen."""
        return self._inner_for(estimator).terms(estimator, X, y, candidates)

    def _inner(self) -> Strategy:
        if self.strategy is None:
            return self._default
        try:
            inner = as_strategy(self.strategy)
        except TypeError as error:
            raise ValueError(
                f"strategy of {type(self).__name__} must be a name, a strategy object, "
                "a function (estimator, X, y) -> utilities, or None for margin (std "
                f"for regressors); got {self.strategy!r}."
            ) from error
        self._check_inner(inner)
        return inner

    def _inner_for(self, estimator: Any) -> Strategy:
        """The inner strategy, which may depend on the kind of estimator."""
        inner = self._inner()
        return inner.of(estimator) if isinstance(inner, Uncertainty) else inner

    def _weighable(self, estimator: Any, utilities: Array) -> Array:
        """Utilities that can be weighed against numbers without a unit."""
        inner, largest = self._inner_for(estimator), np.abs(utilities).max(initial=0)
        has_unit = inner.in_units_of_y and task_of(estimator) == "regression"
        return utilities / largest if has_unit and largest > 0 else utilities

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
