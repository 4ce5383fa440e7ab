"""Adapter: keeps the served version's intervals at what recent labels say.

Off the request path: a thread reads the newest labels of the version as often as `SECONDS` says,
and one reference is swapped. What is answered is a function of version and log, so that every
worker, machine and restart comes to the same intervals, and `evaluate` to what was answered. A log
that fails or hangs leaves the intervals as they are.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from housing_cli.api.daemon import in_daemon
from housing_cli.api.served import factors_of
from housing_cli.prediction_log import open_log

if TYPE_CHECKING:
    from housing_cli.api.predictor import Predictor
    from housing_cli.api.served import Served
    from housing_cli.config import Settings

logger = logging.getLogger("housing.serve")

SECONDS = 30.0
"""How often the labels are read: a small part of the time in which ten more come in."""
REST = 50
"""After reading, times the seconds that it took: no more than 2 % of the time is spent on it."""


class Adapter:
    """Adapts what `predictor` serves, where `serve.adapt_intervals` asks for it."""

    def __init__(self, predictor: Predictor, settings: Settings) -> None:
        self._predictor = predictor
        self._settings = settings
        self._loaded: Served | None = None
        self._adapted: Served | None = None

    async def watch(self) -> None:
        """Adapt until canceled."""
        if not self._settings.serve.adapt_intervals:
            return
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            try:
                await self.refresh()
            except Exception as error:  # intervals stay as they are, and answers do not wait
                logger.warning("intervals_not_adapted", extra={"reason": str(error)})
            await asyncio.sleep(max(SECONDS, REST * (loop.time() - started)))

    async def refresh(self) -> None:
        """Read the labels and swap the intervals. Raises `LogError`."""
        before = self._predictor.served
        if before is not self._adapted:  # another version, as it was loaded
            self._loaded = before
        loaded = self._loaded
        if before is None or loaded is None or loaded.intervals is None:
            return
        factors = await in_daemon("adapt", lambda: self._read(loaded))
        if factors != before.factors:
            self._adapted = loaded.adapted(*factors)
            self._predictor.adapt(before, self._adapted)

    def _read(self, loaded: Served) -> tuple[float, float]:
        """Return the factors after a look into the log, over a connection of its own."""
        settings = self._settings.log
        log = open_log(settings.url, loaded.schema, fsync=settings.fsync)
        try:
            return factors_of(loaded, log)
        finally:
            log.close()
