"""Labelling by people, in one durable file."""

from __future__ import annotations

import importlib.util
import os
import sys
import weakref
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

from skactive._compat.sklearn import _num_samples
from skactive._data.pool import as_rows
from skactive.labeling._core import checked_name, user_name
from skactive.labeling._ids import check_classes
from skactive.labeling._items import Item
from skactive.labeling._opening import open_session
from skactive.labeling._record import LabelingRecord
from skactive.labeling._results import SessionResults
from skactive.labeling._rows import Given
from skactive.labeling._shown import Shown

# Open sessions of this process by their file, since a cell of a notebook may run twice.
_OPEN: weakref.WeakValueDictionary[str, LabelingSession] = weakref.WeakValueDictionary()


class LabelingSession(SessionResults):
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
    multilabel : bool, default=None
        Whether a row may have any number of the classes, at most 62, also none. A label
        is then a list of classes, and annotators agree if their lists do. None means
        what the file says, or False for a new file.
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
        multilabel: bool | None = None,
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
        given = Given.of(X, ids, show)
        classes = None if classes is None else check_classes(classes)
        where = Path(path).absolute()
        older = _OPEN.pop(str(where.resolve()), None)
        if older is not None:
            older.close()
        opened = open_session(
            where,
            X,
            given,
            learner,
            classes=classes,
            multilabel=multilabel,
            overlap=overlap,
            accepts=accept_changes,
            take_over=take_over,
        )
        self._begin(where, X, shown, opened)
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
        return LabelingRecord(path)

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
            One of the classes. With ``multilabel=True``, a list of classes, which may
            be empty.
        annotator : str, default=None
            Who labels. None means the session's annotator.
        seconds : float, default=None
            How long it took. None means since the row was taken.
        request : str, default=None
            A name of this answer. A second call with the same name saves nothing, and
            returns the same event.

        Returns
        -------
        event : dict
            The event, as :meth:`history` shows it. It has reached the disk.

        Raises
        ------
        ValueError
            If there is no such row or class, or `request` was another answer. Nothing
            is saved.
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
        keys : dict of str to label, default=None
            Keys of one's own, as in ``{"b": "billing"}``. The other classes have the
            digits and letters that are left.
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
        """Close the file, end the worker and the page. Everything is saved already."""
        page = sys.modules.get("skactive.labeling._page")
        if page is not None:
            page.stop(self)
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
