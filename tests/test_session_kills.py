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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="labellers are forked")
def test_fifty_kills_lose_nothing(tmp_path):
    path, copy = tmp_path / "a.skactive", tmp_path / "copy.skactive"
    rng = np.random.default_rng(0)
    told = {}
    pipe = subprocess.PIPE
    paths = os.environ | {"PYTHONPATH": str(Path(skactive.__file__).parents[1])}
    command = [sys.executable, NURSERY, path]
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, text=True, env=paths
    ) as nursery:
        for n_kills in range(1, N_KILLS + 1):
            told |= kill_one(nursery, rng.uniform(0.0, 0.05))
            # A copy of the file alone, without what may lie beside it.
            shutil.copy(path, copy)
            assert is_whole(copy)
            events = LabelingSession.read(copy).history()
            saved = {event["seq"]: (event["kind"], event["id"]) for event in events}
            assert told.items() <= saved.items()
            # At most the one answer that was under way each time.
            assert len(saved) <= len(told) + n_kills
        nursery.stdin.close()
    assert len(told) > N_KILLS
    assert is_whole(path)
