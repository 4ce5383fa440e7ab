"""Uvicorn's HTTP protocol, with limits on what a connection may cost before and after a request.

Uvicorn has a timeout for idle connections only. One that sends a byte of a header every second
would hold its place for ever; one that never ends a header, or the trailers of a chunked body,
would have each piece joined to all before; one that never reads its answer would be waited for.
One timer for all connections costs nothing per request.

An offer to go on with another protocol (`Upgrade: h2c`, which Java's client sends by default) is
declined by answering the request as it is; uvicorn would lose its body.
"""

from __future__ import annotations

import functools
import socket
import struct
from typing import TYPE_CHECKING, Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio

SWEEP_SECONDS = 1.0
MAX_HEADER_BYTES = 64 * 1024
MOST_FRAMING = 8
"""Bytes around one byte of a body: a chunk of one byte has five."""
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"connection: close\r\ncontent-length: 0\r\n\r\n"
)
_INVALID = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"connection: close\r\ncontent-length: 30\r\n\r\nInvalid HTTP request received."
)
_UPGRADE_HEADERS = frozenset((b"upgrade", b"connection", b"http2-settings"))


class _HeadTooLong(Exception):
    """The head of a request has more than `MAX_HEADER_BYTES`."""


class TimedProtocol(HttpToolsProtocol):
    """Closes connections that do not finish the headers of a request, or read its answer, in time.

    Both times are in seconds.
    """

    def __init__(
        self, header_timeout: float, write_timeout: float, *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.header_timeout = header_timeout
        self.write_timeout = write_timeout
        self.waiting_since: float | None = None
        self.message_bytes = 0
        self.body_bytes = 0
        self.unsent = 0
        self.unsent_since = 0.0
        self._suspicious = False
        self._began_in = 0  # bytes of the piece in which the request began
        self._last_words: bytes | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self.waiting_since = self.loop.time()
        if len(self.connections) == 1:
            _sweep_later(self)

    def data_received(self, data: bytes) -> None:
        """Parse, and count what belongs to one request but is not its body.

        The piece that a request begins in may end another one, and is not counted.
        """
        if self._last_words is not None:
            return  # what follows something invalid means nothing
        scope = self.scope
        self._unset_keepalive_if_required()
        # The pieces may hold a whole head that is too long.
        self._suspicious = self._began_in + self.message_bytes + len(data) > MAX_HEADER_BYTES
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            if isinstance(error.__context__, _HeadTooLong):
                self._end(_TOO_LARGE)
                return
            self.logger.warning("Invalid HTTP request received.")
            self._end(_INVALID)
            return
        if scope is not self.scope:
            self._began_in = len(data)
        else:
            self.message_bytes += len(data)
            if self.message_bytes - MOST_FRAMING * self.body_bytes > MAX_HEADER_BYTES:
                self._end(_TOO_LARGE)
                return
        if self.waiting_since is None and (self.cycle is None or self.cycle.response_complete):
            self.waiting_since = self.loop.time()  # an empty line between two requests

    def _feed(self, data: bytes) -> None:
        rest = memoryview(data)
        while True:
            try:
                self.parser.feed_data(rest)
                return
            except httptools.HttpParserUpgrade as upgrade:
                rest = rest[upgrade.args[0] :]
            method = self.parser.get_method()
            if method == b"CONNECT":
                raise httptools.HttpParserError("no proxy")
            head = self._without_upgrade(method)
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            self.parser.feed_data(head)

    def _without_upgrade(self, method: bytes) -> bytes:
        """Return the head of the request again, without the offer in it."""
        options = [
            option.strip()
            for name, value in self.headers
            if name == b"connection"
            for option in value.split(b",")
        ]
        kept = [b"close"] if b"close" in [option.lower() for option in options] else []
        lines = [b"%b %b HTTP/%b" % (method, self.url, self.parser.get_http_version().encode())]
        lines += [
            b"%b: %b" % header for header in self.headers if header[0] not in _UPGRADE_HEADERS
        ]
        lines += [b"connection: %b" % option for option in kept]
        return b"\r\n".join((*lines, b"", b""))

    def _end(self, words: bytes) -> None:
        """Close the connection with `words`, after the answers to what was asked before."""
        if self.transport.is_closing():
            return
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete and not cycle.more_body:
            self._last_words = words
            return
        unanswered = cycle is None or cycle.response_complete or not cycle.response_started
        if unanswered and not self.pipeline:  # else somebody is writing
            self.transport.write(words)
        self.transport.close()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer what was asked in full: who has said all he had to say may well be listening."""
        cycle = self.cycle
        due = cycle is not None and not cycle.response_complete and not cycle.more_body
        if due and self._last_words is None:
            self._last_words = b""
        return due

    def on_response_complete(self) -> None:
        """Go on with the next request, or close after the last one."""
        super().on_response_complete()
        if self._last_words is not None and self.cycle.response_complete:
            self.transport.write(self._last_words)
            self.transport.close()

    def on_message_begin(self) -> None:
        """Begin to wait for the headers of a request."""
        super().on_message_begin()
        self.waiting_since = self.loop.time()
        self.message_bytes = self.body_bytes = 0

    def on_headers_complete(self) -> None:
        """Stop waiting."""
        if self._suspicious:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > MAX_HEADER_BYTES:
                raise _HeadTooLong
        if not self.parser.should_upgrade():  # else `_feed` comes here again
            self.waiting_since = None
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count the body."""
        self.body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Let the application go on."""
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def close_if_late(self, now: float) -> None:
        """End the connection when what it waits for did not come in time; called once a second."""
        if self.waiting_since is not None and self.waiting_since < now - self.header_timeout:
            self.transport.close()
        unsent = self.transport.get_write_buffer_size()
        if unsent == 0 or unsent != self.unsent:
            self.unsent, self.unsent_since = unsent, now
        elif self.unsent_since < now - self.write_timeout:
            # To close would wait for our buffer, and the system would keep its own for minutes.
            peer = self.transport.get_extra_info("socket")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()


def protocol_class(header_timeout: float, write_timeout: float) -> Any:
    """Return what uvicorn makes a connection with; it can be sent to workers."""
    return functools.partial(TimedProtocol, header_timeout, write_timeout)


def _sweep_later(protocol: TimedProtocol) -> None:
    """Look at all connections once a second for as long as there are any."""
    loop, connections = protocol.loop, protocol.connections

    def sweep() -> None:
        if not connections:
            return
        now = loop.time()
        for connection in list(connections):
            if isinstance(connection, TimedProtocol):
                connection.close_if_late(now)
        loop.call_later(SWEEP_SECONDS, sweep)

    loop.call_later(SWEEP_SECONDS, sweep)
