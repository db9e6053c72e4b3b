"""The file of a session: append-only events in SQLite, rows, and who writes.

Every event is committed, and has reached the disk, before :meth:`EventFile.append`
returns. A plain copy of the file, taken at any moment, has all of them:

- With ``journal_mode=TRUNCATE`` nothing is kept beside the file once an event is
  committed, as it would be in a write-ahead log.
- An event is written into a slot that is there already, see `_slots`. So a process that
  is killed between two writes leaves no half-made page tree.
- What does need a new tree (more slots, more rows) is made in another file, which then
  takes the place of this one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from skactive.labeling._ids import decode, encode
from skactive.labeling._slots import BLANK, Event, n_used, pack, unpack
from skactive.labeling._writer import Writer, is_alive

# "skac" in ASCII, in the header of the file.
APPLICATION_ID = 0x736B6163
VERSION = 1
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE rows (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL, digest BLOB NOT NULL, audit INTEGER
);
CREATE TABLE writer (
    token TEXT, pid INTEGER, started TEXT, host TEXT, since REAL, address TEXT
);
CREATE TABLE slots (number INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TRIGGER events_stay BEFORE DELETE ON slots
    BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;
CREATE TRIGGER events_are_fixed BEFORE UPDATE ON slots WHEN trim(OLD.text) <> ''
    BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
"""
# Each event, and the end of its journal, reach the disk before a call returns.
_SYNCHRONOUS = "EXTRA"
# Slots that a file has to spare, at least, and as a share of those it has.
_MIN_SPARE = 1000
_SPARE_SHARE = 0.25
# Seconds to wait while another process reads the file.
_PATIENCE = 30.0


class Row(NamedTuple):
    """A row of the pool, by its number in the file. `id` is ASCII JSON.

    `audit` is whether it is in the reserve; None if that was never drawn.
    """

    number: int
    id: str
    digest: bytes
    audit: bool | None


