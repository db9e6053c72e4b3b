"""The names of strategies: below all of them, so that any may look others up.

The package itself, above them, enters what the names stand for.
"""

from __future__ import annotations

import difflib
from typing import Any

from sklearn.base import clone

STRATEGIES: dict[str, Any] = {}
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
    ['badge', 'bait', 'batch_bald']
    """
    return sorted(STRATEGIES)


def find_named(name: str) -> Any:
    """A copy of the strategy with this name, or a ValueError with the names."""
    if name not in STRATEGIES:
        plain = name.lower().translate(str.maketrans("", "", " -_"))
        near = difflib.get_close_matches(name, STRATEGIES, n=1, cutoff=0.5)
        near = [_OTHER_NAMES[plain]] if plain in _OTHER_NAMES else near
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"Unknown strategy {name!r}.{hint} The names are: "
            f"{', '.join(get_strategy_names())}. A strategy object, or a function "
            "(estimator, X, y) -> utilities, can be given as well."
        )
    return clone(STRATEGIES[name])
