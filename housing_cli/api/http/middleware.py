"""What every request passes, one concern a layer, from the outermost to the innermost.

Each is an ASGI application around the next, and costs about 1.5 us a request.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
from collections.abc import Awaitable, Callable, Generator, Mapping
from itertools import count
from time import perf_counter
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote

from housing_cli.api.failures import BodyRefused, BodyTooLarge, BodyTooSlow, ClientGone
from housing_cli.api.http.direct import JSON_TYPES
from housing_cli.api.http.errors import failure, json_response
from housing_cli.errors import HousingError

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from housing_cli.api.http.auth import ApiKeys
    from housing_cli.api.metrics import Metrics

T = TypeVar("T")

access_logger = logging.getLogger("housing.access")
logger = logging.getLogger("housing.serve")

POSTED = frozenset(("/predict", "/predict/batch", "/feedback", "/explain"))
"""The routes that take a body and may need a key."""
_ROUTES = POSTED | {
    "/version", "/metrics", "/healthz", "/readyz", "/docs", "/openapi.json", "/",
}  # fmt: skip
SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
FREE_BYTES = 64 * 1024
"""Bodies up to this size need no room: the server has read as much of a connection anyway."""
DRAIN_SECONDS = 1.0
"""How long a body that was refused is read on."""
_JSON_TYPE = re.compile(rb"\s*application/(?:[^;\s]+\+)?json\s*(?:;|$)", re.IGNORECASE)
_SANE_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")


class Identified:
    """Gives a request its id, its path without a proxy's prefix, and its headers as a mapping.

    What may be read with GET answers HEAD, without the body. Every answer carries the id and
    `SECURITY_HEADERS`, and asks for the connection's end while `draining()`.
    """

    def __init__(self, app: ASGIApp, draining: Callable[[], bool]) -> None:
        self._app = app
        self._draining = draining
        self._ids = count(1)
        self._prefix = os.urandom(6).hex().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; other ASGI events pass every layer unchanged."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = scope["housing.headers"] = dict(scope["headers"])
        request_id = headers.get(b"x-request-id")
        if request_id is None or not _SANE_ID.fullmatch(request_id):
            request_id = b"%b-%x" % (self._prefix, next(self._ids))
        scope["housing.request_id"] = request_id
        if not scope["path"].isprintable():
            # The router would take `/predict` and a line end for `/predict`, and no layer would.
            scope["path"] = quote(scope["path"])
        path = scope["housing.path"] = route_path(scope)
        head = scope["method"] == "HEAD" and path not in POSTED
        if head:
            scope = {**scope, "method": "GET"}

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                names = {name for name, _ in given}
                given.append((b"x-request-id", request_id))
                given += [header for header in SECURITY_HEADERS if header[0] not in names]
                if self._draining():
                    given.append((b"connection", b"close"))
                message["headers"] = given
            elif head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app(scope, receive, send_with_headers)


class Observed:
    """Counts and logs each request, and answers 500 for a bug, whose insides stay inside."""

    def __init__(self, app: ASGIApp, metrics: Metrics, *, access_log: bool) -> None:
        self._app = app
        self._answered = metrics.answered
        self._log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        status = 0

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except ClientGone:
            status = 499
        except Exception:
            logger.exception("bug", extra={"request_id": scope["housing.request_id"].decode()})
            if not status:
                answer = json_response({"detail": "Internal Server Error"}, 500)
                await answer(scope, receive, send_and_note)
        path = scope["housing.path"]
        seconds = perf_counter() - began
        self._answered(path if path in _ROUTES else "other", status or 500, seconds)
        if self._log:
            _write_log(scope, status or 500, seconds)


class Guarded:
    """Lets in who has a key, where keys are wanted."""

    def __init__(self, app: ASGIApp, keys: ApiKeys, *, metrics_too: bool) -> None:
        self._app = app
        self._keys = keys
        wanted = POSTED | ({"/metrics"} if metrics_too else set())
        self._guarded = wanted if keys.required else frozenset()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it with 401 before its body is read."""
        app = self._app
        if (
            scope["type"] == "http"
            and scope["housing.path"] in self._guarded
            and (why := self._keys.refuses(scope["housing.headers"]))
        ):
            client = (scope.get("client") or [None])[0]
            said = {"reason": why, "client": client, "path": scope["housing.path"]}
            logger.warning("key_refused", extra=said)
            detail = "an API key is required: send it in the header X-API-Key"
            challenge = 'Bearer realm="housing"'
            app = json_response({"detail": detail}, 401, www_authenticate=challenge)
        await app(scope, receive, send)


