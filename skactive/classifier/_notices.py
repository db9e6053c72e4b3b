"""Warnings about calls that are valid, but surely do not do what they seem to do.

Each says what was got, what is possible and what to do. None of them comes up in a loop
of query, label and fit, in a search with a budget, or in a cross-validation.
"""

from __future__ import annotations

import numbers
import warnings
from typing import Any

import numpy as np

from skactive._compat.typing import Array
from skactive._models.target import Target

# Parameters that say how rows are chosen, and nothing about the model.
_OF_CHOICE = (
    "strategy",
    "batch_size",
    "initial_strategy",
    "n_initial",
    "max_candidates",
    "stopping",
)


def warn_of_unused_labels(learner: Any, X: Any, y: Any) -> None:
    """Warn if a learner that was never fitted is given labels to learn from."""
    if getattr(learner, "_fit_lacked", False):  # more labels are on their way
        return
    target = learner._labels_or_none(X, y)
    rows = target.known
    if len(rows) == 0 or not target.are_enough(target.seen(target.values(rows))):
        return
    warnings.warn(
        f"This learner is not fitted, so initial_strategy={learner.initial_strategy!r} "
        f"chooses, and nothing is learnt from the {len(rows)} labels in y. To go on "
        "from these labels, call fit(X, y) before query(X, y).",
        UserWarning,
        stacklevel=3,
    )


def warn_of_rows_again(learner: Any, X: Any, chosen: Array) -> None:
    """Warn if a query without `y` offers rows whose labels the learner was given."""
    known = known_rows(learner, X)
    n_again = int(np.isin(chosen, known).sum())
    if n_again == 0:
        return
    warnings.warn(
        f"{n_again} of these {len(chosen)} rows already had a label in fit: without "
        "y, every row of X is a candidate. Call query(X, y), with a missing label in "
        "y where a row has none, to get only rows without a label.",
        UserWarning,
        stacklevel=3,
    )


def warn_of_own_rows(learner: Any, X: Any, scored: Array) -> None:
    """Warn if a partly labelled pool is scored on nothing but what was learnt from."""
    known = known_rows(learner, X)
    if len(known) == 0 or not np.isin(scored, known).all():
        return
    n_learnt = len(np.setdiff1d(scored, learner.audit_indices_))
    if n_learnt == 0:
        return
    warnings.warn(
        f"The score is that of {len(scored)} rows, the only ones with a label in y, "
        f"and fit learnt from {n_learnt} of them, so it says little about other rows. "
        "Score rows that are not in the pool, score(X_test, y_test), or cross-validate "
        "with cv=LabeledKFold() of skactive.model_selection, or set audit_fraction and "
        "call audit(X, y).",
        UserWarning,
        stacklevel=4,
    )


def known_rows(learner: Any, X: Any) -> Array:
    """Positions of the rows labelled in the last fit; none if `X` is another pool."""
    trace = getattr(learner, "_trace", None)
    if trace is None or not trace.is_of(X):
        return np.empty(0, dtype=np.intp)
    return learner.labeled_indices_


def warn_of_idle_parameters(learner: Any, target: Target, names: list[str]) -> None:
    """Warn if a fit cannot depend on parameters that were set just before it."""
    if learner.budget is not None or not names or len(target.known) < len(target):
        return
    what = ", ".join(f"{name}={getattr(learner, name)!r}" for name in names)
    warnings.warn(
        f"Every row has a label and budget=None, so the fit learns from all "
        f"{len(target)} rows, and {what} makes no difference. In a search, candidates "
        "that differ in this only are equally good. Give the learner a budget, such as "
        "budget=50: a fit then chooses that many labels, and a search compares how.",
        UserWarning,
        stacklevel=5,
    )


def names_of_choice(params: Any) -> list[str]:
    """The parameters among `params`, nested ones included, that say how to choose."""
    outer = {name.partition("__")[0] for name in params}
    return [name for name in _OF_CHOICE if name in outer]


def warn_of_large_budget(learner: Any, target: Target) -> None:
    """Warn if a campaign is to buy more labels than there are."""
    n_known, n_rows = len(target.known), len(target)
    is_number = isinstance(learner.budget, numbers.Integral)
    if not is_number or learner.budget <= n_known or learner.stopping is not None:
        return
    if n_known < n_rows:
        what = (
            f"only {n_known} of {n_rows} rows have a label, and fit uses all of these. "
            "With a budget, y is the oracle of a simulation, and rows without a label "
            "take no part. To learn from the labels that there are, and to label more "
            "rows that query returns, leave budget=None."
        )
    else:
        what = (
            f"there are only {n_known} rows, and fit uses the labels of all, so every "
            "strategy ends at the same model. Use a smaller budget to compare "
            "strategies, or budget=None to learn from all labels at once."
        )
    warnings.warn(f"budget={learner.budget}, but {what}", UserWarning, stacklevel=5)
