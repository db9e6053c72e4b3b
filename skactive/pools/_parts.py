"""A pool as parts, and the kind of it that needs no library."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Protocol, TypeVar

from skactive.strategies._messages import shorten

Found = TypeVar("Found")
# What is done with a part, and what puts the results of several parts together.
Task = Callable[[Any, Any], Found]
Join = Callable[[list[Found]], Found]


class Parts(Protocol):
    """A pool in parts, each of which has ids and rows."""

    def run(self, task: Task[Found], join: Join[Found]) -> Found:
        """Call ``task(ids, X)`` for each part, and join the results in any order.

        An error of a part is raised as it is, with a note that tells the number of the
        part. `join` is associative.
        """
        ...


class Blocks(NamedTuple):
    """Blocks ``(ids, X)``, one after the other in this process.

    `make` is a function that returns them, each time anew.
    """

    make: Callable[[], Iterable[Any]]

    def run(self, task: Task[Found], join: Join[Found]) -> Found:
        """See :class:`Parts`."""
        found: list[Found] = []
        blocks, number = iter(self.make()), 0
        while (block := _next(blocks, number)) is not None:
            # With the result so far, so that there are never more than two.
            found = [join([*found, in_part(str(number), task, as_block, block)])]
            del block  # before the next one is made
            number += 1
        if number == 0:
            raise ValueError(
                "The pool has no parts. A generator is used up after one pass: pass a "
                "list of blocks, or a function that makes the generator anew."
            )
        return found[0]


def _next(blocks: Iterator[Any], number: int) -> Any:
    """The next block, None after the last one; a note of an error tells its number."""
    try:
        return next(blocks, None)
    except Exception as error:
        note_part(error, str(number))
        raise


def in_part(
    part: str, task: Task[Found], read: Callable[..., Any], *args: Any
) -> Found:
    """Call ``task(*read(*args))``; a note of an error tells the number of the part."""
    try:
        return task(*read(*args))
    except Exception as error:
        note_part(error, part)
        raise


def note_part(error: Exception, part: str) -> None:
    """Add to an error in which part it happened."""
    error.add_note(f"This happened in part {part} of the pool.")


def as_block(block: Any) -> tuple[Any, Any]:
    """Check that a block is a pair of ids and rows."""
    if not isinstance(block, (tuple, list)) or len(block) != 2:
        raise TypeError(
            "Each part of a pool must be a pair (ids, X), with one id for each row of "
            f"X; got {shorten(block)}."
        )
    return block[0], block[1]


def extra_missing(error: ImportError, name: str) -> ImportError:
    """An error that says how to install the extra of an adapter."""
    return ImportError(
        f"{error}. Install it with: python -m pip install 'skactive[{name}]'",
        name=error.name,
    )
