"""Imports point downwards only, as the map in CONTRIBUTING says; no circles."""

import ast
import re
import sys
from pathlib import Path

import pytest

import skactive

ROOT = Path(skactive.__file__).parent
MAP = Path(__file__).parents[1] / "CONTRIBUTING.md"
STANDARD = set(sys.stdlib_module_names)
# What rooms of numerical functions may import.
NUMERICAL = {"measures": set(), "estimation": set(), "geometry": {"sklearn"}}
# Libraries of an extra, and the only rooms that may import them, inside functions.
OPTIONAL = {
    "cleanlab": {"labeling"},
    "dask": {"pools"},
    "matplotlib": {"display"},
    "pandas": {"labeling"},
    "pyarrow": {"pools"},
    "ray": {"pools"},
    "skorch": {"torch"},
    "starlette": {"labeling"},
    "torch": {"_models"},
    "uvicorn": {"labeling"},
}
# Rooms that are there for a library, which may import it at once.
AT_ONCE = {"torch"}
MODULES = sorted(ROOT.rglob("*.py"))


def read_map(text):
    """Rooms of each line of the table of layers, from the bottom to the top."""
    lines = re.findall(r"^\| (?:L\d|top) \| ([^|]*) \|", text, re.MULTILINE)
    return [
        [
            name.removesuffix("/").removesuffix(".py")
            for name in re.findall("`(.+?)`", line)
        ]
        for line in lines
    ]


LAYERS = read_map(MAP.read_text())
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def room_of(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def module_of(path):
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path):
    """Absolute names of modules and of what is taken from them."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from ((node.module, alias.name) for alias in node.names)


def imported_at_once(path):
    """Names of modules imported outside of functions."""
    waiting = [ast.parse(path.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            waiting.extend(ast.iter_child_nodes(node))


def arrows(paths):
    """For each module the modules of the package that it imports, anywhere in it."""
    names = {module_of(path) for path in paths}
    found = {}
    for path in paths:
        targets = set()
        for module, name in imported(path):
            whole = f"{module}.{name}"
            targets.add(whole if whole in names else module)
        found[module_of(path)] = (targets & names) - {module_of(path)}
    return found


def circle_in(graph):
    """A list of names that import one another in a ring; empty where there is none."""
    state = {}

    def visit(name, trail):
        state[name] = "open"
        for target in sorted(graph.get(name, ())):
            if state.get(target) == "open":
                return [*trail[trail.index(target) :], target]
            if target not in state and (ring := visit(target, [*trail, target])):
                return ring
        state[name] = "done"
        return []

    for name in sorted(graph):
        if name not in state and (ring := visit(name, [name])):
            return ring
    return []


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_layers(path):
    here = room_of(path)
    for module, name in imported(path):
        top, *rest = module.split(".")
        if top == "skactive":
            target = rest[0] if rest else name
            if target not in LEVEL:
                target = "__init__"
            assert target == here or LEVEL[target] < LEVEL[here], (
                f"{here} imports {target}"
            )
            if here in NUMERICAL and target == "_compat":
                assert module == "skactive._compat.typing"
        elif top == "sklearn":
            assert here not in NUMERICAL or top in NUMERICAL[here]
            parts = [*rest, name or ""]
            private = any(p.startswith("_") and not p.startswith("__") for p in parts)
            is_door = module_of(path) == "skactive._compat.sklearn"
            assert not private or is_door, f"{here}: {module} {name}"
        elif here in NUMERICAL:
            assert top in {"numpy", "scipy"} or top in STANDARD, f"{here}: {top}"
        elif top in OPTIONAL:
            assert here in OPTIONAL[top], f"{here}: {module}"
            if here not in AT_ONCE:
                assert module not in imported_at_once(path), f"{here}: {module}"
        else:
            assert top in {"numpy", "scipy", "joblib"} or top in STANDARD, module


def test_every_room_has_a_layer():
    assert {room_of(path) for path in MODULES} == set(LEVEL)


def test_no_two_files_import_each_other():
    assert circle_in(arrows(MODULES)) == []


def test_a_planted_circle_is_found():
    graph = arrows(MODULES)
    assert "skactive.strategies._base" in graph["skactive.strategies._batch"]
    graph["skactive.strategies._base"].add("skactive.strategies._batch")
    ring = circle_in(graph)
    assert ring[0] == ring[-1]
    assert {"skactive.strategies._base", "skactive.strategies._batch"} <= set(ring)


def test_the_root_is_a_map():
    names = {path.name for path in ROOT.iterdir()} - {"__pycache__"}
    assert len(names) <= 19
