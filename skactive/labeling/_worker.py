"""The worker of a session: a child process that fits and ranks, or a thread.

The child gets the pool once, and then one task at a time. A thread of it reads its
pipe and ends the process as soon as that closes, also in the middle of a fit.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import pickle
import queue
import subprocess
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from joblib import wrap_non_picklable_objects

from skactive.labeling._ranking import Ranker, Ranking, Task

# How much the child steps back for other processes.
_NICENESS = 10
# The child dies without an answer this many times in a row before it is given up.
_MOST_DEATHS = 3
# Ctrl-C in a terminal goes to all its processes; the child ends with its pipe.
_CODE = (
    "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from skactive.labeling._worker import main; main()"
)


class Worker:
    """Ranks in the background, again whenever there is a new task.

    Parameters
    ----------
    parts : tuple
        The arguments of :class:`Ranker`.
    next_task : callable
        A function ``() -> Task or None``; None if there is nothing new to do.
    on_ranking : callable
        Is called with each :class:`Ranking`.
    on_error : callable
        Is called with the text of an error, or None if there is none any more.
    """

    def __init__(
        self,
        parts: tuple,
        next_task: Callable[[], Task | None],
        on_ranking: Callable[[Ranking], None],
        on_error: Callable[[str | None], None],
    ):
        self._parts = parts
        self._next_task, self._on_ranking = next_task, on_ranking
        self._on_error = on_error
        self._wake = threading.Event()
        self._is_over = False
        self._child: subprocess.Popen | None = None
        self._n_deaths = 0
        self._unanswered: Task | None = None
        self.is_busy = False
        why = _why_not_pickled(parts)
        self._ranker: Ranker | None = None
        self._in_process = why is None
        if why is not None:
            warnings.warn(
                f"The learner or the pool cannot be sent to another process ({why}), "
                "so models are fitted in a thread of this one, and answers may take "
                "longer while they are. Define functions and classes in a module, "
                "outside of other functions.",
                UserWarning,
                stacklevel=4,
            )
        self._thread = threading.Thread(
            target=self._run, name="skactive-worker", daemon=True
        )
        self._thread.start()
        self.wake()

    @property
    def pid(self) -> int | None:
        """Number of the child process; None where a thread does the work."""
        return None if self._child is None else self._child.pid

    def wake(self) -> None:
        """Look for a task, now or after the one at hand."""
        self._wake.set()

    def close(self) -> None:
        """End the work, also in the middle of a fit."""
        self._is_over = True
        self._wake.set()
        child = self._child
        if child is not None:
            _end(child)
        if threading.current_thread() is not self._thread and self._in_process:
            self._thread.join(timeout=5)

    def _run(self) -> None:
        try:
            self._work()
        finally:
            if self._child is not None:
                # It may have begun when `close` found none. Its output is closed only
                # here, since this thread may be reading when another one ends it.
                _end(self._child)
                self._child.stdout.close()  # type: ignore[union-attr]

    def _work(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            if self._is_over:
                return
            task = self._next_task() or self._unanswered
            self._unanswered = None
            if task is None:
                continue
            self.is_busy = True
            try:
                answer = self._ask(task)
            finally:
                self.is_busy = False
            if self._is_over:
                return
            if isinstance(answer, Ranking):
                self._n_deaths = 0
                self._on_error(None)
                self._on_ranking(answer)
            elif answer is not None:
                self._on_error(answer)
            self._wake.set()

    def _ask(self, task: Task) -> Ranking | str | None:
        if not self._in_process:
            try:
                self._ranker = self._ranker or Ranker(*self._parts)
            except Exception as error:  # noqa: BLE001, the session shows it
                return _text_of(error)
            return answer(self._ranker, task)
        if self._n_deaths >= _MOST_DEATHS:
            return None  # the error of the last time stays
        self._unanswered = task
        try:
            if self._child is None:
                self._child = _begin()
                if self._is_over:
                    return None
                _send_parts(self._child.stdin, self._parts)
            child = self._child
            _send(child.stdin, task)
            result = pickle.load(child.stdout)  # type: ignore[arg-type]
        except (OSError, EOFError, ValueError, pickle.UnpicklingError):
            return self._bury()
        self._unanswered = None
        if isinstance(result, _NotLoaded):
            self._bury()
            self._n_deaths = _MOST_DEATHS  # the next child could not load it either
            return (
                "The process that fits models cannot load the pool, so rows are asked "
                "about at random. Open the session with arrays, texts, a data frame, "
                "or objects of a module that can be imported. The pool raises "
                f"{result.text}"
            )
        return result

    def _bury(self) -> str | None:
        """Note that the child is dead; the next task begins another one."""
        child = self._child
        if child is None or self._is_over:
            return None
        _end(child)
        self._child = None
        if child.stdout is not None:
            child.stdout.close()
        self._n_deaths += 1
        text = (
            f"The process that fits models ended by itself (exit code "
            f"{child.returncode}), as it does if memory is short. If it said why, the "
            "terminal shows it."
        )
        if self._n_deaths < _MOST_DEATHS:
            return f"{text} It is started anew."
        return (
            f"{text} It did so {_MOST_DEATHS} times; open the session again to retry."
        )


def answer(ranker: Ranker, task: Task) -> Ranking | str:
    """Rank, or return the text of the error of the estimator."""
    try:
        return ranker.rank(task)
    except Exception as error:  # noqa: BLE001, whatever an estimator raises is shown
        return _text_of(error)


def _text_of(error: Exception) -> str:
    """What the error says, and then where it was raised."""
    said = "".join(traceback.format_exception_only(error))
    return f"{said}\n{''.join(traceback.format_exception(error))}"


def main() -> None:
    """Work as the child process, until the pipe closes."""
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    tasks, results = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what an estimator prints is no result
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    reader = threading.Thread(target=_read, args=(tasks, waiting), daemon=True)
    reader.start()
    error, ranker = None, None
    parts, X = waiting.get(), waiting.get()
    if isinstance(X, _NotLoaded):
        pickle.dump(X, results)
        results.flush()
        reader.join()  # which ends this process when the session has understood
    try:
        ranker = _ranker_of(parts, X)
    except Exception as found:  # noqa: BLE001, whatever it is, the session shows it
        error = _text_of(found)
    while True:
        task = waiting.get()
        result = error if ranker is None else answer(ranker, task)
        pickle.dump(result, results)
        results.flush()


def _read(tasks: BinaryIO, waiting: queue.SimpleQueue) -> None:
    try:
        while True:
            waiting.put(pickle.load(tasks))
    except Exception as error:  # noqa: BLE001, a pool may raise anything
        waiting.put(_NotLoaded(_text_of(error)))
        while tasks.read(2**16):
            pass  # what the session has not yet sent of it
    finally:
        os._exit(0)  # the session is gone, so nobody waits for what is being fitted


def _begin() -> subprocess.Popen:
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            _CODE,
            json.dumps([os.path.abspath(p) for p in sys.path]),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def _send(pipe: Any, thing: Any) -> None:
    pickle.dump(thing, pipe, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.flush()


def _send_parts(pipe: Any, parts: tuple) -> None:
    """Send the parts of a ranker: the pool by itself, without a copy of it here."""
    learner, X, *others = parts
    # What a user's script defines does not exist in the child, and goes along.
    whole = wrap_non_picklable_objects(learner, keep_wrapper=False)
    if type(X) is np.memmap and isinstance(X.base, mmap.mmap):
        order = "F" if X.flags.f_contiguous and X.ndim > 1 else "C"
        X = _Mapped(X.filename, X.dtype, X.offset, X.shape, order)
    _send(pipe, pickle.dumps((whole, *others), pickle.HIGHEST_PROTOCOL))
    _send(pipe, X)


class _NotLoaded(NamedTuple):
    """Why the child cannot load what it was sent."""

    text: str


class _Mapped(NamedTuple):
    """A memory map, which the child opens by itself."""

    filename: Any
    dtype: Any
    offset: int
    shape: tuple
    order: Any

    def open(self) -> Any:
        return np.memmap(
            self.filename, self.dtype, "r", self.offset, self.shape, self.order
        )


def _ranker_of(parts: bytes, X: Any) -> Ranker:
    """What :func:`_send_parts` sent, put together."""
    learner, *others = pickle.loads(parts)
    return Ranker(learner, X.open() if isinstance(X, _Mapped) else X, *others)


class _Nowhere:
    """A file that keeps nothing."""

    def write(self, data: Any) -> int:
        return memoryview(data).nbytes  # large arrays come as buffers without a length

    def flush(self) -> None:
        """Do nothing."""


def _end(child: subprocess.Popen) -> None:
    """Close the pipe, which ends the child even if it is in the middle of a fit."""
    with contextlib.suppress(OSError, ValueError):
        child.stdin.close()  # type: ignore[union-attr]
    try:
        child.wait(timeout=1)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _why_not_pickled(parts: tuple) -> str | None:
    """Why the parts of a ranker cannot be sent; None if they can."""
    _, X, *others = parts
    if isinstance(X, np.ndarray) and not X.dtype.hasobject:
        X = None  # which surely can be sent, and may be large
    try:
        _send_parts(_Nowhere(), (parts[0], X, *others))
    except Exception as error:  # noqa: BLE001, pickling calls code of the estimator
        return f"{type(error).__name__}: {error}"
    return None