class EventFile:
    """An open file of events. Use :meth:`create`, :meth:`write` or :meth:`read`."""

    def __init__(self, path: Path, base: sqlite3.Connection, writer: Writer | None):
        self.path = path
        self._base = base
        self._writer = writer
        self._file = _identity(path)
        self._load()

    def _load(self) -> None:
        """Read everything, as it is at one moment."""
        with _explaining(self.path):
            self._base.execute("BEGIN")
            read = self._base.execute
            meta = read("SELECT key, value FROM meta").fetchall()
            rows = read("SELECT * FROM rows ORDER BY number").fetchall()
            slots = read("SELECT text FROM slots ORDER BY number").fetchall()
            self._base.execute("COMMIT")
        self.meta = {key: decode(value) for key, value in meta}
        self.rows = list(map(Row._make, rows))
        self._number = {row.id: row.number for row in self.rows}
        texts = [text for (text,) in slots]
        self._n_slots, self._n_used = len(texts), n_used(texts)
        try:
            self.events = list(unpack(texts, [row.id for row in self.rows]))
        except (ValueError, TypeError, IndexError) as error:
            raise _damaged(self.path, f"an event cannot be read: {error}") from error
        self.last = len(self.events)

    @classmethod
    def create(cls, path: Path, meta: dict[str, Any], rows: Sequence[Row]) -> None:
        """Make a new file, which appears only when it is complete."""
        with _new_file(path) as new:
            with contextlib.closing(_connect(new)) as base:
                base.executescript(_SCHEMA)
                base.execute(f"PRAGMA application_id={APPLICATION_ID}")
                base.execute(f"PRAGMA user_version={VERSION}")
                base.execute("BEGIN IMMEDIATE")
                _write_meta(base, meta)
                _write_rows(base, rows)
                _add_slots(base, 0, _MIN_SPARE)
                base.execute("COMMIT")
            _publish(new, path)

    @classmethod
    def write(cls, path: Path, *, take_over: bool = False) -> EventFile:
        """Open a file to add events; an error if another process does so."""
        _check_file(path)
        if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
            raise _read_only(path)
        before = _identity(path)
        with _explaining(path):
            base = _connect(path)
            try:
                _check_header(base, path)
                writer = _claim(base, path, take_over)
                if _identity(path) != before:
                    raise _replaced(path)
                return cls(path, base, writer)
            except BaseException:
                base.close()
                raise

    @classmethod
    def read(cls, path: Path) -> EventFile:
        """Open a file to read it, while a session may go on writing."""
        _check_file(path)
        with _explaining(path):
            try:
                base = _connect(path, "ro")
                _check_header(base, path)
            except sqlite3.OperationalError:
                # A killed process left a journal, which only a writer can roll back.
                base = _connect(path, "rw")
                _check_header(base, path)
            return cls(path, base, None)

    def close(self) -> None:
        """Close the file; another process may then write."""
        if self._writer is not None:
            with contextlib.suppress(sqlite3.Error):
                self._base.execute(
                    "DELETE FROM writer WHERE token = ?", (self._writer.token,)
                )
        self._writer = None
        self._base.close()

    def append(self, drafts: Sequence[Event]) -> list[Event]:
        """Save events, all or none, and return them with their numbers."""
        events = self._numbered(drafts)
        texts = pack(events, self._number.__getitem__)
        n_free = self._n_slots - self._n_used
        if len(texts) > n_free:
            self._rewrite([], {}, [], len(texts) - n_free)
        with self._changing() as base:
            self._fill(base, texts)
        self._n_used += len(texts)
        self.last += len(events)
        return events

    def change(self, rows: Sequence[Row], meta: dict, note: Event) -> Event:
        """Add rows, or replace those of the same numbers, and note it."""
        [event] = self._numbered([note])
        texts = pack([event], self._number.__getitem__)
        self._rewrite(rows, meta, texts, len(texts))
        self._number |= {row.id: row.number for row in rows}
        self._n_used += len(texts)
        self.last += 1
        return event

    def announce(self, address: str | None) -> None:
        """Note where the page of the session is, for the errors of other processes."""
        with self._changing() as base:
            base.execute("UPDATE writer SET address = ?", (address,))

    def _numbered(self, drafts: Sequence[Event]) -> list[Event]:
        return [
            draft._replace(seq=self.last + count)
            for count, draft in enumerate(drafts, start=1)
        ]

    def _fill(self, base: sqlite3.Connection, texts: Sequence[str]) -> None:
        """Write the next slots, which must be blank."""
        for number, text in enumerate(texts, start=self._n_used + 1):
            slot = base.execute("SELECT text FROM slots WHERE number = ?", (number,))
            if slot.fetchone() != (BLANK,):
                raise ValueError(
                    f"{self.path.name} has events that this session did not write. "
                    "Nothing was saved by this call. Open the session again."
                )
            base.execute("UPDATE slots SET text = ? WHERE number = ?", (text, number))

    def _rewrite(
        self, rows: Sequence[Row], meta: dict, texts: Sequence[str], n_needed: int
    ) -> None:
        """Put a changed copy, with more slots, in the place of the file."""
        n_more = n_needed + max(_MIN_SPARE, int(_SPARE_SHARE * self._n_slots))
        with _new_file(self.path) as new:
            with self._changing() as base:
                pass  # nobody else writes
            os.unlink(new)
            base.execute("VACUUM INTO ?", (str(new),))
            with contextlib.closing(_connect(new)) as copy:
                copy.execute("BEGIN IMMEDIATE")
                _write_meta(copy, meta)
                _write_rows(copy, rows)
                _add_slots(copy, self._n_slots, n_more)
                self._fill(copy, texts)
                copy.execute("COMMIT")
            shutil.copymode(self.path, new)
            self._base.close()  # or else some systems do not let it be replaced
            try:
                os.replace(new, self.path)
                _sync_folder(self.path.parent)
                self._n_slots += n_more
            finally:
                self._base = _connect(self.path)
                self._file = _identity(self.path)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        if self._writer is None:
            raise ValueError(f"{self.path.name} is open to be read only, or is closed.")
        if self._writer.pid != os.getpid():
            raise ValueError(
                f"{self.path.name} was opened by process {self._writer.pid}, of which "
                "this is a fork. Open a session after the fork."
            )
        if _identity(self.path) != self._file:
            raise _replaced(self.path)
        with _explaining(self.path):
            self._base.execute("BEGIN IMMEDIATE")
            try:
                self._check_writer()
                yield self._base
                self._base.execute("COMMIT")
            except BaseException:
                if self._base.in_transaction:
                    self._base.execute("ROLLBACK")
                raise

    def _check_writer(self) -> None:
        found = self._base.execute("SELECT token, pid FROM writer").fetchone()
        if self._writer is None or found is None or found[0] != self._writer.token:
            who = "Nobody" if found is None else f"Process {found[1]}"
            raise ValueError(
                f"{who} writes {self.path.name} now, and this session no longer does. "
                "Nothing was saved by this call. Open the session again."
            )


