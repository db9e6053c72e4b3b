"""Imports point downwards only; private scikit-learn comes through one file."""

import ast
from pathlib import Path

import pytest

import skactive

ROOT = Path(skactive.__file__).parent

# From the bottom to the top; a module imports from lower layers, or its own package.
LAYERS = [
    {"measures", "geometry", "estimation", "_sklearn", "_tally", "_version"},
    {
        "_labels",
        "_response",
        "_bootstrap",
        "_copies",
        "_digests",
        "_encoded",
        "_linear",
        "_last_layer",
        "_nets",
        "_callbacks",
        "embedding",
    },
    {"_posterior", "_refits", "_training", "_warm_start"},
    {"strategies"},
    {"_explain"},
    {"classifier"},
    {"stopping", "model_selection", "datasets", "labeling"},
    {"display", "torch"},
    {"__init__"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
# What one module of a layer may import from the same layer.
BESIDE = {
    ("_encoded", "_nets"),
    ("_last_layer", "_linear"),
    ("_last_layer", "_nets"),
    ("_response", "_encoded"),
    ("_response", "_last_layer"),
    ("_response", "_nets"),
    ("embedding", "_digests"),
    ("_training", "_posterior"),
    ("_training", "_warm_start"),
}
NUMERICAL_ONLY = {"measures", "geometry", "estimation"}
# Libraries of an extra, and the only modules that may import them, inside functions.
OPTIONAL = {
    "matplotlib": {"display"},
    "skorch": {"torch"},
    "torch": {"_nets"},
}
# Modules that are there for a library, which may import it at once.
AT_ONCE = {"torch"}
MODULES = sorted(ROOT.rglob("*.py"))


def part_of(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


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


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_layers(path):
    here = part_of(path)
    for module, name in imported(path):
        top, *rest = module.split(".")
        if top == "skactive":
            target = rest[0] if rest else name
            if target not in LEVEL:
                target = "__init__"
            inside = target == here or (here, target) in BESIDE
            assert inside or LEVEL[target] < LEVEL[here], f"{here} imports {target}"
        elif top == "sklearn":
            assert here not in NUMERICAL_ONLY
            parts = [*rest, name or ""]
            private = any(p.startswith("_") and not p.startswith("__") for p in parts)
            assert not private or here == "_sklearn", f"{here}: {module} {name}"
        elif here in NUMERICAL_ONLY:
            assert top in {"numpy", "scipy"} or top in STANDARD, f"{here}: {top}"
        elif top in OPTIONAL:
            assert here in OPTIONAL[top], f"{here}: {module}"
            if here not in AT_ONCE:
                assert module not in imported_at_once(path), f"{here}: {module}"
        else:
            assert top in {"numpy", "scipy", "joblib"} or top in STANDARD, module


STANDARD = set(__import__("sys").stdlib_module_names)


def test_every_module_has_a_layer():
    assert {part_of(path) for path in MODULES} == set(LEVEL)
