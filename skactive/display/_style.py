"""What all pictures share: colours, markers, and what to say without matplotlib."""

from __future__ import annotations

from typing import Any

# Colours that colour-blind readers tell apart: Okabe and Ito's, but for black, which is
# random's, and yellow, too faint for a line; then wine and olive of Tol's.
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
            f"{caller} needs matplotlib, which is not installed. Get it with "
            "`pip install matplotlib`, or with the extra `skactive[plot]`."
        ) from error


def as_plain(text: Any) -> str:
    """`text` as it is: between two dollars matplotlib would see a formula."""
    return str(text).replace("$", r"\$")
