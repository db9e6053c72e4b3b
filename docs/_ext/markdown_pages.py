"""Pages of the site that are made of the repository's Markdown files.

The files stay where readers of the repository look for them. Before each build, those
named in `PAGES` are copied to where Sphinx finds them, as they are or section by
section, with links that lead to pages of the site.
"""

import os
import re
from pathlib import Path

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent

SPEED = """\
# Speed and memory

How long do formulas, queries, batches and refits take, how does that grow with the
pool, and how much memory do they need?
"""
GAIN = """\
# Gain

How many labels do strategies save, when should a campaign stop, and can an estimate of
the accuracy be trusted? A gain on these data sets is no promise for yours:
{py:func}`skactive.model_selection.active_learning_curve` measures it there.
"""

# From page to its beginning, the file, and the sections to take, as they begin.
PAGES = {
    "changelog.md": ("", "CHANGELOG.md", None),
    "contributing.md": ("", "CONTRIBUTING.md", None),
    "benchmarks/speed.md": (
        SPEED,
        "benchmarks/README.md",
        [
            "Measures",
            "Queries",
            "Batches",
            "Shortlists",
            "Pools in parts",
            "Look-ahead",
            "Warm start",
            "Frugality",
            "Labelling session",
        ],
    ),
    "benchmarks/gain.md": (
        GAIN,
        "benchmarks/README.md",
        [
            "Label efficiency",
            "Regression",
            "Several labels a row",
            "Campaigns",
            "Curves",
            "Cold start",
            "The first query",
            "Class balance",
            "Predicted loss",
            "A big model as judge",
            "Annotators",
            "Stopping",
            "Audits",
        ],
    ),
}
LINKS = {
    "CHANGELOG.md": "/changelog.md",
    "CONTRIBUTING.md": "/contributing.md",
    "benchmarks/README.md": "/benchmarks.rst",
}


def write_pages(app=None):
    """Write the pages that are not there yet, or not as they should be."""
    for page, (beginning, source, names) in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        if names is not None:
            text = "\n".join([beginning, *take_sections(text, names, source)])
        text = link_to_pages(text, Path(source).parent)
        text = name_languages(text)
        path = DOCS / page
        path.parent.mkdir(exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def take_sections(text, names, source):
    """The sections of these names, each with a label for references to it."""
    sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]
    found = {re.match(r"## ([^:\n]+)", section)[1]: section for section in sections}
    listed = [name for _, _, some in PAGES.values() for name in some or []]
    if set(listed) != set(found):
        raise ValueError(
            f"{source} and the pages made of it differ in sections: "
            f"{sorted(set(listed) ^ set(found))}."
        )
    for name in names:
        label = name.lower().replace(" ", "-")
        yield f"(benchmarks-{label})=\n{found[name]}"


def link_to_pages(text, folder):
    """Let links to files lead to their pages; of other files the name is enough."""

    def link(match):
        words, target = match.groups()
        target = os.path.normpath(folder / target)
        example = re.fullmatch(r"examples/(\d\d_\w+)\.py", target)
        if example:
            return f"[{words}](/auto_examples/{example[1]}.rst)"
        return f"[{words}]({LINKS[target]})" if target in LINKS else f"`{words}`"

    return re.sub(r"\[([^]]+)\]\((?!\w+:|#)([^)]+)\)", link, text)


def name_languages(text):
    """Say that code blocks without a language are commands."""
    block = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
    return block.sub(
        lambda m: f"{m[1]}```{m[2] or 'console'}\n{m[3]}{m[1]}```",
        text,
    )


def setup(app):
    """Write the pages before Sphinx looks for them."""
    app.connect("builder-inited", write_pages, priority=0)
    return {"parallel_read_safe": True}
