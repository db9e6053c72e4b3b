"""Open the file of a session, or make it, and compare it with what is given."""

from __future__ import annotations

import json
import secrets
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone

from skactive._compat.typing import Array
from skactive.classifier._query import find_learner
from skactive.labeling._events import EventFile, Row
from skactive.labeling._fold import Fold
from skactive.labeling._ids import decode, encode, name_some
from skactive.labeling._rows import Given, Matched, match
from skactive.labeling._slots import Event
from skactive.labeling._vocabulary import Vocabulary, is_multilabel, vocabulary


class Opened(NamedTuple):
    """An open file, what it says, and the learner with a seed of its own.

    `position` (n_rows,) is the position in the pool of each row of the file, -1 where
    it is absent, and `order` as in :class:`Matched`. `reserve` holds the rows for
    audits, in order.
    """

    file: EventFile
    meta: dict[str, Any]
    rows: list[Row]
    fold: Fold
    position: Array
    order: Array | None
    learner: Any
    reserve: Array
    share: float


def open_session(
    path: Path,
    X: Any,
    given: Given,
    learner: Any,
    *,
    classes: list | None,
    multilabel: bool | None,
    overlap: float | None,
    accepts: bool,
    take_over: bool,
) -> Opened:
    """Open the file of a session to write to it; make it if there is none."""
    if not path.exists():
        if classes is None:
            raise ValueError(
                f"{path} is a new session, which needs classes: the labels that people "
                "choose from."
            )
        meta: dict[str, Any] = {
            "classes": classes,
            "multilabel": bool(multilabel),
            "kind": given.kind,
            "overlap": overlap or 0.0,
            "seed": secrets.randbelow(2**31),
            "audit": None,
            "made": time.time(),
        }
        words = vocabulary(classes, meta["multilabel"])
        ready = _checked(learner, X, words, meta["seed"])
        rows, meta["audit"] = _with_reserve(
            match([], given.kind, given, accepts=True).rows, ready, X, None, words
        )
        EventFile.create(path, meta, rows)
    file = EventFile.write(path, take_over=take_over)
    try:
        _check_multilabel(multilabel, file.meta)
        return _compared(file, X, given, learner, classes, overlap, accepts)
    except BaseException:
        file.close()
        raise


def _compared(
    file: EventFile,
    X: Any,
    given: Given,
    learner: Any,
    classes: list | None,
    overlap: float | None,
    accepts: bool,
) -> Opened:
    before, known = file.meta, file.rows
    fold, meta = Fold(file.events), dict(before)
    words = vocabulary(before["classes"], is_multilabel(before))
    if classes is not None:
        _check_kept(classes, words, fold)
        meta["classes"] = classes
        words = vocabulary(classes, words.multilabel)
    if overlap is not None:
        meta["overlap"] = overlap
    learner = _checked(learner, X, words, meta["seed"])
    matched = match(known, meta["kind"], given, accepts=accepts)
    meta["kind"] = given.kind
    rows, meta["audit"] = _with_reserve(matched.rows, learner, X, meta["audit"], words)
    altered = [row for row, old in zip(rows, known, strict=False) if row != old]
    altered += rows[len(known) :]
    if altered or encode(_sorted(meta)) != encode(_sorted(before)):
        fold.apply(file.change(altered, meta, _note(matched)))
    file.rows, file.events = [], []  # the session has them now
    reserve, share = np.empty(0, dtype=np.intp), 0.0
    if learner is not None:
        inner, _ = find_learner(learner, X, "LabelingSession")
        if inner.audit_fraction:
            share = float(inner.audit_fraction)
            reserve = inner._make_plan(words.kind).reserve(len(rows)).rows
    return Opened(
        file,
        meta,
        rows,
        fold,
        matched.position,
        matched.order,
        learner,
        reserve,
        share,
    )


def _check_multilabel(multilabel: bool | None, meta: dict[str, Any]) -> None:
    if multilabel is not None and bool(multilabel) != is_multilabel(meta):
        raise ValueError(
            f"The file has multilabel={is_multilabel(meta)}, which cannot be changed; "
            f"got multilabel={multilabel}. Make a new session for other labels."
        )


def _checked(learner: Any, X: Any, words: Vocabulary, seed: int) -> Any:
    """A clone of the learner that gives the same answer for the same call."""
    if learner is None:
        return None
    learner = clone(learner)
    inner, _ = find_learner(learner, X, "LabelingSession")
    if inner.budget is not None:
        raise ValueError(
            f"The learner has budget={inner.budget}, for labels that are known. Set it "
            "to None; people end a session when they want."
        )
    words.check_mark(inner.missing_label)
    if inner.random_state is None:
        inner.random_state = seed
    inner._validate_params()
    inner._make_plan(words.kind)
    return learner


def _with_reserve(
    rows: list[Row], learner: Any, X: Any, drawn: Any, words: Vocabulary
) -> tuple[list[Row], Any]:
    """Rows with their place in the audit reserve, and the parameters of the draw."""
    inner = None
    if learner is not None:
        inner, _ = find_learner(learner, X, "LabelingSession")
    if inner is None or not inner.audit_fraction:
        if inner is not None and drawn is not None:
            warnings.warn(
                f"The file keeps rows for audits, drawn with {_parameters(drawn)}, and "
                "this learner has audit_fraction=0, so it learns from them as well.",
                UserWarning,
                stacklevel=6,
            )
        return rows, drawn
    mask = inner._make_plan(words.kind).reserve(len(rows)).mask.tolist()
    wrong = [
        row for row in rows if row.audit is not None and row.audit != mask[row.number]
    ]
    now = [float(inner.audit_fraction), int(inner.random_state)]  # type: ignore[arg-type]
    if wrong or (drawn is not None and list(drawn) != now):
        raise ValueError(
            "The rows for audits must stay the same. Those of the file were drawn with "
            f"{_parameters(drawn)}; the learner has {_parameters(now)}. Pass a learner "
            "with the former."
        )
    return [
        row._replace(audit=is_in) for row, is_in in zip(rows, mask, strict=True)
    ], now


def _parameters(drawn: Sequence[Any]) -> str:
    return f"audit_fraction={drawn[0]} and random_state={drawn[1]}"


def _check_kept(classes: list, before: Vocabulary, fold: Fold) -> None:
    given = {encode(label) for label in classes}
    used = {
        vote.label
        for id in fold.ids()
        for vote in fold.all_votes(id).values()
        if vote.label is not None
    }
    gone = [decode(label) for label in sorted(before.used(used) - given)]
    if gone:
        raise ValueError(
            f"classes={classes} lacks {name_some(gone)}, which rows of the file have "
            f"as a label. Its classes are {before.classes}: keep those in use, "
            "and add new ones as you like."
        )


def _note(matched: Matched) -> Event:
    """What has changed since the file was last open."""
    text = {
        "n_rows": len(matched.rows),
        "n_new": len(matched.new),
        "changed": [decode(row.id) for row in matched.changed],
    }
    return Event(0, "note", time=time.time(), why=json.dumps(text, ensure_ascii=True))


def _sorted(meta: dict[str, Any]) -> list[Any]:
    return sorted(meta.items())
