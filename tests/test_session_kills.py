"""A process that labels is killed again and again; no answer is lost."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import skactive
from skactive.labeling import LabelingSession

N_KILLS = 50
NURSERY = Path(__file__).with_name("labeller.py")


def is_whole(path):
    base = sqlite3.connect(path)
    try:
        return base.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        base.close()


def kill_one(nursery, after):
    """Let one process label for a while; return the events it says it has saved."""
    nursery.stdin.write("go\n")
    nursery.stdin.flush()
    word, pid = nursery.stdout.readline().split()
    assert word == "pid"
    time.sleep(after)
    os.kill(int(pid), signal.SIGKILL)
    told = {}
    while (line := nursery.stdout.readline().split()) != ["dead"]:
        _, seq, kind, id = line
        told[int(seq)] = kind, int(id)
    return told


def kill_many(folder, n_kills, n_rows, longest=0.05, tell=None):
    """Kill labellers of one session; return how many answers they had saved.

    Each lives for up to `longest` seconds. After each kill, all answers must be in a
    copy of the file.
    """
    path, copy = folder / "a.skactive", folder / "copy.skactive"
    rng = np.random.default_rng(0)
    told = {}
    pipe = subprocess.PIPE
    paths = os.environ | {"PYTHONPATH": str(Path(skactive.__file__).parents[1])}
    command = [sys.executable, NURSERY, path, str(n_rows)]
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, text=True, env=paths
    ) as nursery:
        for n_dead in range(1, n_kills + 1):
            told |= kill_one(nursery, rng.uniform(0.0, longest))
            # A copy of the file alone, without what may lie beside it.
            shutil.copy(path, copy)
            assert is_whole(copy)
            events = LabelingSession.read(copy).history()
            saved = {event["seq"]: (event["kind"], event["id"]) for event in events}
            assert told.items() <= saved.items()
            # At most the one answer that was under way each time.
            assert len(saved) <= len(told) + n_dead
            if tell is not None:
                tell(n_dead, len(told))
        nursery.stdin.close()
    assert is_whole(path)
    return len(told)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="labellers are forked")
def test_fifty_kills_lose_nothing(tmp_path):
    assert kill_many(tmp_path, N_KILLS, 3000) > N_KILLS
