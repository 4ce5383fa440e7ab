"""Beside: what is recorded of answers that were sent already, in a thread of its own.

A shadow prices every row, production a sample of the canary's, and all of it goes to `served`. It
costs a request an append to a list: the event loop collects what was answered for `COLLECT`
seconds, then one call of ONNX Runtime prices up to `CHUNK` rows and one write records them. It is
best effort: what fails, is late or too much is counted and left out, and no answer knows of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import threading
from collections.abc import Sequence
from itertools import chain, groupby, repeat
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from housing_cli.errors import HousingError
from housing_cli.model.compiled import prepared, shortest
from housing_cli.prediction_log import open_log
from housing_cli.prediction_log.records import Served as ServedRow
from housing_cli.registry.names import CANARY

if TYPE_CHECKING:
    from housing_cli.api.arms import CanaryArm
    from housing_cli.api.gatherer import Row
    from housing_cli.api.metrics import Metrics
    from housing_cli.api.served import Served
    from housing_cli.config import Settings
    from housing_cli.data.schema import FeatureSchema
    from housing_cli.prediction_log import PredictionLog

logger = logging.getLogger("housing.serve")

COLLECT: Final = 0.1
CHUNK: Final = 128
MOST_ROWS: Final = 20_000
"""Rows that may wait; more are dropped, and counted."""
PAIRS: Final = 16
"""Rows of the canary that production prices too, of those that came in within `COLLECT`."""
CLOSE_SECONDS: Final = 2.0


class Answered(msgspec.Struct, gc=False):
    """Rows that one version answered together, or that were routed to a canary.

    other: who prices them too; of a canary's rows a few. canary: whose they were. houses: of each
    row, where a client said so.
    """

    ids: Sequence[str]
    rows: Sequence[Row]
    prices: Sequence[float]
    other: Served | None = None
    canary: CanaryArm | None = None
    houses: Sequence[str | None] | None = None


class Beside:
    """Takes answers from the event loop, and records what belongs to them.

    Its thread and its log are its own: the log that answers wait for is never held up.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._queue: SimpleQueue[list[Answered] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._log: PredictionLog | None = None
        self._collected: list[Answered] = []
        self._timer: asyncio.TimerHandle | None = None
        self._taken = 0
        self._done = 0  # the thread's; each side writes its own
        self._failing = False

    def take(self, answered: Answered, schema: FeatureSchema) -> None:
        """Record what belongs to an answer, later; schema: of the log. For the event loop."""
        n = len(answered.ids)
        if self._taken - self._done + n > MOST_ROWS:
            self._count(answered, "dropped", n)
            return
        self._taken += n
        self._collected.append(answered)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(COLLECT, self._hand_over, schema)

    def close(self, schema: FeatureSchema) -> None:
        """Record what waits, for a little while, and end the thread."""
        if self._timer is not None:
            self._timer.cancel()
        if self._collected:
            self._hand_over(schema)
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(CLOSE_SECONDS)

    def _hand_over(self, schema: FeatureSchema) -> None:
        self._timer = None
        collected, self._collected = self._collected, []
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, args=(schema,), name="beside", daemon=True
            )
            self._thread.start()
        self._queue.put(collected)

    def _run(self, schema: FeatureSchema) -> None:
        while (collected := self._queue.get()) is not None:
            try:
                self._record(collected, schema)
                self._failing = False
            except Exception as error:  # a thread that ended would record nothing any more
                for answered in collected:
                    self._count(answered, "not_recorded", len(answered.ids))
                if not self._failing:  # once, not ten times a second
                    self._failing = True
                    logger.warning("served_not_recorded", extra={"reason": str(error)})
            self._done += sum(len(answered.ids) for answered in collected)
        if self._log is not None:
            with contextlib.suppress(HousingError, OSError):
                self._log.close()

    def _record(self, collected: Sequence[Answered], schema: FeatureSchema) -> None:
        rows: list[ServedRow] = []
        pairs = PAIRS
        for name, group in groupby(collected, key=lambda one: one.other and one.other.name):
            parts = list(group)
            for canary in (False, True):
                some = [one for one in parts if (one.canary is not None) == canary]
                most = pairs if canary else MOST_ROWS
                found = self._priced(some, name, most)
                rows += found
                pairs -= min(pairs, len(found)) if canary else 0
        if rows:
            if self._log is None:
                log = self._settings.log
                self._log = open_log(log.url, schema, fsync=log.fsync)
            self._log.append_served(rows)

    def _priced(self, parts: Sequence[Answered], name: str | None, most: int) -> list[ServedRow]:
        """Return the rows of `served`; the first `most` are priced by who is called `name`."""
        if not parts:
            return []
        first = parts[0]
        ids = list(chain.from_iterable(one.ids for one in parts))
        houses = list(
            chain.from_iterable(one.houses or repeat(None, len(one.ids)) for one in parts)
        )
        arm = None if first.canary is None else CANARY
        prices: list[float | None] = []
        if first.other is not None:
            asked = list(chain.from_iterable(one.rows for one in parts))[:most]
            prices = [
                price if math.isfinite(price) else None for price in other(first.other, asked)
            ]
            self._told(first, parts, prices)
        priced = [name] * len(prices) + [None] * (len(ids) - len(prices))
        prices += [None] * (len(ids) - len(prices))
        return [
            ServedRow(key, None, None, arm, shadow, price, house)
            for key, shadow, price, house in zip(ids, priced, prices, houses, strict=True)
        ]

    def _told(
        self, first: Answered, parts: Sequence[Answered], prices: Sequence[float | None]
    ) -> None:
        """Count what the shadow priced, or let the canary's guard compare."""
        failed = prices.count(None)
        if first.canary is None:
            self._count(first, "ok", len(prices) - failed)
            self._count(first, "failed", failed)
            return
        own = chain.from_iterable(one.prices for one in parts)
        pairs = [(mine, usual) for mine, usual in zip(own, prices, strict=False) if usual]
        if pairs:
            first.canary.guard.compared(*zip(*pairs, strict=True))

    def _count(self, answered: Answered, outcome: str, rows: int) -> None:
        if rows and answered.other is not None and answered.canary is None:
            self._metrics.shadow_rows(answered.other.name, outcome, rows)


def other(served: Served, rows: Sequence[Row]) -> list[float]:
    """Return a version's prices of rows, NaN for all of a chunk that it fails on."""
    found: list[float] = []
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        try:
            array = prepared(np.array(part, dtype=np.float64))
            found += shortest(served.model.run(array)[0])
        except Exception:  # it is tried here: whatever it does is counted as its failure
            found += [math.nan] * len(part)
    return found
