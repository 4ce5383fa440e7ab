"""SIGTERM and SIGHUP: first say "not ready", then stop. A worker stops with its supervisor, too.

Uvicorn closes its sockets at once; a load balancer that asks `/readyz` every now and then would
still send requests here, and they would fail. So for a moment the server goes on answering, with
`/readyz` at 503 and `Connection: close`, and only then lets uvicorn finish what is in flight.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from housing_cli.api.predictor import Predictor

logger = logging.getLogger("housing.serve")

DRAIN_SECONDS = 0.5


@contextlib.contextmanager
def drain_on_sigterm(predictor: Predictor) -> Iterator[None]:
    """Put a handler before the server's own while the application runs."""
    servers = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or not callable(servers):
        yield  # under a test client, or a server that handles signals in another way
        return
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server: Any = getattr(servers, "__self__", None)
        if hasattr(server, "should_exit"):
            # As uvicorn's handler does, except that it would raise the signal again at the end
            # and so turn a clean stop into an exit status of 143.
            server.should_exit = True
        else:
            servers(signal.SIGTERM, None)

    def drain(*_: object) -> None:
        if predictor.draining:
            return
        predictor.drain()
        loop.call_soon_threadsafe(logger.info, "draining")
        loop.call_soon_threadsafe(loop.call_later, DRAIN_SECONDS, stop)

    signal.signal(signal.SIGTERM, drain)
    # A terminal was closed, unless `nohup` wants it unheard; a supervisor tells its workers.
    deadly = signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
    if deadly:
        lone = multiprocessing.parent_process() is None
        signal.signal(signal.SIGHUP, drain if lone else signal.SIG_IGN)
    try:
        yield
    finally:
        if deadly:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
        if signal.getsignal(signal.SIGTERM) is drain:
            signal.signal(signal.SIGTERM, servers)


@contextlib.contextmanager
def end_with_supervisor() -> Iterator[None]:
    """Stop when the process that started this worker is gone: orphans would keep the port."""
    supervisor = multiprocessing.parent_process()
    if supervisor is None:
        yield
        return
    loop = asyncio.get_running_loop()

    def orphaned() -> None:
        loop.remove_reader(supervisor.sentinel)
        logger.warning("supervisor_gone")
        os.kill(os.getpid(), signal.SIGTERM)

    loop.add_reader(supervisor.sentinel, orphaned)
    try:
        yield
    finally:
        loop.remove_reader(supervisor.sentinel)
