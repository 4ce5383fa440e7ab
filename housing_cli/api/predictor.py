"""Predictor: the served model and the prediction log behind one transport-free object."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import math
import operator
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from housing_cli.api.failures import BatchTooLarge, NoModel, NotFinite, Overloaded
from housing_cli.api.gatherer import Gatherer, Row, settle
from housing_cli.api.log_probe import LogProbe
from housing_cli.api.served import NOT_FINITE, Answer, Served
from housing_cli.api.writer import GroupWriter
from housing_cli.config.cores import available_cores
from housing_cli.errors import LogBusy, LogError, UnknownPrediction
from housing_cli.model.compiled import CHUNK_ROWS, prepared, shortest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from housing_cli.api.metrics import Metrics
    from housing_cli.config import Settings
    from housing_cli.prediction_log import Feedback, Group, PredictionLog

logger = logging.getLogger("housing.serve")

T = TypeVar("T")
Waiting = list[asyncio.Future[Answer]]
Many = tuple[list[float], list[float], dict[int, list[str]], list[str]]
"""Of a batch: prices, spreads, the features outside of their ranges by row, and ids."""
if TYPE_CHECKING:
    Scored = tuple[NDArray[np.float32], NDArray[np.float64]]
MAX_WAITING_BATCHES = 64
MOST_WORDS = 1000
"""Unknown words that are named in the log of events; all are counted."""
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Predictor:
    """Scores rows with the served version and records them; knows nothing of HTTP.

    `Reloader` has `served` and `log` replaced as wholes; each request reads them once.
    """

    def __init__(self, settings: Settings, log: PredictionLog, metrics: Metrics) -> None:
        self.metrics = metrics
        self.served: Served | None = None
        self.draining = False
        self.why_no_model = "no model was loaded yet"
        self._what_helps = "send it again a little later"
        self.why_not_newer = ""
        """Why the version that should be served is not, while another one is."""
        self._settings = settings
        self._told_jump = 0
        self._unknown_words: set[tuple[str, str]] = set()
        self._batches = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batch")
        # Two cores for a batch, where every worker has two.
        self._scorers = 2 if available_cores() >= 2 * settings.serve.workers else 1
        self._scoring = ThreadPoolExecutor(self._scorers, thread_name_prefix="score")
        self._waiting_batches = 0
        self._gatherer = Gatherer(self._predict_together)
        self._recording: set[asyncio.Future[None]] = set()  # a loop holds its tasks weakly
        # The log may be replaced by `use_log`: it is looked up at each check.
        self._probe = LogProbe(lambda: self.log.check())  # noqa: PLW0108
        self.use_log(log)

    def use_log(self, log: PredictionLog) -> None:
        """Record into `log` from now on."""
        self.log = log
        # A log that waits writes a group as fast as a row; a plain append takes microseconds,
        # unless another process that holds the file is stopped.
        self.writer = GroupWriter(log, self._settings.serve.request_timeout)

    def use(self, served: Served) -> None:
        """Answer with `served` from now on."""
        self.served = served
        self.why_not_newer = ""
        self.metrics.serving(served)

    def adapt(self, before: Served, served: Served) -> None:
        """Answer with the intervals of `served`, unless another version took `before`'s place."""
        if self.served is before:
            self.served = served
            self.metrics.adapted(*served.factors)

    def refuse(self, reason: str, hint: str = "") -> None:
        """Note why the version that should be served cannot be, and what helps."""
        if self.served is None:
            self.why_no_model = reason
            self._what_helps = hint or "promote a version with `housing promote REF`"
        else:
            self.why_not_newer = reason

    def settle(self) -> None:
        """Note that what is served is what should be, after another version was refused."""
        self.why_not_newer = ""
        self.metrics.reload_settled()

    def met_unknown(self, feature: str, word: str) -> None:
        """Count a word that a feature's vocabulary lacks, and say so the first time."""
        self.metrics.met_unknown(feature)
        if (feature, word) not in self._unknown_words and len(self._unknown_words) < MOST_WORDS:
            self._unknown_words.add((feature, word))
            logger.warning("unknown_category", extra={"feature": feature, "word": word[:100]})

    def drain(self) -> None:
        """Answer on, but ask everybody to go elsewhere."""
        self.draining = True

    @property
    def must_wait(self) -> bool:
        """Whether the log may hold whoever writes, so that the event loop must not."""
        return self.log.blocking or self.writer.busy

    def current(self) -> Served:
        """Return the served version. Raises `NoModel`."""
        if self.served is None:
            self.metrics.not_predicted("none", "no_model")
            raise NoModel(self.why_no_model, self._what_helps)
        return self.served

    async def predict(self, row: Row) -> Answer:
        """Score and record one row. Raises `NoModel`, `NotFinite`, `LogError`."""
        answer: Answer = await self._gatherer.add(row)
        return answer

    def _predict_together(self, rows: list[Row], waiting: Waiting) -> None:
        """Score and record the rows of one turn of the event loop."""
        served = self.current()
        prices, spreads = served.model.scored_few(rows)
        finite = list(map(math.isfinite, prices))
        if not all(finite):
            for future in itertools.compress(waiting, map(operator.not_, finite)):
                self.metrics.not_predicted(served.name, "invalid")
                settle([future], NotFinite(f"{NOT_FINITE} this row"))
            rows = list(itertools.compress(rows, finite))
            waiting = list(itertools.compress(waiting, finite))
            prices = list(itertools.compress(prices, finite))
            spreads = list(itertools.compress(spreads, finite))
        if rows and not self.must_wait:
            try:
                with contextlib.suppress(LogBusy):
                    ids = self.log.append(served.name, rows, prices, wait=False)
                    self._answer(served, rows, waiting, prices, spreads, ids)
                    return
            except LogError as error:
                settle(waiting, self._failed("predict", error, served.name, len(rows)))
                return
        later = asyncio.ensure_future(self._record_later(served, rows, waiting, prices, spreads))
        self._recording.add(later)
        later.add_done_callback(self._recording.discard)

    async def _record_later(
        self,
        served: Served,
        rows: list[Row],
        waiting: Waiting,
        prices: list[float],
        spreads: list[float],
    ) -> None:
        try:
            ids = await self.writer.append(served.name, rows, prices)
        except LogError as error:
            settle(waiting, self._failed("predict", error, served.name, len(rows)))
        except Exception as error:
            settle(waiting, error)
        else:
            self._answer(served, rows, waiting, prices, spreads, ids)

    def _answer(
        self,
        served: Served,
        rows: list[Row],
        waiting: Waiting,
        prices: list[float],
        spreads: list[float],
        ids: list[str],
    ) -> None:
        self.metrics.predicted(served.name, prices)
        outside = list(map(served.outside, rows))
        self.metrics.met_outside(itertools.chain.from_iterable(outside))
        settle(waiting, list(map(served.answer, prices, spreads, ids, outside)))

    async def predict_batch(self, read: Callable[[], Sequence[Row] | None]) -> bytes | None:
        """Score and record many rows, all or none; return the body that answers them.

        `read` gives the rows, or `None` for a body that it cannot read. Everything happens outside
        the event loop. Raises `NoModel`, `BatchTooLarge`, `Overloaded`, `NotFinite`, `LogError`.
        """
        if self._waiting_batches >= MAX_WAITING_BATCHES:
            raise Overloaded("too many batches are waiting", "try again later")
        self._waiting_batches += 1
        try:
            return await self._batch(read)
        finally:
            self._waiting_batches -= 1

    async def _batch(self, read: Callable[[], Sequence[Row] | None]) -> bytes | None:
        rows = await self._in_batch_thread(read)
        if rows is None:
            return None
        most = self._settings.api.max_batch_rows
        if len(rows) > most:
            raise BatchTooLarge(f"a batch holds at most {most} rows, and this one has {len(rows)}")
        served = self.current()
        ids: list[str] = []
        prices: list[float] = []
        spreads: list[float] = []
        outside: dict[int, list[str]] = {}
        if rows:
            try:
                work = self._score if self.must_wait else self._score_and_record
                prices, spreads, outside, ids = await self._in_batch_thread(work, served, rows)
                if not ids:
                    ids = await self.writer.append(served.name, rows, prices)
            except LogError as error:
                raise self._failed("batch", error, served.name, len(rows)) from None
            self.metrics.predicted(served.name, prices)
            self.metrics.met_outside(itertools.chain.from_iterable(outside.values()))
        return await self._in_batch_thread(served.batch_answer, prices, spreads, ids, outside)

    async def feedback(self, prediction_id: str, real_price: float) -> Feedback:
        """Record the real price of a prediction. Raises `UnknownPrediction`, `LogError`."""
        try:
            if not _UUID.fullmatch(prediction_id):
                raise UnknownPrediction("no prediction has this id", "send the `id` of an answer")
            key = prediction_id.lower()
            feedback = await self._record(key, real_price)
        except UnknownPrediction:
            self.metrics.not_labeled("unknown")
            raise
        except LogError as error:
            self.metrics.not_labeled("log_error")
            raise self._failed("feedback", error) from None
        self.metrics.labeled(key, real_price, feedback, time.time())
        return feedback

    async def _record(self, key: str, real_price: float) -> Feedback:
        if not self.must_wait:
            with contextlib.suppress(LogBusy):
                return self.log.feedback(key, real_price, wait=False)
        return await self.writer.feedback(key, real_price)

    def warnings(self) -> list[str]:
        """Return what keeps no request away, but somebody should look at; each is logged once."""
        jump = self.log.clock_jump_ms
        if jump > self._told_jump:
            self._told_jump = jump
            logger.warning("clock_stepped_back", extra={"seconds": round(jump / 1000, 1)})
        if not self._told_jump:
            return []
        return [
            f"the clock stepped back by {self._told_jump / 1000:.0f} s: what was recorded before "
            "it, or since, carries times that are not true"
        ]

    async def reasons(self) -> list[str]:
        """Return why requests should not come here now; nothing when ready."""
        found = []
        if self.draining:
            found.append("draining: the server is stopping")
        if self.served is None:
            found.append(f"no model: {self.why_no_model}")
        if problem := await self._probe.problem():
            found.append(f"prediction log: {problem}")
        return found

    def close(self) -> None:
        """Write what waits and close the log."""
        self._batches.shutdown()
        self._scoring.shutdown()
        self.close_log()

    def close_log(self) -> None:
        """Write what waits for the log and close it."""
        if self.writer.close():
            self.log.close()

    def _failed(
        self, operation: str, error: LogError, version: str | None = None, rows: int = 1
    ) -> LogError:
        self.metrics.log_failed(operation)
        if version is not None:
            self.metrics.not_predicted(version, "log_error", rows)
        self._probe.forget()
        logger.error("log_failed", extra={"operation": operation, "reason": error.message})
        return error

    async def _in_batch_thread(self, function: Callable[..., T], *args: Any) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._batches, function, *args)

    def _scored(
        self,
        served: Served,
        rows: Sequence[Row],
        prices: list[float],
        spreads: list[float],
        outside: dict[int, list[str]],
    ) -> Iterator[Group]:
        """Score in chunks; yield each for the log, and add to prices, spreads and `outside`.

        Between two chunks the interpreter lock is free for the event loop. ONNX Runtime works ahead
        in threads of its own, while this one makes arrays of rows, and the log its lines.
        """
        ahead: deque[tuple[Sequence[Row], Future[Scored]]] = deque()
        starts = iter(range(0, len(rows), CHUNK_ROWS))
        while True:
            for start in itertools.islice(starts, self._scorers + 1 - len(ahead)):
                chunk = rows[start : start + CHUNK_ROWS]
                array = np.array(chunk, dtype=np.float64)
                ahead.append((chunk, self._scoring.submit(served.model.run, prepared(array))))
                beyond = served.outside_of(array)
                outside |= {start + row: names for row, names in beyond.items()}
            if not ahead:
                return
            chunk, scoring = ahead.popleft()
            scored, spread = scoring.result()
            finite = np.isfinite(scored)
            if not finite.all():
                self.metrics.not_predicted(served.name, "invalid", len(rows))
                raise NotFinite(f"{NOT_FINITE} row {len(prices) + int(np.argmin(finite))}")
            found = shortest(scored)
            prices += found
            spreads += spread.tolist()
            yield served.name, chunk, found

    def _score(self, served: Served, rows: Sequence[Row]) -> Many:
        prices: list[float] = []
        spreads: list[float] = []
        outside: dict[int, list[str]] = {}
        deque(self._scored(served, rows, prices, spreads, outside), maxlen=0)
        return prices, spreads, outside, []

    def _score_and_record(self, served: Served, rows: Sequence[Row]) -> Many:
        """Score and record; without ids where another process holds the log."""
        prices: list[float] = []
        spreads: list[float] = []
        outside: dict[int, list[str]] = {}
        issued: list[list[str]] = []
        with contextlib.suppress(LogBusy):
            scored = self._scored(served, rows, prices, spreads, outside)
            issued = self.log.append_groups(scored, wait=False)
        return prices, spreads, outside, list(itertools.chain.from_iterable(issued))
