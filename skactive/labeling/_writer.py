"""Which process writes a session, and whether it still runs."""

from __future__ import annotations

import os
import platform
import sys
import uuid
from pathlib import Path
from typing import NamedTuple

_STILL_ACTIVE = 259
_QUERY_LIMITED_INFORMATION = 0x1000


class Writer(NamedTuple):
    """A process that writes. `token` is different for each opening of a file."""

    token: str
    pid: int
    started: str | None
    host: str

    @classmethod
    def here(cls) -> Writer:
        """The process that asks."""
        pid = os.getpid()
        return cls(uuid.uuid4().hex, pid, _when_started(pid), platform.node())


def is_alive(pid: int, started: str | None, host: str) -> bool:
    """Whether a process other than this one runs; True if nobody can know."""
    if host != platform.node():
        return True
    if pid == os.getpid() or not _runs(pid):
        return False
    # Another process may have got the same number since.
    return started is None or _when_started(pid) == started


def _runs(pid: int) -> bool:
    if sys.platform == "win32":
        import ctypes

        kernel = ctypes.windll.kernel32
        handle = kernel.OpenProcess(_QUERY_LIMITED_INFORMATION, False, pid)
        if not handle:
            return False
        code = ctypes.c_ulong()
        kernel.GetExitCodeProcess(handle, ctypes.byref(code))
        kernel.CloseHandle(handle)
        return code.value == _STILL_ACTIVE
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _when_started(pid: int) -> str | None:
    """When a process started; None if unknown, "dead" if it waits to be buried."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    state, *fields = text.rpartition(")")[2].split()  # the name may have blanks
    return "dead" if state == "Z" else f"{boot} {fields[18]}"
