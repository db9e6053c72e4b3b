"""Rows of a pool that is given, and rows that a file knows: which are the same."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from skactive._compat.sklearn import _num_samples
from skactive._compat.typing import Array
from skactive._data.digests import row_digests
from skactive.labeling._events import Row
from skactive.labeling._ids import decode, encode_ids, kind_of, name_some


class Given(NamedTuple):
    """Ids and digests of the rows of a pool; `kind` is that of the digests."""

    ids: list[str]
    kind: str
    digests: list[bytes]

    @classmethod
    def of(cls, X: Any, ids: Any, show: Any) -> Given:
        """Read a pool. Ids of None are the index of `X`, or else of `show`."""
        n_samples = _num_samples(X)
        if n_samples == 0:
            raise ValueError("X has no rows, so there is nothing to label.")
        if ids is None:
            ids = next((it.index for it in (X, show) if _has_index(it)), None)
        if ids is None:
            raise ValueError(
                f"ids are required: {type(X).__name__} has no index that names its "
                "rows. Give one id per row that stays with it when rows move, such as "
                "a ticket number, ids=tickets['id']; or ids=range(len(X)) if rows "
                "never move."
            )
        texts = encode_ids(ids)
        if len(texts) != n_samples:
            raise ValueError(
                f"ids must have one entry per row of X; got {len(texts)} for "
                f"{n_samples} rows."
            )
        return cls(texts, *row_digests(X))


class Matched(NamedTuple):
    """How a pool fits a file.

    `position` (n_rows,) is the position in the pool of each row of the file, -1 where
    it is absent. `new` are rows that the file does not know, `changed` those whose
    content is another one than before.
    """

    rows: list[Row]
    position: Array
    new: list[Row]
    changed: list[Row]

    @property
    def order(self) -> Array | None:
        """Position for each row, 0 where it is absent; None if nothing is moved."""
        if np.array_equal(self.position, np.arange(len(self.position))):
            return None
        return np.maximum(self.position, 0)


def match(rows: list[Row], kind: str, given: Given, *, accepts: bool) -> Matched:
    """Find the rows of a pool in a file; a ValueError if they have changed."""
    number = {row.id: row.number for row in rows}
    numbers = [number.get(id) for id in given.ids]
    n_known = len(numbers) - numbers.count(None)
    if rows and n_known == 0:
        raise ValueError(_is_unrelated(rows, given))
    # Changed content can be seen only among rows of one kind.
    changed = [
        rows[at]._replace(digest=digest)
        for at, digest in zip(numbers, given.digests, strict=True)
        if at is not None and (rows[at].digest != digest or kind != given.kind)
    ]
    if changed and not accepts:
        raise ValueError(_has_changed(kind, given, changed, n_known))
    last = len(rows)
    new = [
        Row(last + count, id, digest, None)
        for count, (id, digest) in enumerate(
            (id, digest)
            for id, digest, at in zip(given.ids, given.digests, numbers, strict=True)
            if at is None
        )
    ]
    everything = [*rows, *new]
    for row in changed:
        everything[row.number] = row
    number |= {row.id: row.number for row in new}
    position = np.full(len(everything), -1, dtype=np.intp)
    position[[number[id] for id in given.ids]] = np.arange(len(given.ids))
    return Matched(everything, position, new, changed)


def _is_unrelated(rows: list[Row], given: Given) -> str:
    known, got = decode(rows[0].id), decode(given.ids[0])
    hint = "Open the session with the pool that it was made for, or use another file."
    if kind_of(known) != kind_of(got):
        hint = f"Ids of the file are {kind_of(known)}, those given {kind_of(got)}."
    return (
        f"None of the {len(given.ids)} rows is in the file, which knows {len(rows)} "
        f"rows such as {known!r}; got ids such as {got!r}. {hint}"
    )


def _has_changed(kind: str, given: Given, changed: list[Row], n_known: int) -> str:
    if kind != given.kind:
        what = f"Rows of the file are of the kind {kind!r}; got {given.kind!r}."
    else:
        names = name_some([decode(row.id) for row in changed])
        what = (
            f"The content of {len(changed)} of {n_known} known rows is not what it was "
            f"when they were last shown: {names}."
        )
    return (
        f"{what} If the ids are positions, and rows have moved, give ids that move "
        "with them. If only the content was edited and the labels still hold, pass "
        "accept_changes=True."
    )


def _has_index(X: Any) -> bool:
    return hasattr(X, "index") and hasattr(X, "iloc")
