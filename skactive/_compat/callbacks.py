"""Callbacks of scikit-learn 1.9 or later; a no-op with older versions.

This is the only file that knows about them, and the one to fix when they change. Names
with an underscore are not part of scikit-learn's public API. They are used to choose
between two valid trees of tasks, to name the callback that asked to stop, and to clean
copies.
"""

from __future__ import annotations

import contextlib
import copy
import warnings
from collections.abc import Callable, Iterator
from typing import Any

try:
    from sklearn.callback import (
        AutoPropagatedCallback,
        CallbackSupportMixin,
        with_callbacks,
    )
except ImportError:

    class _NoContext:
        def call_on_fit_task_begin(self, **kwargs: Any) -> None:
            pass

        def call_on_fit_task_end(self, **kwargs: Any) -> bool:
            return False

        def subcontext(self, **kwargs: Any) -> _NoContext:
            return self

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stand-in for scikit-learn's mixin, without `set_callbacks`."""

        def _init_callback_context(self, **kwargs: Any) -> _NoContext:
            return _NoContext()

    def with_callbacks(method: Any) -> Any:
        """Stand-in for scikit-learn's decorator."""
        return method


# Warnings of scikit-learn in every fit of an estimator without callback support.
_NO_SUPPORT = ".*does not support callbacks|Callbacks are only supported in"
# Attributes that scikit-learn sets on estimators, before and during a fit.
_MARKS = (
    "_skl_callbacks",
    "_skl_callbacks_to_teardown",
    "_callback_fit_ctx",
    "_parent_callback_ctx",
)


class FitTasks:
    """A fit and its rounds as tasks, reported to the callbacks of `learner`.

    A round is a leaf, unless callbacks follow the inner estimator too. It is then a
    node whose only child is the fit of the inner estimator. The reason is that
    scikit-learn takes a leaf and the fit inside it for one task, and would tell the
    inner estimator to stop instead of the learner.

    Parameters
    ----------
    learner : estimator object
        The learner that is fitted. It has the mixin.
    inner : estimator object
        Estimator of which the learner fits a clone in each round.
    n_rounds : int
        Number of rounds, unless the fit is stopped.
    **data
        X, y and metadata as callbacks get them, or functions that return them.
    """

    def __init__(self, learner: Any, inner: Any, n_rounds: int, **data: Any):
        self._told = {"estimator": learner, **data}
        self._n_left = n_rounds
        self._root = learner._init_callback_context(max_subtasks=n_rounds)
        self._root.call_on_fit_task_begin(**self._told)
        self._is_followed = _supports(inner) and any(
            _goes_on(callback, self._root) for callback in _callbacks_of(self._root)
        )

    def begin_round(self) -> None:
        """Tell that a round begins."""
        if self._n_left == 0:  # a strategy returned fewer rows than requested
            self._root.max_subtasks = None
        self._n_left -= 1
        self._round = self._root.subcontext(
            task_name="round", max_subtasks=int(self._is_followed)
        )
        self._round.call_on_fit_task_begin(**self._told)

    @contextlib.contextmanager
    def fitting(self, inner: Any) -> Iterator[None]:
        """Context for the fit of the inner estimator, in which callbacks follow it."""
        if not _supports(inner):  # a warning in each round would help nobody
            yield
        elif not self._is_followed:
            with self._round.propagate_callback_context(inner):
                yield
        else:
            task = self._round.subcontext(task_name="fit-estimator")
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", _NO_SUPPORT, UserWarning)
                with task.propagate_callback_context(inner):
                    task.call_on_fit_task_begin(**self._told)
                    yield
                    task.call_on_fit_task_end(**self._told)

    def end_round(self, view: Callable[[], Any]) -> str | None:
        """Tell that a round ends, and return the name of a callback that asks to stop.

        `view` returns the learner as it would be if the fit ended here.
        """
        asked = self._round.call_on_fit_task_end(
            **self._told, reconstruction_attributes=lambda: vars(view())
        )
        return _name_of_asker(self._round) if asked else None

    def end(self) -> None:
        """Tell that `learner` is fitted."""
        self._root.call_on_fit_task_end(**self._told, reconstruction_attributes={})


def without_callbacks(estimator: Any) -> Any:
    """A shallow copy without callbacks, and without traces of a running fit."""
    copied = copy.copy(estimator)
    for name in _MARKS:
        vars(copied).pop(name, None)
    return copied


@contextlib.contextmanager
def reporting(
    progress: Any, name: str, n_total: int, n_reports: int | None = None
) -> Iterator[Callable[[int], Any]]:
    """A function to call `n_reports` times with the number of items done so far.

    `progress` is None, a function of that number and `n_total`, or a callback of
    scikit-learn, which sees one task named `name` with one subtask per report.
    """
    if progress is None:
        yield lambda n_done: None
    elif not hasattr(progress, "on_fit_task_end"):
        yield lambda n_done: progress(n_done, n_total)
    else:
        work = type(name, (CallbackSupportMixin,), {})().set_callbacks(progress)
        try:
            n_reports = n_total if n_reports is None else n_reports
            root = work._init_callback_context(task_name="run", max_subtasks=n_reports)
            root.call_on_fit_task_begin(estimator=work)

            def report(n_done: int) -> None:
                step = root.subcontext(task_name="step")
                step.call_on_fit_task_begin(estimator=work)
                step.call_on_fit_task_end(estimator=work)

            yield report
            root.call_on_fit_task_end(estimator=work)
        finally:
            _tear_down(work)


@with_callbacks
def _tear_down(work: Any) -> None:
    """Do nothing. scikit-learn's decorator tears callbacks down afterwards."""


def _supports(estimator: Any) -> bool:
    return hasattr(estimator, "set_callbacks")


def _callbacks_of(context: Any) -> list[Any]:
    return list(getattr(context, "_callbacks", ()))


def _goes_on(callback: Any, context: Any) -> bool:
    """Whether scikit-learn passes a callback on to inner estimators."""
    if not isinstance(callback, AutoPropagatedCallback):
        return False
    depth = callback.max_propagation_depth
    return depth is None or context._propagation_depth < depth


def _name_of_asker(context: Any) -> str:
    """Class name of the callback that asked to stop, or all names that are possible.

    scikit-learn tells only that some callback asked. Its own reporting callbacks never
    do.
    """
    kinds = [type(callback) for callback in _callbacks_of(context)]
    own = [kind for kind in kinds if not kind.__module__.startswith("sklearn.")]
    names = dict.fromkeys(kind.__name__ for kind in own or kinds)
    return " or ".join(names) or "callback"
