"""What a file of a session says, without the pool."""

from __future__ import annotations

import json
import os
from collections import Counter
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from skactive.labeling import _formats
from skactive.labeling._agreement import SourceAudit, audit_source
from skactive.labeling._board import is_doubled
from skactive.labeling._events import EventFile, Row
from skactive.labeling._fold import DISCARDED, TIE, Fold
from skactive.labeling._ids import decode
from skactive.labeling._slots import Event
from skactive.labeling._vocabulary import is_multilabel, vocabulary

# Answers whose median is the time for a label.
_N_TIMED = 50
_IN_HISTORY = {"label", "skip", "discard", "undo", "import"}


class LabelingRecord:
    """The labels in the file of a session, as :meth:`LabelingSession.read` gives them.

    It needs no pool, and does not change when labelling goes on.

    Parameters
    ----------
    path : str or path-like
        The file.

    Attributes
    ----------
    classes : list
        All classes.

    Examples
    --------
    >>> import os, tempfile
    >>> from skactive.labeling import LabelingSession
    >>> path = os.path.join(tempfile.mkdtemp(), "tickets.skactive")
    >>> with LabelingSession(
    ...     path, ["no invoice", "it crashes"], ids=["T-1", "T-2"],
    ...     classes=["billing", "fault"], annotator="ann",
    ... ) as session:
    ...     event = session.label("T-2", "fault")
    >>> record = LabelingSession.read(path)
    >>> record.labels
    {'T-2': 'fault'}
    """

    def __init__(self, path: str | os.PathLike):
        file = EventFile.read(Path(path))
        file.close()
        self._say(Path(path), file.meta, file.rows, Fold(file.events))

    def _say(
        self, path: Path, meta: dict[str, Any], rows: list[Row], fold: Fold
    ) -> None:
        self.path = path
        self.classes = list(meta["classes"])
        self._words = vocabulary(self.classes, is_multilabel(meta))
        self._meta, self._rows, self._fold = meta, rows, fold

    @property
    def multilabel(self) -> bool:
        """Whether a row may have any number of the classes."""
        return self._words.multilabel

    @property
    def title(self) -> str:
        """Name of the file."""
        return self.path.name

    @property
    def labels(self) -> dict[Any, Any]:
        """Labels by id, in the order in which rows were first labelled.

        Where annotators disagree, it is the label of the majority; rows with a tie have
        none. Rows that are absent from the pool keep their labels.
        """
        found = self._fold.labels()
        return {decode(id): decode(label) for id, label in found.items()}

    @property
    def discarded_ids(self) -> list[Any]:
        """Ids of the rows that are never to be labelled."""
        return self._ids_that_are(DISCARDED)

    @property
    def tied_ids(self) -> list[Any]:
        """Ids of the rows whose annotators disagree without a majority."""
        return self._ids_that_are(TIE)

    def _ids_that_are(self, state: str) -> list[Any]:
        fold = self._fold
        return [decode(id) for id in fold.ids() if fold.decide(id) == state]

    def history(
        self, annotator: str | None = None, n: int | None = None
    ) -> list[dict[str, Any]]:
        """Return what was done, the newest first.

        Parameters
        ----------
        annotator : str, default=None
            Whose events to return. None means those of everybody.
        n : int, default=None
            Number of events. None means all.

        Returns
        -------
        events : list of dict
            One dict per event, with the keys

            "seq" : int
                Number of the event; the order is that of these numbers.
            "kind" : {"label", "skip", "discard", "undo", "import"}
                What was done.
            "id", "label", "annotator" : object, object, str
                The row, its label if it got one, and who gave it.
            "time" : str
                When, by the clock of the machine, in UTC.
            "seconds" : float or None
                How long it took.
            "undone" : bool
                Whether it was undone later.
            "target" : int or None
                Number of the event that an "undo" undid.
            "utility", "guess", "why", "strategy", "audit", "known"
                Why the row was asked about, and what the model, which knew the events
                up to number "known", took it for.
            "request" : str or None
                Name that the page gave the answer.
        """
        found: list[dict[str, Any]] = []
        for event in reversed(self._fold.events):
            if n is not None and len(found) >= n:
                break
            is_wanted = annotator is None or event.annotator == annotator
            if is_wanted and event.kind in _IN_HISTORY:
                found.append(self._as_dict(event))
        return found

    def _as_dict(self, event: Event) -> dict[str, Any]:
        when = datetime.fromtimestamp(event.time, UTC)
        return event._asdict() | {
            "id": None if event.id is None else decode(event.id),
            "label": None if event.label is None else decode(event.label),
            "guess": None if event.guess is None else decode(event.guess),
            "time": when.isoformat(timespec="milliseconds"),
            "undone": event.seq in self._fold.undone,
        }

    def agreement(self) -> dict[tuple[str, str], SourceAudit]:
        """Compare the labels of each two annotators, on the rows that both labelled.

        With an `overlap`, only the rows that are asked of two people count, since
        labels of other rows were not given blindly. What counts is the first label of
        each annotator that was not undone, not later corrections.

        Returns
        -------
        agreement : dict
            From pairs of names to a :class:`SourceAudit` each, for which the first of
            the two is the reference. Empty if no two people have labelled a row.
        """
        overlap = self._meta.get("overlap") or 0.0
        by_name: dict[str, dict[str, str]] = {}
        for id in self._fold.ids():
            if overlap and not is_doubled(id, overlap):
                continue
            for name, vote in self._fold.first_votes(id).items():
                if vote.label is not None:
                    by_name.setdefault(name, {})[id] = vote.label
        return {
            (left, right): _compare(by_name[left], by_name[right])
            for left, right in combinations(sorted(by_name), 2)
            if by_name[left].keys() & by_name[right].keys()
        }

    def status(self) -> dict[str, Any]:
        """Return the figures of the session, as JSON can hold them.

        Returns
        -------
        status : dict
            Numbers of rows, "n_rows", "n_labels", "n_skipped", "n_discarded",
            "n_ties" and "n_left", "seconds_per_label" (the median of the last 50), and
            "by_annotator" with the number of labels of each.
        """
        fold = self._fold
        states = Counter(map(fold.decide, fold.ids()))
        states.pop(None, None)
        n_labels = sum(states.values()) - states[DISCARDED] - states[TIE]
        n_decided = sum(states.values())
        return {
            "n_rows": len(self._rows),
            "n_labels": n_labels,
            "n_skipped": sum(fold.decide(id) is None for id in fold.skipped_ids()),
            "n_discarded": states[DISCARDED],
            "n_ties": states[TIE],
            "n_left": len(self._rows) - n_decided,
            "seconds_per_label": self._seconds_per_label(),
            "by_annotator": self._by_annotator(),
        }

    def _by_annotator(self) -> dict[str, int]:
        return {name: n for name, n in self._fold.n_labels.items() if n}

    def _seconds_per_label(self) -> float | None:
        seconds: list[float] = []
        for event in reversed(self._fold.events):
            if event.kind == "label" and event.seconds is not None:
                seconds.append(event.seconds)
            if len(seconds) == _N_TIMED:
                break
        return round(median(seconds), 3) if seconds else None

    def _table(self) -> list[_formats.Line]:
        """One line per labelled row."""
        lines = []
        for id, label in self._fold.labels().items():
            votes = self._fold.votes(id)
            mine = {name: it for name, it in votes.items() if it.label == label}
            last = max(mine.values(), key=lambda event: event.seq)
            shown = self._as_dict(last)
            lines.append(
                _formats.Line(
                    decode(id),
                    decode(label),
                    list(votes),
                    len(mine),
                    shown["time"],
                    last.seconds,
                    any(event.audit for event in mine.values()),
                )
            )
        return lines

    def to_csv(self, path: str | os.PathLike) -> None:
        """Write the labels to a CSV file in UTF-8.

        Parameters
        ----------
        path : str or path-like
            Where to write. A file that is there is replaced.

        Notes
        -----
        The columns are `id`, `label`, `annotators`, `n_agreeing`, `time`, `seconds` and
        `audit`. Ids and labels that are texts are written as they are, others as JSON.
        """
        _formats.write_csv(Path(path), self._table())

    def to_frame(self) -> Any:
        """Return the labels as a data frame of pandas.

        Returns
        -------
        frame : pandas.DataFrame of shape (n_labels, 6)
            Columns `label`, `annotators`, `n_agreeing`, `time`, `seconds` and `audit`.
            The index holds the ids.
        """
        return _formats.as_frame(self._table())

    def to_label_studio(self, path: str | os.PathLike) -> None:
        """Write the rows of the file as tasks of Label Studio.

        Parameters
        ----------
        path : str or path-like
            Where to write JSON. A file that is there is replaced.

        Notes
        -----
        Each task has an "id", "data" with the id of the row under "skactive_id", an
        annotation if the row has a label, and predictions of the model if there is one.
        A session also writes what people see, under "text" or "image". The
        configuration of the project in Label Studio is

        .. code-block:: xml

            <View>
              <Text name="shown" value="$text"/>
              <Choices name="label" toName="shown"> ... </Choices>
            </View>
        """
        tasks = [self._task(row) for row in self._rows]
        Path(path).write_text(json.dumps(tasks, indent=1) + "\n", encoding="ascii")

    def _task(self, row: Row, data: dict | None = None, guess: Any = None) -> dict:
        label = self._fold.decide(row.id)
        if label in (None, DISCARDED, TIE):
            label = None
        return _formats.task(
            row.number + 1,
            {"skactive_id": row.id, **(data or {})},
            None if label is None else decode(label),
            guess,
        )


def _compare(left: dict[str, str], right: dict[str, str]) -> SourceAudit:
    both = [id for id in left if id in right]
    reference = [_one_label(left[id]) for id in both]
    others = [_one_label(right[id]) for id in both]
    return audit_source(
        lambda rows: [others[row] for row in rows],
        reference,
        rows=np.arange(len(both)),
    )


def _one_label(text: str) -> Any:
    """A label as it is; a set of labels as its text, since sets are compared whole."""
    return text if text.startswith("[") else decode(text)
