"""The kind of labels that an estimator learns, where no learner names it."""

from __future__ import annotations

from typing import Any

from skactive._models.label_sets import LabelSets
from skactive._models.numeric_target import Numbers
from skactive._models.target import Classes, Target
from skactive._models.wrappers import learns_label_sets, task_of

_KINDS: dict[str, type[Target]] = {kind.task: kind for kind in (Classes, Numbers)}


def check_classes(estimator: Any, what: str) -> None:
    """Raise a ValueError if an estimator learns other labels; `what` is for classes."""
    kind = kind_for(estimator)
    if kind is not Classes:
        learnt = "numbers" if kind is Numbers else "several labels a row"
        raise ValueError(
            f"{what} is for labels that are classes; got {estimator!r}, which learns "
            f"{learnt}. Use query and fit of the learner in a loop."
        )


def kind_for(estimator: Any) -> type[Target]:
    """The kind of labels that an estimator learns, classes if that is unknown."""
    if learns_label_sets(estimator):
        return LabelSets
    return _KINDS.get(task_of(estimator) or "", Classes)
