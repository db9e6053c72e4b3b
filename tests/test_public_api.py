"""The public surface: sorted lists, documented objects."""

import importlib
import importlib.util
import inspect

import pytest

import skactive

PUBLIC = [
    "skactive",
    "skactive.datasets",
    "skactive.display",
    "skactive.embedding",
    "skactive.estimation",
    "skactive.labeling",
    "skactive.measures",
    "skactive.model_selection",
    "skactive.pools",
    "skactive.stopping",
    "skactive.strategies",
]
if importlib.util.find_spec("skorch") is not None:
    PUBLIC.append("skactive.torch")


def test_everyday_names():
    assert skactive.__all__ == sorted(skactive.__all__)
    assert [name for name in skactive.__all__ if not name.startswith("_")] == [
        "ActiveLearningClassifier",
        "ActiveLearningRegressor",
        "count_copies",
        "get_strategy",
        "get_strategy_names",
        "make_strategy",
        "query",
    ]
    assert skactive.__version__.count(".") == 2


@pytest.mark.parametrize("module", PUBLIC)
def test_all_is_sorted_and_complete(module):
    module = importlib.import_module(module)
    assert list(module.__all__) == sorted(module.__all__)
    defined = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isfunction(value) or inspect.isclass(value))
        and value.__module__.startswith(module.__name__)
    }
    assert defined <= set(module.__all__)
    for name in module.__all__:
        assert hasattr(module, name)


def public_objects():
    for module in PUBLIC:
        for name in importlib.import_module(module).__all__:
            if not name.startswith("_"):
                yield module, name


@pytest.mark.parametrize(("module", "name"), list(public_objects()))
def test_documented(module, name):
    thing = getattr(importlib.import_module(module), name)
    doc = inspect.getdoc(thing)
    assert doc
    bases = {
        "BatchStrategy",
        "Strategy",
        "PointwiseStrategy",
        "MeasureStrategy",
        "StoppingRule",
        "ActiveLearningCurve",
        "CurveSummary",
        "LabelingResult",
        "SourceAudit",
    }  # examples elsewhere
    if name not in bases:
        assert "Examples\n--------" in doc
    signature = inspect.signature(thing)
    for parameter in signature.parameters.values():
        if name in bases and parameter.name in {"iterable", "kwargs"}:
            continue  # of a list or a Bunch that nobody makes by hand
        if parameter.name not in {"self", "args"}:
            assert parameter.name in doc, f"{name}: {parameter.name}"
    if inspect.isfunction(thing):
        assert "Returns\n-------" in doc
        assert signature.return_annotation is not inspect.Signature.empty
    for method_name, method in vars(thing).items() if inspect.isclass(thing) else ():
        if inspect.isfunction(method) and not method_name.startswith("_"):
            assert inspect.getdoc(method), f"{name}.{method_name}"


def test_light_imports():
    """Nothing but the runtime dependencies is imported with skactive."""
    import subprocess
    import sys

    code = (
        "import sys, skactive; print(sorted({'catboost', 'matplotlib', 'skorch',"
        " 'torch', 'xgboost', 'lightgbm'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