def _connect(path: Path, mode: str = "rw") -> sqlite3.Connection:
    base = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=_PATIENCE,
        isolation_level=None,
        check_same_thread=False,
    )
    if mode == "rw":
        base.execute("PRAGMA journal_mode=TRUNCATE")
        base.execute(f"PRAGMA synchronous={_SYNCHRONOUS}")
        # Pages reach the file at the end of a transaction only, in their order.
        base.execute("PRAGMA cache_spill=OFF")
    return base


def _write_meta(base: sqlite3.Connection, meta: dict[str, Any]) -> None:
    base.executemany(
        "INSERT OR REPLACE INTO meta VALUES (?, ?)",
        [(key, encode(value)) for key, value in meta.items()],
    )


def _write_rows(base: sqlite3.Connection, rows: Sequence[Row]) -> None:
    base.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?)", rows)


def _add_slots(base: sqlite3.Connection, n_there: int, n_more: int) -> None:
    numbers = range(n_there + 1, n_there + n_more + 1)
    base.executemany("INSERT INTO slots VALUES (?, ?)", ((n, BLANK) for n in numbers))


@contextlib.contextmanager
def _new_file(path: Path) -> Iterator[Path]:
    """An empty file in the same folder, which is gone afterwards unless renamed."""
    with _explaining(path):
        handle, name = tempfile.mkstemp(".new", f".{path.name}.", path.parent)
        os.close(handle)
        try:
            yield Path(name)
        finally:
            for left in (name, f"{name}-journal"):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(left)


def _identity(path: Path) -> tuple[int, int]:
    """Which file it is, whatever its name."""
    try:
        found = path.stat()
    except OSError:
        return -1, -1
    return found.st_dev, found.st_ino


