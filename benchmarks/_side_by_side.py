"""How do two functions compare on a busy machine, in time and in memory?

Functions take turns (a, b, a, b, ...), so that whatever else the machine does falls
on all of them; medians of the rounds are compared. Memory is measured in a call of
its own, because tracing slows a call down.
"""

from __future__ import annotations

import os
import platform
import time
import tracemalloc
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

import numpy as np

MIB = 2**20


class Times(NamedTuple):
    """Seconds of the rounds of one function."""

    median: float
    least: float


def take_turns(
    functions: Mapping[str, Callable[[], Any]],
    n_rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Times]:
    """Time functions in turns, after one round that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(n_rounds + 1):
        for name, function in functions.items():
            begin = clock()
            result = function()
            seconds[name].append(clock() - begin)
            del result  # freed outside of the time taken
    return {
        name: Times(float(np.median(rounds[1:])), min(rounds[1:]))
        for name, rounds in seconds.items()
    }


def peak_memory(function: Callable[[], Any]) -> tuple[Any, int]:
    """What `function` gives, and the most bytes held at once while it ran."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        result = function()
        return result, tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def extra_memory(function: Callable[[], np.ndarray]) -> float:
    """MiB held at once while `function` runs, less those of its result."""
    result, peak = peak_memory(function)
    return (peak - result.nbytes) / MIB


def print_versions(packages: Iterable[str]) -> None:
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores", end="")
    for package in packages:
        try:
            print(f", {package} {version(package)}", end="")
        except PackageNotFoundError:
            print(f", {package} not installed", end="")
    print("\n")


def print_table(columns: Mapping[str, int], rows: Iterable[Iterable[str]]) -> None:
    """Print a Markdown table; `columns` are names and widths, the first one left."""
    widths = list(columns.values())
    dashes = ["-" * widths[0]] + ["-" * (width - 1) + ":" for width in widths[1:]]
    for cells in (columns, dashes):
        print(_join(cells, widths))
    for row in rows:  # printed one by one, as they are measured
        print(_join(row, widths), flush=True)
    print()


def _join(cells: Iterable[str], widths: list[int]) -> str:
    cells = list(cells)
    padded = [cells[0].ljust(widths[0])]
    padded += [c.rjust(w) for c, w in zip(cells[1:], widths[1:], strict=True)]
    return f"| {' | '.join(padded)} |"
