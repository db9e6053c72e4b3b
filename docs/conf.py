"""Settings of the documentation site, read by Sphinx."""

import importlib
import inspect
import os
import re
import sys
from pathlib import Path

from sphinx.pycode import ModuleAnalyzer

import skactive

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "skactive"
author = "The skactive developers"
copyright = author
version = release = skactive.__version__

extensions = [
    "markdown_pages",
    "short_names",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = [
    "_build",
    "_templates",
    "guide.md",
    "auto_examples/**.ipynb",
    "auto_examples/**.py",
]
templates_path = ["_templates"]
default_role = "literal"

# A reference to an object that is nowhere on the site is a warning, unless it is one of
# another package: there is no network where the site is tested.
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"(joblib|matplotlib|numpy|scipy|sklearn|skorch|torch)\b.*"),
    ("py:obj", r"\w+"),  # numpydoc makes these of attributes that are properties
]

# Read the Docs can look at the sites of other projects.
if os.environ.get("READTHEDOCS") == "True":
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "numpy": ("https://numpy.org/doc/stable", None),
        "python": ("https://docs.python.org/3", None),
        "sklearn": ("https://scikit-learn.org/stable", None),
        "skorch": ("https://skorch.readthedocs.io/en/stable", None),
    }


# --- API reference ------------------------------------------------------------------


def own_methods(name):
    """Public methods of a class that are written in skactive, by name."""
    module, _, attribute = name.rpartition(".")
    cls = getattr(importlib.import_module(module), attribute)
    return sorted(
        method
        for method in dir(cls)
        if not method.startswith("_") and _is_written_here(cls, method)
    )


def _is_written_here(cls, method):
    for base in cls.__mro__:
        if method in vars(base):
            found = vars(base)[method]
            found = getattr(found, "fn", found)  # of available_if
            return base.__module__.startswith("skactive") and (
                inspect.isfunction(found) or isinstance(found, classmethod)
            )
    return False


autosummary_context = {"own_methods": own_methods}
# Two files whose names differ in case only are one on some systems.
autosummary_filename_map = {
    "skactive.classifier.Audit": "skactive.classifier.Audit-class"
}
suppress_warnings = ["config.cache"]  # a function in these settings is no harm
autodoc_typehints = "none"  # docstrings name the types
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False  # the template lists the methods
numpydoc_xref_param_type = False


# --- Gallery ------------------------------------------------------------------------


sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    # Number 15 starts processes, which cannot begin inside of those of the gallery.
    "filename_pattern": r"[\\/](?!15_)\d\d_",
    "within_subsection_order": "FileNameSortKey",
    "reset_modules": ("matplotlib", "gallery_warnings.reset"),
    "reset_modules_order": "both",
    "backreferences_dir": "api/generated/backreferences",
    "doc_module": ("skactive",),
    "remove_config_comments": True,
    "show_signature": False,
    "plot_gallery": "True",
    "parallel": 2,
    "min_reported_time": 1,
}


# --- Pages that are Markdown in the repository ------------------------------------

myst_heading_anchors = 4

# --- Looks --------------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = "skactive"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {"index": [], "faq": [], "changelog": [], "contributing": []}
html_theme_options = {
    "header_links_before_dropdown": 6,
    "logo": {"text": "skactive"},
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
copybutton_exclude = ".linenos, .gp, .go"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def drop_links_back(app, pagename, templatename, context, doctree):
    """Drop links from a source page to the API, which viewcode may get wrong.

    It takes all objects of a file to be documented in one module.
    """
    if pagename.startswith("_modules/"):
        context["body"] = re.sub(
            r'<a class="viewcode-back".*?</a>', "", context["body"]
        )


def find_source(app, modname, attribute):
    """The module in which an object is written, for a link to its source.

    Public objects name the module that users import them from.
    """
    name = attribute.partition(".")[0]
    thing = getattr(importlib.import_module(modname), name, None)
    for module in sorted(key for key in sys.modules if key.startswith("skactive")):
        if vars(sys.modules[module]).get(name) is thing:
            analyzer = ModuleAnalyzer.for_module(module)
            analyzer.find_tags()
            if name in analyzer.tags:
                return module
    return None


def setup(app):
    """Connect what is defined above."""
    app.connect("viewcode-follow-imported", find_source)
    app.connect("html-page-context", drop_links_back)
