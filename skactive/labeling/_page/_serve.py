"""The server of the page: on the loopback address only, in a thread of its own."""

from __future__ import annotations

import contextlib
import errno
import html
import os
import re
import secrets
import socket
import stat
import sys
import threading
import time
import weakref
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from skactive.labeling._page._app import PageApp

HOST = "127.0.0.1"
# Tried one after another where no port is given.
PORTS = range(8765, 8785)
_SECONDS_TO_START = 20
_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d{1,5})/#token=([\w-]{20,})")


class Page:
    """A page that is being served.

    Attributes
    ----------
    url : str
        Its address, with the token.
    port : int
        Its port.
    """

    def __init__(
        self,
        session: Any,
        *,
        port: int | None = None,
        keys: dict[str, Any] | None = None,
    ):
        import uvicorn

        self._file = _address_file(session)
        last_port, token = _read_address(self._file)
        app = PageApp(session, token or secrets.token_urlsafe(24), keys)
        self._socket = _bind(port, last_port)
        self.port = self._socket.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}/#token={app.token}"
        self._app = app
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                lifespan="off",
                log_level="error",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=2,
            )
        )
        # Not the thread itself: where Ctrl-C ends its join, it is taken for dead.
        self._ended = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name="skactive-page", daemon=True
        )

    def start(self) -> None:
        """Start to answer, and return when it does."""
        self._thread.start()
        deadline = time.monotonic() + _SECONDS_TO_START
        while not self._server.started:
            if self._ended.is_set() or time.monotonic() > deadline:
                raise RuntimeError("The server of the page did not start.")
            time.sleep(0.01)
        _write_address(self._file, self.url)
        self._announce(f"{self.url.split('#')[0]}, with the token in {self._file}")

    def _announce(self, address: str | None) -> None:
        """Tell the session where its page is, for errors of other processes."""
        announce = getattr(self._app.session, "announce", None)
        if announce is not None and self._file is not None:
            with contextlib.suppress(ValueError, OSError):  # closed, or a full disk
                announce(address)

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._ended.set()

    def open_browser(self) -> None:
        """Open the page in the browser of the user, where there is one."""
        start = self._app.make_start()
        with contextlib.suppress(webbrowser.Error, OSError):
            webbrowser.open(f"http://{HOST}:{self.port}/{start}")

    def wait(self) -> None:
        """Wait for Ctrl-C, or until :meth:`stop` is called elsewhere."""
        with contextlib.suppress(KeyboardInterrupt):
            while not self._ended.wait(0.2):
                pass

    def stop(self) -> None:
        """Stop to answer. What was being written is written first."""
        self._server.should_exit = True
        if self._thread is not threading.current_thread():
            self._ended.wait()
        self._socket.close()
        self._announce(None)
        if self._file is not None:
            self._file.unlink(missing_ok=True)


# The page of each session that has one.
_running: weakref.WeakKeyDictionary[Any, Page] = weakref.WeakKeyDictionary()


def serve(
    session: Any,
    *,
    port: int | None = None,
    keys: dict[str, Any] | None = None,
    open_browser: bool = True,
    block: bool = True,
) -> Page | None:
    """Serve the page of a session.

    Parameters
    ----------
    session : LabelingSession
        The session.
    port : int, default=None
        Port on the loopback address. None means the first free one from 8765 on.
    keys : dict of str to label, default=None
        Keys of one's own, as in ``{"b": "billing"}``.
    open_browser : bool, default=True
        If True, opens the page in a browser.
    block : bool, default=True
        If True, returns after Ctrl-C. Otherwise returns at once.

    Returns
    -------
    page : Page or None
        The page that is being served, None if `block` is True.
    """
    page = _start(session, port, keys)
    if open_browser:
        page.open_browser()
    if not block:
        return page
    sys.stderr.write(f"{session.title}: {page.url}\nCtrl-C ends it.\n")
    sys.stderr.flush()
    page.wait()
    stop(session)
    return None


def _start(
    session: Any, port: int | None = None, keys: dict[str, Any] | None = None
) -> Page:
    page = _running.get(session)
    if page is None:
        page = Page(session, port=port, keys=keys)
        page.start()
        _running[session] = page
    return page


def stop(session: Any) -> None:
    """Stop to serve the page of a session, if it is served."""
    page = _running.pop(session, None)
    if page is not None:
        page.stop()


def frame(session: Any, *, height: int = 640) -> str:
    """Return HTML that shows the page of a session in a frame, for notebooks."""
    page = _start(session)
    url = html.escape(page.url)
    title = html.escape(f"Labelling {session.title}")
    return (
        f'<iframe src="{url}" title="{title}" width="100%" height="{height}" '
        'style="border: 1px solid #8888; border-radius: 6px"></iframe>'
        f'<p><a href="{url}" target="_blank" rel="noopener">In a tab of its own</a></p>'
    )


# --- The port -------------------------------------------------------------------------


def _bind(port: int | None, last_port: int | None) -> socket.socket:
    """Return a socket on the port, or on the first free one."""
    if port is not None:
        return _bind_one(port)
    for candidate in _candidates(last_port):
        try:
            return _bind_one(candidate)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
    return _bind_one(0)


def _candidates(last_port: int | None) -> Iterator[int]:
    if last_port is not None:
        yield last_port
    yield from PORTS


def _bind_one(port: int) -> socket.socket:
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port < 65536:
        raise ValueError(f"port must be an integer from 0 to 65535; got {port!r}.")
    # asyncio sends at once, rather than 40 ms later, where the protocol is named.
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name == "posix":  # elsewhere it lets two servers have one port
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((HOST, port))
        found.listen(128)
    except OSError as error:
        found.close()
        raise OSError(
            error.errno,
            f"Port {port} cannot be had ({error.strerror}). Choose another one, or "
            "leave port out: the first free one is then taken",
        ) from None
    return found


# --- The address, kept until the end --------------------------------------------------


def _address_file(session: Any) -> Path | None:
    """Return the file that holds the address of the page while it is served.

    It outlives a server that is killed. The next one then has the same address, and
    pages that are open go on.
    """
    path = getattr(session, "path", None)
    if path is None:
        return None
    path = Path(path)
    return path.with_name(path.name + ".address")


def _read_address(path: Path | None) -> tuple[int | None, str | None]:
    """Return the port and the token of a server that was killed, if there are any."""
    if path is None:
        return None, None
    try:
        if not _is_private(path.lstat()):
            return None, None
        found = _ADDRESS.fullmatch(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        return None, None
    return (int(found[1]), found[2]) if found else (None, None)


def _is_private(found: os.stat_result) -> bool:
    """Tell whether a file is one that only this user could write and read."""
    if os.name != "posix":
        return stat.S_ISREG(found.st_mode)
    is_mine = found.st_uid == os.getuid() and not found.st_mode & 0o077
    return stat.S_ISREG(found.st_mode) and is_mine


def _write_address(path: Path | None, url: str) -> None:
    """Write the address where only this user can read it."""
    if path is None:
        return
    with contextlib.suppress(OSError):  # the page works without
        path.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="ascii") as file:
            file.write(url + "\n")
