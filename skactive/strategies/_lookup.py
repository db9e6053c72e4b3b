"""Strategies by name, in the manner of scikit-learn's scorers.

Below the families, so that a strategy around another one can be given a name; what
the names stand for is entered by `_registry`, above them.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

from sklearn.base import clone

from skactive.strategies._base import FunctionStrategy, Strategy

STRATEGIES: dict[str, Strategy] = {}
# What else they are called, without blanks and strokes.
_OTHER_NAMES = {
    "bald": "information_gain",
    "bayesianactivelearningbydisagreement": "information_gain",
    "confidence": "least_confidence",
    "coreset": "k_center",
    "density": "information_density",
    "eer": "expected_error",
    "egl": "expected_model_change",
    "expectederrorreduction": "expected_error",
    "expectedgradientlength": "expected_model_change",
    "kcentergreedy": "k_center",
    "learningloss": "predicted_loss",
    "mutualinformation": "information_gain",
    "qbc": "vote_entropy",
    "querybycommittee": "vote_entropy",
    "uncertainty": "least_confidence",
    "uncertaintysampling": "least_confidence",
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
    ['albl', 'badge', 'bait']
    """
    return sorted(STRATEGIES)


def get_strategy(
    strategy: str | Callable[..., Any], *, estimator: Any = None
) -> Strategy:
    """Strategy from its name, if wanted about another model than the learner's own.

    Parameters
    ----------
    strategy : str or callable
        A name among :func:`get_strategy_names`. A strategy object is given back as
        it is; any other callable with the signature of a strategy,
        ``(estimator, X, y) -> utilities``, becomes one.
    estimator : estimator object, default=None
        A model that judges rows in place of the learner's own: a fitted one inside a
        `FrozenEstimator`, or any other, which is fitted on the labelled rows. It is
        put around the strategy by :class:`skactive.strategies.Judged`.

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

    A large model ranks the pool for a small one:

    >>> from sklearn.ensemble import RandomForestClassifier
    >>> get_strategy("entropy", estimator=RandomForestClassifier())
    Judged(estimator=RandomForestClassifier(), strategy=Entropy())
    """
    if estimator is not None:
        from skactive.strategies._judged import Judged

        return Judged(get_strategy(strategy), estimator)
    if isinstance(strategy, Strategy):
        return strategy
    if isinstance(strategy, str):
        if strategy not in STRATEGIES:
            plain = strategy.lower().translate(str.maketrans("", "", " -_"))
            near = difflib.get_close_matches(strategy, STRATEGIES, n=1, cutoff=0.5)
            near = [_OTHER_NAMES[plain]] if plain in _OTHER_NAMES else near
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"Unknown strategy {strategy!r}.{hint} The names are: "
                f"{', '.join(get_strategy_names())}. A strategy object, or a function "
                "(estimator, X, y) -> utilities, can be given as well."
            )
        return clone(STRATEGIES[strategy])
    if callable(strategy) and not isinstance(strategy, type):
        return FunctionStrategy(strategy)
    raise TypeError(
        "A strategy is a name, a strategy object or a function (estimator, X, y) -> "
        f"utilities; got {strategy!r}."
    )
