"""The file of a session: nothing is lost, and every trouble has a clear error."""

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

import skactive
from skactive.labeling import LabelingSession, _events
from skactive.labeling._events import APPLICATION_ID, EventFile
from skactive.labeling._slots import BLANK, SLOT_SIZE, Event, pack, unpack

TEXTS = [f"text {n}" for n in range(30)]
IDS = [f"T-{n}" for n in range(30)]


def opened(path, **params):
    given = {"ids": IDS, "classes": ["no", "yes"], "annotator": "ann"} | params
    return LabelingSession(path, TEXTS, **given)


def check(path):
    with sqlite3.connect(path) as base:
        found = base.execute("PRAGMA integrity_check").fetchall()
    base.close()
    assert found == [("ok",)]


@pytest.fixture
def labelled(path):
    with opened(path) as session:
        for id in IDS[:5]:
            session.label(id, "yes")
    return path


def test_everything_is_in_the_one_file(labelled):
    journal = labelled.with_name(labelled.name + "-journal")
    assert not journal.exists() or journal.stat().st_size == 0
    assert {p.name for p in labelled.parent.iterdir()} <= {labelled.name, journal.name}
    check(labelled)
    with sqlite3.connect(labelled) as base:
        assert base.execute("PRAGMA journal_mode").fetchone()[0] != "wal"
    base.close()


def test_a_copy_taken_at_any_moment_has_every_answer(path, tmp_path):
    with opened(path) as session:
        for n, id in enumerate(IDS[:10], start=1):
            session.label(id, "yes")
            copy = shutil.copy(path, tmp_path / f"copy {n}")
            check(copy)
            assert len(LabelingSession.read(copy).labels) == n


def test_events_cannot_be_changed_or_deleted(labelled):
    with sqlite3.connect(labelled) as base:
        for change in ("DELETE FROM slots", "UPDATE slots SET text = ''"):
            with pytest.raises(sqlite3.IntegrityError, match="never"):
                base.execute(change)
    base.close()


def test_the_file_grows_by_a_copy_that_takes_its_place(path, monkeypatch):
    monkeypatch.setattr(_events, "_MIN_SPARE", 5)
    monkeypatch.setattr(_events, "_SPARE_SHARE", 0.0)
    identities = set()
    with opened(path) as session:
        for n in range(40):
            session.label(IDS[n % 30], "no" if n % 2 else "yes")
            identities.add(path.stat().st_ino)
            check(path)
            assert len(LabelingSession.read(path).history()) == n + 1
        session.add_labels(dict.fromkeys(IDS, "no"), annotator="rule")
    assert len(identities) > 1
    assert len(LabelingSession.read(path).history()) == 70
    assert [p for p in path.parent.iterdir() if p.suffix == ".new"] == []


def test_a_file_that_was_replaced_or_deleted_is_noticed(labelled, tmp_path):
    copy = shutil.copy(labelled, tmp_path / "copy")
    with opened(labelled) as session:
        os.replace(copy, labelled)
        with pytest.raises(ValueError, match="another file has its place"):
            session.label(IDS[0], "no")
    with opened(labelled) as session:
        labelled.unlink()
        with pytest.raises(ValueError, match="is gone"):
            session.label(IDS[0], "no")


LONG = Event(1, "label", "b", '"x"', "ann", why="w" * 3 * SLOT_SIZE)
SHORT = Event(1, "label", "a", '"x"', "ann", 0.0, 0.0, 0.0, None, "é\0", known=0)


@pytest.mark.parametrize("batches", [[[SHORT]], [[LONG], [SHORT]], [[SHORT, LONG] * 2]])
def test_slots_give_back_the_events_of_whole_batches(batches):
    """Wherever the slots are cut off, what is there are whole batches."""
    ids = ["a", "b"]
    texts, wholes = [], {0: 0}
    for batch in batches:
        texts += pack(batch, ids.index)
        wholes[len(texts)] = max(wholes.values()) + len(batch)
    events = [event for batch in batches for event in batch]
    numbered = [event._replace(seq=n) for n, event in enumerate(events, start=1)]
    assert {len(text) for text in texts} == {SLOT_SIZE}
    for n_there in range(len(texts) + 1):
        found = list(unpack([*texts[:n_there], BLANK, BLANK], ids))
        n_whole = max(n for cut, n in wholes.items() if cut <= n_there)
        assert found == numbered[:n_whole]
        # Events that follow are not mixed up with what was cut off.
        for more in ([SHORT], [SHORT, SHORT, SHORT]):
            after = [*texts[:n_there], *pack(more, ids.index)]
            assert list(unpack(after, ids)) == [
                *numbered[:n_whole],
                *(one._replace(seq=n_whole + n) for n, one in enumerate(more, 1)),
            ]


