"""Strategies by name, in the manner of scikit-learn's scorers."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

from sklearn.base import clone

from skactive.strategies._base import FunctionStrategy, Strategy
from skactive.strategies._centers import Badge, Clue, Falcun, KCenter, KMeans
from skactive.strategies._cold_start import ColdStart
from skactive.strategies._committee import (
    ConsensusEntropy,
    InformationGain,
    KLDivergence,
    VoteEntropy,
)
from skactive.strategies._coverage import (
    FacilityLocation,
    MaxHerding,
    ProbCover,
    TypiClust,
    UncertaintyHerding,
)
from skactive.strategies._density import InformationDensity
from skactive.strategies._diverse import Diverse, RankedBatch
from skactive.strategies._random import Random
from skactive.strategies._stochastic import Power, Softmax, Softrank
from skactive.strategies._uncertainty import Entropy, LeastConfidence, Margin

_STRATEGIES: dict[str, Strategy] = {
    "badge": Badge(),
    "clue": Clue(),
    "cold_start": ColdStart(),
    "consensus_entropy": ConsensusEntropy(),
    "diverse": Diverse(),
    "entropy": Entropy(),
    "facility_location": FacilityLocation(),
    "falcun": Falcun(),
    "information_density": InformationDensity(),
    "information_gain": InformationGain(),
    "k_center": KCenter(),
    "k_means": KMeans(),
    "kl_divergence": KLDivergence(),
    "least_confidence": LeastConfidence(),
    "margin": Margin(),
    "max_herding": MaxHerding(),
    "power": Power(),
    "prob_cover": ProbCover(),
    "random": Random(),
    "ranked_batch": RankedBatch(),
    "softmax": Softmax(),
    "softrank": Softrank(),
    "typiclust": TypiClust(),
    "uncertainty_herding": UncertaintyHerding(),
    "vote_entropy": VoteEntropy(),
}


def get_strategy_names() -> list[str]:
    """Names of all strategies, sorted.

    Returns
    -------
    names : list of str

    Examples
    --------
    >>> from skactive import get_strategy_names
    >>> get_strategy_names()[:3]
    ['badge', 'clue', 'cold_start']
    """
    return sorted(_STRATEGIES)


def get_strategy(strategy: str | Callable[..., Any]) -> Strategy:
    """Strategy from its name.

    Parameters
    ----------
    strategy : str or callable
        A name among :func:`get_strategy_names`. A strategy object is given back as
        it is; any other callable with the signature of a strategy,
        ``(estimator, X, y) -> utilities``, becomes one.

    Returns
    -------
    strategy : Strategy
        For a name a copy, whose parameters can be set.

    Raises
    ------
    ValueError
        If the name is unknown.
    TypeError
        If `strategy` is neither a name nor callable.

    Examples
    --------
    >>> from skactive import get_strategy
    >>> get_strategy("kl_divergence")
    KLDivergence()
    >>> get_strategy("entropy").set_params(normalize=True)
    Entropy(normalize=True)
    """
    if isinstance(strategy, Strategy):
        return strategy
    if isinstance(strategy, str):
        if strategy not in _STRATEGIES:
            near = difflib.get_close_matches(strategy, _STRATEGIES, n=1, cutoff=0.5)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"Unknown strategy {strategy!r}.{hint} The names are: "
                f"{', '.join(get_strategy_names())}. A strategy object, or a function "
                "(estimator, X, y) -> utilities, can be given as well."
            )
        return clone(_STRATEGIES[strategy])
    if callable(strategy) and not isinstance(strategy, type):
        return FunctionStrategy(strategy)
    raise TypeError(
        "A strategy is a name, a strategy object or a function (estimator, X, y) -> "
        f"utilities; got {strategy!r}."
    )
