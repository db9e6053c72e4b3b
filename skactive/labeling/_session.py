"""Labelling by people, in one durable file."""

from __future__ import annotations

import importlib.util
import json
import os
import weakref
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from skactive._compat.sklearn import _num_samples, _safe_indexing
from skactive._compat.typing import Array
from skactive._data.labels import MISSING, decode_labels
from skactive._data.pool import as_rows
from skactive.classifier._audit import Audit
from skactive.classifier._query import audit
from skactive.labeling import _formats
from skactive.labeling._board import LABELED, OUT, TIED
from skactive.labeling._core import SessionCore, checked_name, user_name
from skactive.labeling._fold import TIE
from skactive.labeling._ids import check_classes, decode, encode
from skactive.labeling._items import Item
from skactive.labeling._opening import open_session
from skactive.labeling._ranking import as_classes
from skactive.labeling._record import LabelingRecord
from skactive.labeling._rows import Given
from skactive.labeling._shown import Shown

# Open sessions of this process by their file, since a cell of a notebook may run twice.
_OPEN: weakref.WeakValueDictionary[str, LabelingSession] = weakref.WeakValueDictionary()


class LabelingSession(SessionCore):
    """Labels from people, kept in one file that nothing is ever lost from.

    A session asks about the rows that a learner chooses, and saves each answer before
    it goes on. The learner is fitted again in the background whenever labels have
    changed, and nobody waits for it. Open the session again with the same path to
    continue, also with a pool whose rows have moved or that has grown.

    Parameters
    ----------
    path : str or path-like
        The file. It is made if there is none, and continued otherwise.
    X : array-like, sparse, data frame or sequence of n_samples
        The pool, as `learner` takes it.
    learner : ActiveLearningClassifier, or an estimator that ends with one, default=None
        Chooses the rows, see :func:`label_pool`. It is cloned. None asks about rows at
        random.
    classes : sequence of str, int, float or bool, default=None
        The labels that people choose from. Required for a new file; None means those
        of the file. Classes may be added later, and those without labels left out.
    ids : array-like of shape (n_samples,), default=None
        One id per row that stays with it when rows move: texts, numbers, or tuples of
        them, all different. None means the index of `X` or of `show`, if one of them
        is a data frame or series of pandas.
    show : array-like, data frame or sequence of n_samples, default=None
        What people see of each row: texts, rows of a table, or paths of images. None
        means `X`.
    annotator : str, default=None
        Who labels, unless a call says otherwise. None means the user's name.
    overlap : float in [0, 1], default=None
        Share of rows asked of two people, of whom neither sees the other's label. The
        id of a row determines whether it is one of these. None means what it was
        before, or 0 for a new file.
    accept_changes : bool, default=False
        Whether rows whose content has changed keep their labels. False means that they
        are an error.
    take_over : bool, default=False
        Whether to write although another process seems to. That one cannot save
        anything afterwards.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    classes : list
        All classes.
    annotator : str
        Who labels, unless a call says otherwise.

    Raises
    ------
    FileNotFoundError
        If the folder of a new file does not exist, or images are missing.
    OSError
        If the file cannot be written. What was saved before is not lost.
    TypeError
        If there is no learner in `learner`.
    ValueError
        If ids are missing, not distinct or of many kinds, classes cannot be told apart,
        the content of rows has changed, no row is in the file, another process writes
        to it, the learner has a `budget` or other audit rows than before, or the file
        is not a session, is damaged, or was written by a newer skactive.

    See Also
    --------
    label_pool : The loop with functions that label, which can write into a session.

    Notes
    -----
    Everything that happens is an event in an SQLite file: labels, skips, discards,
    imports, and also their undoing. Events are numbered and never changed, and what
    counts follows from them alone. An event has reached the disk when a call returns.
    So the file itself, or a plain copy of it, has all labels at any time, whatever
    happens to the process.

    An annotator has one vote on a row, the last one that was not undone. The majority
    decides, and a tie counts as missing until somebody's vote ends it. Discards are
    votes too. Imported labels, also those of :func:`label_pool`, count only where
    nobody has labelled the row in the session.

    The model is fitted in another process of low priority that gets the pool once, and
    in a thread, with a warning, if the learner cannot be pickled. Until there is a
    first ranking, rows are asked about at random. If a fit fails, `status` shows its
    error, and labelling goes on with the last ranking.

    With an `audit_fraction`, the learner sees rows in the order in which the file got
    to know them. So audit rows stay the same when rows move, and an audit row is asked
    about as often as its share demands.

    Each event says which label the model took the row for, its utility, what chose the
    row, and as "known" the last event that the model knew. If `learner` has an int
    as `random_state` and is not warm-started, each choice can be repeated: of a clone
    that is fitted on the labels that the events up to "known" give, in the order of the
    file, ``query(X, y, n_queries)`` contains the row. A learner whose `random_state`
    is None gets a seed that the file keeps.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn.feature_extraction.text import TfidfVectorizer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skactive import ActiveLearningClassifier
    >>> from skactive.labeling import LabelingSession
    >>> tickets = {
    ...     "T-1": "the invoice is wrong", "T-2": "I paid this invoice twice",
    ...     "T-3": "the app crashes", "T-4": "an error in the app"}
    >>> learner = ActiveLearningClassifier(
    ...     make_pipeline(TfidfVectorizer(), LogisticRegression()), random_state=0)
    >>> session = LabelingSession(
    ...     os.path.join(tempfile.mkdtemp(), "tickets.skactive"),
    ...     list(tickets.values()), learner, ids=list(tickets),
    ...     classes=["billing", "fault"], annotator="ann")
    >>> for item in session:
    ...     label = "billing" if "invoice" in item.shown else "fault"
    ...     event = session.label(item.id, label)
    >>> session.y.tolist()
    ['billing', 'billing', 'fault', 'fault']
    >>> event = session.undo()
    >>> session.status()["n_labels"]
    3
    >>> session.close()
    """

    def __init__(
        self,
        path: str | os.PathLike,
        X: Any,
        learner: Any = None,
        *,
        classes: Sequence[Any] | None = None,
        ids: Any = None,
        show: Any = None,
        annotator: str | None = None,
        overlap: float | None = None,
        accept_changes: bool = False,
        take_over: bool = False,
    ):
        X = as_rows(X)
        self.annotator = checked_name(user_name() if annotator is None else annotator)
        shown = Shown(X if show is None else show)
        if shown.n_rows != _num_samples(X):
            raise ValueError(
                f"show must have one entry per row of X; got {shown.n_rows} for "
                f"{_num_samples(X)} rows."
            )
        if overlap is not None and not 0 <= overlap <= 1:
            raise ValueError(f"overlap must be a share from 0 to 1; got {overlap!r}.")
        where = Path(path).absolute()
        older = _OPEN.pop(str(where.resolve()), None)
        if older is not None:
            older.close()
        opened = open_session(
            where,
            X,
            Given.of(X, ids, show),
            learner,
            classes=None if classes is None else check_classes(classes),
            overlap=overlap,
            accepts=accept_changes,
            take_over=take_over,
        )
        self._begin(where, X, shown, opened)
        self._fitted: tuple[int, Any] | None = None
        _OPEN[str(where.resolve())] = self

    @classmethod
    def read(cls, path: str | os.PathLike) -> LabelingRecord:
        """Read the labels of a file, without a pool, also while others label.

        Parameters
        ----------
        path : str or path-like
            The file.

        Returns
        -------
        record : LabelingRecord
            The labels as they are now, with the exports and the history.

        Raises
        ------
        FileNotFoundError, ValueError
            If there is no such file, or it is no session.
        """
        return cls._of_file(path)

    # -----------------------------------------------------------------------------
    # Asking and answering
    # -----------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Item]:
        """Go through the rows to label, best first.

        A row that nothing is said about, or that is skipped, comes again in the next
        loop. The loop ends when no row is left.
        """
        passed: list[int] = []
        while True:
            with self._lock:
                self._check_open()
                self._start()
                n_events = self._file.last
                choices = self._board.take(self.annotator, 1, passed)
                if not choices:
                    return
                row = choices[0].row
                item = self._item(choices[0])
            yield item
            with self._lock:
                is_skipped = row in self._board.skipped.get(self.annotator, {})
                if is_skipped or self._file.last == n_events:
                    passed.append(row)
                    self._board.leases.pop(row, None)

    def take(self, annotator: str | None = None, n: int = 2) -> list[Item]:
        """Take the next rows for an annotator.

        Nobody else gets them for ten minutes. Repeated calls give the same rows until
        they are answered.

        Parameters
        ----------
        annotator : str, default=None
            Who is asked. None means the session's annotator.
        n : int, default=2
            Number of rows: the one to show, and those to prepare.

        Returns
        -------
        items : list of Item
            Fewer if not as many are left.
        """
        with self._lock:
            self._check_open()
            name = self._name(annotator)
            self._start()
            return [self._item(choice) for choice in self._board.take(name, n)]

    def label(
        self,
        id: Any,
        label: Any,
        *,
        annotator: str | None = None,
        seconds: float | None = None,
        request: str | None = None,
    ) -> dict[str, Any]:
        """Save the label of a row; a later label of the same annotator replaces it.

        Parameters
        ----------
        id : object
            Id of the row.
        label : object
            One of the classes.
        annotator : str, default=None
            Who labels. None means the session's annotator.
        seconds : float, default=None
            How long it took. None means since the row was taken.
        request : str, default=None
            A name of this answer. A second call with the same name saves nothing.

        Returns
        -------
        event : dict
            The event, as :meth:`history` shows it. It has reached the disk.

        Raises
        ------
        ValueError
            If there is no such row or class. Nothing is saved.
        OSError
            If it cannot be saved, because the disk is full, for example.
        """
        text = self._label_text(label)
        return self._save("label", id, text, annotator, seconds, request)

    def skip(
        self,
        id: Any,
        *,
        annotator: str | None = None,
        seconds: float | None = None,
        request: str | None = None,
    ) -> dict[str, Any]:
        """Put a row off until the annotator has seen all others.

        Parameters
        ----------
        id, annotator, seconds, request
            As in :meth:`label`.

        Returns
        -------
        event : dict
            The event.
        """
        return self._save("skip", id, None, annotator, seconds, request)

    def discard(
        self,
        id: Any,
        *,
        annotator: str | None = None,
        seconds: float | None = None,
        request: str | None = None,
    ) -> dict[str, Any]:
        """Never ask about a row again, since it has no label, or none that is known.

        It is a vote like a label. Audits leave discarded rows out.

        Parameters
        ----------
        id, annotator, seconds, request
            As in :meth:`label`.

        Returns
        -------
        event : dict
            The event.
        """
        return self._save("discard", id, None, annotator, seconds, request)

    def undo(
        self, *, annotator: str | None = None, request: str | None = None
    ) -> dict[str, Any] | None:
        """Undo the last answer of an annotator that is not undone; it is asked next.

        Parameters
        ----------
        annotator, request : str, default=None
            As in :meth:`label`.

        Returns
        -------
        event : dict or None
            The event that was undone. None if there is nothing to undo.
        """
        return self._undo(annotator, request)

    def item(self, id: Any) -> Item:
        """Look at a row, for example to label it again.

        Parameters
        ----------
        id : object
            Id of the row.

        Returns
        -------
        item : Item
            The row with its present label.

        Raises
        ------
        ValueError
            If there is no such row in the pool.
        """
        with self._lock:
            row = self._row_of(id)
            lease = self._board.leases.get(row)
            choice = self._board.chosen(row) if lease is None else lease.choice
            return self._item(choice, is_asked=False)

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

    def image_path(self, id: Any) -> Path:
        """Where the image of a row is.

        Parameters
        ----------
        id : object
            Id of the row.

        Returns
        -------
        path : pathlib.Path
            The file, one of those in `show`.

        Raises
        ------
        KeyError
            If the row has no image, or it is gone.
        """
        try:
            position = int(self._position[self._row_of(id)])
        except ValueError as error:
            raise KeyError(str(error)) from error
        if position < 0:
            raise KeyError("The row is not in this pool.")
        return self._shown.image(position)

    # -----------------------------------------------------------------------------
    # Results
    # -----------------------------------------------------------------------------

    @property
    def ids(self) -> list[Any]:
        """Ids of the rows of `X`, in their order."""
        return [decode(self._rows[row].id) for row in self._rows_of_pool()]

    @property
    def y(self) -> Array:
        """Labels in the order of `X`, shape (n_samples,).

        NaN, or None for texts, where there is none. Numbers and booleans are floats.
        """
        with self._lock:
            codes = self._board.codes[self._rows_of_pool()]
        return decode_labels(as_classes(self.classes), codes)

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
            return {
                "n_rows": len(here),
                "n_labels": int(np.count_nonzero(here == LABELED)),
                "n_skipped": len(skipped),
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

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the ranking knows all labels, or a fit fails.

        Scripts that answer faster than models are fitted would otherwise get rows of
        older rankings.

        Parameters
        ----------
        timeout : float, default=None
            Most seconds to wait. None means no limit.

        Returns
        -------
        is_there : bool
            False if the time was over first.
        """
        with self._lock:
            self._check_open()
            self._start()
            return self._has_news.wait_for(self._has_caught_up, timeout)

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
        labels = {_formats.as_cell(label): encode(label) for label in self.classes}
        found = _formats.read_csv(Path(path), cells, labels)
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
        labels = {_formats.as_cell(label): encode(label) for label in self.classes}
        found, _ = _formats.read_tasks(source, ids, labels)
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
    # The page, and the end
    # -----------------------------------------------------------------------------

    def serve(
        self,
        port: int | None = None,
        *,
        keys: Any = None,
        open_browser: bool = True,
        block: bool = True,
    ) -> Any:
        """Show the page in a browser, until Ctrl-C.

        Parameters
        ----------
        port : int, default=None
            Port on this machine. None means a free one.
        keys : str, sequence or dict, default=None
            Own hotkeys of the classes.
        open_browser : bool, default=True
            Whether to open the browser.
        block : bool, default=True
            Whether to wait for the end. If False, the page is served in a thread.

        Returns
        -------
        server : object or None
            What serves the page, if `block` is False.

        Raises
        ------
        ImportError
            If the extra ``label`` is not installed.
        """
        _check_extra()
        from skactive.labeling import _page

        with self._lock:
            self._check_open()
            self._start()
        return _page.serve(
            self, port=port, keys=keys, open_browser=open_browser, block=block
        )

    def announce(self, address: str | None) -> None:
        """Note where the page is, for the error that a second process gets.

        Parameters
        ----------
        address : str or None
            The address without its token. None if there is none any more.
        """
        with self._lock:
            self._check_open()
            self._file.announce(address)

    def close(self) -> None:
        """Close the file and end the worker. Everything is saved already."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            worker, self._worker = self._worker, None
            self._file.close()
            self._has_news.notify_all()
        if worker is not None:
            worker.close()

    def __enter__(self) -> LabelingSession:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def __repr__(self) -> str:
        status = self.status()
        return (
            f"LabelingSession({self.title!r}, {status['n_labels']} of "
            f"{status['n_rows']} rows labelled)"
        )

    def _repr_html_(self) -> str:
        if self._is_closed or not _has_extra():
            return f"<p>{escape(repr(self))}</p>"
        from skactive.labeling import _page

        return _page.frame(self)

    # -----------------------------------------------------------------------------
    # Helpers
    # -----------------------------------------------------------------------------

    def _rows_of_pool(self) -> Array:
        """Number in the file of each row of the pool, shape (n_samples,)."""
        here = np.flatnonzero(self._position >= 0)
        return here[np.argsort(self._position[here])]

    def _all_ids(self) -> list[Any]:
        return [decode(row.id) for row in self._rows]

    def _in_file_order(self) -> tuple[Any, Array]:
        """The pool and its labels, with copies of the first row for absent ones."""
        X = self._X if self._order is None else _safe_indexing(self._X, self._order)
        codes = np.where(self._position >= 0, self._board.codes, MISSING)
        return X, decode_labels(as_classes(self.classes), codes)

    def _guesses(self) -> dict[int, tuple[Any, float]]:
        """Labels that the model takes unlabelled rows for, and their probability."""
        with self._lock:
            open_rows = self._in_pool(self._board.codes == MISSING)
            has_labels = bool((self._board.codes != MISSING).any())
        if self._learner is None or not has_labels or not len(open_rows):
            return {}
        model = self.learner
        if not hasattr(model, "predict_proba"):
            return {}
        proba = model.predict_proba(_safe_indexing(self._X, open_rows))
        best = proba.argmax(axis=1)
        labels = np.asarray(model.classes_)[best].tolist()
        found = zip(labels, proba.max(axis=1).tolist(), strict=True)
        return dict(zip(open_rows.tolist(), found, strict=True))


def _has_extra() -> bool:
    names = ("starlette", "uvicorn")
    return all(importlib.util.find_spec(name) is not None for name in names)


def _check_extra() -> None:
    if not _has_extra():
        raise ImportError(
            "The page needs starlette and uvicorn: python -m pip install "
            "'skactive[label]'. Without them, `for item in session` asks in a script "
            "or a terminal."
        )