def test_reading_goes_on_while_others_label(path):
    with opened(path) as session:
        for n, id in enumerate(IDS, start=1):
            session.label(id, "no")
            assert len(LabelingSession.read(path).labels) == n


def test_a_file_of_other_data(path):
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE notes (text)")
    base.close()
    before = path.read_bytes()
    with pytest.raises(ValueError, match="another program"):
        opened(path)
    with pytest.raises(ValueError, match="another program"):
        LabelingSession.read(path)
    assert path.read_bytes() == before


def test_a_file_that_is_not_sqlite(path):
    path.write_text("id,label\n" * 1000)
    for open_it in (opened, LabelingSession.read):
        with pytest.raises(ValueError, match="not a session"):
            open_it(path)
    assert path.read_text() == "id,label\n" * 1000


def test_an_empty_file_is_not_taken_for_a_new_session(path):
    path.touch()
    for open_it in (opened, LabelingSession.read):
        with pytest.raises(ValueError, match="is empty"):
            open_it(path)


def test_a_newer_version(labelled):
    with sqlite3.connect(labelled) as base:
        base.execute("PRAGMA user_version=2")
    base.close()
    for open_it in (opened, LabelingSession.read):
        with pytest.raises(ValueError, match=r"newer skactive .*format 2"):
            open_it(labelled)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.99])
def test_a_file_that_is_cut_off(labelled, share):
    whole = labelled.read_bytes()
    labelled.write_bytes(whole[: int(len(whole) * share)])
    cut = labelled.read_bytes()
    for open_it in (opened, LabelingSession.read):
        with pytest.raises(ValueError, match=r"damaged or cut off"):
            open_it(labelled)
    assert labelled.read_bytes() == cut


def test_a_folder_and_a_missing_folder(tmp_path):
    with pytest.raises(ValueError, match="is a folder"):
        opened(tmp_path)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        opened(tmp_path / "none" / "a.skactive")
    with pytest.raises(FileNotFoundError, match="no such session"):
        LabelingSession.read(tmp_path / "b.skactive")


def test_a_read_only_file_can_be_read(labelled, monkeypatch):
    # Root may write to anything, so the answer of the system is made up.
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    with pytest.raises(PermissionError, match="read-only"):
        opened(labelled)
    assert len(LabelingSession.read(labelled).labels) == 5


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of file sizes")
def test_a_full_disk_loses_nothing_and_labelling_goes_on(path, monkeypatch):
    import resource

    monkeypatch.setattr(_events, "_SYNCHRONOUS", "OFF")
    n_saved = 0
    with opened(path) as session:

        def fill():
            nonlocal n_saved
            while True:
                session.label(IDS[n_saved % 30], "yes", request=f"r{n_saved}")
                n_saved += 1

        # No file may grow: there is no room for the larger copy.
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        size = path.stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
        try:
            for _ in range(3):
                with pytest.raises(OSError, match="not saved, but all earlier"):
                    fill()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert n_saved == _events._MIN_SPARE
        assert session._file.last == n_saved
        assert session.label(IDS[3], "yes", request="last")["seq"] == n_saved + 1
    assert [p for p in path.parent.iterdir() if p.suffix == ".new"] == []
    assert len(LabelingSession.read(path).history()) == n_saved + 1
    check(path)


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (sqlite3.OperationalError("database or disk is full"), errno.ENOSPC),
        (OSError(errno.ENOSPC, "No space left on device"), errno.ENOSPC),
        (sqlite3.OperationalError("attempt to write a readonly database"), 13),
        (PermissionError(errno.EACCES, "Permission denied"), errno.EACCES),
        (sqlite3.OperationalError("database is locked"), errno.ETIMEDOUT),
        (sqlite3.OperationalError("disk I/O error"), errno.EIO),
    ],
)
def test_errors_of_saving_say_what_to_do(path, error, number):
    found = _events._explained(error, path)
    assert isinstance(found, OSError)
    assert found.errno == number
    assert str(path) in str(found)


def test_a_failing_write_changes_nothing_in_memory(path, monkeypatch):
    with opened(path) as session:
        [item] = session.take(n=1)

        def fail(*args):
            raise OSError(errno.ENOSPC, "The disk is full")

        with monkeypatch.context() as patch:
            patch.setattr(session._file, "append", fail)
            for answer in (
                lambda: session.label(item.id, "yes"),
                lambda: session.skip(item.id),
                lambda: session.add_labels({item.id: "no"}),
            ):
                with pytest.raises(OSError, match="full"):
                    answer()
        assert session.status()["n_labels"] == 0
        assert session.take(n=1) == [item]


