"""The application behind the page: who may ask, and what is answered.

Everything but the empty page needs the token, which no other program knows. What a
session holds is only sent in answer to POST requests that carry it in a header.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
import sqlite3
import stat
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

from skactive.labeling._page._messages import METHODS, describe, dump, load, read_id

# Ids may be long; texts are never sent to the server.
_LARGEST_BODY = 2**20
_LARGEST_IMAGE = 50 * 2**20
_LOOPBACK = re.compile(rb"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.IGNORECASE)
# What browsers can show. SVG can run code.
IMAGE_TYPES = {
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}
_PAGE_POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
    "img-src blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    # Notebooks on this machine show the page in a frame.
    "frame-ancestors 'self' http://localhost:* http://127.0.0.1:* vscode-webview:"
)
# Of all answers that do not have their own.
_HEADERS = [
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; sandbox"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
]


class Refusal(Exception):
    """A request that is refused, with the status to answer."""

    def __init__(self, status: int, text: str):
        super().__init__(text)
        self.status = status


class PageApp:
    """The ASGI application of a session.

    Parameters
    ----------
    session : LabelingSession
        The session that is asked.
    token : str
        What requests must have in the header ``X-Skactive-Token``.
    keys : dict of str to label, default=None
        Keys of one's own.
    """

    def __init__(self, session: Any, token: str, keys: dict[str, Any] | None = None):
        describe(session, keys)  # a wrong key is an error at once
        self.session, self.token, self.keys = session, token, keys
        self._start: str | None = None
        page = files("skactive.labeling._page").joinpath("page.html")
        self._page = page.read_text(encoding="utf-8")
        self._routes = self._make_routes()

    def make_start(self) -> str:
        """Return a path that leads to the page, once.

        The command line of a browser can be seen by others on the same machine, and so
        must not hold the token.
        """
        self._start = secrets.token_urlsafe(16)
        return f"start/{self._start}"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request, after a look at who sent it."""

        async def send_safely(message: Any) -> None:
            if message["type"] == "http.response.start":
                has = {name for name, _ in message["headers"]}
                added = [pair for pair in _HEADERS if pair[0] not in has]
                message = message | {"headers": [*message["headers"], *added]}
            await send(message)

        answer = self._routes if _is_loopback(scope["headers"]) else _elsewhere()
        await answer(scope, receive, send_safely)

    def _make_routes(self) -> Any:
        from starlette.applications import Starlette
        from starlette.routing import Route

        async def refuse(request: Any, refusal: Any) -> Any:
            return _as_json({"error": str(refusal)}, refusal.status)

        return Starlette(
            routes=[
                Route("/", self._show_page, methods=["GET"]),
                Route("/start/{code}", self._show_start, methods=["GET"]),
                Route("/api/{name}", self._call, methods=["POST"]),
            ],
            exception_handlers={Refusal: refuse},
        )

    async def _show_page(self, request: Any) -> Any:
        from starlette.responses import Response

        nonce = secrets.token_urlsafe(16)
        return Response(
            self._page.replace("{{nonce}}", nonce),
            media_type="text/html",
            headers={"Content-Security-Policy": _PAGE_POLICY.format(nonce=nonce)},
        )

    async def _show_start(self, request: Any) -> Any:
        from starlette.responses import Response

        code, self._start = self._start, None
        if not _is_same(code, request.path_params["code"]):
            raise Refusal(403, "This address works once. Open the printed one.")
        # Response.redirect would escape the fragment.
        headers = {"Location": f"../#token={self.token}"}
        return Response(status_code=303, headers=headers)

    async def _call(self, request: Any) -> Any:
        from starlette.concurrency import run_in_threadpool

        if not _is_same(self.token, request.headers.get("x-skactive-token", "")):
            raise Refusal(403, "The token is missing, or is that of an earlier start.")
        name = request.path_params["name"]
        method = self._find(name)
        raw = await _read(request)
        try:
            return await run_in_threadpool(method, load(raw))
        except LookupError as error:
            raise Refusal(404, _text_of(error)) from None
        except ValueError as error:
            raise Refusal(400, _text_of(error)) from None
        except (OSError, sqlite3.Error) as error:
            # The page keeps the answer, and tries again.
            raise Refusal(503, f"{type(error).__name__}: {_text_of(error)}") from error

    def _find(self, name: str) -> Callable[[dict[str, Any]], Any]:
        if name == "image":
            return lambda body: _read_image(self.session.image_path(read_id(body)))
        if name == "open":
            return lambda body: _as_json(describe(self.session, self.keys))
        if name not in METHODS:
            raise Refusal(404, f"There is no {name!r}.")
        return lambda body: _as_json(METHODS[name](self.session, body))


def _is_same(secret: str | None, given: str) -> bool:
    if not secret:
        return False
    return hmac.compare_digest(secret.encode(), given.encode("utf-8", "replace"))


def _text_of(error: Exception) -> str:
    is_key = isinstance(error, KeyError) and error.args  # its str is a repr
    return str(error.args[0]) if is_key else str(error) or type(error).__name__


def _is_loopback(headers: list[tuple[bytes, bytes]]) -> bool:
    """Tell whether a request reached this machine by a name of its own.

    A page of another site, whose name was made to point to this machine, has that name.
    """
    hosts = [value for name, value in headers if name == b"host"]
    return len(hosts) == 1 and _LOOPBACK.fullmatch(hosts[0]) is not None


def _elsewhere() -> Any:
    text = (
        "The page is only for this machine, as 127.0.0.1 or localhost. From another "
        "one, use ssh -L."
    )
    return _as_json({"error": text}, 403)


async def _read(request: Any) -> bytes:
    """Return the body of a request."""
    raw = bytearray()
    async for part in request.stream():
        raw += part
        if len(raw) > _LARGEST_BODY:
            raise Refusal(413, f"A request has at most {_LARGEST_BODY} bytes.")
    return bytes(raw)


def _as_json(found: dict[str, Any], status: int = 200) -> Any:
    from starlette.responses import Response

    return Response(dump(found), status_code=status, media_type="application/json")


def _read_image(path: Path) -> Any:
    """Answer with an image, if that is what the file is."""
    from starlette.responses import Response

    media_type = IMAGE_TYPES.get(path.suffix.lower())
    if media_type is None:
        raise Refusal(
            415,
            f"{path.name} is of a kind that browsers do not show; they show "
            f"{', '.join(sorted(IMAGE_TYPES))}.",
        )
    return Response(_read_file(path), media_type=media_type)


def _read_file(path: Path) -> bytes:
    # The file may have been replaced since it was listed.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    if path.is_symlink():
        raise Refusal(403, f"{path.name} is a link; only files are shown.")
    try:
        descriptor = os.open(path, flags | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise Refusal(404, f"{path.name} is no longer there.") from None
    except OSError as error:
        raise Refusal(403, f"{path.name} cannot be read: {error.strerror}.") from None
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise Refusal(403, f"{path.name} is no file.")
        if found.st_size > _LARGEST_IMAGE:
            size, largest = found.st_size / 2**20, _LARGEST_IMAGE // 2**20
            raise Refusal(
                413, f"{path.name} has {size:.0f} MB; {largest} MB are the most."
            )
        return file.read()
