"""The path by which an object is known outside of its package."""

from __future__ import annotations

from typing import Any


def name_publicly(namespace: dict[str, Any]) -> None:
    """Let all in `__all__` of a package have the package as their `__module__`.

    Files of pickle, joblib and skops name each class and function by its `__module__`.
    With this one, they can be loaded after the file of a definition was moved.
    """
    for name in namespace["__all__"]:
        module = getattr(namespace[name], "__module__", None)
        if module is not None and module.partition(".")[0] == "skactive":
            namespace[name].__module__ = namespace["__name__"]
