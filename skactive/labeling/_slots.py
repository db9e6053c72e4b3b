"""Events as texts of one length, for slots of a file that are there beforehand.

A slot is blank until it is written, once, with a text as long as the blank. So SQLite
overwrites one page of the file, and its first page, and moves nothing. A process may be
killed between any two pages: what a plain copy of the file then has is whole, with or
without the event. An event that needs several slots, or events that belong together,
count only when the last of them is there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

# Characters of a slot. Most events are shorter.
SLOT_SIZE = 500
BLANK = " " * SLOT_SIZE
# The first character of a slot: it has a whole event, or begins, continues or ends one.
_WHOLE, _BEGIN, _MIDDLE, _END = "=<|>"


class Event(NamedTuple):
    """One event. `id`, `label` and `guess` are ASCII JSON.

    `kind` is "label", "skip", "discard", "undo", "import" or "note". `known` is the
    last event that the model knew, `target` the event that is undone.
    """

    seq: int
    kind: str
    id: str | None = None
    label: str | None = None
    annotator: str | None = None
    time: float = 0.0
    seconds: float | None = None
    utility: float | None = None
    guess: str | None = None
    why: str | None = None
    strategy: str | None = None
    audit: bool = False
    known: int | None = None
    target: int | None = None
    request: str | None = None


def pack(events: Sequence[Event], number_of: Callable[[str], int]) -> list[str]:
    """Texts of slots for events that belong together.

    Events name rows by their numbers in the file, since ids may be long.
    """
    texts: list[str] = []
    for n_more, event in zip(reversed(range(len(events))), events, strict=True):
        fields = {
            name: value
            for name, value in event._asdict().items()
            if not (value is None or value is False or name in ("seq", "id"))
        }
        if event.id is not None:
            fields["row"] = number_of(event.id)
        if len(events) > 1:
            fields["of"], fields["more"] = len(events), n_more
        texts += _cut(json.dumps(fields, ensure_ascii=True, separators=(",", ":")))
    return texts


def unpack(texts: Iterable[str], ids: Sequence[str]) -> Iterator[Event]:
    """The events in slots, up to the first blank one, numbered from 1."""
    seq = 1
    together: list[dict] = []
    for text in _joined(texts):
        fields = json.loads(text)
        n_more, n_all = fields.pop("more", 0), fields.pop("of", 1)
        if n_more == n_all - 1:
            together = []  # the end of those before, if any, was never written
        together.append(fields)
        if n_more or len(together) < n_all:
            continue
        for found in together:
            row = found.pop("row", None)
            yield Event(seq, id=None if row is None else ids[row], **found)
            seq += 1
        together = []


def n_used(texts: Iterable[str]) -> int:
    """Number of slots before the first blank one."""
    return sum(1 for _ in _written(texts))


def _cut(text: str) -> list[str]:
    size = SLOT_SIZE - 1
    if len(text) <= size:
        return [(_WHOLE + text).ljust(SLOT_SIZE)]
    parts = [text[at : at + size] for at in range(0, len(text), size)]
    marks = _BEGIN + _MIDDLE * (len(parts) - 2) + _END
    return [
        (mark + part).ljust(SLOT_SIZE) for mark, part in zip(marks, parts, strict=True)
    ]


def _joined(texts: Iterable[str]) -> Iterator[str]:
    """Whole texts; one whose end was never written is left out."""
    parts: list[str] | None = None
    for text in _written(texts):
        mark, part = text[0], text[1:]
        if mark == _WHOLE:
            parts = None
            yield part
        elif mark == _BEGIN:
            parts = [part]
        elif parts is not None:
            parts.append(part)
            if mark == _END:
                yield "".join(parts)
                parts = None


def _written(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        if text == BLANK:
            return
        yield text
