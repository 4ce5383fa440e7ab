"""Work in a thread that holds no exit: a log that hangs must not keep a server from ending."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_daemon(name: str, work: Callable[[], T]) -> T:
    """Return what `work` returns or raise what it raises; it runs in a thread of this name."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[T] = loop.create_future()

    def settle(result: Callable[[], None]) -> None:
        if not found.done():
            result()

    def run() -> None:
        try:
            value = work()
        except Exception as error:
            failed = error
            result: Callable[[], None] = lambda: found.set_exception(failed)  # noqa: E731
        else:
            result = lambda: found.set_result(value)  # noqa: E731
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody asks any more
            loop.call_soon_threadsafe(settle, result)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await found
