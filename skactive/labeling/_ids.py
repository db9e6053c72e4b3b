"""Ids of rows and labels, which are kept as ASCII JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from skactive.strategies._messages import shorten

# Number of names in an error.
N_NAMED = 5
# One encoder for all: `json.dumps` would make one for each id.
_TO_JSON = json.JSONEncoder(ensure_ascii=True, allow_nan=False).encode
_KINDS = {bool: "booleans", int: "integers", float: "floats", str: "texts"}


def encode(value: Any) -> str:
    """ASCII JSON of an id or a label; a TypeError if it is not JSON."""
    return _TO_JSON(as_plain(value))


def decode(text: str) -> Any:
    """What :func:`encode` got, with tuples for arrays."""
    return _hashable(json.loads(text))


def as_plain(value: Any) -> Any:
    """Scalars of numpy as Python's own, and tuples as lists."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [as_plain(part) for part in value]
    return value


def encode_ids(ids: Any) -> list[str]:
    """ASCII JSON of ids; a ValueError if they are not distinct, or of many kinds.

    Parameters
    ----------
    ids : array-like of shape (n_samples,)
        Texts, integers, floats, booleans, or lists or tuples of these.

    Returns
    -------
    texts : list of str
        One text per id.
    """
    values = ids.tolist() if hasattr(ids, "tolist") else list(ids)
    texts = []
    for position, value in enumerate(values):
        if is_nothing(value):
            raise ValueError(
                f"ids must name every row; row {position} has {value!r}. Fill it in, "
                "or leave the row out."
            )
        try:
            text = encode(value)
        except (TypeError, ValueError):
            text = "{"
        if text.startswith("{"):
            raise ValueError(
                "ids are texts, numbers, booleans or lists of these; row "
                f"{position} has {shorten(value)} of type {type(value).__name__}. "
                "Convert them, e.g. with ids.astype(str)."
            )
        texts.append(text)
    _check_kinds(values)
    if len(set(texts)) < len(texts):
        seen: set[str] = set()
        twice = [text for text in texts if text in seen or seen.add(text)]  # type: ignore[func-returns-value]
        raise ValueError(
            f"ids must be distinct; {len(twice)} of {len(texts)} occur before: "
            f"{name_some([*map(decode, twice)])}. Use another column, or drop the "
            "duplicates."
        )
    return texts


def check_classes(classes: Sequence[Any]) -> list[Any]:
    """Distinct labels of one kind, as Python's own; a ValueError otherwise."""
    if isinstance(classes, (str, bytes, dict)) or not hasattr(classes, "__iter__"):
        raise ValueError(
            f"classes is a list of labels, such as ['yes', 'no']; got {classes!r}."
        )
    found = [as_plain(label) for label in classes]
    if len(found) < 2:
        raise ValueError(
            f"classes must be at least two labels; got {found}. Rows that are of no "
            "class can be discarded, or have a class of their own, such as 'other'."
        )
    for label in found:
        _check_label(label)
    kinds = {kind_of(label) for label in found}
    if len(kinds) > 1 and kinds != {"integers", "floats"}:
        raise ValueError(
            f"classes must all be of one kind; got {' and '.join(sorted(kinds))}: "
            f"{shorten(found)}. Note that 1 and '1' are different labels."
        )
    folded: dict[Any, Any] = {}
    for label in found:
        key = label.casefold().strip() if isinstance(label, str) else label
        if key in folded:
            how = "is there twice" if folded[key] == label else "differs only in case"
            raise ValueError(
                f"classes must be told apart by people; {label!r} {how} or in white "
                f"space from {folded[key]!r}. Rename or leave out one of them."
                if folded[key] != label
                else f"classes must be distinct; {label!r} {how}."
            )
        folded[key] = label
    return found


def _check_label(label: Any) -> None:
    if is_nothing(label) or label == "":
        raise ValueError(
            f"A class cannot be {label!r}, which means that a label is missing."
        )
    if kind_of(label) not in _KINDS.values():
        raise ValueError(
            f"classes are texts, numbers or booleans; got {shorten(label)} of type "
            f"{type(label).__name__}."
        )
    if isinstance(label, str) and not is_clean(label):
        raise ValueError(
            f"The class {label!r} has control characters or half a surrogate pair, "
            "which files and pages cannot show. Rename it."
        )
    if isinstance(label, float) and not np.isfinite(label):
        raise ValueError(f"classes must be finite; got {label}.")


def is_clean(text: str) -> bool:
    """Whether a text has no control characters and can be written as UTF-8."""
    return not any(ord(c) < 32 or 127 <= ord(c) < 160 or _is_half(c) for c in text)


def _is_half(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"


def is_nothing(value: Any) -> bool:
    """Whether a value is None, NaN or pandas.NA."""
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    return isinstance(value, (float, np.floating)) and bool(np.isnan(value))


def kind_of(value: Any) -> str:
    """Kind of an id or a label, in the plural."""
    if isinstance(value, (list, tuple)):
        return "lists"
    return _KINDS.get(type(as_plain(value)), type(value).__name__)


def name_some(things: Sequence[Any]) -> str:
    """The first of some names, with their number if there are more."""
    texts = list(things)
    named = ", ".join(shorten(text, 60) for text in texts[:N_NAMED])
    return (
        named if len(texts) <= N_NAMED else f"{named} and {len(texts) - N_NAMED} more"
    )


def _check_kinds(values: list[Any]) -> None:
    if len(set(map(type, values))) == 1:
        return
    first: dict[str, tuple[int, Any]] = {}
    for position, value in enumerate(values):
        first.setdefault(kind_of(value), (position, value))
    if len(first) > 1:
        found = " and ".join(
            f"{kind} (row {position}: {shorten(value, 40)})"
            for kind, (position, value) in first.items()
        )
        raise ValueError(
            f"ids must all be of one kind; got {found}. 1 and '1' are different ids. "
            "Convert them, e.g. with ids.astype(str)."
        )


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list) else value
