"""Which methods a learner has: checks for `available_if`."""

from __future__ import annotations

from typing import Any

from skactive.strategies import get_strategy


def estimator_has(name: str) -> Any:
    """Return a check that `estimator`, fitted or not, has an attribute."""

    def check(self: Any) -> bool:
        fitted = getattr(self, "estimator_", None)
        is_own = fitted is not None and not self._is_stand_in()
        getattr(fitted if is_own else self.estimator, name)  # or AttributeError
        return True

    return check


def has_partial_fit(learner: Any) -> bool:
    """Whether `partial_fit` is available; AttributeError if it is not."""
    if learner.audit_fraction:
        raise AttributeError(
            "partial_fit is not available with audit_fraction > 0: the positions of "
            "rows in the pool determine which rows are never learnt from, and a batch "
            "has other positions. Use fit."
        )
    return estimator_has("partial_fit")(learner)


def has_pointwise_strategy(learner: Any) -> bool:
    """Whether `score_samples` is available; AttributeError if it is not."""
    try:
        strategy = get_strategy(learner.strategy)
    except (TypeError, ValueError):
        return True  # calling the strategy says what is wrong with it
    if not strategy.pointwise:
        raise AttributeError(
            f"{strategy!r} has no score_samples: the utility of a row depends on the "
            "other rows. Use query."
        )
    return True
