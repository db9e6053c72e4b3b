"""The machinery of a session: events that are saved, and a worker that ranks."""

from __future__ import annotations

import getpass
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from skactive._compat.typing import Array
from skactive._data.labels import MISSING
from skactive.labeling._board import SECOND, Board, Choice
from skactive.labeling._ids import decode, encode, is_clean, kind_of
from skactive.labeling._items import Item, why
from skactive.labeling._opening import Opened
from skactive.labeling._ranking import Ranking, Task
from skactive.labeling._record import LabelingRecord
from skactive.labeling._shown import Shown
from skactive.labeling._slots import Event
from skactive.labeling._worker import Worker
from skactive.strategies._messages import shorten

_LONGEST_NAME = 200


class SessionCore(LabelingRecord):
    """What :class:`LabelingSession` is made of. One lock guards everything."""

    annotator: str

    def _begin(self, path: Path, X: Any, shown: Shown, opened: Opened) -> None:
        self._say(path, opened.meta, opened.rows, opened.fold)
        self._X, self._shown = X, shown
        self._file, self._learner = opened.file, opened.learner
        self._position, self._order = opened.position, opened.order
        self._lock = threading.RLock()
        self._has_news = threading.Condition(self._lock)
        self._board = Board(
            self._fold,
            [row.id for row in self._rows],
            opened.position >= 0,
            self._words,
            overlap=opened.meta["overlap"],
            seed=opened.meta["seed"],
            reserve=opened.reserve,
            share=opened.share,
        )
        self._worker: Worker | None = None
        # Versions of the labels: of the last task, and of the last ranking.
        self._asked_version = -1
        self._ranked_version = -1
        self._error: str | None = None
        self._curve: list[dict[str, float]] = []
        self._last_answer: dict[str, float] = {}
        self._fitted: tuple[int, Any] | None = None
        self._is_closed = False

    # -----------------------------------------------------------------------------
    # Answers
    # -----------------------------------------------------------------------------

    def _save(
        self,
        kind: str,
        id: Any,
        label: str | None,
        annotator: str | None,
        seconds: float | None,
        request: str | None,
    ) -> dict[str, Any]:
        with self._lock:
            self._check_open()
            name = self._name(annotator)
            row = self._row_of(id)
            if request is not None and request in self._fold.requests:
                return self._repeated(request, kind, self._rows[row].id, name)
            lease = self._board.leases.get(row)
            is_mine = lease is not None and lease.annotator == name
            choice = lease.choice if lease and is_mine else self._board.chosen(row)
            if seconds is None and lease and is_mine:
                begun = max(lease.since, self._last_answer.get(name, lease.since))
                seconds = round(self._board.clock() - begun, 3)
            draft = self._draft(kind, choice, label, name, _seconds(seconds), request)
            [event] = self._file.append([draft])
            self._board.answered(row, name, is_vote=kind != "skip")
            self._note(event)
            self._last_answer[name] = self._board.clock()
            return self._as_dict(event)

    def _repeated(self, request: str, kind: str, id: str, name: str) -> dict[str, Any]:
        """The event that a request led to; a ValueError if that was another answer."""
        event = self._fold.requests[request]
        if (event.kind, event.id, event.annotator) != (kind, id, name):
            raise ValueError(
                f"request={request!r} was given before, with the {event.kind} of "
                f"{decode(event.id or 'null')!r} by {event.annotator!r}. Nothing was "
                "saved. Give each answer a request of its own."
            )
        return self._as_dict(event)

    def _draft(
        self,
        kind: str,
        choice: Choice,
        label: str | None,
        annotator: str,
        seconds: float | None,
        request: str | None,
    ) -> Event:
        guess = None
        if choice.guess is not None:
            guess = encode(self._words.label(choice.guess))
        return Event(
            0,
            kind,
            self._rows[choice.row].id,
            label,
            annotator,
            time.time(),
            seconds,
            choice.utility,
            guess,
            _ascii(why(choice, self._words)),
            None if choice.strategy is None else _ascii(choice.strategy),
            choice.is_audit,
            choice.known,
            None,
            _checked_request(request),
        )

    def _note(self, event: Event) -> None:
        """Take an event that is saved into the fold, and tell the worker."""
        before = self._fold.version
        id = self._fold.apply(event)
        if id is not None:
            self._board.update(id)
        if self._worker is not None and self._fold.version != before:
            self._worker.wake()

    def _undo(self, annotator: str | None, request: str | None) -> dict | None:
        with self._lock:
            self._check_open()
            name = self._name(annotator)
            if request is not None and request in self._fold.requests:
                event = self._fold.requests[request]
                self._repeated(request, "undo", event.id or "", name)
                return self._event(event.target)
            undone = self._fold.to_undo(name)
            if undone is None:
                return None
            draft = Event(
                0,
                "undo",
                undone.id,
                None,
                name,
                time.time(),
                target=undone.seq,
                request=_checked_request(request),
            )
            [event] = self._file.append([draft])
            self._note(event)
            row = self._board.number.get(undone.id or "")
            if row is not None:
                self._board.come_again(row, name)
            return self._event(undone.seq)

    def _event(self, seq: int | None) -> dict[str, Any] | None:
        return None if seq is None else self._as_dict(self._fold.events[seq - 1])

    def _import(self, answers: list[tuple[str, str, str]]) -> int:
        """Save labels from elsewhere, (id, label, annotator), in one transaction."""
        with self._lock:
            self._check_open()
            now = time.time()
            drafts = [
                Event(
                    0,
                    "import",
                    id,
                    label,
                    annotator,
                    now,
                    audit=bool(self._board.is_reserved[self._board.number[id]]),
                )
                for id, label, annotator in answers
            ]
            if drafts:
                for event in self._file.append(drafts):
                    self._note(event)
            return len(drafts)

    # -----------------------------------------------------------------------------
    # Items
    # -----------------------------------------------------------------------------

    def _item(self, choice: Choice, *, is_asked: bool = True) -> Item:
        position = int(self._position[choice.row])
        if position < 0:
            raise ValueError(
                f"Row {decode(self._rows[choice.row].id)!r} is in the file, but not in "
                "this pool, so there is nothing to show."
            )
        label = None
        if not is_asked or choice.strategy != SECOND:
            code = int(self._board.codes[choice.row])
            label = None if code == MISSING else self._words.label(code)
        guess, proba = choice.guess, choice.proba
        return Item(
            id=decode(self._rows[choice.row].id),
            position=position,
            shown=self._shown[position],
            kind=self._shown.kind,
            guess=None if guess is None else self._words.label(guess),
            guess_proba=self._words.chance(guess, proba),
            why=why(choice, self._words),
            utility=choice.utility,
            strategy=choice.strategy,
            audit=choice.is_audit,
            known=choice.known,
            label=label,
        )

    # -----------------------------------------------------------------------------
    # The worker
    # -----------------------------------------------------------------------------

    def _start(self) -> None:
        """Start the worker, if there is a learner and it does not run yet."""
        if self._worker is None and self._learner is not None and not self._is_closed:
            self._worker = Worker(
                (self._learner, self._X, self._order, self._words),
                self._next_task,
                self._take_ranking,
                self._take_error,
            )

    def _next_task(self) -> Task | None:
        with self._lock:
            if self._asked_version == self._fold.version or self._is_closed:
                return None
            self._asked_version = self._fold.version
            out, unknown = self._board.left_out()
            codes = np.where(self._position >= 0, self._board.codes, MISSING)
            return Task(self._file.last, codes, out, unknown)

    def _take_ranking(self, ranking: Ranking) -> None:
        with self._lock:
            self._board.ranking = ranking
            self._ranked_version = self._asked_version
            if ranking.audit is not None:
                names = ("n_labels", "score", "low", "high")
                point = dict(zip(names, ranking.audit, strict=True))
                if not self._curve or self._curve[-1] != point:
                    self._curve.append(point)
            self._has_news.notify_all()

    def _take_error(self, text: str | None) -> None:
        with self._lock:
            self._error = text
            self._has_news.notify_all()

    def _has_caught_up(self) -> bool:
        if self._is_closed or self._worker is None:
            return True
        return self._error is not None or self._ranked_version == self._fold.version

    # -----------------------------------------------------------------------------
    # Checks
    # -----------------------------------------------------------------------------

    def _check_open(self) -> None:
        if self._is_closed:
            raise ValueError(
                f"The session {self.title!r} is closed, or was opened anew. Nothing "
                "was saved by this call. Open it again with LabelingSession."
            )

    def _name(self, annotator: str | None) -> str:
        return self.annotator if annotator is None else checked_name(annotator)

    def _row_of(self, id: Any) -> int:
        try:
            text = encode(id)
        except (TypeError, ValueError):
            text = ""
        row = self._board.number.get(text)
        if row is None:
            known = decode(self._rows[0].id)
            raise ValueError(
                f"There is no row with the id {shorten(id, 60)} ({kind_of(id)}); ids "
                f"are {kind_of(known)} such as {known!r}."
            )
        return row

    def _label_text(self, label: Any) -> str:
        """A label as ASCII JSON, as it is among the classes."""
        return self._words.text(label)

    def _in_pool(self, mask: Array) -> Array:
        """Ascending positions in the pool of some rows of the file."""
        return np.sort(self._position[mask & (self._position >= 0)])


