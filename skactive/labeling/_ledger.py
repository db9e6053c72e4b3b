"""The books of a labelling campaign: labels, whom to ask, and what has been paid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from skactive._compat.typing import Array
from skactive._data.labels import MISSING, decode_labels
from skactive.classifier._campaign import Figures
from skactive.labeling._source import LabelSource, answers_of, unite

# Sums of costs round; a budget of 0.3 pays for three labels of 0.1.
_SLACK = 1e-9


class LabelingResult(NamedTuple):
    """What :func:`label_pool` gives; `str` of it is a sentence.

    Parameters
    ----------
    learner : estimator object
        The clone of the learner, fitted on all labels; not fitted if there are none.
    y : ndarray of shape (n_samples,)
        Labels, with NaN, or None for strings, where there is none. Numbers and
        booleans are floats.
    labeled_indices : ndarray of shape (n_labels,)
        Positions of the rows with a label: those that had one from the start, and
        then in order of acquisition.
    abstained_indices : ndarray of shape (n_abstained,)
        Positions, ascending, of the rows for which every source abstained.
    source : ndarray of shape (n_samples,)
        Name of the source that each label is from; None where there is no label, or
        it was there from the start.
    cost : float
        What was paid.
    termination_condition : str
        "budget" if what is left of it pays for nothing more, "exhausted" if no source
        is left that could be asked about any row, the name of the stopping rule, or
        "error".
    history : dict of ndarrays of shape (n_rounds,)
        One row a round: "n_labels" up to that round, "n_queried" rows asked about in
        it, and "n_abstained" of them for which every source did; "cost" paid up to it;
        "query_time", "ask_time" and "fit_time" in seconds; "n_fits", "n_scored" and
        "n_passes" as in the learner's own `history_`; "score", if `evaluate` was
        given; and of each source "n_asked_<name>" and "n_answered_<name>" in it.
    """

    learner: Any
    y: Array
    labeled_indices: Array
    abstained_indices: Array
    source: Array
    cost: float
    termination_condition: str
    history: dict[str, Array]

    def __str__(self) -> str:
        n_given = len(self.labeled_indices)
        parts = []
        for key in self.history:
            if key.startswith("n_answered_"):
                name = key.removeprefix("n_answered_")
                n_mine = int(np.count_nonzero(self.source == name))
                n_given -= n_mine
                parts.append(f"{n_mine} from {name!r}")
        if n_given:
            parts.append(f"{n_given} from the start")
        return (
            f"{len(self.labeled_indices)} labels ({', '.join(parts)}) for "
            f"{self.cost:g}; {len(self.abstained_indices)} rows got none; ended by "
            f"{self.termination_condition!r} after {len(self.history['cost'])} rounds"
        )


class Ledger:
    """Which labels there are, whom to ask about which row, and what has been paid.

    `codes` (n_samples,) are positions in `classes`, MISSING where there is no label;
    `is_open` (n_sources, n_samples) is true where a source may still be asked about a
    row, and `dear` the most that this could cost.
    """

    def __init__(
        self,
        sources: list[LabelSource],
        classes: Array,
        codes: Array,
        *,
        skip: Array,
        missing_label: Any,
        budget: float,
        allowed: Sequence[Any] | None,
    ):
        n_samples = len(codes)
        self.sources = sources
        self.names = [source.name for source in sources]
        self.classes, self.codes = classes, codes
        self.missing_label = missing_label
        self.budget = budget
        self.allowed = None if allowed is None else list(allowed)
        waiting = codes == MISSING
        waiting[skip] = False
        rows = np.flatnonzero(waiting)
        self.is_open = np.tile(waiting, (len(sources), 1))
        self.costs = np.zeros((len(sources), n_samples))
        for number, source in enumerate(sources):
            self.costs[number, rows] = source.costs(rows, n_samples)
        floors = [[source.abstention_cost or 0.0] for source in sources]
        self.dear = np.maximum(self.costs, floors)
        self.spent = 0.0
        self.source = np.full(n_samples, None, dtype=object)
        self.was_asked = np.zeros(n_samples, dtype=bool)
        self.bought = [np.flatnonzero(codes != MISSING)]
        self.begin_round()

    def labels(self) -> Array:
        """Labels with NaN or None where there is none, (n_samples,)."""
        return decode_labels(self.classes, self.codes)

    def ended(self) -> str | None:
        """Why nobody is to be asked about any row; None if somebody is."""
        if not self.is_open.any():
            return "exhausted"
        prices = self.dear[self.is_open]
        prices = prices[prices > 0]
        if len(prices) and prices.min() > self._left():
            return "budget"
        return None

    def hopeless(self) -> Array:
        """Positions of rows without a label for which no source can be asked."""
        has_hope = (self.is_open & (self.dear <= self._left())).any(axis=0)
        return np.flatnonzero((self.codes == MISSING) & ~has_hope)

    def abstained(self) -> Array:
        """Mask of the rows for which every source abstained, (n_samples,)."""
        return self.was_asked & (self.codes == MISSING) & ~self.is_open.any(axis=0)

    def begin_round(self) -> None:
        """Count from here on what :meth:`figures` gives."""
        self.asked_now: list[Array] = [self.bought[0][:0]]
        self.n_asked = np.zeros(len(self.sources), dtype=np.intp)
        self.n_answered = np.zeros(len(self.sources), dtype=np.intp)

    def figures(self) -> dict[str, Any]:
        """What the round that was begun has brought."""
        asked = np.unique(np.concatenate(self.asked_now))
        figures = {
            "n_labels": int(np.count_nonzero(self.codes != MISSING)),
            "n_queried": len(asked),
            "n_abstained": int(np.count_nonzero(self.abstained()[asked])),
            "cost": self.spent,
        }
        for number, name in enumerate(self.names):
            figures[f"n_asked_{name}"] = int(self.n_asked[number])
            figures[f"n_answered_{name}"] = int(self.n_answered[number])
        return figures

    def ask(self, rows: Array, first: Array | None) -> None:
        """Ask about rows, in their order, until each has a label or nobody is left.

        `first` (n_rows,) are the sources to ask first, None if their order decides.
        """
        while len(rows):
            number = self._whose_turn(rows, first)
            for source in np.unique(number[number >= 0]):
                mine = rows[number == source]
                mine = mine[_payable(self.dear[source, mine], self._left())]
                if len(mine):
                    self._ask_source(int(source), mine)
            # Somebody was asked about one row at least, or nobody can be any more.
            is_left = (number >= 0) & (self.codes[rows] == MISSING)
            rows, first = rows[is_left], None if first is None else first[is_left]

    def _whose_turn(self, rows: Array, first: Array | None) -> Array:
        """The source to ask about each row; -1 where none is left, or can be paid."""
        can = self.is_open[:, rows] & (self.dear[:, rows] <= self._left())
        number = np.where(can.any(axis=0), can.argmax(axis=0), -1)
        if first is not None:
            number = np.where(can[first, np.arange(len(rows))], first, number)
        return number

    def _ask_source(self, number: int, rows: Array) -> None:
        source = self.sources[number]
        classes, codes = answers_of(source, rows, self.missing_label)
        known = codes != MISSING
        paid = self.costs[number, rows]
        if source.abstention_cost is not None:
            paid = np.where(known, paid, source.abstention_cost)
        self.spent += float(paid.sum())
        self.was_asked[rows] = True
        self.asked_now.append(rows)
        self.n_asked[number] += len(rows)
        self.is_open[number, rows] = False
        wrong = np.empty(0, dtype=np.intp)
        if self.allowed is not None:
            is_wrong = [label not in self.allowed for label in classes.tolist()]
            wrong = np.flatnonzero(np.isin(codes, np.flatnonzero(is_wrong)))
            known[wrong] = False
        self._enter(number, rows[known], classes, codes[known])
        if len(wrong):
            raise ValueError(
                f"Source {source.name!r} gave row {rows[wrong[0]]} the label "
                f"{classes[codes[wrong[0]]]!r}, which is not among classes="
                f"{self.allowed}. Let it give a missing label where it abstains."
            )

    def _enter(self, number: int, rows: Array, classes: Array, codes: Array) -> None:
        """Labels of some rows from a source."""
        if len(rows) == 0:
            return
        try:
            self.classes, (before, new) = unite(self.classes, classes)
        except ValueError as error:
            error.add_note(f"Source {self.names[number]!r} gave {classes.tolist()}.")
            raise
        known = self.codes != MISSING
        self.codes[known] = before[self.codes[known]]
        self.codes[rows] = new[codes]
        self.is_open[:, rows] = False
        self.source[rows] = self.names[number]
        self.bought.append(rows)
        self.n_answered[number] += len(rows)

    def _left(self) -> float:
        return max(self.budget * (1 + _SLACK) - self.spent, 0.0)

    def result(
        self,
        model: Any,
        condition: str,
        history: list[Figures],
        records: list[dict[str, Any]],
    ) -> LabelingResult:
        """All of it, for people; `records` hold the :meth:`figures` of each round."""
        names = ["n_labels", "n_queried", "n_abstained", "cost"]
        names += ["query_time", "ask_time", "fit_time"]
        names += ["n_fits", "n_scored", "n_passes"]
        names += [name for name in self.figures() if name not in names]
        if any("score" in record for record in records):
            names.append("score")
        # A round that ended before anybody was asked is none.
        rounds = [
            vars(figures) | record
            for figures, record in zip(history, records, strict=False)
        ]
        return LabelingResult(
            learner=model,
            y=self.labels(),
            labeled_indices=np.concatenate(self.bought),
            abstained_indices=np.flatnonzero(self.abstained()),
            source=self.source,
            cost=self.spent,
            termination_condition=condition,
            history={
                name: np.array([one.get(name, np.nan) for one in rounds])
                for name in names
            },
        )


def _payable(costs: Array, left: float) -> Array:
    """Mask of what can be bought one after the other, passing over what is too dear."""
    bought = np.ones(len(costs), dtype=bool)
    while True:
        over = np.flatnonzero(bought & (np.cumsum(np.where(bought, costs, 0)) > left))
        if len(over) == 0:
            return bought
        bought[over[0]] = False
