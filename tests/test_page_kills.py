"""What was acknowledged over HTTP survives a kill, also in a plain copy of the file.

`benchmarks/session_http.py` does the same a thousand times.
"""

import contextlib
import http.client
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
if not hasattr(os, "fork"):
    pytest.skip("needs fork", allow_module_level=True)

from page_client import Client
from skactive.labeling import LabelingSession

N_KILLS = 15


class Servers:
    """Servers of one session after another."""

    def __init__(self):
        paths = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("page_server.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": paths},
        )

    def begin(self, path):
        """Start one, and return its process and a client."""
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        pid, self.url = self.process.stdout.readline().split()
        return int(pid), Client(self)

    def wait(self):
        assert self.process.stdout.readline() == "dead\n"

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def label_until_killed(servers, path, rng, done):
    """Acknowledged labels by number of the event are added to `done`."""
    pid, client = servers.begin(path)
    client.new_request = lambda: f"{rng.random()}"
    timer = threading.Timer(rng.uniform(0.02, 0.2), os.kill, (pid, signal.SIGKILL))
    timer.start()
    with contextlib.suppress(OSError, http.client.HTTPException):
        items = client.take()
        while True:
            label = rng.choice(["no", "yes"])
            found = client.label(items[0]["id"], label)
            done[found["event"]["seq"]] = json.loads(items[0]["id"]), label
            items = found["items"]
    timer.join()
    servers.wait()


def lost_labels(path, done):
    """Acknowledged labels that are not in the file; it must be whole."""
    base = sqlite3.connect(path)
    with contextlib.closing(base):
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    events = {event["seq"]: event for event in LabelingSession.read(path).history()}
    return [
        seq
        for seq, (row, label) in done.items()
        if seq not in events
        or (events[seq]["id"], events[seq]["label"]) != (row, label)
    ]


def kill_many(folder, n_kills, seed=0, clock=None):
    """Numbers of acknowledged labels, of lost ones, and of those lost in copies."""
    rng, done = random.Random(seed), {}
    total = lost = lost_in_copies = 0
    servers = Servers()
    try:
        for number in range(n_kills):
            path = folder / f"{number // 25}.skactive"  # a pool has 3000 rows
            if number % 25 == 0:
                done = {}
            before = len(done)
            label_until_killed(servers, path, rng, done)
            total += len(done) - before
            copy = shutil.copy(path, folder / "copy.skactive")
            lost_in_copies += len(lost_labels(copy, done))
            lost += len(lost_labels(path, done))
            if clock is not None:
                clock(number + 1, total, lost, lost_in_copies)
    finally:
        servers.close()
    return total, lost, lost_in_copies


def test_no_acknowledged_label_is_lost_by_a_kill(tmp_path):
    n_labels, lost, lost_in_copies = kill_many(tmp_path, N_KILLS)
    assert n_labels > N_KILLS
    assert lost == lost_in_copies == 0
