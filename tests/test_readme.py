"""The front page is short, its commands are those that .ci/run runs, and links lead
somewhere.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
INSTALL_COMMANDS = [
    "python -m pip install . && python examples/01_quickstart.py",
    "python -m pip install '.[test]' && python -m pytest -n 2",
]
FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(\s*([^)\s]+)\s*\)")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


def read(page):
    return (ROOT / page).read_text(encoding="utf-8")


def links(page):
    return LINK.findall(FENCED.sub("", read(page)))


def anchors(text):
    """Anchors of a Markdown page's headings, as code hosts make them."""
    headings = HEADING.findall(FENCED.sub("", text))
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def relative_links():
    for page in ("README.md", "CONTRIBUTING.md", "benchmarks/README.md"):
        for link in dict.fromkeys(links(page)):
            if "://" not in link:
                yield page, link


def test_readme_is_short():
    assert len(read("README.md").splitlines()) <= 150


def test_readme_has_two_install_commands():
    lines = read("README.md").splitlines()
    found = [line for line in lines if line.startswith("python -m pip install ")]
    assert found == INSTALL_COMMANDS


@pytest.mark.parametrize(("page", "link"), list(relative_links()))
def test_link_leads_somewhere(page, link):
    path, _, anchor = link.partition("#")
    target = (ROOT / page).parent / path if path else ROOT / page
    assert target.exists(), f"{page} links to {path}, which does not exist"
    if anchor and target.suffix == ".md":
        assert anchor in anchors(target.read_text(encoding="utf-8"))


def test_readme_links_are_found():
    """The pattern sees pictures, files and folders."""
    assert {"docs/images/learning_curve.png", "CHANGELOG.md", "examples/"} <= set(
        links("README.md")
    )


def test_version_to_cite():
    import skactive

    assert f"\nversion: {skactive.__version__}\n" in read("CITATION.cff")
