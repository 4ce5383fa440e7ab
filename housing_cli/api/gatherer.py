"""Gatherer: requests that arrive in one turn of the event loop are scored and recorded together.

One call of ONNX Runtime costs a row alone 45 us and each of sixteen rows 23 us, and one append of
sixteen rows hardly more than that of one. Nothing waits for company: a row that came alone goes on
in the same turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from housing_cli.model.compiled import FEW_ROWS

Row = Sequence[float | None]


class Mark(NamedTuple):
    """What a client said beside a row: a key that routes it, and which house it is."""

    route: bytes | None = None
    house: str | None = None


UNMARKED: Final = Mark()


class Gatherer:
    """Calls `work` with the rows of one turn, in order, the futures that wait, and their marks."""

    def __init__(
        self, work: Callable[[list[Row], list[asyncio.Future[Any]], list[Mark]], None]
    ) -> None:
        self._work = work
        self._rows: list[Row] = []
        self._futures: list[asyncio.Future[Any]] = []
        self._marks: list[Mark] = []

    def add(self, row: Row, mark: Mark = UNMARKED) -> asyncio.Future[Any]:
        """Return what will be known of `row`."""
        loop = asyncio.get_running_loop()
        if not self._rows:
            loop.call_soon(self._turn)
        future = loop.create_future()
        self._rows.append(row)
        self._futures.append(future)
        self._marks.append(mark)
        if len(self._rows) == FEW_ROWS:
            self._turn()
        return future

    def _turn(self) -> None:
        if self._rows:
            rows, futures, marks = self._rows, self._futures, self._marks
            self._rows, self._futures, self._marks = [], [], []
            try:
                self._work(rows, futures, marks)
            except Exception as error:
                settle(futures, error)


def settle(futures: Sequence[asyncio.Future[Any]], result: Any) -> None:
    """Give an exception to all futures that still wait, or each its own of a list of results."""
    if isinstance(result, Exception):
        for future in futures:
            if not future.done():
                future.set_exception(result)
        return
    for future, value in zip(futures, result, strict=True):
        if future.done():  # its client is gone
            continue
        if isinstance(value, Exception):
            future.set_exception(value)
        else:
            future.set_result(value)
