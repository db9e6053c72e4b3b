"""The kind of labels that an estimator learns, where no learner names it."""

from __future__ import annotations

from typing import Any

from skactive._models.numeric_target import Numbers
from skactive._models.target import Classes, Target
from skactive._models.wrappers import task_of

_KINDS: dict[str, type[Target]] = {kind.task: kind for kind in (Classes, Numbers)}


def check_classes(estimator: Any, what: str) -> None:
    """Raise a ValueError if an estimator learns numbers; `what` is for classes."""
    if kind_for(estimator) is not Classes:
        raise ValueError(
            f"{what} is for labels that are classes; got {estimator!r}, which learns "
            "numbers. Use query and fit of the learner in a loop."
        )


def kind_for(estimator: Any) -> type[Target]:
    """The kind of labels that an estimator learns, classes if that is unknown."""
    return _KINDS.get(task_of(estimator) or "", Classes)
