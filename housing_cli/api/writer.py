"""Group commit for logs that make one wait: requests gather while one thread writes.

A transaction costs the same for one row as for fifty, so everything that came in while the last
one was on its way becomes the next one. The event loop never waits, the queue is bounded, and a
request is answered only after its row was written.

The thread is none of an executor's: Python waits for those at its end, also for one that hangs in
a database.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Sequence
from itertools import chain, groupby, islice
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

import msgspec

from housing_cli.errors import LogUnavailable

if TYPE_CHECKING:
    from housing_cli.prediction_log import Feedback, Group, PredictionLog

MAX_WAITING = 1024
"""Requests that may wait for the log; one more is told to come back later."""
CLOSE_SECONDS = 2.0
"""A log that hangs at the end is waited for this long."""


class _Append(msgspec.Struct):
    groups: Sequence[Group] | None
    """None once nobody waits any more: the rows take no memory until the log comes to them."""
    future: asyncio.Future[Any]


class _Label(msgspec.Struct):
    prediction_id: str
    real_price: float
    future: asyncio.Future[Any]


_Item = _Append | _Label
_Settled = tuple[asyncio.Future[Any], Any]


class GroupWriter:
    """One thread in front of a log; `append` and `feedback` wait without holding the loop."""

    def __init__(self, log: PredictionLog, timeout: float) -> None:
        self._log = log
        self._timeout = timeout
        self._queue: SimpleQueue[_Item | None] = SimpleQueue()
        self._in_work = 0
        self._thread: threading.Thread | None = None

    async def append(self, groups: Sequence[Group]) -> list[list[str]]:
        """Record predictions, all or none; return the ids of each group.

        Raises `LogUnavailable`.
        """
        item = _Append(groups, asyncio.get_running_loop().create_future())
        try:
            ids: list[list[str]] = await self._result(item)
        finally:
            item.groups = None
        return ids

    async def feedback(self, prediction_id: str, real_price: float) -> Feedback:
        """Record a real price. Raises `LogUnavailable` and `UnknownPrediction`."""
        future = asyncio.get_running_loop().create_future()
        feedback: Feedback = await self._result(_Label(prediction_id, real_price, future))
        return feedback

    @property
    def busy(self) -> bool:
        """Whether something waits for the log; for the event loop to ask."""
        return self._in_work > 0

    def close(self) -> bool:
        """Write what waits and end the thread; return whether it ended.

        One that hangs in a database is left behind: nothing in its hands was acknowledged.
        """
        self._queue.put(None)
        if self._thread is None:
            return True
        self._thread.join(CLOSE_SECONDS)
        return not self._thread.is_alive()

    async def _result(self, item: _Item) -> Any:
        """Return what became of `item`; who gives up before it is in hand is not written."""
        if self._queue.qsize() >= MAX_WAITING:
            raise LogUnavailable("the prediction log cannot keep up", "try again later")
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
            self._thread.start()
        self._in_work += 1
        self._queue.put(item)
        try:
            async with asyncio.timeout(self._timeout):
                return await item.future
        except TimeoutError:
            text = f"the prediction log did not answer within {self._timeout:g} s"
            raise LogUnavailable(text, "try again later") from None

    def _run(self) -> None:
        closing = False
        while not closing:
            closing = self._turn(self._queue.get())

    def _turn(self, first: _Item | None) -> bool:
        """Write what waits; return whether it was the last. Keeps no rows while it waits again."""
        taken = [first]
        with contextlib.suppress(Empty):
            while True:
                taken.append(self._queue.get_nowait())
        items = [item for item in taken if item is not None]
        if items:
            settled = list(self._write([item for item in items if not item.future.done()]))
            loop = items[0].future.get_loop()
            with contextlib.suppress(RuntimeError):  # it is closed: nobody waits any more
                loop.call_soon_threadsafe(self._settle, len(items), settled)
        return len(items) < len(taken)

    def _settle(self, items: int, settled: Sequence[_Settled]) -> None:
        self._in_work -= items
        for future, result in settled:
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)

    def _write(self, items: Sequence[_Item]) -> Iterator[_Settled]:
        """Write `items` in their order, neighboring appends together."""
        for kind, neighbors in groupby(items, type):
            group: list[Any] = list(neighbors)
            if kind is _Append:
                yield from self._write_appends(group)
            else:
                yield from ((item.future, self._label(item)) for item in group)

    def _write_appends(self, group: Sequence[_Append]) -> list[_Settled]:
        # Read once each: who waits may give up at any moment.
        kept = [(item.future, groups) for item in group if (groups := item.groups) is not None]
        together = list(chain.from_iterable(groups for _, groups in kept))
        try:
            issued = iter(self._log.append_groups(together) if together else [])
        except Exception as error:
            return [(future, error) for future, _ in kept]
        return [(future, list(islice(issued, len(groups)))) for future, groups in kept]

    def _label(self, item: _Label) -> Feedback | Exception:
        try:
            return self._log.feedback(item.prediction_id, item.real_price)
        except Exception as error:
            return error
