"""Edge: the outermost layer, which every request passes, and the short cut behind it.

It gives each request an id, checks the API key and the size of the body, counts and logs. Bodies
of `/predict`, `/predict/batch` and `/feedback` that are plainly right are answered here: bytes,
numbers, one ONNX Runtime call, one append, bytes. Everything else goes to FastAPI's own routes
with the body replayed, so that OpenAPI, validation errors and odd cases are the framework's.
The short cut leaves out about 100 of the 170 to 200 us of FastAPI's machinery.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Awaitable, Callable
from itertools import count
from time import perf_counter
from typing import TYPE_CHECKING, Any

from housing_cli.api.http.errors import BodyTooLarge, BodyTooSlow, ClientGone
from housing_cli.api.http.short_cut import ShortCut
from housing_cli.errors import HousingError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from housing_cli.api.http.auth import ApiKeys
    from housing_cli.api.metrics import Metrics
    from housing_cli.api.predictor import Predictor
    from housing_cli.config import Settings

access_logger = logging.getLogger("housing.access")
logger = logging.getLogger("housing.serve")

JSON_TYPES = frozenset(
    (b"application/json", b"application/json; charset=utf-8", b"application/json;charset=utf-8")
)
SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
_SANE_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
_JSON = (b"content-type", b"application/json")
_NOSNIFF = SECURITY_HEADERS[0]
_CLOSE = (b"connection", b"close")
_ROUTES = frozenset(
    ("/predict", "/predict/batch", "/feedback", "/version", "/metrics", "/healthz", "/readyz",
     "/docs", "/openapi.json")
)  # fmt: skip

Respond = Callable[[HousingError], tuple[int, bytes, list[tuple[bytes, bytes]]]]


def route_path(scope: Scope) -> str:
    """Return the path that the routes know: without the prefix of a proxy or of a mount."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if root and path.startswith(root) and path[len(root) : len(root) + 1] in {"", "/"}:
        return path[len(root) :]
    return path


