"""Whose turn a row is: states of rows, leases, and the order in which to ask."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np

from skactive._compat.typing import Array
from skactive._data.labels import MISSING
from skactive.labeling._fold import DISCARDED, TIE, Fold
from skactive.labeling._ranking import Ranking

# Seconds for which a row on screen is asked of nobody else.
LEASE = 600.0
# States of rows.
OPEN, LABELED, OUT, TIED = 0, 1, 2, 3
# What chooses rows besides the strategies of a learner.
AUDIT = "audit, at random"
RANDOM = "random"
SECOND = "second opinion"
TIE_BREAK = "review of a tie"


class Choice(NamedTuple):
    """Why a row is asked about, and what the model says of it.

    `row` is its number in the file, `guess` and the keys of `proba` are codes of
    classes. `strategy` is None for rows that nothing has chosen.
    """

    row: int
    strategy: str | None = None
    utility: float | None = None
    guess: int | None = None
    proba: dict[int, float] | None = None
    rank: int | None = None
    known: int | None = None
    n_known: int | None = None
    n_ranked: int = 0
    is_audit: bool = False


@dataclass
class Lease:
    """A row on the screen of an annotator, since and until when."""

    choice: Choice
    annotator: str
    since: float
    until: float


class Board:
    """Which rows are open, for whom, and in which order.

    Parameters
    ----------
    fold : Fold
        The events so far. :meth:`update` is called after each further one.
    ids : list of str
        Id of each row of the file.
    is_here : ndarray of shape (n_rows,)
        Mask of the rows that are in the pool.
    code_of : dict or Vocabulary
        Gives the code of each label by its ASCII JSON.
    overlap : float
        Share of rows asked of two people.
    seed : int
        Draws the random order.
    reserve : ndarray of shape (n_reserved,)
        Rows kept for audits, in the order in which they are asked about.
    share : float
        Share of labels that are those of the reserve.
    clock : callable
        Gives seconds that never go back.
    """

    def __init__(
        self,
        fold: Fold,
        ids: Sequence[str],
        is_here: Array,
        code_of: Any,
        *,
        overlap: float = 0.0,
        seed: int = 0,
        reserve: Array | None = None,
        share: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.fold, self.ids, self.is_here = fold, ids, is_here
        self.number = {id: row for row, id in enumerate(ids)}
        self.code_of, self.overlap, self.share = code_of, overlap, share
        self.clock = clock
        n_rows = len(ids)
        self.reserve = np.empty(0, np.intp) if reserve is None else reserve
        self.is_reserved = np.zeros(n_rows, dtype=bool)
        self.is_reserved[self.reserve] = True
        # Number i does not depend on how many numbers are drawn.
        keys = np.random.PCG64(seed).random_raw(n_rows)
        order = np.argsort(keys, kind="stable")
        self.random_order = order[~self.is_reserved[order]]
        self.state = np.full(n_rows, OPEN, dtype=np.int8)
        self.codes = np.full(n_rows, MISSING, dtype=np.intp)
        self.ties: dict[int, None] = {}
        self.waiting: dict[int, str] = {}  # overlap rows with one vote, and whose
        self.skipped: dict[str, dict[int, int]] = {}
        self.front: dict[str, list[int]] = {}
        self.kept: dict[int, Choice] = {}
        self.leases: dict[int, Lease] = {}
        self.n_votes: dict[str, int] = {}
        self.n_second: dict[str, int] = {}
        self.ranking: Ranking | None = None
        for id in {*fold.ids(), *fold.skipped_ids()}:
            self.update(id)

    def update(self, id: str) -> None:
        """Take note that the votes on a row, or its skips, have changed."""
        row = self.number.get(id)
        if row is None:
            return
        found = self.fold.decide(id)
        states = {None: OPEN, DISCARDED: OUT, TIE: TIED}
        self.state[row] = states.get(found, LABELED)
        self.codes[row] = self.code_of.get(found or "", MISSING)
        self.ties.pop(row, None)
        self.waiting.pop(row, None)
        if self.state[row] == TIED:
            self.ties[row] = None
        votes = self.fold.votes(id)
        if len(votes) == 1 and is_doubled(id, self.overlap):
            name, vote = next(iter(votes.items()))
            if vote.kind != "import":
                self.waiting[row] = name
        for rows in self.skipped.values():
            rows.pop(row, None)
        for name, event in self.fold.skipped_by(id).items():
            self.skipped.setdefault(name, {})[row] = event.seq

    def answered(self, row: int, annotator: str, *, is_vote: bool) -> Lease | None:
        """End the lease of an annotator on a row, and return it if there was one."""
        self.kept.pop(row, None)
        if annotator in self.front:
            others = [other for other in self.front[annotator] if other != row]
            self.front[annotator] = others
        lease = self.leases.get(row)
        if lease is not None and lease.annotator == annotator:
            del self.leases[row]
            if is_vote:
                self.n_votes[annotator] = self.n_votes.get(annotator, 0) + 1
                if lease.choice.strategy == SECOND:
                    self.n_second[annotator] = self.n_second.get(annotator, 0) + 1
            return lease
        return None

    def come_again(self, row: int, annotator: str) -> None:
        """Ask an annotator about a row next, as an answer was undone."""
        self.front.setdefault(annotator, []).insert(0, row)
        # What is on screen waits behind it.
        mine = [r for r, lease in self.leases.items() if lease.annotator == annotator]
        for other in mine:
            lease = self.leases.pop(other)
            if other != row:
                self.front[annotator].append(other)
                self.kept[other] = lease.choice

    def take(self, annotator: str, n: int, passed: Sequence[int] = ()) -> list[Choice]:
        """The next rows for an annotator, which nobody else gets for ten minutes.

        Rows in `passed` are left out.
        """
        now = self.clock()
        mine = [
            lease
            for row, lease in self.leases.items()
            if lease.annotator == annotator and row not in passed
        ]
        found = []
        for lease in mine:
            if self.is_for(lease.choice.row, annotator):
                found.append(lease.choice)
            else:
                del self.leases[lease.choice.row]
        for choice in found[:n]:
            lease = self.leases[choice.row]
            if lease.until < now:  # and nobody else has taken the row since
                lease.until = now + LEASE
        while len(found) < n:
            best = next(self._choices(annotator, passed), None)
            if best is None:
                break
            self.leases[best.row] = Lease(best, annotator, now, now + LEASE)
            found.append(best)
        return found[:n]

    def is_for(self, row: int, annotator: str) -> bool:
        """Whether there is something for an annotator to say about a row."""
        if not self.is_here[row] or annotator in self.fold.votes(self.ids[row]):
            return False
        return self.state[row] in (OPEN, TIED) or row in self.waiting

    def n_left(self) -> int:
        """Number of rows of the pool that nobody has labelled or discarded."""
        return int(np.count_nonzero((self.state == OPEN) & self.is_here))

    def left_out(self) -> tuple[Array, Array]:
        """Rows that a ranking, and that an audit, leaves out.

        Skipped rows are left out of a ranking while there are others.
        """
        unknown = ~self.is_here | (self.state == OUT)
        out = unknown | (self.state == TIED)
        skipped = out.copy()
        for rows in self.skipped.values():
            skipped[list(rows)] = True
        if (~skipped & (self.state == OPEN)).any():
            out = skipped
        return np.flatnonzero(out), np.flatnonzero(unknown)

    def chosen(self, row: int) -> Choice:
        """What the present ranking knows of a row that it did not ask about."""
        ranking = self.ranking
        is_audit = bool(self.is_reserved[row])
        if ranking is None:
            return Choice(row, is_audit=is_audit)
        if row in ranking.rows:
            return self._ranked(row)._replace(strategy=None)
        choice = Choice(row, is_audit=is_audit)
        return choice._replace(known=ranking.known, n_known=ranking.n_known)

    def _choices(self, annotator: str, passed: Sequence[int]) -> Iterator[Choice]:
        """Rows for an annotator that nobody has on screen, best first."""
        now = self.clock()
        skipped = self.skipped.get(annotator, {})

        def free(rows: Iterable[int], skips: bool = True) -> Iterator[int]:
            for row in rows:
                row = int(row)
                lease = self.leases.get(row)
                if lease is not None and (
                    lease.annotator == annotator or lease.until >= now
                ):
                    continue
                if row in passed or (skips and row in skipped):
                    continue
                if self.is_for(row, annotator):
                    yield row

        for row in free(self.front.get(annotator, []), skips=False):
            yield self.kept.get(row) or self.chosen(row)
        for row in free(list(self.ties)):
            yield Choice(row, TIE_BREAK, is_audit=bool(self.is_reserved[row]))
        seconds = free([r for r, who in self.waiting.items() if who != annotator])
        if self._second_is_due(annotator):
            yield from map(self._second, seconds)
        audited = free(self._open(self.reserve))
        if self._audit_is_due():
            yield from map(self._audited, audited)
        if self.ranking is not None:
            rows = np.asarray(self.ranking.rows, dtype=np.intp)
            rows = rows[~self.is_reserved[rows]]
            yield from map(self._ranked, free(self._open(rows)))
        for row in free(self._open(self.random_order)):
            yield Choice(row, RANDOM)
        yield from map(self._audited, audited)
        yield from map(self._second, seconds)
        for row in free(sorted(skipped, key=skipped.__getitem__), skips=False):
            yield self.chosen(row)

    def _open(self, rows: Array) -> Array:
        return rows[(self.state[rows] == OPEN) & self.is_here[rows]]

    def _second_is_due(self, annotator: str) -> bool:
        most = min(2 * self.overlap, 0.5) * (self.n_votes.get(annotator, 0) + 1)
        return self.n_second.get(annotator, 0) < most

    def _audit_is_due(self) -> bool:
        if not len(self.reserve):
            return False
        on_screen = [row for row in self.leases if self.state[row] == OPEN]
        n_known = int(np.count_nonzero(self.state == LABELED)) + len(on_screen)
        n_audited = int(np.count_nonzero(self.state[self.reserve] != OPEN))
        n_audited += sum(bool(self.is_reserved[row]) for row in on_screen)
        return int(self.share * (n_known + 1) + 1e-9) > n_audited

    def _second(self, row: int) -> Choice:
        return Choice(row, SECOND, is_audit=bool(self.is_reserved[row]))

    def _audited(self, row: int) -> Choice:
        return self.chosen(row)._replace(strategy=AUDIT, utility=None, is_audit=True)

    def _ranked(self, row: int) -> Choice:
        ranking: Any = self.ranking
        rank = ranking.rows.index(row)
        return Choice(
            row,
            ranking.strategy,
            ranking.utilities[rank],
            ranking.guesses[rank],
            ranking.proba[rank],
            rank,
            ranking.known,
            ranking.n_known,
            len(ranking.rows),
            bool(self.is_reserved[row]),
        )


def is_doubled(id: str, overlap: float) -> bool:
    """Whether a row is asked of two people; its id alone determines it."""
    if not overlap:
        return False
    key = blake2b(id.encode(), digest_size=8).digest()
    return int.from_bytes(key, "big") < overlap * 2.0**64
