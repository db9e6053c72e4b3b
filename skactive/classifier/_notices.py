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
from skactive._data.trace import has_trace
from skactive._models.target import Target
from skactive.classifier._plan import Plan

# Parameters that say how rows are chosen, and nothing about the model.
_OF_CHOICE = (
    "strategy",
    "batch_size",
    "initial_strategy",
    "n_initial",
    "max_candidates",
    "stopping",
)


def warn_of_unused_labels(learner: Any, plan: Plan, X: Any, y: Any) -> None:
    """Warn if a learner that was never fitted is given labels to learn from."""
    # After a fit for which there were too few labels, more are on their way. Where the
    # labels may be no labels, that has been said.
    if getattr(learner, "_fit_lacked", False) or getattr(learner, "_told_suspects", ()):
        return
    target = learner._labels_or_none(X, y)
    rows = target.known
    if plan.audit_fraction:  # rows of the reserve are not learnt from either way
        rows = rows[~plan.reserve(len(target)).mask[rows]]
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
    if trace is None or not has_trace(X, trace):
        return np.empty(0, dtype=np.intp)
    return learner.labeled_indices_


def warn_of_idle_parameters(learner: Any, target: Target, names: list[str]) -> None:
    """Warn if a fit cannot depend on parameters that were set just before it.

    Such a fit is one of a search, which sets parameters of a clone and then fits it;
    the search itself cannot be seen from inside. Since every label is known, nobody is
    labelling, unless this is the last round of a loop, and there no parameter was just
    set. A fit on a partly labelled `y` may be any round of a loop, so it is left alone.
    """
    n_rows, budget = len(target), learner.budget
    if not names or len(target.known) < n_rows:
        return
    if budget is None:
        why = "and budget=None, so fit learns from"
    elif _is_beyond(learner, n_rows):
        why = f"and budget={budget} is enough for all of them, so fit ends with"
    else:
        return
    what = ", ".join(f"{name}={getattr(learner, name)!r}" for name in names)
    warnings.warn(
        f"Every row has a label, {why} all {n_rows} labels, and {what} makes no "
        "difference to the model. In a search, candidates that differ in nothing else "
        "are equally good. To compare them, give the learner a budget of fewer labels, "
        "such as budget=50: a fit then chooses which labels to use.",
        UserWarning,
        stacklevel=5,
    )


def names_of_choice(params: Any) -> list[str]:
    """The parameters among `params`, nested ones included, that say how to choose."""
    outer = {name.partition("__")[0] for name in params}
    return [name for name in _OF_CHOICE if name in outer]


def warn_of_large_budget(learner: Any, target: Target) -> None:
    """Warn if a campaign is to buy more labels than a partly labelled `y` has."""
    n_known, n_rows = len(target.known), len(target)
    if n_known == n_rows or not _is_beyond(learner, n_known):
        return
    warnings.warn(
        f"budget={learner.budget}, but only {n_known} of {n_rows} rows have a label, "
        "and fit uses all of these. With a budget, y is the oracle of a simulation, "
        "and rows without a label take no part. To learn from the labels that there "
        "are, and to label more rows that query returns, leave budget=None.",
        UserWarning,
        stacklevel=5,
    )


def _is_beyond(learner: Any, n_labels: int) -> bool:
    """Whether the budget is a number of labels that nothing but their end limits."""
    is_number = isinstance(learner.budget, numbers.Integral)
    return is_number and learner.budget > n_labels and learner.stopping is None
