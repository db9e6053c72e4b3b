"""What a session has found out: labels, a model, figures, and files for others."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from skactive._compat.sklearn import _safe_indexing
from skactive._compat.typing import Array
from skactive._data.labels import MISSING
from skactive.classifier._audit import Audit
from skactive.classifier._query import audit
from skactive.labeling import _formats
from skactive.labeling._board import LABELED, OPEN, OUT, TIED
from skactive.labeling._core import SessionCore, checked_name
from skactive.labeling._fold import TIE
from skactive.labeling._ids import decode, encode
from skactive.labeling._items import Item


class SessionResults(SessionCore):
    """The part of :class:`LabelingSession` that answers questions about it."""

    @property
    def ids(self) -> list[Any]:
        """Ids of the rows of `X`, in their order."""
        return [decode(self._rows[row].id) for row in self._rows_of_pool()]

    @property
    def y(self) -> Array:
        """Labels in the order of `X`, shape (n_samples,).

        NaN, or None for texts, where there is none. Numbers and booleans are floats.
        With ``multilabel=True``, the shape is (n_samples, n_classes), with 0, 1 and
        NaN.
        """
        with self._lock:
            codes = self._board.codes[self._rows_of_pool()]
        return self._words.as_y(codes)

    @property
    def discarded(self) -> Array:
        """Ascending positions of the discarded rows, for the `skip` of a query."""
        with self._lock:
            return self._in_pool(self._board.state == OUT)

    @property
    def learner(self) -> Any:
        """A clone of the learner, fitted on all labels of the pool.

        With an `audit_fraction`, it was given the rows in the order in which the file
        got to know them, and its positions are of that order.
        """
        with self._lock:
            version = self._fold.version
            if self._fitted is not None and self._fitted[0] == version:
                return self._fitted[1]
            X, y = self._in_file_order() if self._board.share else (self._X, self.y)
        if self._learner is None:
            raise ValueError(
                "The session has no learner, and asks about rows at random. Pass one "
                "to LabelingSession, or fit an estimator on the rows that have a label "
                "in session.y."
            )
        model = clone(self._learner).fit(X, y)
        self._fitted = version, model
        return model

    def audit(self, *, scoring: Any = None, confidence: float = 0.95) -> Audit:
        """Estimate how good the model is, from random rows that it has not learnt from.

        Parameters
        ----------
        scoring, confidence
            As in :meth:`ActiveLearningClassifier.audit`.

        Returns
        -------
        audit : Audit
            The estimate with its interval. Discarded rows are left out.

        Raises
        ------
        ValueError
            If there is no learner, it has no `audit_fraction`, or no row is labelled.
        """
        model = self.learner
        with self._lock:
            X, y = self._in_file_order() if self._board.share else (self._X, self.y)
            _, unknown = self._board.left_out()
        found = audit(model, X, y, scoring=scoring, confidence=confidence, skip=unknown)
        if found.next_row is None:
            return found
        return found._replace(next_row=int(self._position[found.next_row]))

    def advice(self) -> str | None:
        """Say whether to stop, as of the last ranking.

        Returns
        -------
        advice : str or None
            What the learner's `stopping` rule says, or else
            :class:`~skactive.stopping.StabilizingPredictions`; rules count a round for
            each `batch_size` labels. None until there is a fitted model.
        """
        with self._lock:
            ranking = self._board.ranking
            return None if ranking is None else ranking.advice

    def status(self) -> dict[str, Any]:
        """Return the figures of the session, as JSON can hold them.

        Returns
        -------
        status : dict
            Numbers of rows of the pool, "n_rows", "n_labels", "n_skipped",
            "n_discarded", "n_ties" and "n_left". "seconds_per_label", the median of
            the last 50. "n_known", the number of labels that the ranking was made
            with, None for a random order. "is_fitting". "error", the text of the last
            fit if it failed. "audit", a list of dicts with "n_labels", "score", "low"
            and "high". "advice". "by_annotator", numbers of labels.
        """
        with self._lock:
            board, ranking = self._board, self._board.ranking
            here = board.state[board.is_here]
            skipped = {row for rows in board.skipped.values() for row in rows}
            n_skipped = sum(board.state[row] == OPEN for row in skipped)
            return {
                "n_rows": len(here),
                "n_labels": int(np.count_nonzero(here == LABELED)),
                "n_skipped": int(n_skipped),
                "n_discarded": int(np.count_nonzero(here == OUT)),
                "n_ties": int(np.count_nonzero(here == TIED)),
                "n_left": board.n_left(),
                "seconds_per_label": self._seconds_per_label(),
                "n_known": None if ranking is None else ranking.n_known,
                "is_fitting": self._worker is not None and self._worker.is_busy,
                "error": self._error,
                "audit": list(self._curve),
                "advice": self.advice(),
                "by_annotator": self._by_annotator(),
            }

    def review(self) -> list[Item]:
        """List the rows on which annotators disagree, those with a tie first.

        Returns
        -------
        items : list of Item
            The rows, with the label of the majority, None for a tie.
        """
        with self._lock:
            fold = self._fold
            rows = [
                (fold.decide(id) != TIE, self._board.number[id])
                for id in fold.ids()
                if len({(it.kind, it.label) for it in fold.votes(id).values()}) > 1
            ]
            return [
                self._item(self._board.chosen(row), is_asked=False)
                for _, row in sorted(rows)
                if self._position[row] >= 0
            ]

    # -----------------------------------------------------------------------------
    # Labels from elsewhere, and for elsewhere
    # -----------------------------------------------------------------------------

    def add_labels(self, labels: Mapping[Any, Any], annotator: str = "import") -> int:
        """Save labels from elsewhere, all or none.

        They count where nobody has labelled the row in the session.

        Parameters
        ----------
        labels : dict
            From ids to labels.
        annotator : str, default="import"
            Where they are from.

        Returns
        -------
        n_added : int
            Number of labels.

        Raises
        ------
        ValueError
            If there is no such row or class. Nothing is saved.
        """
        name = checked_name(annotator)
        return self._import(
            [
                (self._rows[self._row_of(id)].id, self._label_text(label), name)
                for id, label in labels.items()
            ]
        )

    def from_csv(self, path: str | os.PathLike, annotator: str = "import") -> int:
        """Save the labels of a CSV file, all or none.

        Parameters
        ----------
        path : str or path-like
            A file with the columns `id` and `label`, such as :meth:`to_csv` writes.
            Rows without a label are left out.
        annotator : str, default="import"
            Where they are from.

        Returns
        -------
        n_added : int
            Number of labels.
        """
        name = checked_name(annotator)
        cells = {_formats.as_cell(row): encode(row) for row in self._all_ids()}
        found = _formats.read_csv(Path(path), cells, self._words.cells())
        return self._import([(it.id, it.label, name) for it in found])

    def from_label_studio(self, source: Any, annotator: str = "label studio") -> int:
        """Save the annotations of an export of Label Studio, all or none.

        Cancelled annotations, and tasks without one, are no labels.

        Parameters
        ----------
        source : str, path-like or list of dict
            The export, as "JSON", of tasks that :meth:`to_label_studio` wrote.
        annotator : str, default="label studio"
            Where annotations are from that do not say who completed them.

        Returns
        -------
        n_added : int
            Number of labels.

        Raises
        ------
        ValueError
            If the file is no such export, or has an unknown row or label, or several
            choices in one annotation. Nothing is saved.
        """
        name = checked_name(annotator)
        ids = {row.id: row.id for row in self._rows}
        found, _ = _formats.read_tasks(
            source, ids, self._words.cells(), several=self._words.multilabel
        )
        return self._import([(it.id, it.label, it.annotator or name) for it in found])

    def to_label_studio(self, path: str | os.PathLike) -> None:
        """Write the rows of the pool as tasks of Label Studio, with what people see.

        Parameters
        ----------
        path : str or path-like
            Where to write JSON. A file that is there is replaced.

        See Also
        --------
        LabelingRecord.to_label_studio : The format, and how to configure the project.
        """
        guesses = self._guesses()
        tasks = []
        for position, row in enumerate(self._rows_of_pool().tolist()):
            shown = self._shown[position]
            data: dict[str, Any] = {
                "image" if self._shown.kind == "image" else "text": shown
            }
            if self._shown.kind == "row":
                lines = "\n".join(f"{name}: {value}" for name, value in shown)
                data = {**dict(shown), "text": lines}
            tasks.append(self._task(self._rows[row], data, guesses.get(position)))
        Path(path).write_text(json.dumps(tasks, indent=1) + "\n", encoding="ascii")

    # -----------------------------------------------------------------------------
    # Helpers
    # -----------------------------------------------------------------------------

    def _rows_of_pool(self) -> Array:
        """Number in the file of each row of the pool, shape (n_samples,)."""
        here = np.flatnonzero(self._position >= 0)
        return here[np.argsort(self._position[here])]

    def _answers_in_pool(self) -> list[tuple[int, str, str]]:
        """Position in `X`, annotator and label, as JSON, of each label that stands."""
        with self._lock:
            return [
                (int(position), name, vote.label)
                for id in self._fold.ids()
                if (position := self._position[self._board.number[id]]) >= 0
                for name, vote in self._fold.all_votes(id).items()
                if vote.label is not None
            ]

    def _all_ids(self) -> list[Any]:
        return [decode(row.id) for row in self._rows]

    def _in_file_order(self) -> tuple[Any, Array]:
        """The pool and its labels, with copies of the first row for absent ones."""
        X = self._X if self._order is None else _safe_indexing(self._X, self._order)
        codes = np.where(self._position >= 0, self._board.codes, MISSING)
        return X, self._words.as_y(codes)

    def _guesses(self) -> dict[int, tuple[Any, float]]:
        """Labels that the model takes unlabelled rows for, and their probability."""
        with self._lock:
            open_rows = self._in_pool(self._board.codes == MISSING)
            has_labels = bool((self._board.codes != MISSING).any())
        if self._learner is None or not has_labels or not len(open_rows):
            return {}
        if self._words.multilabel:  # a set has no probability that could be a score
            return {}
        model = self.learner
        if not hasattr(model, "predict_proba"):
            return {}
        proba = model.predict_proba(_safe_indexing(self._X, open_rows))
        best = proba.argmax(axis=1)
        labels = np.asarray(model.classes_)[best].tolist()
        found = zip(labels, proba.max(axis=1).tolist(), strict=True)
        return dict(zip(open_rows.tolist(), found, strict=True))
