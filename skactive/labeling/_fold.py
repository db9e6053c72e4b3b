"""The fold of events: which labels they give, in the order of their numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from skactive.labeling._slots import Event

# What a row is, by the votes on it. Labels are ASCII JSON and never equal these.
DISCARDED = "discarded"
TIE = "tie"

_VOTES = {"label", "import", "discard"}
_CAN_BE_UNDONE = {"label", "import", "discard", "skip"}


class Fold:
    """The state that events lead to.

    An annotator has one vote on a row, the last one that is not undone. Votes are
    labels and discards; a skip is none, and leaves earlier votes as they are. The
    majority decides, and a tie is no label. Labels that were imported count only where
    nobody has labelled or discarded the row in the session.
    """

    def __init__(self, events: Iterable[Event] = ()):
        self.events: list[Event] = []
        self.undone: set[int] = set()
        self.requests: dict[str, Event] = {}
        # By row and annotator, then by annotator: events that are not undone.
        self._votes: dict[str, dict[str, list[Event]]] = {}
        self._skips: dict[str, dict[str, list[Event]]] = {}
        self._stacks: dict[str, list[Event]] = {}
        self.version = 0
        # Number of labels by annotator, of those that are not undone.
        self.n_labels: Counter[str] = Counter()
        for event in events:
            self.apply(event)

    def apply(self, event: Event) -> str | None:
        """Take the next event, and return the row whose state may have changed."""
        self.events.append(event)
        if event.request is not None:
            self.requests[event.request] = event
        if event.kind == "undo":
            return self._undo(event)
        if event.kind not in _CAN_BE_UNDONE or event.id is None:
            return None
        annotator = event.annotator or ""
        self._stacks.setdefault(annotator, []).append(event)
        self._piles(event).setdefault(annotator, []).append(event)
        self.version += event.kind in _VOTES
        self.n_labels[annotator] += event.label is not None
        return event.id

    def _undo(self, event: Event) -> str | None:
        undone = self._stacks[event.annotator or ""].pop()
        self.undone.add(undone.seq)
        piles = self._piles(undone)
        pile = piles[undone.annotator or ""]
        pile.pop()
        if not pile:
            del piles[undone.annotator or ""]
        self.version += undone.kind in _VOTES
        self.n_labels[undone.annotator or ""] -= undone.label is not None
        return undone.id

    def _piles(self, event: Event) -> dict[str, list[Event]]:
        table = self._votes if event.kind in _VOTES else self._skips
        return table.setdefault(event.id or "", {})

    def to_undo(self, annotator: str) -> Event | None:
        """The last event of an annotator that is not undone."""
        stack = self._stacks.get(annotator)
        return stack[-1] if stack else None

    def votes(self, id: str) -> dict[str, Event]:
        """The votes on a row that count, by annotator."""
        found = {name: pile[-1] for name, pile in self._votes.get(id, {}).items()}
        given = {name: it for name, it in found.items() if it.kind != "import"}
        return given or found

    def all_votes(self, id: str) -> dict[str, Event]:
        """The votes on a row by annotator, imported ones as well."""
        return {name: pile[-1] for name, pile in self._votes.get(id, {}).items()}

    def first_votes(self, id: str) -> dict[str, Event]:
        """The first vote of each annotator on a row, of those that are not undone."""
        return {name: pile[0] for name, pile in self._votes.get(id, {}).items()}

    def decide(self, id: str) -> str | None:
        """The label of a row as ASCII JSON, DISCARDED, TIE or None."""
        votes = self.votes(id)
        if not votes:
            return None
        counts = Counter(
            DISCARDED if vote.kind == "discard" else str(vote.label)
            for vote in votes.values()
        ).most_common(2)
        if len(counts) > 1 and counts[0][1] == counts[1][1]:
            return TIE
        return counts[0][0]

    def skipped_by(self, id: str) -> dict[str, Event]:
        """The last skip of a row by each annotator who has no vote on it."""
        votes = self._votes.get(id, {})
        skips = self._skips.get(id, {})
        return {name: pile[-1] for name, pile in skips.items() if name not in votes}

    def ids(self) -> Iterator[str]:
        """Ids of all rows on which there is a vote, in order of the first one."""
        return (id for id, piles in self._votes.items() if piles)

    def skipped_ids(self) -> Iterator[str]:
        """Ids of all rows that somebody has skipped and not voted on since."""
        return (id for id in self._skips if self.skipped_by(id))

    def labels(self) -> dict[str, str]:
        """Labels by id, both as ASCII JSON, in order of the first vote."""
        found = {id: self.decide(id) for id in self.ids()}
        return {
            id: label
            for id, label in found.items()
            if label is not None and label not in (DISCARDED, TIE)
        }


def fold_until(events: Iterable[Event], known: int) -> Fold:
    """The fold of the events up to and with the number `known`."""
    return Fold(event for event in events if event.seq <= known)
