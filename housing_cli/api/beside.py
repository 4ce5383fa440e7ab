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
import os
import threading
from collections.abc import Sequence
from itertools import groupby, islice, repeat
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
    from numpy.typing import NDArray

    from housing_cli.api.arms import CanaryArm
    from housing_cli.api.gatherer import Row
    from housing_cli.api.metrics import Metrics
    from housing_cli.api.served import Served
    from housing_cli.config import Settings
    from housing_cli.data.schema import FeatureSchema
    from housing_cli.prediction_log import PredictionLog

logger = logging.getLogger("housing.serve")

COLLECT: Final = 0.2
CHUNK: Final = 256
MOST_ROWS: Final = 20_000
"""Rows that may wait; more are dropped, and counted."""
PAIRS: Final = 16
"""Rows of the canary that production prices too, of those that came in within `COLLECT`."""
CLOSE_SECONDS: Final = 2.0
NICE: Final = 5
"""What is beside gives way: where cores are few, an answer does not wait for the shadow's turn. No
more than so far: whoever holds the interpreter lock must not wait long for a core."""


class Answered(msgspec.Struct, gc=False):
    """Rows that one version answered together, or that were routed to a canary.

    rows: as they were sent, or as a model takes them (n, k). other: who prices them too; of a
    canary's rows a few. canary: whose they were. houses: of each row, where a client said so.
    """

    ids: Sequence[str]
    rows: Sequence[Row] | NDArray[np.float32]
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
        with contextlib.suppress(OSError, AttributeError):  # Linux has it for threads
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
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
        usual = [one for one in collected if one.canary is None]
        for name, group in groupby(usual, key=_asked):
            parts = list(group)
            prices = iter(self._shadowed(parts))
            plain: list[tuple[str, float | None]] = []
            for one in parts:
                said = islice(prices, len(one.ids)) if name else repeat(None)
                priced = zip(one.ids, said, strict=False)
                if one.houses is None:
                    plain += priced
                    continue
                rows += [
                    ServedRow(key, shadow_version=name, shadow_price=price, house_id=house)
                    for (key, price), house in zip(priced, one.houses, strict=True)
                ]
            if plain and name:
                self._opened(schema).append_shadow(name, *zip(*plain, strict=True))
        pairs = PAIRS
        for one in collected:
            if one.canary is not None:
                found = _canaried(one, one.canary, pairs)
                pairs -= sum(row.shadow_version is not None for row in found)
                rows += found
        if rows:
            self._opened(schema).append_served(rows)

    def _opened(self, schema: FeatureSchema) -> PredictionLog:
        if self._log is None:
            log = self._settings.log
            self._log = open_log(log.url, schema, fsync=log.fsync)
        return self._log

    def _shadowed(self, parts: Sequence[Answered]) -> list[float | None]:
        """Return the prices of the shadow that all of `parts` are to be priced by."""
        shadow = parts[0].other
        if shadow is None:  # nothing belongs to such an answer
            return []
        found = other(shadow, np.concatenate([matrix(one.rows) for one in parts]))
        failed = found.count(None)
        self._count(parts[0], "ok", len(found) - failed)
        self._count(parts[0], "failed", failed)
        return found

    def _count(self, answered: Answered, outcome: str, rows: int) -> None:
        if rows and answered.other is not None and answered.canary is None:
            self._metrics.shadow_rows(answered.other.name, outcome, rows)


def _asked(one: Answered) -> str | None:
    return None if one.other is None else one.other.name


def _canaried(one: Answered, canary: CanaryArm, most: int) -> list[ServedRow]:
    """Return the rows of `served` of a canary's part; production prices `most` of them, too."""
    n = len(one.ids)
    prices: list[float | None] = []
    if one.other is not None and most:
        prices = other(one.other, matrix(one.rows[:most]))
        pairs = [(own, usual) for own, usual in zip(one.prices, prices, strict=False) if usual]
        if pairs:
            canary.guard.compared(*zip(*pairs, strict=True))
    asked = [_asked(one)] * len(prices) + [None] * (n - len(prices))
    prices += [None] * (n - len(prices))
    houses = one.houses or [None] * n
    return [
        ServedRow(key, None, None, CANARY, shadow, price, house)
        for key, shadow, price, house in zip(one.ids, asked, prices, houses, strict=True)
    ]


def matrix(rows: Sequence[Row] | NDArray[np.float32]) -> NDArray[np.float32]:
    """Return rows as a model takes them (n, k)."""
    if isinstance(rows, np.ndarray):
        return rows
    return prepared(np.array(rows, dtype=np.float64))


def other(served: Served, rows: NDArray[np.float32]) -> list[float | None]:
    """Return a version's prices of rows (n, k), None for all of a chunk that it fails on."""
    found: list[float | None] = []
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        try:
            prices = served.model.run(part)[0]
            if len(prices) != len(part):
                raise ValueError("the model gives another number of prices")
            found += [price if math.isfinite(price) else None for price in shortest(prices)]
        except Exception:  # it is tried here: whatever it does is counted as its failure
            found += [None] * len(part)
    return found
