"""Uvicorn's HTTP protocol, with limits on the time and the size of a request's headers.

Uvicorn has a timeout for idle connections only: one that sends a byte of a header every second
would hold its place for ever, and one that never ends a header would have each piece of it joined
to all before. One timer for all connections costs nothing per request.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio

SWEEP_SECONDS = 1.0
MAX_HEADER_BYTES = 64 * 1024
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"connection: close\r\ncontent-length: 0\r\n\r\n"
)


class TimedProtocol(HttpToolsProtocol):
    """Closes connections that do not finish the headers of a request in time."""

    def __init__(self, header_timeout: float, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.header_timeout = header_timeout
        self.waiting_since: float | None = None
        self.header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self.waiting_since = self.loop.time()
        if len(self.connections) == 1:
            _sweep_later(self)

    def data_received(self, data: bytes) -> None:
        """Count what comes while headers are waited for.

        The piece that a request begins in may end another one, and is not counted.
        """
        waiting = self.waiting_since
        super().data_received(data)
        if waiting is not None and waiting == self.waiting_since:
            self.header_bytes += len(data)
            if self.header_bytes > MAX_HEADER_BYTES and not self.transport.is_closing():
                self.transport.write(_TOO_LARGE)
                self.transport.close()
        elif self.waiting_since is None and (self.cycle is None or self.cycle.response_complete):
            self.waiting_since = self.loop.time()  # an empty line between two requests

    def on_message_begin(self) -> None:
        """Begin to wait for the headers of a request."""
        super().on_message_begin()
        self.waiting_since = self.loop.time()
        self.header_bytes = 0

    def on_headers_complete(self) -> None:
        """Stop waiting."""
        self.waiting_since = None
        super().on_headers_complete()


def protocol_class(header_timeout: float) -> Any:
    """Return what uvicorn makes a connection with; it can be sent to workers."""
    return functools.partial(TimedProtocol, header_timeout)


def _sweep_later(protocol: TimedProtocol) -> None:
    """Look at all connections once a second for as long as there are any."""
    loop, connections = protocol.loop, protocol.connections
    limit = protocol.header_timeout

    def sweep() -> None:
        if not connections:
            return
        latest = loop.time() - limit
        for connection in list(connections):
            since = getattr(connection, "waiting_since", None)
            if since is not None and since < latest:
                connection.transport.close()
        loop.call_later(SWEEP_SECONDS, sweep)

    loop.call_later(SWEEP_SECONDS, sweep)