def checked_name(name: Any) -> str:
    """The name of an annotator; a ValueError if it is none."""
    is_name = isinstance(name, str) and name.strip() and is_clean(name)
    if not is_name or len(name) > _LONGEST_NAME:
        raise ValueError(
            "The name of an annotator is a text of 1 to "
            f"{_LONGEST_NAME} characters, without control characters; got "
            f"{shorten(name, 60)!r}."
        )
    return name


def user_name() -> str:
    """Name of the user of this machine."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError, ImportError):
        name = ""
    return name if name and is_clean(name) else "annotator"


def _checked_request(request: Any) -> str | None:
    if request is None:
        return None
    if not isinstance(request, str) or not is_clean(request) or len(request) > 200:
        raise ValueError(
            "request is a text of up to 200 characters that names one answer; got "
            f"{shorten(request, 60)!r}."
        )
    return request


def _seconds(seconds: Any) -> float | None:
    if seconds is None:
        return None
    is_number = isinstance(seconds, (int, float, np.number))
    if not is_number or isinstance(seconds, bool) or not 0 <= float(seconds) < 1e9:
        raise ValueError(
            f"seconds must be a finite number from 0 upwards; got {seconds!r}."
        )
    return float(seconds)


def _ascii(text: str) -> str:
    """A text that SQLite can keep, whatever the names of classes are."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
