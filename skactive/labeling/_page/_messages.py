"""What a page sends and is sent: JSON that is checked, and methods of the session.

Ids and labels travel as JSON inside strings, because the numbers of JavaScript do not
hold integers of 64 bits, and 1 and 1.0 are the same there.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

from skactive.labeling._page._keys import assign_keys

# Items that are sent at a time: the one on screen, and the next ones for preloading.
N_ITEMS = 3
# Events that the history shows.
N_EVENTS = 50
_REQUEST = re.compile("[!-~]{1,64}")
_LONGEST_NAME = 100
_LONGEST_SNIPPET = 160

Fields = dict[str, Any]


def dump(value: Any) -> bytes:
    r"""Write JSON in ASCII. Numbers that are not finite become null.

    Lone surrogates are escaped, and so can be sent.

    Examples
    --------
    >>> dump({"text": "na\u00efve", "guess_proba": float("nan")})
    b'{"text": "na\\u00efve", "guess_proba": null}'
    """
    return json.dumps(_finite(value), allow_nan=False).encode("ascii")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if hasattr(value, "dtype") and hasattr(value, "item"):  # a number of numpy
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def load(raw: bytes) -> Fields:
    """Read the body of a request, a JSON object.

    Raises
    ------
    ValueError
        If it is anything else.
    """
    try:
        body = json.loads(raw or b"{}")
    except (ValueError, RecursionError) as error:
        raise ValueError(f"The body of a request must be JSON: {error}.") from None
    if not isinstance(body, dict):
        raise ValueError(f"The body must be a JSON object; got {_short(body)}.")
    return body


def _short(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."


# --- Fields of requests ---------------------------------------------------------------


def _read_scalar(body: Fields, name: str, *, allow_any: bool = False) -> Any:
    """Return the value of a field that holds JSON in a string."""
    text = body.get(name)
    if not isinstance(text, str):
        raise ValueError(
            f"{name} must be a string of JSON, as it was sent; got {_short(text)}."
        )
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise ValueError(
            f"{name} must be a string of JSON, as it was sent; got {_short(text)}."
        ) from None
    if not allow_any and not isinstance(value, (str, int, float)):
        raise ValueError(f"{name} must be text, a number or a boolean; got {text}.")
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _read_annotator(body: Fields) -> str:
    name = body.get("annotator")
    if not isinstance(name, str) or not 0 < len(name.strip()) <= _LONGEST_NAME:
        raise ValueError(
            f"annotator must be a name of 1 to {_LONGEST_NAME} characters; got "
            f"{_short(name)}."
        )
    if not name.isprintable():  # neither are lone surrogates
        raise ValueError(
            f"annotator must have no control characters; got {_short(name)}."
        )
    return name.strip()


def _read_seconds(body: Fields) -> float | None:
    seconds = body.get("seconds")
    if seconds is None:
        return None
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not is_number or not 0 <= seconds < 1e9:
        raise ValueError(
            f"seconds must be a number from 0 upwards, or null; got {_short(seconds)}."
        )
    return float(seconds)


def _read_request(body: Fields) -> str:
    request = body.get("request")
    if not isinstance(request, str) or not _REQUEST.fullmatch(request):
        raise ValueError(
            "request must be an id that the page makes for each answer, 1 to 64 "
            f"characters of ASCII; got {_short(request)}."
        )
    return request


# --- Answers --------------------------------------------------------------------------


def _item(item: Any) -> Fields:
    """What is sent of an item. Its guess and its label by others are not."""
    return {
        "id": json.dumps(item.id),
        "kind": item.kind,
        "shown": item.shown,
        "is_ranked": item.known is not None,
    }


def _event(session: Any, event: Fields) -> Fields:
    """What is sent of an event, with the beginning of what is shown of its row."""
    names = ("seq", "kind", "time", "seconds")
    found = {name: event.get(name) for name in names}
    label = event.get("label")
    return found | {
        "id": json.dumps(event.get("id")),
        "label": None if label is None else _dump_label(label),
        "undone": bool(event.get("undone")),
        "snippet": _snippet(session, event.get("id")),
    }


def _snippet(session: Any, row: Any) -> str:
    try:
        shown = session.item(row).shown
    except (LookupError, ValueError):  # no longer in the pool
        return ""
    if isinstance(shown, str):
        return shown[:_LONGEST_SNIPPET]
    text = ", ".join(f"{name}: {value}" for name, value in shown[:8])
    return text[:_LONGEST_SNIPPET]


def _next(session: Any, annotator: str) -> Fields:
    items = session.take(annotator, n=N_ITEMS)
    return {"items": [_item(item) for item in items], "status": session.status()}


def describe(session: Any, keys: dict[str, Any] | None) -> Fields:
    """What a page needs to know before the first item."""
    classes = list(session.classes)
    assigned = assign_keys(classes, keys)
    texts = [_text(label) for label in classes]
    return {
        "title": session.title,
        "annotator": session.annotator,
        "type_ahead": assigned is None,
        "several": session.multilabel,
        "classes": [
            {
                "label": json.dumps(label),
                # 1 and "1" are two classes.
                "text": text if texts.count(text) == 1 else json.dumps(label),
                "key": None if assigned is None else assigned[number],
            }
            for number, (label, text) in enumerate(zip(classes, texts, strict=True))
        ],
    }


def _text(label: Any) -> str:
    if isinstance(label, tuple):
        return ", ".join(map(_text, label)) or "none of the labels"
    return label if isinstance(label, str) else json.dumps(label)


def _dump_label(label: Any) -> str:
    """A label as it is sent: JSON, or a list of JSON where a row may have several."""
    if isinstance(label, tuple):
        return json.dumps([json.dumps(one) for one in label])
    return json.dumps(label)


def _read_label(session: Any, body: Fields) -> Any:
    """The label in a request, as :func:`_dump_label` writes it."""
    if not session.multilabel:
        return _read_scalar(body, "label")
    parts = _read_scalar(body, "label", allow_any=True)
    if not isinstance(parts, list):
        raise ValueError(
            "label must be a list of labels, each a string of JSON as it was sent; got "
            f"{_short(body.get('label'))}."
        )
    return [_read_scalar({"label": part}, "label") for part in parts]


# --- Methods --------------------------------------------------------------------------


def _take(session: Any, body: Fields) -> Fields:
    return _next(session, _read_annotator(body))


def _status(session: Any, body: Fields) -> Fields:
    return {"status": session.status()}


def _write(name: str) -> Callable[[Any, Fields], Fields]:
    def write(session: Any, body: Fields) -> Fields:
        annotator = _read_annotator(body)
        row = _read_scalar(body, "id", allow_any=True)
        args = [row, _read_label(session, body)] if name == "label" else [row]
        event = getattr(session, name)(
            *args,
            annotator=annotator,
            seconds=_read_seconds(body),
            request=_read_request(body),
        )
        return {"event": _event(session, event)} | _next(session, annotator)

    return write


def _undo(session: Any, body: Fields) -> Fields:
    annotator = _read_annotator(body)
    event = session.undo(annotator=annotator, request=_read_request(body))
    found = _next(session, annotator) | {"event": None, "item": None}
    if event is not None:
        found["event"] = _event(session, event)
        found["item"] = _item(session.item(event["id"]))
    return found


def _history(session: Any, body: Fields) -> Fields:
    # Those of the others are not shown: rows for two people are labelled blind.
    events = session.history(annotator=_read_annotator(body), n=N_EVENTS)
    return {"events": [_event(session, event) for event in events]}


def _one_item(session: Any, body: Fields) -> Fields:
    return {"item": _item(session.item(_read_scalar(body, "id", allow_any=True)))}


def _why(session: Any, body: Fields) -> Fields:
    item = session.item(_read_scalar(body, "id", allow_any=True))
    if item.audit:
        # Anything said of the model could sway the label that it is measured by.
        return {"audit": True}
    return {
        "audit": False,
        "why": item.why,
        "guess": None if item.guess is None else _text(item.guess),
        "guess_proba": item.guess_proba,
    }


METHODS: dict[str, Callable[[Any, Fields], Fields]] = {
    "take": _take,
    "status": _status,
    "label": _write("label"),
    "skip": _write("skip"),
    "discard": _write("discard"),
    "undo": _undo,
    "history": _history,
    "item": _one_item,
    "why": _why,
}


def read_id(body: Fields) -> Any:
    """Return the id of the row that a request is about."""
    return _read_scalar(body, "id", allow_any=True)
