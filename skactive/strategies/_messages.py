"""Short one-line names of objects, for errors and warnings."""

from __future__ import annotations

from typing import Any

from skactive._models.wrappers import last_step


def name_of_model(estimator: Any) -> str:
    """Name an estimator. For a long one, the classifier at its end comes first."""
    text = shorten(estimator)
    if not text.endswith("..."):
        return text
    return f"{shorten(last_step(estimator))} at the end of {text}"


def shorten(thing: Any, width: int = 120) -> str:
    """Return the repr of an object on one line, cut to `width` characters."""
    text = " ".join(repr(thing).split())
    return text if len(text) <= width else text[: width - 3] + "..."
