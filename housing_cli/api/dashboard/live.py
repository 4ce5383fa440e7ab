"""What the server knows of the loop without judging it: versions, history, newest rows, counters.

Read in a thread, over a log of its own, and kept for a moment: ten viewers cost as much as one.
Nothing here grows with the log: it reads the newest rows, and of versions what it has not read yet.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from housing_cli.api.daemon import in_daemon
from housing_cli.errors import HousingError
from housing_cli.prediction_log import open_log
from housing_cli.registry.history import promotions
from housing_cli.registry.names import PRODUCTION

if TYPE_CHECKING:
    from housing_cli.api.predictor import Predictor
    from housing_cli.api.served import Served
    from housing_cli.config import Settings
    from housing_cli.data.schema import FeatureSchema
    from housing_cli.prediction_log import Labeled, PredictionLog, Predictions
    from housing_cli.registry import Event, RegistryReader, Version

logger = logging.getLogger("housing.serve")

KEPT: Final = 2.0
"""Seconds for which what was read is new enough."""
REST: Final = 20
"""After reading, times the seconds that it took: a log that is slow to read is read less often."""
PATIENCE: Final = 3.0
"""Seconds that a page waits for the log; what it knew before is better than nothing."""
NEWEST: Final = 15
POINTS: Final = 300
SEARCHED: Final = 500
"""Newest predictions among which one is looked for by its id."""
MOST_VERSIONS: Final = 12
MOST_EVENTS: Final = 12


class VersionLine(msgspec.Struct, frozen=True):
    """A version as the table has it; problem: why it cannot be read."""

    name: str
    tag: str | None = None
    created: str = ""
    parent: str | None = None
    rows: int = 0
    metrics: dict[str, float] = {}
    aliases: tuple[str, ...] = ()
    problem: str = ""


class PredictionLine(msgspec.Struct, frozen=True):
    """One of the newest predictions; interval: of a version that is loaded now, else `None`."""

    id: str
    at: str
    version: str
    price: float
    real: float | None
    interval: tuple[float, float] | None


class Live(msgspec.Struct, frozen=True):
    """What was read. points: (real, predicted) of the newest labeled rows.

    moves: when each version became production, in epoch seconds. problems: what could not be read,
    by where.
    """

    versions: Sequence[VersionLine] = ()
    n_versions: int = 0
    production: str | None = None
    events: Sequence[Event] = ()
    n_events: int = 0
    moves: Sequence[tuple[float, str]] = ()
    predictions: Sequence[PredictionLine] = ()
    points: Sequence[tuple[float, float]] = ()
    totals: dict[str, Any] = {}
    problems: dict[str, str] = {}


class LiveReader:
    """Reads what a page shows, at most every `KEPT` seconds."""

    def __init__(self, predictor: Predictor, registry: RegistryReader, settings: Settings) -> None:
        self._predictor = predictor
        self._registry = registry
        self._settings = settings
        self._known = Live()
        self._read_at = -math.inf
        self._took = 0.0
        self._reading: asyncio.Task[Live] | None = None
        self._versions: dict[tuple[str, int], VersionLine] = {}
        self._log: tuple[FeatureSchema, PredictionLog] | None = None
        self._history: tuple[object, list[Event]] = (None, [])
        self._one = asyncio.Lock()  # the log's connection is for one thread at a time

    async def look(self, *, now: bool = False) -> Live:
        """Return what is known; now: somebody changed something, and wants to see it.

        Where the log does not answer in time it is what was known before, and says so.
        """
        if not now and time.monotonic() - self._read_at < max(KEPT, REST * self._took):
            return self._known
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._read())
            self._reading.add_done_callback(self._forget)
        try:
            return await asyncio.wait_for(asyncio.shield(self._reading), PATIENCE)
        except TimeoutError:
            late = {"log": f"it did not answer within {PATIENCE:g} s"}
            return msgspec.structs.replace(self._known, problems=late)

    async def find(self, prediction_id: str) -> tuple[str, list[float | None]] | None:
        """Return version and features of one of the newest predictions. Raises `LogError`."""
        async with asyncio.timeout(PATIENCE), self._one:
            return await in_daemon("dashboard", lambda: self._find(prediction_id))

    def close(self) -> None:
        """Close the log."""
        if self._log is not None:
            self._log[1].close()

    def _forget(self, _: asyncio.Task[Live]) -> None:
        self._reading = None

    async def _read(self) -> Live:
        self._predictor.metrics.flush()  # in the loop, as whatever else counts
        async with self._one:
            began = time.monotonic()
            self._known = await in_daemon("dashboard", self._read_all)
        self._read_at = time.monotonic()
        self._took = self._read_at - began
        return self._known

    def _read_all(self) -> Live:
        problems: dict[str, str] = {}
        found: dict[str, Any] = {"problems": problems}
        for where, read in (("registry", self._of_registry), ("log", self._of_log)):
            try:
                found |= read()
            except HousingError as error:
                problems[where] = error.message
        found["totals"] = self._predictor.metrics.totals()
        return Live(**found)

    def _of_registry(self) -> dict[str, Any]:
        registry = self._registry
        aliases, names = registry.aliases(), registry.names()
        events = self._events()
        picked = dict.fromkeys([*reversed(names[-MOST_VERSIONS:]), *aliases.values()])
        lines = []
        for name in picked:
            pointing = tuple(alias for alias, other in aliases.items() if other == name)
            lines.append(msgspec.structs.replace(self._version(name), aliases=pointing))
        return {
            "versions": lines,
            "n_versions": len(names),
            "production": aliases.get(PRODUCTION),
            "events": events[: -MOST_EVENTS - 1 : -1],
            "n_events": len(events),
            "moves": promotions(events),
        }

    def _events(self) -> list[Event]:
        """Return the history, parsed anew only when its file is another."""
        mark = None
        try:
            status = self._registry.history_file.stat()
            mark = (status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError:
            pass
        if mark is None or mark != self._history[0]:
            self._history = (mark, self._registry.history())
        return self._history[1]

    def _version(self, name: str) -> VersionLine:
        """Return a version, read once: it never changes."""
        try:
            made = self._registry.directory(name).stat().st_ino
        except OSError:
            made = 0
        line = self._versions.get((name, made))
        if line is None:
            try:
                line = _line(self._registry.get(name))
            except HousingError as error:
                return VersionLine(name, problem=error.message)
            self._versions[name, made] = line
        return line

    def _of_log(self) -> dict[str, Any]:
        log = self._open()
        found = log.glance(predictions=NEWEST, labeled=POINTS)
        rows, labeled = found.predictions, found.labeled
        pairs = np.column_stack([labeled.real, labeled.predicted]).tolist()
        return {
            "predictions": self._lines(rows, labeled),
            "points": [(real, predicted) for real, predicted in pairs],
        }

    def _open(self) -> PredictionLog:
        served = self._predictor.served
        schema = served.schema if served is not None else self._settings.schema()
        if self._log is not None and self._log[0] is not schema:
            self._log[1].close()
            self._log = None
        if self._log is None:
            log = self._settings.log
            self._log = (schema, open_log(log.url, schema, fsync=log.fsync))
        return self._log[1]

    def _lines(self, rows: Predictions, labeled: Labeled) -> list[PredictionLine]:
        real = dict(zip(labeled.ids, labeled.real.tolist(), strict=True))
        ends = self._intervals(rows)
        return [
            PredictionLine(
                rows.ids[place], _iso(rows.timestamps[place]), rows.versions[place],
                float(rows.predicted[place]), real.get(rows.ids[place]), ends[place],
            )
            for place in reversed(range(len(rows)))
        ]  # fmt: skip

    def _intervals(self, rows: Predictions) -> list[tuple[float, float] | None]:
        """Return the interval of each row whose version is loaded."""
        found: list[tuple[float, float] | None] = [None] * len(rows)
        for served in self._loaded():
            own = [place for place, name in enumerate(rows.versions) if name == served.name]
            if not own or served.intervals is None:
                continue
            try:
                prices, spreads = served.model.scored(rows.features[own])
            except HousingError:
                continue
            for place, (low, high) in zip(own, served.ends(prices, spreads).tolist(), strict=True):
                found[place] = (low, high)
        return found

    def _loaded(self) -> list[Served]:
        served = self._predictor.served
        tried = self._predictor.tried.versions()
        return [one for one in (served, *tried) if one is not None]

    def _find(self, prediction_id: str) -> tuple[str, list[float | None]] | None:
        log = self._open()
        rows = log.glance(predictions=SEARCHED, labeled=0).predictions
        if prediction_id not in rows.ids:
            return None
        place = list(rows.ids).index(prediction_id)
        row = rows.features[place].tolist()
        return rows.versions[place], [None if np.isnan(value) else value for value in row]


def _line(version: Version) -> VersionLine:
    known = version.metadata
    return VersionLine(
        version.name, known.tag, known.created, known.parent, known.data.rows,
        known.metrics,
    )  # fmt: skip


def _iso(seconds: float) -> str:
    at = datetime.fromtimestamp(float(seconds), UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
