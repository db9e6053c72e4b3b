"""Parts common to all displays: colours, markers, and the check for matplotlib."""

from __future__ import annotations

from typing import Any

# Colours that colour-blind readers can tell apart: those of Okabe and Ito, then wine
# and olive of Tol. Black is left out, because it is the colour of random, and so is
# yellow, which is too faint for a line.
COLORS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7"),
    *("#E69F00", "#56B4E9", "#882255", "#999933"),
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p")


def check_matplotlib(caller: str) -> None:
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{caller} needs matplotlib, which is not installed. Install it with "
            "`pip install matplotlib`, or with the extra `skactive[plot]`."
        ) from error


def as_plain(text: Any) -> str:
    """Escape dollars in `text`, between which matplotlib would see a formula."""
    return str(text).replace("$", r"\$")
