"""The site names every public object and every strategy; it is not built here."""

import ast
import re
from pathlib import Path

import pytest

import skactive

PACKAGE = Path(skactive.__file__).parent
DOCS = Path(__file__).parents[1] / "docs"
EXAMPLES = DOCS.parent / "examples"


def public_names():
    """Names in `__all__` of each public module; none of them is imported."""
    for path in sorted(PACKAGE.glob("*")):
        if path.name.startswith("_") and path.name != "__init__.py":
            continue
        source = path / "__init__.py" if path.is_dir() else path
        if source.suffix != ".py" or not source.exists():
            continue
        module = "skactive" if path.name == "__init__.py" else f"skactive.{path.stem}"
        for node in ast.parse(source.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and node.targets[0].id == "__all__":
                for name in ast.literal_eval(node.value):
                    if not name.startswith("_"):
                        yield module, name


def api_entries():
    """Names in the tables of the API reference."""
    for page in sorted((DOCS / "api").glob("*.rst")):
        text = page.read_text(encoding="utf-8")
        module = re.search(r"^\.\. currentmodule:: (\S+)$", text, re.MULTILINE)
        for table in re.findall(r"^\.\. autosummary::\n((?:   .*\n|\n)+)", text, re.M):
            for name in re.findall(r"^   (\w+)$", table, re.MULTILINE):
                yield module[1], name


def headings(page):
    """The headings of a page in reStructuredText."""
    text = page.read_text(encoding="utf-8")
    return re.findall(r"^(\S.*)\n(?:=|-){3,}$", text, re.MULTILINE)


def test_api_reference_is_complete():
    entries = list(api_entries())
    assert len(entries) == len(set(entries))
    # What the root exports has one page, and its module names it in a sentence.
    missing = {
        (module, name)
        for module, name in public_names()
        if not {(module, name), ("skactive", name)} & set(entries)
    }
    assert missing == set()
    assert set(entries) <= set(public_names())


def test_api_index_has_every_module():
    index = (DOCS / "api" / "index.rst").read_text(encoding="utf-8")
    for module in {module for module, _ in public_names()}:
        assert f":doc:`{module} <{module.split('.')[-1]}>`" in index


@pytest.mark.parametrize("name", skactive.get_strategy_names())
def test_strategy_has_a_section(name):
    pages = (DOCS / "strategies").glob("*.rst")
    assert any(f"``{name}``" in heading for page in pages for heading in headings(page))


@pytest.mark.parametrize("page", sorted((DOCS / "strategies").glob("[!i]*.rst")))
def test_sections_of_strategies_say_what_it_takes(page):
    sections = re.split(r"\n(?=``.+``.*\n-{3,}\n)", page.read_text(encoding="utf-8"))
    for section in sections[1:]:
        for field in (":Class:", ":Needs:"):
            assert field in section, section.splitlines()[0]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda p: p.name)
def test_example_is_a_page_of_the_gallery(path):
    assert re.match(r"\d\d_", path.name)
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    title, underline, *_ = doc.splitlines()
    assert title.endswith("?")
    assert underline == "=" * len(title)
