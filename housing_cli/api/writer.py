"""Group commit for logs that make one wait: requests gather while one thread writes.

A transaction costs the same for one row as for fifty, so everything that came in while the last
one was on its way becomes the next one. The event loop never waits, the queue is bounded, and a
request is answered only after its row was written.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from housing_cli.errors import LogUnavailable

if TYPE_CHECKING:
    from housing_cli.prediction_log import Feedback, PredictionLog

_SWEEPS = 4
MAX_WAITING = 1024
"""Requests that may wait for the log; one more is told to come back later."""
CLOSE_SECONDS = 2.0
"""A log that hangs at the end is waited for this long."""


_Settled = tuple[asyncio.Future[Any], Any]


class _Append(msgspec.Struct):
    version: str
    rows: Sequence[Sequence[float | None]]
    prices: Sequence[float]
    future: asyncio.Future[list[str]]
    deadline: float


class _Label(msgspec.Struct):
    prediction_id: str
    real_price: float
    future: asyncio.Future[Feedback]
    deadline: float


class GroupWriter:
    """One thread in front of a log; `append` and `feedback` wait without holding the loop."""

    def __init__(self, log: PredictionLog, timeout: float) -> None:
        self._log = log
        self._timeout = timeout
        self._queue: deque[_Append | _Label] = deque()
        self._in_hand: list[_Append | _Label] = []
        self._sweeping = False
        self._ready = threading.Condition()
        self._closing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    async def append(
        self, version: str, rows: Sequence[Sequence[float | None]], prices: Sequence[float]
    ) -> list[str]:
        """Record predictions; return their ids. Raises `LogUnavailable`."""
        future: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        self._put(_Append(version, rows, prices, future, self._deadline()))
        return await future

    async def feedback(self, prediction_id: str, real_price: float) -> Feedback:
        """Record a real price. Raises `LogUnavailable` and `UnknownPrediction`."""
        future: asyncio.Future[Feedback] = asyncio.get_running_loop().create_future()
        self._put(_Label(prediction_id, real_price, future, self._deadline()))
        return await future

    @property
    def busy(self) -> bool:
        """Whether something waits for the log."""
        return bool(self._queue or self._in_hand)

    def close(self) -> bool:
        """Write what waits and end the thread; return whether it ended.

        One that hangs in a database is left behind: nothing in its hands was acknowledged.
        """
        with self._ready:
            self._closing = True
            self._ready.notify()
        if self._thread is None:
            return True
        self._thread.join(CLOSE_SECONDS)
        return not self._thread.is_alive()

    def _deadline(self) -> float:
        return time.monotonic() + self._timeout

    def _sweep(self) -> None:
        """Answer those that have waited for too long; one timer for all costs each nothing."""
        with self._ready:
            waiting = [*self._in_hand, *self._queue]
        late = time.monotonic()
        for item in waiting:
            if item.deadline < late and not item.future.done():
                text = f"the prediction log did not answer within {self._timeout:g} s"
                item.future.set_exception(LogUnavailable(text, "try again later"))
        self._sweeping = bool(waiting)
        if waiting and self._loop is not None:
            self._loop.call_later(self._timeout / _SWEEPS, self._sweep)

    def _put(self, item: _Append | _Label) -> None:
        with self._ready:
            if len(self._queue) >= MAX_WAITING:
                raise LogUnavailable("the prediction log cannot keep up", "try again later")
            if self._thread is None:
                self._loop = asyncio.get_running_loop()
                self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
                self._thread.start()
            self._queue.append(item)
            if not self._sweeping and self._loop is not None:
                self._sweeping = True
                self._loop.call_later(self._timeout / _SWEEPS, self._sweep)
            if len(self._queue) == 1:
                self._ready.notify()

    def _run(self) -> None:
        while True:
            with self._ready:
                while not self._queue and not self._closing:
                    self._ready.wait()
                if not self._queue:
                    return
                items = [item for item in self._queue if not item.future.done()]
                self._in_hand = items
                self._queue.clear()
            settled = self._write(items)
            self._in_hand = []
            assert self._loop is not None
            try:
                self._loop.call_soon_threadsafe(_settle, settled)
            except RuntimeError:  # the loop is closed: nobody waits for an answer any more
                return

    def _write(self, items: Sequence[_Append | _Label]) -> list[_Settled]:
        """Write `items` in their order, neighboring appends together."""
        settled: list[_Settled] = []
        group: list[_Append] = []
        for item in items:
            if isinstance(item, _Append):
                group.append(item)
            else:
                settled += self._write_group(group)
                group = []
                settled.append((item.future, self._label(item)))
        return settled + self._write_group(group)

    def _write_group(self, group: list[_Append]) -> list[_Settled]:
        if not group:
            return []
        try:
            issued = self._log.append_groups([(it.version, it.rows, it.prices) for it in group])
        except Exception as error:
            return [(item.future, error) for item in group]
        return [(item.future, ids) for item, ids in zip(group, issued, strict=True)]

    def _label(self, item: _Label) -> Feedback | Exception:
        try:
            return self._log.feedback(item.prediction_id, item.real_price)
        except Exception as error:
            return error


def _settle(settled: Sequence[_Settled]) -> None:
    for future, result in settled:
        if future.done():
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
