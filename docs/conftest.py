"""Which pages are tested: all that are written by hand and whose packages are here."""

import importlib.util

import pytest

# Sphinx's settings and extensions, what it makes, and what takes pictures.
collect_ignore = ["conf.py", "_build", "_ext", "_templates", "images"]
collect_ignore_glob = ["*generated*", "*auto_examples*"]

NEEDS = {
    "guide/data_frames.rst": ["pandas", "polars"],
    "guide/labelling_sessions.rst": ["pandas"],
    "guide/learning_curves.rst": ["matplotlib"],
    "guide/nets_and_encoders.rst": ["skorch"],
    "guide/optuna.rst": ["optuna"],
    "guide/saving.rst": ["skops"],
    "faq.rst": ["xgboost"],
}
for page, packages in NEEDS.items():
    if any(importlib.util.find_spec(package) is None for package in packages):
        collect_ignore.append(page)


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path, monkeypatch):
    """Files that a page writes are gone when it has been tested."""
    monkeypatch.chdir(tmp_path)
