"""LogProbe: whether the log can be written, asked at most once a second and one look at a time."""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import time
from collections.abc import Callable

from housing_cli.errors import HousingError

FRESH_SECONDS = 1.0
PATIENCE_SECONDS = 1.0


class LogProbe:
    """Runs `check` in a thread of its own: a database that hangs must hold neither the executor's
    threads nor the exit.
    """

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._checked = -math.inf
        self._problem = ""
        self._running: asyncio.Future[None] | None = None

    def forget(self) -> None:
        """Look again when asked next: the log just failed."""
        self._checked = -math.inf

    async def problem(self) -> str:
        """Return what is wrong with the log, as it was within the last second; or nothing."""
        if self._running is None and time.monotonic() - self._checked > FRESH_SECONDS:
            loop = asyncio.get_running_loop()
            self._running = loop.create_future()
            threading.Thread(
                target=self._run, args=[loop, self._running], name="log-check", daemon=True
            ).start()
        if self._running is not None:
            done, _ = await asyncio.wait([self._running], timeout=PATIENCE_SECONDS)
            if not done:
                return f"it did not answer within {PATIENCE_SECONDS:g} s"
        return self._problem

    def _run(self, loop: asyncio.AbstractEventLoop, finished: asyncio.Future[None]) -> None:
        problem = ""
        try:
            self._check()
        except HousingError as error:
            problem = error.message
        except Exception as error:  # in a thread of its own, where nobody would see it
            problem = f"{type(error).__name__}: {error}"

        def settle() -> None:
            self._problem, self._checked, self._running = problem, time.monotonic(), None
            if not finished.done():
                finished.set_result(None)

        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody asks any more
            loop.call_soon_threadsafe(settle)
