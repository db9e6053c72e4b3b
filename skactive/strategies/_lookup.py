"""The names of strategies.

This module imports no strategy, so that any strategy may look up others. The package
itself registers the strategies.
"""

from __future__ import annotations

import difflib
from typing import Any

from sklearn.base import clone

STRATEGIES: dict[str, Any] = {}
# Other common names of strategies, without spaces, hyphens and underscores.
_OTHER_NAMES = {
    "bald": "information_gain",
    "bayesianactivelearningbydisagreement": "information_gain",
    "confidence": "least_confidence",
    "coreset": "k_center",
    "gsx": "k_center",
    "igs": "greedy_sampling",
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


TASKS = ("classification", "regression", "multilabel")


def get_strategy_names(task: str | None = None) -> list[str]:
    """Get the names of all registered strategies.

    Parameters
    ----------
    task : {"classification", "regression", "multilabel"} or None, default=None
        Only strategies that choose rows for classifiers, whose labels are classes, for
        regressors, whose labels are numbers, or for classifiers of several labels a
        row. None means all.

    Returns
    -------
    names : list of str
        Sorted names.

    Raises
    ------
    ValueError
        If `task` is none of these.

    Examples
    --------
    >>> from skactive import get_strategy_names
    >>> get_strategy_names()[:3]
    ['auto', 'badge', 'bait']
    >>> get_strategy_names(task="regression")[:3]
    ['bait', 'cold_start', 'diverse']
    """
    if task is not None and task not in TASKS:
        raise ValueError(f"task must be one of {TASKS} or None; got {task!r}.")
    return sorted(
        name for name, it in STRATEGIES.items() if task is None or task in it.tasks
    )


def find_named(name: str) -> Any:
    """Return a copy of the strategy with this name, or raise a ValueError."""
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