def _sync_folder(folder: Path) -> None:
    """Let the new place of a file reach the disk, where systems can do so."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _publish(new: Path, path: Path) -> None:
    """Give a complete file its name, unless that is taken in the meantime."""
    umask = os.umask(0)
    os.umask(umask)
    os.chmod(new, 0o666 & ~umask)  # as any file; temporary ones are private
    try:
        os.link(new, path)
        _sync_folder(path.parent)
    except FileExistsError:
        raise ValueError(
            f"Another process has just made {path}. Open the session again."
        ) from None
    except OSError:  # file systems without links
        os.rename(new, path)


def _claim(base: sqlite3.Connection, path: Path, take_over: bool) -> Writer:
    """Note that this process writes, unless another one does."""
    writer = Writer.here()
    base.execute("BEGIN IMMEDIATE")
    try:
        found = base.execute(
            "SELECT pid, started, host, since, address FROM writer"
        ).fetchone()
        if found is not None and not take_over:
            pid, started, host, since, address = found
            if is_alive(pid, started, host):
                raise ValueError(_is_taken(path, writer, pid, host, since, address))
        base.execute("DELETE FROM writer")
        base.execute(
            "INSERT INTO writer VALUES (?, ?, ?, ?, ?, NULL)",
            (writer.token, writer.pid, writer.started, writer.host, time.time()),
        )
        base.execute("COMMIT")
    except BaseException:
        if base.in_transaction:
            base.execute("ROLLBACK")
        raise
    return writer


def _is_taken(
    path: Path, writer: Writer, pid: int, host: str, since: float, address: str | None
) -> str:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(since))
    where = f"process {pid}" + ("" if host == writer.host else f" on {host}")
    way = "End it first"
    if address:
        way = f"Its page is at {address}; label there, or end it first"
    return (
        f"{path.name} is being labelled by {where} since {when}, and one process "
        f"writes at a time. {way}. To look at the labels, use LabelingSession.read("
        f"{str(path)!r}). If that process is gone, open the session with "
        "take_over=True."
    )


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise ValueError(f"{path} is a folder. Give the path of a file.")
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, "There is no such session", str(path))
    if path.stat().st_size == 0:
        raise ValueError(
            f"{path} is empty, so it is no session, or nothing is left of one. Delete "
            "it to begin anew, or restore a copy of it."
        )


def _check_header(base: sqlite3.Connection, path: Path) -> None:
    application = base.execute("PRAGMA application_id").fetchone()[0]
    version = base.execute("PRAGMA user_version").fetchone()[0]
    n_pages = base.execute("PRAGMA page_count").fetchone()[0]
    n_bytes = n_pages * base.execute("PRAGMA page_size").fetchone()[0]
    if application != APPLICATION_ID:
        raise ValueError(
            f"{path} is an SQLite file of another program, not a session. Give another "
            "path."
        )
    if version > VERSION:
        raise ValueError(
            f"{path} was written by a newer skactive (format {version}; this one knows "
            f"formats up to {VERSION}). Upgrade skactive. Nothing was changed."
        )
    if path.stat().st_size < n_bytes:
        raise _damaged(path, f"{path.stat().st_size} of {n_bytes} bytes are there")


@contextlib.contextmanager
def _explaining(path: Path) -> Iterator[None]:
    """Raise errors of SQLite as errors that say what to do."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise _explained(error, path) from error


def _explained(error: Exception, path: Path) -> Exception:
    text = str(error)
    if isinstance(error, FileNotFoundError):
        return FileNotFoundError(errno.ENOENT, "There is no such folder", str(path))
    is_fixed = getattr(error, "errno", None) == errno.EROFS
    if is_fixed or isinstance(error, PermissionError) or "readonly" in text:
        return _read_only(path)
    if "full" in text or getattr(error, "errno", None) == errno.ENOSPC:
        return OSError(
            errno.ENOSPC,
            "The disk is full: this was not saved, but all earlier events are. Free "
            "some space and try again",
            str(path),
        )
    if "locked" in text:
        return TimeoutError(
            errno.ETIMEDOUT,
            f"Another program has locked the file for {_PATIENCE:g} seconds: this was "
            "not saved. Close it and try again",
            str(path),
        )
    if "not a database" in text:
        return ValueError(f"{path} is not a session, but a file of another kind.")
    if "malformed" in text or "no such table" in text:
        return _damaged(path, text)
    if isinstance(error, sqlite3.Error):
        return OSError(
            errno.EIO,
            f"This was not saved, but all earlier events are: {text}",
            str(path),
        )
    return error


def _damaged(path: Path, how: str) -> ValueError:
    return ValueError(
        f"{path} is damaged or cut off ({how}). Restore a copy of it. What can be "
        "saved of it, `sqlite3 FILE .recover` shows. Nothing was changed."
    )


def _replaced(path: Path) -> ValueError:
    return ValueError(
        f"{path} is gone, or another file has its place, since the session was opened. "
        "Nothing was saved by this call. Put the file back, or open the session again."
    )


def _read_only(path: Path) -> PermissionError:
    return PermissionError(
        errno.EACCES,
        "The file or its folder is read-only, so no label can be saved. Copy it to "
        "where you may write, or look at it with LabelingSession.read",
        str(path),
    )
