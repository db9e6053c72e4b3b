"""Base class of strategies that are made of a list of others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from skactive.strategies._base import CombinedStrategy, Strategy
from skactive.strategies._function import as_strategy
from skactive.strategies._messages import shorten


class Composition(CombinedStrategy):
    """Base class of strategies with an argument `strategies`, a list of others.

    An item is a name from :func:`get_strategy_names`, a strategy object or a function,
    or a pair (name, one of these). An item without a name of its own gets its
    registered name, or the name of its class or function in lower case. A number is
    added if that name is not unique. Parameters of the items nest under these names, as
    ``margin__beta``, and an item can be replaced under its name.
    """

    # Subclasses have this argument.
    strategies: list[Any] | tuple[Any, ...]
    _parameter_constraints: dict = {"strategies": [list, tuple]}

    def parts(self) -> list[tuple[str, Strategy]]:
        """Return the names and strategies, in order.

        Raises
        ------
        ValueError
            If the list is empty, or a name is unknown or not allowed.
        TypeError
            If an item is not a strategy.
        """
        self._validate_params()
        if not self.strategies:
            raise ValueError(
                f"strategies of {type(self).__name__} must be a list of at least one "
                "strategy: names, strategy objects, or pairs (name, strategy); got "
                f"{self.strategies!r}."
            )
        items = _named(self.strategies)
        self._check_names([name for name, _ in items])
        return [(name, as_strategy(item)) for name, item in items]

    def _check_names(self, names: list[str]) -> None:
        own = super().get_params(deep=False)
        for name, count in Counter(names).items():
            if count > 1:
                problem = "is there more than once"
            elif "__" in name:
                problem = "holds '__', which separates names of nested parameters"
            elif name in own:
                problem = f"is the name of an argument of {type(self).__name__}"
            else:
                continue
            raise ValueError(f"The name {name!r} in strategies {problem}.")

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters, including those of the strategies in the list.

        Parameters
        ----------
        deep : bool, default=True
            Whether to also return the items of the list by their names, and their
            parameters.

        Returns
        -------
        params : dict
            Parameter names mapped to their values.
        """
        params = super().get_params(deep=False)
        if deep and isinstance(self.strategies, (list, tuple)):
            for name, item in _named(self.strategies):
                params.setdefault(name, item)
                if hasattr(item, "get_params"):
                    inner = item.get_params(deep=True)
                    params |= {f"{name}__{key}": inner[key] for key in inner}
        return params

    def set_params(self, **params: Any) -> Composition:
        """Set parameters, replace items of the list, or set their parameters.

        Parameters
        ----------
        **params : dict
            Parameters by their names, see `get_params`.

        Returns
        -------
        self : Composition
            The strategy itself.
        """
        if "strategies" in params:
            self.strategies = params.pop("strategies")
        if isinstance(self.strategies, (list, tuple)):
            own = super().get_params(deep=False)
            items = list(self.strategies)
            for i, (name, _) in enumerate(_named(self.strategies)):
                if name in params and name not in own:
                    items[i] = (name, params.pop(name))
                    self.strategies = items
        super().set_params(**params)
        return self


def _named(strategies: list[Any] | tuple[Any, ...]) -> list[tuple[str, Any]]:
    """Return pairs of a name and an item. Names that are not given are made unique."""
    names = [item[0] if _is_pair(item) else _default_name(item) for item in strategies]
    counts = Counter(names)
    seen: Counter[str] = Counter()
    items = []
    for name, item in zip(names, strategies, strict=True):
        seen[name] += 1
        if _is_pair(item):
            items.append(item)
        else:
            items.append((f"{name}-{seen[name]}" if counts[name] > 1 else name, item))
    return items


def _is_pair(item: Any) -> bool:
    return isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str)


def _default_name(item: str | Strategy | Callable[..., Any]) -> str:
    if isinstance(item, str):
        return item
    return getattr(item, "__name__", type(item).__name__).lower()


def check_one_each(values: Any, n_expected: int, what: str, owner: Strategy) -> None:
    """Raise unless there are as many `values` as expected."""
    if len(values) != n_expected:
        raise ValueError(
            f"{what} of {shorten(owner)} must have {n_expected} entries; got "
            f"{len(values)}: {list(values)}."
        )
