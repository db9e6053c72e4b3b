"""Which key stands for which class."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

# Undo, skip, discard, history, why and help.
RESERVED = "usdhw?"
# Digits, then letters, in the order in which classes get them.
KEYS = "1234567890abcefgijkl"


def assign_keys(
    classes: Sequence[Any], keys: Mapping[str, Any] | None = None
) -> list[str] | None:
    """Return one key per class, or None where a class is found by typing its name.

    Parameters
    ----------
    classes : sequence of length n_classes
        Labels: strings, numbers, booleans.
    keys : dict of str to label, default=None
        Keys of one's own, as in ``{"b": "billing"}``. The other classes get the digits
        and letters that are left. With more than 20 classes, every class needs one.

    Returns
    -------
    keys : list of length n_classes, or None
        None if there are more than 20 classes and no keys of one's own.

    Examples
    --------
    >>> assign_keys(["billing", "fault", "how-to"])
    ['1', '2', '3']
    >>> assign_keys(["billing", "fault", "how-to"], {"f": "fault"})
    ['1', 'f', '2']
    >>> assign_keys(range(21)) is None
    True
    """
    own = _check_own(classes, keys or {})
    if len(classes) > len(KEYS):
        if own and len(own) < len(classes):
            raise ValueError(
                f"keys= has keys for {len(own)} of {len(classes)} classes. With more "
                f"than {len(KEYS)} classes, give every class a key, or none: their "
                "names are then typed."
            )
        return [own[json.dumps(label)] for label in classes] if own else None
    free = iter(key for key in KEYS if key not in own.values())
    return [own.get(json.dumps(label)) or next(free) for label in classes]


def _check_own(classes: Sequence[Any], keys: Mapping[str, Any]) -> dict[str, str]:
    """Return the key of each class that has one, by the class as JSON."""
    if not isinstance(keys, Mapping):
        raise TypeError(
            'keys must be a dict from keys to classes, as in {"b": "billing"}; got '
            f"{keys!r}."
        )
    listed = {json.dumps(label) for label in classes}
    own: dict[str, str] = {}
    for key, label in keys.items():
        name = _check_key(key)
        text = json.dumps(label)
        if text not in listed:
            raise ValueError(
                f"keys= gives {key!r} to {label!r}, which is not one of the classes: "
                f"{list(classes)}."
            )
        if text in own or name in own.values():
            raise ValueError(
                f"keys= must give each class one key of its own; {key!r} for {label!r} "
                "is a second one. Capital and small letters are the same key."
            )
        own[text] = name
    return own


def _check_key(key: Any) -> str:
    name = key.lower() if isinstance(key, str) else ""
    if len(name) != 1 or not name.isprintable() or name.isspace():
        raise ValueError(f"A key must be one character that can be typed; got {key!r}.")
    if name in RESERVED:
        raise ValueError(
            f"The key {key!r} is taken: u, s, d, h, w and ? stand for undo, skip, "
            "discard, history, why and help. Choose another one."
        )
    return name
