"""For the doctests: pictures need no screen, and none are drawn without matplotlib."""

import importlib.util
import os

os.environ.setdefault("MPLBACKEND", "Agg")

collect_ignore = []
if importlib.util.find_spec("matplotlib") is None:
    collect_ignore.append("skactive/display")