class Edge:
    """An ASGI application around `inner`, FastAPI's own stack.

    `respond` turns a known failure into status, body and headers.
    """

    def __init__(
        self,
        inner: ASGIApp,
        predictor: Predictor,
        metrics: Metrics,
        keys: ApiKeys,
        settings: Settings,
        respond: Respond,
    ) -> None:
        self._inner = inner
        self._predictor = predictor
        self._answered = metrics.answered
        self._keys = keys
        self._respond = respond
        self._most = settings.api.max_body_bytes
        self._timeout = settings.serve.request_timeout
        self._log = settings.serve.access_log
        short_cut = ShortCut(predictor)
        self._short_cuts: dict[str, Callable[[bytes], bytes | Awaitable[bytes | None] | None]] = {
            "/predict": short_cut.predict,
            "/predict/batch": short_cut.predict_batch,
            "/feedback": short_cut.feedback,
        }
        self._guarded = set(self._short_cuts) if keys.required else set()
        if keys.required and settings.api.protect_metrics:
            self._guarded.add("/metrics")
        self._ids = count(1)
        self._id_prefix = os.urandom(6).hex().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; other ASGI events pass unchanged."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        started = perf_counter()
        path = route_path(scope)
        headers = dict(scope["headers"])
        request_id = headers.get(b"x-request-id")
        if request_id is None or not _SANE_ID.fullmatch(request_id):
            request_id = b"%b-%x" % (self._id_prefix, next(self._ids))
        status = 500
        try:
            if path in self._guarded and not self._keys.allows(headers):
                status = await self._send_unauthorized(send, request_id)
            elif scope["method"] == "POST" and path in self._short_cuts:
                status = await self._take_body(path, headers, request_id, scope, receive, send)
            else:
                status = await self._pass_on(request_id, scope, receive, send)
        except ClientGone:
            status = 499
        finally:
            route = path if path in _ROUTES else "other"
            seconds = perf_counter() - started
            self._answered(route, status, seconds)
            if self._log:
                self._write_log(scope, status, seconds, request_id)

    async def _take_body(
        self,
        path: str,
        headers: dict[bytes, bytes],
        request_id: bytes,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> int:
        try:
            length = headers.get(b"content-length")
            if length is not None and length.isdigit() and int(length) > self._most:
                raise self._too_large()
            message = await self._first(receive)
            if message.get("more_body") or message["type"] != "http.request":
                body = await self._rest(message, receive)
            else:
                body = message["body"]
                if len(body) > self._most:
                    raise self._too_large()
            # Of a header that is there twice FastAPI takes the first, a dict the last.
            usual = headers.get(b"content-type") in JSON_TYPES
            if usual and len(headers) == len(scope["headers"]):
                answer: Any = self._short_cuts[path](body)
                if answer is not None and type(answer) is not bytes:
                    answer = await answer
                if answer is not None:
                    await self._send_ok(send, answer, request_id)
                    return 200
        except HousingError as error:
            return await self._send_failure(send, error, request_id)
        except ClientGone:
            raise
        except Exception:
            # A bug must not show its insides; the framework's handler would answer likewise.
            logger.exception("bug", extra={"request_id": request_id.decode()})
            return await self._send_bug(send, request_id)
        scope["housing.body_bytes"] = len(body)
        return await self._pass_on(request_id, scope, _replay(body, receive), send)

    async def _first(self, receive: Receive) -> Message:
        try:
            async with asyncio.timeout(self._timeout):
                return await receive()
        except TimeoutError:
            raise self._too_slow() from None

    def _too_slow(self) -> BodyTooSlow:
        text = f"the body did not arrive within {self._timeout:g} s"
        return BodyTooSlow(text, "send it again")

    async def _rest(self, message: Message, receive: Receive) -> bytes:
        """Return the whole body that `message` begins."""
        parts = []
        size = 0
        try:
            async with asyncio.timeout(self._timeout):
                while True:
                    if message["type"] != "http.request":
                        raise ClientGone
                    part = message.get("body", b"")
                    size += len(part)
                    if size > self._most:
                        raise self._too_large()
                    parts.append(part)
                    if not message.get("more_body"):
                        return b"".join(parts)
                    message = await receive()
        except TimeoutError:
            raise self._too_slow() from None

    async def _pass_on(self, request_id: bytes, scope: Scope, receive: Receive, send: Send) -> int:
        """Let FastAPI answer; add the headers that every answer carries."""
        status = 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                present = message["headers"] = list(message.get("headers", ()))
                names = {name for name, _ in present}
                present.append((b"x-request-id", request_id))
                present += [header for header in SECURITY_HEADERS if header[0] not in names]
                if self._predictor.draining:
                    present.append(_CLOSE)
            await send(message)

        try:
            await self._inner(scope, receive, send_with_headers)
        except Exception:
            # Starlette has answered 500 already and raises for servers that log; once is enough.
            logger.exception("bug", extra={"request_id": request_id.decode()})
        return status

    async def _send_ok(self, send: Send, body: bytes, request_id: bytes) -> None:
        headers = [
            _JSON,
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", request_id),
            _NOSNIFF,
        ]
        if self._predictor.draining:
            headers.append(_CLOSE)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _send_failure(self, send: Send, error: HousingError, request_id: bytes) -> int:
        status, body, headers = self._respond(error)
        if isinstance(error, BodyTooLarge | BodyTooSlow):
            headers = [*headers, _CLOSE]  # what is still coming is not waited for
        await self._send(send, status, body, headers, request_id)
        return status

    async def _send_unauthorized(self, send: Send, request_id: bytes) -> int:
        body = b'{"detail":"an API key is required: send it in the header X-API-Key"}'
        challenge = (b"www-authenticate", b'Bearer realm="housing"')
        await self._send(send, 401, body, [challenge], request_id)
        return 401

    async def _send_bug(self, send: Send, request_id: bytes) -> int:
        await self._send(send, 500, b'{"detail":"Internal Server Error"}', [], request_id)
        return 500

    async def _send(
        self,
        send: Send,
        status: int,
        body: bytes,
        headers: list[tuple[bytes, bytes]],
        request_id: bytes,
    ) -> None:
        all_headers = [
            _JSON,
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", request_id),
            *SECURITY_HEADERS,
            *headers,
        ]
        await send({"type": "http.response.start", "status": status, "headers": all_headers})
        await send({"type": "http.response.body", "body": body})

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(
            f"a body holds at most {self._most} bytes", "send fewer rows in each batch"
        )

    def _write_log(self, scope: Scope, status: int, seconds: float, request_id: bytes) -> None:
        client = scope.get("client")
        access_logger.info(
            "request",
            extra={
                "request_id": request_id.decode(),
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "milliseconds": round(seconds * 1000, 3),
                "client": client[0] if client else None,
            },
        )


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives `body` again, then what comes after it."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
