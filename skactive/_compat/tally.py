"""Cost of a piece of work: fits, passes of models, and the rows in these passes.

To count, open :func:`counting`. Code that fits a model, or asks one about rows, reports
it with :func:`count_fits` and :func:`count_rows`. A tally belongs to the context that
opened it. Work in other threads reports to it if it runs in a copy of that context, so
other learners in other threads do not.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any


class Tally:
    """Counts, from zero.

    Attributes
    ----------
    n_fits : int
        Number of models fitted.
    n_scored : int
        Number of rows that a model was asked about, once per pass of each model.
    n_passes : int
        Number of times that a model was asked about some rows.
    """

    def __init__(self) -> None:
        self.n_fits = self.n_scored = self.n_passes = 0
        self._lock = threading.Lock()

    def add(self, n_fits: int = 0, n_scored: int = 0, n_passes: int = 0) -> None:
        """Add to all counts, from any thread."""
        with self._lock:
            self.n_fits += n_fits
            self.n_scored += n_scored
            self.n_passes += n_passes


_TALLY: ContextVar[Tally | None] = ContextVar("skactive_tally", default=None)


@contextmanager
def counting() -> Iterator[Tally]:
    """Count the work reported inside, but not inside a nested :func:`counting`.

    Examples
    --------
    >>> from skactive._compat.tally import count_fits, count_rows, counting
    >>> with counting() as tally:
    ...     count_fits()
    ...     count_rows(100, n_models=3)
    >>> tally.n_fits, tally.n_scored, tally.n_passes
    (1, 300, 3)
    """
    tally = Tally()
    token = _TALLY.set(tally)
    try:
        yield tally
    finally:
        _TALLY.reset(token)


def count_fits(n_fits: int = 1) -> None:
    """Report that models were fitted."""
    tally = _TALLY.get()
    if tally is not None:
        tally.add(n_fits=n_fits)


def count_rows(n_rows: int, n_models: int = 1) -> None:
    """Report that each of some models was asked once about `n_rows` rows."""
    tally = _TALLY.get()
    if tally is not None:
        tally.add(n_scored=n_rows * n_models, n_passes=n_models)


def in_this_context(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` for one call in another thread, which reports as if called here."""
    return partial(copy_context().run, function)
