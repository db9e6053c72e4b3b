"""How errors and warnings name things: on one line, and not too long."""

from __future__ import annotations

from typing import Any

from skactive._models.wrappers import last_step


def name_of_model(estimator: Any) -> str:
    """What an estimator is called, the classifier at the end of a long one first."""
    text = shorten(estimator)
    if not text.endswith("..."):
        return text
    return f"{shorten(last_step(estimator))} at the end of {text}"


def shorten(thing: Any, width: int = 120) -> str:
    """The repr of a thing, cut to `width` characters."""
    text = " ".join(repr(thing).split())
    return text if len(text) <= width else text[: width - 3] + "..."
