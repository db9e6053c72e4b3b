"""How the candidates of a part are found, by strategy."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np

from skactive._compat.typing import Array
from skactive._models.wrappers import task_of
from skactive.pools._ids import noise_of
from skactive.strategies import (
    BatchBald,
    Clue,
    Diverse,
    Entropy,
    Epig,
    InformationGain,
    Power,
    Random,
    Strategy,
    Switch,
    UncertaintyHerding,
)
from skactive.strategies._selection import check_utilities
from skactive.strategies._wrapper import WrapperStrategy

Way = Literal["best", "drawn", "any"]


class Screening(NamedTuple):
    """What makes a row of a part a candidate: a large key.

    The key of a row depends on this row, its id and the seed only. The rows with the
    largest keys are therefore the same, however a pool is cut into parts.

    Attributes
    ----------
    strategy : Strategy
        The strategy that chooses among the candidates.
    by : Strategy or None
        The pointwise strategy whose utilities count. None if `way` is "any".
    way : {"best", "drawn", "any"}
        "best" means the rows with the largest utilities, "drawn" rows drawn with
        probabilities that grow with their utilities, and "any" rows drawn with equal
        probabilities.
    is_choice : bool
        Whether the rows with the largest keys are what the strategy chooses.
    """

    strategy: Strategy
    by: Strategy | None
    way: Way
    is_choice: bool = False

    @property
    def puts_copies_last(self) -> bool:
        """Whether copies of a row would drive all others out of a shortlist."""
        return self.is_choice or self.way == "best"

    def n_needed(self, n_queries: int) -> int:
        """Number of candidates below which the choice would be another one."""
        if self.is_choice or not isinstance(self.strategy, Diverse):
            return n_queries
        return self.strategy.factor * n_queries

    def keys(
        self, estimator: Any, X: Any, candidates: Array, ids: Array, seed: int
    ) -> tuple[Array, Array]:
        """Return keys and utilities of candidates, each finite of shape (n,)."""
        if self.by is None:
            keys = noise_of(ids, seed)
            return keys, np.zeros(len(ids))
        utilities = self.by.utilities(estimator, X, None, candidates)
        if self.way == "best":
            return utilities, utilities
        noise = noise_of(ids, seed)
        if isinstance(self.strategy, Power):
            # The n largest are n draws: the Gumbel top-k trick.
            logs = self.strategy._log_weights(utilities, np.random.default_rng(0))
            keys = np.maximum(logs, -1e300) - np.log(-np.log(noise))
        else:
            keys = np.divide(utilities, noise, out=noise)
        return check_utilities(keys, len(ids), self.strategy), utilities


def screening_of(strategy: Strategy, estimator: Any, n_labeled: int) -> Screening:
    """Return how the candidates of a strategy are found; ValueError if they cannot be.

    `n_labeled` is the number of rows with a label in the whole pool.
    """
    if isinstance(strategy, Switch):
        strategy = strategy.turn_at(n_labeled)[1]
    if strategy.for_rows(np.arange(0)) is not strategy:
        raise ValueError(
            f"{strategy!r} has one entry per row of a pool, which parts of a pool "
            "cannot be told. Give it a function of rows of X, if it takes one, or "
            "choose another strategy."
        )
    # A regressor chooses rows one after the other, with targets or without.
    is_greedy = isinstance(strategy, Epig) and task_of(estimator) == "regression"
    if isinstance(strategy, Random):
        return Screening(strategy, None, "any", is_choice=True)
    if isinstance(strategy, Power):
        inner = strategy._inner_for(estimator)
        return Screening(strategy, inner, "drawn", is_choice=True)
    if strategy.pointwise and strategy.has_utilities and not is_greedy:
        return Screening(strategy, strategy, "best", is_choice=True)
    if isinstance(strategy, BatchBald):
        return Screening(strategy, InformationGain(), "drawn")
    if isinstance(strategy, Clue):
        return Screening(strategy, Entropy(), "drawn")
    if isinstance(strategy, WrapperStrategy) and not strategy.pointwise:
        inner = strategy._inner_for(estimator)
        way: Way = "drawn" if isinstance(strategy, UncertaintyHerding) else "best"
        return Screening(strategy, inner, way)
    return Screening(strategy, None, "any")
