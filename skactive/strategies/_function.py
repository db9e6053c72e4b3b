"""Conversion of a user's function, or a name, to a strategy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from skactive._compat.sklearn import _num_samples
from skactive._compat.typing import Array
from skactive._models.wrappers import Fitted
from skactive.strategies._base import Strategy
from skactive.strategies._lookup import find_named
from skactive.strategies._selection import check_one_a_row


class FunctionStrategy(Strategy):
    """Strategy that calls a user's function.

    Parameters
    ----------
    function : callable
        A function ``function(estimator, X, y) -> utilities`` that returns an array of
        shape (n_samples,).

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from skactive.strategies import FunctionStrategy
    >>> longest_first = FunctionStrategy(lambda estimator, X, y: [len(t) for t in X])
    >>> longest_first.select(DummyClassifier(), ["a", "abc", "ab"], n_queries=2)
    array([1, 2])
    """

    pointwise = True  # taken on trust, so that score_samples is there

    def __init__(self, function: Callable[..., Any]):
        self.function = function

    def score_candidates(
        self, estimator: Any, X: Any, y: Any, candidates: Array
    ) -> Array:
        """Return the function's utilities of the candidates, and ignore the others."""
        if isinstance(estimator, Fitted):  # users expect their own estimator
            estimator = estimator.estimator
        utilities = np.asarray(self.function(estimator, X, y), dtype=np.float64)
        check_one_a_row(utilities, _num_samples(X), self)
        return utilities[candidates]


def as_strategy(strategy: Any) -> Strategy:
    """Convert a name (to a copy), a strategy object or a function to a strategy."""
    if isinstance(strategy, Strategy):
        return strategy
    if isinstance(strategy, str):
        return find_named(strategy)
    if callable(strategy) and not isinstance(strategy, type):
        return FunctionStrategy(strategy)
    hint = ""
    if isinstance(strategy, type):
        hint = f" This is a class; write {strategy.__name__}(...) for an object."
    elif isinstance(strategy, (list, tuple, set, dict)):
        hint = (
            ' To compare several, search over them, GridSearchCV(learner, {"strategy": '
            "[...]}), or give them to active_learning_curve(..., strategies=[...]). To "
            "use several at once, combine them in Mixture([...])."
        )
    raise TypeError(
        "A strategy is a name, a strategy object or a function (estimator, X, y) -> "
        f"utilities; got {strategy!r}.{hint}"
    )
