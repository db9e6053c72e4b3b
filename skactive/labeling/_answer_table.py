"""A long table of answers: who gave which label to which row."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skactive._compat.sklearn import _num_samples
from skactive._compat.typing import Array
from skactive._data.labels import MISSING, decode_labels, encode_labels
from skactive.labeling._consensus import count_votes, majority
from skactive.labeling._source import unite
from skactive.strategies._selection import check_rows


class AnswerTable:
    """The part of :class:`Answers` that keeps them.

    `_rows`, `_who` and `_codes`, each of shape (n_answers,), are positions of rows, of
    annotators, and of labels in `classes`, MISSING for one who does not know.
    """

    def __init__(self, n_samples: int, annotators: Sequence[Any]):
        if not isinstance(n_samples, numbers.Integral) or n_samples < 1:
            raise ValueError(
                f"n_samples must be the number of rows of the pool; got {n_samples!r}."
            )
        self.n_samples: int = int(n_samples)
        self.annotators: list[Any] = _check_names(annotators)
        self.classes: Array = np.empty(0)
        self._rows: Array = np.empty(0, dtype=np.intp)
        self._who: Array = self._rows
        self._codes: Array = self._rows

    @classmethod
    def from_wide(cls, Y: Any, annotators: Sequence[Any] | None = None) -> Self:
        """Make a table of answers from one column per annotator.

        Parameters
        ----------
        Y : array-like or data frame of shape (n_samples, n_annotators)
            Labels, missing where an annotator was not asked.
        annotators : sequence of str or int, default=None
            Names of the columns. None means those of a data frame, or else numbers.

        Returns
        -------
        answers : Answers
            The table.

        Examples
        --------
        >>> from skactive.labeling import Answers
        >>> Answers.from_wide([[0, 1], [None, 1]], ["ann", "bob"])
        Answers(3 answers of 2 annotators on 2 of 2 rows)
        """
        if annotators is None:
            annotators = getattr(Y, "columns", None)
        table = Y.to_numpy() if hasattr(Y, "to_numpy") else np.asarray(Y, dtype=object)
        if table.ndim != 2:
            raise ValueError(
                "Y must have one row per row of the pool and one column per "
                f"annotator; got the shape {table.shape}."
            )
        if annotators is None:
            annotators = range(table.shape[1])
        answers = cls(len(table), annotators)
        if len(answers.annotators) != table.shape[1]:
            raise ValueError(
                f"Y has {table.shape[1]} columns for {len(answers.annotators)} "
                f"annotators, {answers.annotators}. Give one name per column."
            )
        classes, codes = encode_labels(table.ravel())
        rows, who = np.divmod(np.flatnonzero(codes != MISSING), table.shape[1])
        answers._append(rows, who, classes, codes[codes != MISSING])
        return answers

    @classmethod
    def from_frame(
        cls, frame: Any, n_samples: int, annotators: Sequence[Any] | None = None
    ) -> Self:
        """Make a table of answers from a data frame that has one answer per line.

        Parameters
        ----------
        frame : data frame of shape (n_answers, n_columns)
            With the columns "row" (positions in the pool), "annotator" and "label", as
            :meth:`to_frame` gives them.
        n_samples : int
            Number of rows in the pool.
        annotators : sequence of str or int, default=None
            Names of the annotators. None means those that occur, sorted.

        Returns
        -------
        answers : Answers
            The table.
        """
        lacking = {"row", "annotator", "label"} - set(frame.columns)
        if lacking:
            raise ValueError(
                f"The frame must have the columns row, annotator and label; it has "
                f"{list(frame.columns)}, and lacks {sorted(lacking)}."
            )
        who = frame["annotator"].to_numpy().tolist()
        if annotators is None:
            annotators = sorted(set(who), key=lambda name: (str(type(name)), name))
        answers = cls(n_samples, annotators)
        if len(who):
            answers.add(frame["row"].to_numpy(), who, frame["label"])
        return answers

    # -----------------------------------------------------------------------------
    # The table
    # -----------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return (
            f"Answers({len(self)} answers of {len(self.annotators)} annotators on "
            f"{len(np.unique(self._rows))} of {self.n_samples} rows)"
        )

    def add(self, rows: ArrayLike, annotators: Any, labels: Any) -> None:
        """Add answers, all or none.

        Parameters
        ----------
        rows : array-like of int of shape (n_answers,)
            Positions in the pool.
        annotators : array-like of shape (n_answers,), or the name of one annotator
            Who gave the labels.
        labels : array-like of shape (n_answers,)
            The labels. A missing one says that the annotator does not know.

        Raises
        ------
        ValueError
            If lengths differ, there is no such row or annotator, labels are not
            classes, or an annotator has given the same row another label. The same
            answer once more changes nothing.
        """
        rows = check_rows(rows, self.n_samples)
        who = self._positions_of(annotators, len(rows))
        classes, codes = encode_labels(labels)
        if not len(rows) == len(who) == len(codes):
            raise ValueError(
                f"There must be one annotator and one label per row; got {len(rows)} "
                f"rows, {len(who)} annotators and {len(codes)} labels."
            )
        self._append(rows, who, classes, codes)

    def _append(self, rows: Array, who: Array, classes: Array, codes: Array) -> None:
        classes, (old, new) = unite(self.classes, classes)
        before = np.append(old, MISSING)[self._codes]
        codes = np.append(before, np.append(new, MISSING)[codes]).astype(np.intp)
        rows, who = np.append(self._rows, rows), np.append(self._who, who)
        self._check_one_label(rows, who, classes, codes)
        lines = np.stack([rows, who, codes])
        first = np.sort(np.unique(lines, axis=1, return_index=True)[1])
        self._rows, self._who, self._codes = lines[:, first]
        self.classes = classes

    def _check_one_label(
        self, rows: Array, who: Array, classes: Array, codes: Array
    ) -> None:
        """Raise if an annotator has given one row two labels."""
        given = np.flatnonzero(codes != MISSING)
        pairs = rows[given] * len(self.annotators) + who[given]
        _, first, place = np.unique(pairs, return_index=True, return_inverse=True)
        differs = np.flatnonzero(codes[given] != codes[given][first][place])
        if len(differs):
            at, other = given[differs[0]], given[first[place[differs[0]]]]
            label, before = classes[codes[[at, other]]].tolist()
            raise ValueError(
                f"{self.annotators[who[at]]!r} has given row {rows[at]} the label "
                f"{before!r}, and now {label!r}. Answers are only added: an annotator "
                "has one label per row. To correct it, make a new table."
            )

    def _positions_of(self, annotators: Any, n_answers: int) -> Array:
        position = {name: place for place, name in enumerate(self.annotators)}
        if isinstance(annotators, (str, numbers.Integral)):
            names = [annotators] * n_answers
        else:
            names = np.asarray(annotators, dtype=object).tolist()
        unknown = [name for name in names if name not in position]
        if unknown:
            raise ValueError(
                f"Unknown annotator {unknown[0]!r}; the annotators are "
                f"{self.annotators}."
            )
        return np.array([position[name] for name in names], dtype=np.intp)

    def to_frame(self) -> Any:
        """Return the answers as a data frame of pandas.

        Returns
        -------
        frame : pandas.DataFrame of shape (n_answers, 3)
            Columns "row", "annotator" and "label", in the order in which answers were
            added.
        """
        import pandas as pd

        return pd.DataFrame(
            {
                "row": self._rows,
                "annotator": [self.annotators[who] for who in self._who],
                "label": decode_labels(self.classes, self._codes),
            }
        )

    def asked(self) -> Array:
        """Return which pairs have been asked.

        Returns
        -------
        asked : ndarray of bool of shape (n_samples, n_annotators)
            True where the annotator has given the row a label, or does not know it.
        """
        asked = np.zeros((self.n_samples, len(self.annotators)), dtype=bool)
        asked[self._rows, self._who] = True
        return asked

    def _names_of(self, who: Array) -> Array:
        """Names of the annotators at these positions, shape (n_answers,)."""
        is_mixed = len({type(name) for name in self.annotators}) > 1
        return np.array(self.annotators, dtype=object if is_mixed else None)[who]

    def _check_pool(self, X: Any) -> None:
        """Raise a ValueError if `X` has another number of rows than the pool."""
        if _num_samples(X) != self.n_samples:
            raise ValueError(
                f"X has {_num_samples(X)} rows, but the answers are on a pool of "
                f"{self.n_samples}."
            )

    def _votes(self) -> tuple[Array, Array, Array]:
        """Rows that were asked about, those of all answers among them, and votes."""
        rows, place = np.unique(self._rows, return_inverse=True)
        return (
            rows,
            place,
            count_votes(place, self._codes, len(rows), len(self.classes)),
        )

    def _untied(self) -> tuple[Array, Array]:
        """Rows with a label, and codes of the majority, MISSING for a tie."""
        rows, _, votes = self._votes()
        known = votes.any(axis=1)
        return rows[known], majority(votes[known])

    def _wide(self, rows: Array) -> Array:
        """Codes (n_rows, n_active), NaN without an answer, of those who gave any."""
        wide = np.full((len(rows), len(self.annotators)), np.nan)
        given = self._codes != MISSING
        places = np.searchsorted(rows, self._rows[given])
        wide[places, self._who[given]] = self._codes[given]
        return wide[:, ~np.isnan(wide).all(axis=0)]


def _check_names(annotators: Sequence[Any]) -> list[Any]:
    names = [annotators] if isinstance(annotators, str) else list(annotators)
    names = [name.item() if isinstance(name, np.generic) else name for name in names]
    is_name = [isinstance(name, (str, numbers.Integral)) for name in names]
    if not names or not all(is_name) or len(set(names)) < len(names):
        raise ValueError(
            "annotators must be the names of one annotator or more, texts or whole "
            f"numbers, all different; got {names}."
        )
    return names
