"""Items: rows to ask about, with the words that say why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from skactive.labeling._board import AUDIT, SECOND, TIE_BREAK, Choice
from skactive.labeling._vocabulary import Vocabulary

_N_LIKELY = 3


@dataclass(frozen=True)
class Item:
    """A row to ask about, see :class:`LabelingSession`.

    Parameters
    ----------
    id : object
        Id of the row.
    position : int
        Position in `X`.
    shown : str or list
        What people see: a text, a list of [name, text] of a table's row, or the name of
        an image file.
    kind : {"text", "row", "image"}
        What `shown` is.
    guess : object
        The label that the model takes it for, a tuple of labels with
        ``multilabel=True``. None if there is no model, or if a second
        person is asked.
    guess_proba : float or None
        Probability of the guess.
    why : str
        Why the row is asked about.
    utility : float or None
        Its utility, where the strategy has one for each row.
    strategy : str or None
        What chose the row.
    audit : bool
        Whether the row is kept for audits. Then show the guess to nobody.
    known : int or None
        Number of the last event that the model knew.
    label : object
        The present label of the row, or None. A tuple with ``multilabel=True``.

    Examples
    --------
    >>> from skactive.labeling import Item
    >>> Item("T-1", 0, "It crashes.", "text").shown
    'It crashes.'
    """

    id: Any
    position: int
    shown: Any
    kind: Literal["text", "row", "image"]
    guess: Any = None
    guess_proba: float | None = None
    why: str = ""
    utility: float | None = None
    strategy: str | None = None
    audit: bool = False
    known: int | None = None
    label: Any = None


def why(choice: Choice, words: Vocabulary) -> str:
    """Say in words why a row is asked about."""
    if choice.strategy == TIE_BREAK:
        return "Those who labelled it disagree, and no label has a majority."
    if choice.strategy == SECOND:
        return "One of the rows that are asked of two people."
    if choice.strategy == AUDIT or choice.is_audit:
        return "Drawn at random for the audit; the model never learns from it."
    if choice.rank is None:
        return "At random: no ranking has this row."
    by = choice.strategy or "the ranking"
    text = f"Number {choice.rank + 1} of {choice.n_ranked} by {by}"
    if choice.utility is not None:
        text += f", utility {choice.utility:.3g}"
    text += f", with {choice.n_known} labels known."
    if choice.proba is not None:
        order = sorted(choice.proba, key=choice.proba.__getitem__, reverse=True)
        likely = ", ".join(
            f"{words.classes[code]} {choice.proba[code]:.0%}"
            for code in order[:_N_LIKELY]
        )
        return f"{text} The model takes it for {likely}."
    if choice.guess is not None:
        return f"{text} The model takes it for {words.shown(choice.guess)}."
    return text
