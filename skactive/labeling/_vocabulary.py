"""What people choose from: one class a row, or a set of labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from skactive._compat.typing import Array
from skactive._data.labels import MISSING, decode_labels, is_missing
from skactive._models.label_sets import LabelSets
from skactive._models.target import Target
from skactive.labeling import _formats
from skactive.labeling._ids import decode, encode, kind_of
from skactive.stopping import StabilizingPredictions
from skactive.strategies._messages import shorten

# A set of labels is a number, of which each label is a bit.
_MOST_LABELS = 62


def as_classes(classes: Sequence[Any]) -> Array:
    """Classes as an array in which every label stays what it is."""
    if any(isinstance(label, str) for label in classes):
        return np.array(classes, dtype=object)
    return np.array(classes)


def vocabulary(classes: list[Any], multilabel: bool) -> Vocabulary:
    """What people choose from."""
    return LabelSetVocabulary(classes) if multilabel else Vocabulary(classes)


def is_multilabel(meta: dict[str, Any]) -> bool:
    """Whether rows of a file may have several labels."""
    return bool(meta.get("multilabel", False))


class Vocabulary:
    """One of the classes for each row.

    A label has a code, which is an int, and a text, which is ASCII JSON.

    Parameters
    ----------
    classes : list
        All classes.
    """

    # The kind of labels for a learner; None for what it takes without labels.
    kind: type[Target] | None = None
    multilabel = False

    def __init__(self, classes: list[Any]):
        self.classes = list(classes)
        self._code_of = {encode(label): n for n, label in enumerate(self.classes)}

    def get(self, text: str, default: int) -> int:
        """The code of a label, by its text."""
        return self._code_of.get(text, default)

    def label(self, code: int) -> Any:
        """The label with a code."""
        return self.classes[code]

    def shown(self, code: int) -> str:
        """The label with a code, for people to read."""
        return str(self.label(code))

    def text(self, label: Any) -> str:
        """The text of a label that people gave; a ValueError if it is no class."""
        for known in self.classes:
            same_kind = isinstance(known, bool) == isinstance(label, (bool, np.bool_))
            if same_kind and isinstance(known, str) == isinstance(label, str):
                try:
                    if bool(known == label):
                        return encode(known)
                except (TypeError, ValueError):
                    break
        raise ValueError(
            f"{shorten(label, 60)} ({kind_of(label)}) is not among classes="
            f"{shorten(self.classes, 200)}. Nothing was saved."
        )

    def used(self, texts: Iterable[str]) -> set[str]:
        """Texts of the classes that occur in the texts of labels."""
        return set(texts)

    def cells(self) -> Any:
        """From cells of tables, and choices, to texts of labels."""
        return {_formats.as_cell(label): encode(label) for label in self.classes}

    def chance(self, code: int | None, proba: dict[int, float] | None) -> float | None:
        """The probability of the label with a code, if it is known."""
        return None if code is None or proba is None else proba.get(code)

    def as_y(self, codes: Array) -> Array:
        """Labels as learners take them, (n_rows,)."""
        return decode_labels(as_classes(self.classes), codes)

    def check_mark(self, missing_label: Any) -> None:
        """Raise a ValueError if a class is the mark of a missing label."""
        if is_missing(as_classes(self.classes), missing_label).any():
            raise ValueError(
                f"The learner has missing_label={missing_label!r}, which is also one "
                f"of classes={self.classes}. Rename one of them."
            )

    def stopping(self) -> Any:
        """The rule that says when to stop, unless a learner has one."""
        return StabilizingPredictions(random_state=0)

    def guesses(self, model: Any, X: Any) -> tuple[list, list]:
        """Codes that a fitted model predicts, and probabilities by codes of classes."""
        code_of = {label: code for code, label in enumerate(self._plain())}
        if not hasattr(model, "predict_proba"):
            found = np.ravel(model.predict(X)).tolist()
            return [code_of.get(label) for label in found], [None] * len(found)
        codes = [code_of.get(label) for label in model.classes_.tolist()]
        proba = np.asarray(model.predict_proba(X))
        guesses = [codes[column] for column in proba.argmax(axis=1)]
        return guesses, [
            dict(zip(codes, map(float, row), strict=True)) for row in proba
        ]

    def _plain(self) -> list[Any]:
        return as_classes(self.classes).tolist()


class LabelSetVocabulary(Vocabulary):
    """Any of the classes for each row, also none.

    A label is a tuple of classes. Its text lists them in an order of their own, so that
    the same set has the same text whatever the order of the classes.
    """

    kind = LabelSets
    multilabel = True

    def __init__(self, classes: list[Any]):
        super().__init__(classes)
        if len(classes) > _MOST_LABELS:
            raise ValueError(
                f"A session with multilabel=True has at most {_MOST_LABELS} classes; "
                f"got {len(classes)}."
            )

    def get(self, text: str, default: int) -> int:
        """The code of a set: the bits of its classes."""
        if not text.startswith("["):
            return default
        bits = [self._code_of.get(encode(label)) for label in decode(text)]
        if None in bits:  # a class that is there no more
            return default
        return sum(1 << bit for bit in bits if bit is not None)

    def label(self, code: int) -> Any:
        """The classes in a set, in their order."""
        return tuple(one for bit, one in enumerate(self.classes) if code >> bit & 1)

    def shown(self, code: int) -> str:
        """The classes in a set, for people to read."""
        return ", ".join(map(str, self.label(code))) or "none of the labels"

    def text(self, label: Any) -> str:
        """The text of a set that people gave."""
        is_set = isinstance(label, (list, tuple, set, frozenset, np.ndarray))
        if not is_set:
            raise ValueError(
                "In a session with multilabel=True, a label is a list of classes, "
                f"which may be empty; got {shorten(label, 60)}. Nothing was saved."
            )
        texts = {super(LabelSetVocabulary, self).text(one) for one in label}
        return "[" + ", ".join(sorted(texts)) + "]"

    def used(self, texts: Iterable[str]) -> set[str]:
        """Texts of the classes that occur in any set."""
        return {encode(label) for text in texts for label in decode(text)}

    def cells(self) -> Any:
        """From cells of tables to texts of sets."""
        return _SetCells(self)

    def chance(self, code: int | None, proba: dict[int, float] | None) -> float | None:
        """Nothing: models tell the probability of each label, not of a set."""
        return None

    def as_y(self, codes: Array) -> Array:
        """Labels as learners take them, (n_rows, n_classes), with NaN."""
        codes = np.asarray(codes, dtype=np.int64)
        bits = codes[:, np.newaxis] >> np.arange(len(self.classes)) & 1
        return np.where(codes[:, np.newaxis] == MISSING, np.nan, bits.astype(float))

    def check_mark(self, missing_label: Any) -> None:
        """Raise a ValueError if 0 or 1 is the mark of a missing label."""
        if is_missing(np.array([0, 1]), missing_label).any():
            raise ValueError(
                f"The learner has missing_label={missing_label!r}, but with several "
                "labels a row, 0 and 1 say whether a row has a label. Use NaN."
            )

    def stopping(self) -> None:
        """No rule serves several labels a row without being told more."""
        return

    def guesses(self, model: Any, X: Any) -> tuple[list, list]:
        """Codes of the predicted sets, and the probability of each label."""
        found = np.asarray(model.predict(X))
        guesses = [sum(1 << int(bit) for bit in np.flatnonzero(row)) for row in found]
        if not hasattr(model, "predict_proba"):
            return guesses, [None] * len(guesses)
        proba = np.asarray(model.predict_proba(X)).tolist()
        return guesses, [dict(enumerate(row)) for row in proba]


class _SetCells(dict):
    """Texts of sets by the cells that hold them, such as `["sea", "sky"]`."""

    def __init__(self, words: LabelSetVocabulary):
        super().__init__({"[]": "[]"})  # as an example for errors
        self._words = words

    def __contains__(self, cell: object) -> bool:
        try:
            self[cell]
        except (TypeError, ValueError):
            return False
        return True

    def __missing__(self, cell: Any) -> str:
        label = decode(cell)
        return self._words.text(label)