CHILD = """
import sys, time
import skactive
from skactive.labeling import LabelingSession
session = LabelingSession(sys.argv[1], [f"text {n}" for n in range(30)],
    ids=[f"T-{n}" for n in range(30)], classes=["no", "yes"], annotator="bob")
session.announce("http://127.0.0.1:8765/")
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def other_process(labelled):
    command = [sys.executable, "-c", CHILD, str(labelled)]
    paths = os.environ | {"PYTHONPATH": str(Path(skactive.__file__).parents[1])}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=paths
    ) as child:
        assert child.stdout.readline() == "ready\n"
        yield child
        child.kill()


def test_a_second_process_is_told_where_the_first_one_is(labelled, other_process):
    with pytest.raises(ValueError, match="being labelled") as caught:
        opened(labelled)
    assert "http://127.0.0.1:8765/" in str(caught.value)
    assert str(other_process.pid) in str(caught.value)
    assert len(LabelingSession.read(labelled).labels) == 5
    other_process.kill()
    other_process.wait()
    with opened(labelled) as session:  # nobody has to clean up
        session.label(IDS[7], "no")


def test_taking_over_ends_the_writing_of_the_other(labelled):
    first = EventFile.write(labelled)
    second = EventFile.write(labelled, take_over=True)
    with pytest.raises(ValueError, match="no longer does"):
        first.announce("http://127.0.0.1:1/")
    second.announce("http://127.0.0.1:2/")
    first.close()
    second.announce("http://127.0.0.1:3/")  # closing the first was not its end
    second.close()


def test_a_writer_of_another_machine_is_believed(labelled):
    with sqlite3.connect(labelled) as base:
        base.execute(
            "INSERT INTO writer VALUES ('t', 1, NULL, 'elsewhere', ?, NULL)",
            (time.time(),),
        )
    base.close()
    with pytest.raises(ValueError, match="on elsewhere"):
        opened(labelled)
    with opened(labelled, take_over=True) as session:
        session.label(IDS[9], "no")


def test_a_process_with_the_number_of_a_dead_one(labelled):
    with sqlite3.connect(labelled) as base:
        base.execute(
            "INSERT INTO writer SELECT 't', ?, 'another start', ?, 0, NULL",
            (os.getppid(), os.uname().nodename),
        )
    base.close()
    opened(labelled).close()


def test_events_that_somebody_else_wrote_are_noticed(path):
    with opened(path) as session:
        with sqlite3.connect(path) as base:
            base.execute("UPDATE slots SET text = '={}' WHERE number = 1")
        base.close()
        with pytest.raises(ValueError, match="did not write"):
            session.label(IDS[0], "yes")


def test_opening_again_in_one_process_closes_the_older(labelled):
    first = opened(labelled)
    with opened(labelled) as second:
        with pytest.raises(ValueError, match="closed, or was opened anew"):
            first.label(IDS[0], "no")
        second.label(IDS[0], "no")
    assert len(LabelingSession.read(labelled).history()) == 6


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_fork_cannot_write(path):
    with opened(path) as session:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                session.label(IDS[0], "yes")
                os.write(writer, b"saved")
            except ValueError as error:
                os.write(writer, str(error).encode())
            os._exit(0)
        os.waitpid(child, 0)
        assert b"this is a fork" in os.read(reader, 1000)
        os.close(reader)
        os.close(writer)
        session.label(IDS[0], "yes")


def test_the_header_says_what_it_is(labelled):
    header = labelled.read_bytes()[:100]
    assert header.startswith(b"SQLite format 3\0")
    assert int.from_bytes(header[68:72], "big") == APPLICATION_ID


def test_a_clock_set_back_changes_nothing(path, monkeypatch):
    with opened(path) as session:
        session.label(IDS[0], "no")
        monkeypatch.setattr(time, "time", lambda: 0.0)
        session.label(IDS[0], "yes")
    record = LabelingSession.read(path)
    assert record.labels == {IDS[0]: "yes"}
    assert [event["label"] for event in record.history()] == ["yes", "no"]


def test_a_new_session_appears_whole_or_not_at_all(path, monkeypatch):
    def fail(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", fail)
        patch.setattr(os, "rename", fail)
        with pytest.raises(OSError, match="disk is full"):
            opened(path)
    assert list(path.parent.iterdir()) == []