class Understood:
    """Refuses bodies that are not said to be JSON, or are compressed, before they are read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        app = self._app
        if scope.get("method") == "POST" and scope["housing.path"] in POSTED:
            headers = scope["housing.headers"]
            said = headers.get(b"content-type", b"")
            if len(headers) < len(scope["headers"]):  # one is there twice, and the first counts
                said = next((v for k, v in scope["headers"] if k == b"content-type"), b"")
            if said not in JSON_TYPES and not _JSON_TYPE.match(said):
                found = f"`{_shown(said)}`" if said else "not said"
                detail = (
                    "the body must be JSON: send the header `Content-Type: application/json` "
                    f"(its type was {found})"
                )
                app = json_response({"detail": detail}, 415, accept="application/json")
            elif b"content-encoding" in headers and (encoding := _encoding(scope["headers"])):
                detail = f"a body in the encoding `{_shown(encoding)}` is not read: send it plain"
                app = json_response({"detail": detail}, 415, accept_encoding="identity")
        await app(scope, receive, send)


class Bounded:
    """Reads a body whole before the routes see it, within limits of time and memory.

    `most`: bytes of one body. `room`: bytes of all bodies that are being read or worked on; one
    that finds no room is refused before it is read. `timeout`: seconds for a body to arrive.
    """

    def __init__(self, app: ASGIApp, most: int, room: int, timeout: float) -> None:
        self._app = app
        self._most = most
        self._room = room
        self._timeout = timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope.get("method") != "POST" or scope["housing.path"] not in POSTED:
            await self._app(scope, receive, send)
            return
        taken: list[int] = []  # shares of the room
        try:
            try:
                body = await self._body(scope["housing.headers"], receive, taken)
            except HousingError as error:
                await _answer_early(failure(error), scope, receive, send)
                return
            scope["housing.body"] = body
            await self._app(scope, _replay(body, receive), send)
        except HousingError as error:
            await failure(error)(scope, receive, send)
        finally:
            self._room += sum(taken)

    async def _body(
        self, headers: Mapping[bytes, bytes], receive: Receive, taken: list[int]
    ) -> bytes:
        """Return the whole body; note in `taken` what room it was given."""
        declared = headers.get(b"content-length", b"")
        size = int(declared) if declared.isdigit() else 0
        self._admit(size, taken)
        deadline = asyncio.get_running_loop().time() + self._timeout
        parts: list[bytes] = []
        arrived = 0
        while True:
            try:
                message = await by(deadline, receive())
            except TimeoutError:
                text = f"the body did not arrive within {self._timeout:g} s"
                raise BodyTooSlow(text, "send it again") from None
            if message["type"] != "http.request":
                raise ClientGone
            parts.append(message.get("body", b""))
            arrived += len(parts[-1])
            if arrived > size:  # its length was not said
                size = arrived
                self._admit(size, taken)
            if not message.get("more_body"):
                return parts[0] if len(parts) == 1 else b"".join(parts)

    def _admit(self, size: int, taken: list[int]) -> None:
        """Take room for a body of `size` bytes, of which there may be some already."""
        if size > self._most:
            text = f"a body holds at most {self._most} bytes"
            raise BodyTooLarge(text, "send fewer rows in each batch")
        if size > FREE_BYTES:
            more = size - sum(taken)
            if more > self._room:
                text = "too many large bodies are in the server's memory"
                raise BodyRefused(text, "send it again a little later")
            self._room -= more
            taken.append(more)


async def by(deadline: float, awaitable: Awaitable[T]) -> T:
    """Return what `awaitable` gives, or raise `TimeoutError` at the loop's time `deadline`.

    There is no timer unless it has to wait: as a rule a body is there already, and a timer takes
    12 us of the 250 of a request.
    """
    begun = _Begun(awaitable)
    if not begun.waits:
        return begun.result
    async with asyncio.timeout_at(deadline):
        return await begun


class _Begun(Generic[T]):
    """An awaitable that went as far as it comes without waiting; to await this goes on with it."""

    result: T

    def __init__(self, awaitable: Awaitable[T]) -> None:
        self._steps = awaitable.__await__()
        self.waits = True
        try:
            self._awaited = self._steps.send(None)
        except StopIteration as end:
            self.waits, self.result = False, end.value

    def __await__(self) -> Generator[Any, Any, T]:
        awaited = self._awaited
        try:
            while True:
                try:
                    sent = yield awaited
                except BaseException as error:
                    awaited = self._steps.throw(error)
                else:
                    awaited = self._steps.send(sent)
        except StopIteration as end:
            result: T = end.value
            return result


async def _answer_early(answer: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer before the body was read, and read on for a moment without keeping anything.

    Who sends all before he listens, as simple clients do, would find the connection reset, and the
    answer gone with it.
    """

    async def keep_open(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "more_body": True}
        await send(message)

    await answer(scope, receive, keep_open)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while (message := await receive()).get("more_body"):
                pass
            if message["type"] != "http.request":
                return  # the client hung up
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _encoding(headers: list[tuple[bytes, bytes]]) -> bytes:
    """Return what a body is compressed with; nothing for one that is plain."""
    said = b",".join(value for name, value in headers if name == b"content-encoding")
    words = [word.strip() for word in said.split(b",")]
    return b", ".join(word for word in words if word.lower() not in {b"", b"identity"})


def _shown(value: bytes) -> str:
    return value[:64].decode("latin-1")


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives `body` again, then what comes after it."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


def route_path(scope: Scope) -> str:
    """Return the path that the routes know: without the prefix of a proxy or of a mount."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if root and path.startswith(root) and path[len(root) : len(root) + 1] in {"", "/"}:
        return path[len(root) :]
    return path


def _write_log(scope: Scope, status: int, seconds: float) -> None:
    client = scope.get("client")
    access_logger.info(
        "request",
        extra={
            "request_id": scope["housing.request_id"].decode(),
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "milliseconds": round(seconds * 1000, 3),
            "client": client[0] if client else None,
        },
    )
