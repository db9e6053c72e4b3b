"""The loop of a campaign: choose rows, have them labelled, learn, until it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from skactive._compat.callbacks import FitTasks
from skactive._compat.tally import Tally, counting
from skactive._compat.typing import Array
from skactive._data.pool import Pool
from skactive._models.target import Target
from skactive._models.want_of_labels import (
    ERRORS_OF_LACK,
    cannot_answer,
    fit_if_enough,
    warn_of_lack,
)
from skactive.classifier._plan import Plan


@dataclass
class Figures:
    """Figures of a round: its costs, and the number of labels at its end."""

    n_labels: int = 0
    n_queried: int = 0
    query_time: float = 0.0
    ask_time: float = 0.0
    fit_time: float = 0.0
    n_fits: int = 0
    n_scored: int = 0
    n_passes: int = 0
    n_audited: int = 0

    def add(self, tally: Tally) -> None:
        """Add the counts of a tally."""
        self.n_fits += tally.n_fits
        self.n_scored += tally.n_scored
        self.n_passes += tally.n_passes


class Steps(Protocol):
    """The steps of a campaign, which :func:`run` takes in turn."""

    def ended(self) -> str | None:
        """Return why nothing more is to be labelled; None if something is."""

    def choose(self) -> Array:
        """Return the positions of the rows to label next."""

    def learn(self, answer: Any) -> None:
        """Take in the answer about these rows, and train."""

    def end_round(self, figures: Figures) -> str | None:
        """Finish a round; return what asks to stop after it, if anything."""


def run(steps: Steps, history: list[Figures]) -> Generator[Array, Any, str]:
    """Run a campaign: yield rows, receive answers, and return why it ended.

    Each round enters its figures in `history`, even if an error cuts it short.
    """
    while (reason := steps.ended()) is None:
        figures = Figures()
        history.append(figures)
        times = [time.perf_counter()]
        with counting() as tally:
            rows = steps.choose()
        figures.add(tally)
        figures.n_queried = len(rows)
        times.append(time.perf_counter())
        figures.query_time = times[1] - times[0]
        try:
            answer = yield rows
        finally:
            times.append(time.perf_counter())
            figures.ask_time = times[2] - times[1]
        with counting() as tally:
            steps.learn(answer)
        figures.add(tally)
        figures.fit_time = time.perf_counter() - times[2]
        if (reason := steps.end_round(figures)) is not None:
            return reason
    return reason


def drive(steps: Steps, ask: Callable[[Array], Any], history: list[Figures]) -> str:
    """Run a campaign to its end and return why it ended; `ask` answers about rows."""
    answer = None
    with closing(run(steps, history)) as loop:
        while True:
            try:
                rows = loop.send(answer)
            except StopIteration as stop:
                return stop.value
            answer = ask(rows)


class Purchase:
    """Steps of a fit with a budget: labels are bought until the budget is used.

    After each purchase, it receives what is known by then, an object such as
    :class:`Target`. It never sees other labels.

    Parameters
    ----------
    plan : Plan
        How to choose and to train.
    pool : Pool
        The pool, without labels.
    known : Target
        The labels of the pool, none of which is known yet.
    params : dict
        Metadata of fits.
    n_affordable, n_initial, batch_size : int
        Numbers of labels to buy in all, in the first round and in each later round.
    tasks : FitTasks
        The tasks that callbacks are told about.
    judge : callable
        A function ``judge(purchase, is_last) -> reason`` that is called at the end of
        each round.

    Attributes
    ----------
    model : Model or None
        The model of the last round.
    rows : ndarray of shape (n_labels,)
        Positions of the rows whose labels are known, in order of acquisition.
    audited : ndarray of shape (n_audited,)
        Positions of those of these rows that were not learnt from.
    """

    def __init__(
        self,
        plan: Plan,
        pool: Pool,
        known: Target,
        params: dict,
        *,
        n_affordable: int,
        n_initial: int,
        batch_size: int,
        tasks: FitTasks,
        judge: Callable[[Purchase, bool], str | None],
    ):
        self.plan, self.pool, self.known, self.params = plan, pool, known, params
        self.n_affordable = n_affordable
        self.batch_size = batch_size
        self.tasks, self.judge = tasks, judge
        self.model: Any = None
        self.rows = self.learnt = self.audited = np.empty(0, dtype=np.intp)
        self._n_wanted = n_initial
        self._was_told = False

    def ended(self) -> str | None:
        """Return whether the budget is used or no rows are left; None if neither."""
        if len(self.rows) >= self.n_affordable:
            return "budget"
        return "exhausted" if len(self.rows) == len(self.known) else None

    def choose(self) -> Array:
        """Choose rows for the rest of the budget, at most one batch."""
        self.tasks.begin_round()
        n_queries = min(self._n_wanted, self.n_affordable - len(self.rows))
        self._n_wanted = self.batch_size
        self._chosen = self._choose(n_queries)
        return self._chosen

    def _choose(self, n_queries: int) -> Array:
        try:
            return self.plan.choose(self.model, self.pool, n_queries)
        except ERRORS_OF_LACK as error:
            labels = self.known.values(self.learnt)
            args = self.model, self.pool.X, labels, self.learnt, self.params
            if not cannot_answer(self.plan.training, *args):
                raise
            self._tell(error)
        return self.plan.choose(None, self.pool, n_queries)

    def learn(self, answer: Target) -> None:
        """Train on all labels that are now known."""
        self.known = answer
        self.rows = np.concatenate([self.rows, self._chosen])
        # Use the order of X, as in a fit by hand: some estimators depend on it.
        self.learnt, self.audited = self.plan.split(
            np.sort(self.rows), len(answer), self.pool.ids
        )
        labels = answer.values(self.learnt)
        args = self.pool.X, labels, self.learnt, self.params, self.model
        self.model = fit_if_enough(self.plan.training, *args)
        if self.model.lack is not None:
            self._tell(self.model.lack)
        y = answer.visible()
        missing = self.pool.missing.copy()
        missing[self._chosen] = False
        self.pool = self.pool._replace(y=y, missing=missing)

    def end_round(self, figures: Figures) -> str | None:
        """Return what asks to stop the campaign, if anything."""
        figures.n_labels, figures.n_audited = len(self.rows), len(self.audited)
        return self.judge(self, self.ended() is not None)

    def _tell(self, error: Exception) -> None:
        """Warn about too few labels, once in a campaign."""
        if not self._was_told:
            warn_of_lack(error, len(self.learnt))
            self._was_told = True


def count_rounds(n_bought: int, n_initial: int, batch_size: int) -> int:
    """Return the number of rounds that it takes to buy `n_bought` labels."""
    n_later = max(n_bought - n_initial, 0)
    return 1 + -(-n_later // batch_size)
