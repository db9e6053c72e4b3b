"""The ledger of a labelling campaign: labels, sources to ask, and costs paid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from skactive._compat.typing import Array
from skactive._data.labels import MISSING, decode_labels
from skactive.classifier._campaign import Figures
from skactive.labeling._source import LabelSource, answers_of, unite

# Allows for rounding of sums: a budget of 0.3 pays for three labels of 0.1.
_SLACK = 1e-9


class LabelingResult(NamedTuple):
    """Result of :func:`label_pool`. Its `str` is a sentence.

    Parameters
    ----------
    learner : estimator object
        The clone of the learner, fitted on all labels. It is not fitted if there are no
        labels.
    y : ndarray of shape (n_samples,)
        Labels, with NaN, or None for strings, where there is none. Numbers and
        booleans are floats.
    labeled_indices : ndarray of shape (n_labels,)
        Positions of the rows with a label. Rows that had a label from the start come
        first, the others follow in order of acquisition.
    abstained_indices : ndarray of shape (n_abstained,)
        Ascending positions of the rows for which every source abstained.
    source : ndarray of shape (n_samples,)
        Name of the source of each label. None if a row has no label, or had one from
        the start.
    cost : float
        Total cost paid.
    termination_condition : str
        "budget" if the rest of the budget pays for nothing more, "exhausted" if no
        source is left that could be asked about any row, the name of the stopping rule,
        or "error".
    history : dict of ndarrays of shape (n_rounds,)
        Figures of each round:

        "n_labels"
            Number of labels up to that round.
        "n_queried"
            Number of rows asked about in that round.
        "n_abstained"
            Number of these rows for which every source abstained.
        "cost"
            Cost paid up to that round.
        "query_time", "ask_time", "fit_time"
            Seconds.
        "n_fits", "n_scored", "n_passes"
            As in the learner's own `history_`.
        "score"
            Score of the learner. Only if `evaluate` was given.
        "n_asked_<name>", "n_answered_<name>"
            Number of rows that each source was asked about and answered in that round.
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
    """Record of the labels, of the sources to ask about each row, and of the costs.

    `codes` (n_samples,) are positions in `classes`, MISSING where there is no label.
    `is_open` (n_sources, n_samples) is true where a source may still be asked about a
    row, and `dear` is the most that this could cost.
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
        self.n_asked_ever = np.zeros(len(sources), dtype=np.intp)
        self.begin_round()

    def labels(self) -> Array:
        """Return labels, with NaN or None where there is none, shape (n_samples,)."""
        return decode_labels(self.classes, self.codes)

    def ended(self) -> str | None:
        """Return why no source can be asked about any row; None if one can."""
        if not self.is_open.any():
            return "exhausted"
        prices = self.dear[self.is_open]
        prices = prices[prices > 0]
        if len(prices) and prices.min() > self._left():
            return "budget"
        return None

    def hopeless(self) -> Array:
        """Return positions of unlabelled rows about which no source can be asked."""
        has_hope = self.payable().any(axis=0)
        return np.flatnonzero((self.codes == MISSING) & ~has_hope)

    def payable(self) -> Array:
        """Return which source can be asked about which row, (n_sources, n_samples)."""
        return self.is_open & (self.dear <= self._left())

    def abstained(self) -> Array:
        """Return the mask of rows for which every source abstained, (n_samples,)."""
        return self.was_asked & (self.codes == MISSING) & ~self.is_open.any(axis=0)

    def begin_round(self) -> None:
        """Start a new count of what :meth:`figures` returns."""
        self.asked_now: list[Array] = [self.bought[0][:0]]
        self.n_asked = np.zeros(len(self.sources), dtype=np.intp)
        self.n_answered = np.zeros(len(self.sources), dtype=np.intp)

    def figures(self) -> dict[str, Any]:
        """Return the figures of the current round."""
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
        """Ask about rows, in their order, until each has a label or no source is left.

        `first` (n_rows,) are the sources to ask first. None means the order of the
        sources.
        """
        while len(rows):
            number = self._whose_turn(rows, first)
            for source in np.unique(number[number >= 0]):
                mine = rows[number == source]
                mine = mine[_payable(self.dear[source, mine], self._left())]
                if len(mine):
                    self._ask_source(int(source), mine)
            # A source was asked about at least one row, or none can be asked any more.
            is_left = (number >= 0) & (self.codes[rows] == MISSING)
            rows, first = rows[is_left], None if first is None else first[is_left]

    def _whose_turn(self, rows: Array, first: Array | None) -> Array:
        """Return the source to ask about each row; -1 if none is left or affordable."""
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
        self.n_asked_ever[number] += len(rows)
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
        """Enter the labels of some rows from a source."""
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
        """Return the result for users; `records` holds the figures of each round."""
        names = ["n_labels", "n_queried", "n_abstained", "cost"]
        names += ["query_time", "ask_time", "fit_time"]
        names += ["n_fits", "n_scored", "n_passes"]
        names += [name for name in self.figures() if name not in names]
        if any("score" in record for record in records):
            names.append("score")
        # A round that ended before any source was asked does not count.
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
    """Return a mask of what can be bought in order, skipping what is too expensive."""
    bought = np.ones(len(costs), dtype=bool)
    while True:
        over = np.flatnonzero(bought & (np.cumsum(np.where(bought, costs, 0)) > left))
        if len(over) == 0:
            return bought
        bought[over[0]] = False
