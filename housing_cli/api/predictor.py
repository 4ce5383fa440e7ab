"""Predictor: the served model and the prediction log behind one transport-free object."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import math
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import numpy as np

from housing_cli.api.http import bodies
from housing_cli.api.http.errors import BatchTooLarge, NoModel, NotFinite, Overloaded
from housing_cli.api.log_probe import LogProbe
from housing_cli.api.served import Served
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
Row = Sequence[float | None]
MAX_WAITING_BATCHES = 64
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Prediction(msgspec.Struct, frozen=True):
    """One answer: the price in the target's unit, the id that feedback refers to."""

    predicted_price: float
    id: str


class Batch(msgspec.Struct):
    """Scored rows, and the texts that their answers are made of."""

    prices: list[float] = []
    texts: list[list[str]] = []
    """The columns of `Served.answers`."""
    ids: list[str] = []

    def add(self, prices: Sequence[float], texts: Sequence[Sequence[str]]) -> None:
        """Take the next rows."""
        self.prices += prices
        self.texts = self.texts or [[] for _ in texts]
        for column, more in zip(self.texts, texts, strict=True):
            column.extend(more)


class Predictor:
    """Scores rows with the served version and records them; knows nothing of HTTP.

    `Reloader` has `served` and `log` replaced as wholes; each request reads them once.
    """

    def __init__(self, settings: Settings, log: PredictionLog, metrics: Metrics) -> None:
        self.metrics = metrics
        self.served: Served | None = None
        self.draining = False
        self.why_no_model = "no model was loaded yet"
        self.why_not_newer = ""
        """Why the version that should be served is not, while another one is."""
        self._settings = settings
        self._batches = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batch")
        # Two cores for a batch, where every worker has two.
        self._scorers = 2 if available_cores() >= 2 * settings.serve.workers else 1
        self._scoring = ThreadPoolExecutor(self._scorers, thread_name_prefix="score")
        self._waiting_batches = 0
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

    def refuse(self, reason: str) -> None:
        """Note why the version that should be served cannot be."""
        if self.served is None:
            self.why_no_model = reason
        else:
            self.why_not_newer = reason

    def settle(self) -> None:
        """Note that what is served is what should be, after another version was refused."""
        self.why_not_newer = ""
        self.metrics.reload_settled()

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
            raise NoModel(self.why_no_model, "promote a version with `housing promote REF`")
        return self.served

    def score(self, served: Served, row: Row) -> float:
        """Return the price of one row. Raises `NotFinite`."""
        price = served.model.score_row(row)
        if not math.isfinite(price):
            self.metrics.not_predicted(served.name, "invalid")
            raise NotFinite("the model gives no finite price for this row")
        return price

    def predict_now(self, row: Row) -> tuple[Served, float, str]:
        """Score and record one row at once, unless `must_wait`.

        Returns the version, the price and the id. Raises `LogBusy` when `predict` is needed all the
        same; `NoModel`, `NotFinite`, `LogError`.
        """
        served = self.served or self.current()
        price = self.score(served, row)
        try:
            (prediction_id,) = self.log.append(served.name, [row], [price], wait=False)
        except LogBusy:
            raise
        except LogError as error:
            raise self._failed("predict", error, served.name) from None
        self.metrics.predicted(served.name, price)
        return served, price, prediction_id

    async def predict(self, row: Row, served: Served) -> Prediction:
        """Score and record one row with `served`. Raises `NotFinite`, `LogError`."""
        price = self.score(served, row)
        try:
            (prediction_id,) = await self.writer.append(served.name, [row], [price])
        except LogError as error:
            raise self._failed("predict", error, served.name) from None
        self.metrics.predicted(served.name, price)
        return Prediction(price, prediction_id)

    async def decode_batch(self, served: Served, body: bytes) -> Sequence[Any] | None:
        """Return the rows of a batch body, read outside the event loop; `None` if it is unfit."""
        return await self.in_batch_thread(served.bodies.batch, body)

    async def predict_batch(
        self, served: Served, rows: Sequence[Any], read: Any = bodies.values
    ) -> Batch:
        """Score and record many rows, all or none.

        `read` makes a row of numbers out of each of `rows`. Raises `BatchTooLarge`, `Overloaded`,
        `NotFinite`, `LogError`.
        """
        most = self._settings.api.max_batch_rows
        if len(rows) > most:
            raise BatchTooLarge(f"a batch holds at most {most} rows, and this one has {len(rows)}")
        if not rows:
            return Batch()
        try:
            work = self._score_all if self.must_wait else self._score_and_record
            batch, listed = await self.in_batch_thread(work, served, rows, read)
            if not batch.ids:
                batch.ids = await self.writer.append(served.name, listed, batch.prices)
        except LogError as error:
            raise self._failed("batch", error, served.name, len(rows)) from None
        self.metrics.predicted(served.name, *batch.prices)
        return batch

    async def word(self, served: Served, batch: Batch) -> bytes:
        """Return the body that answers `batch`, made outside the event loop.

        The batch is on record: this is never refused, however many others wait.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._batches, served.join_answers, batch.ids, batch.texts
        )

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

    async def in_batch_thread(self, function: Callable[..., T], *args: Any) -> T:
        """Return `function(*args)`, run outside the event loop. Raises `Overloaded`."""
        if self._waiting_batches >= MAX_WAITING_BATCHES:
            raise Overloaded("too many batches are waiting", "try again later")
        self._waiting_batches += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._batches, function, *args)
        finally:
            self._waiting_batches -= 1

    def _scored(
        self, served: Served, rows: Sequence[Any], read: Any, batch: Batch
    ) -> Iterator[Group]:
        """Score in chunks; yield each for the log, and note in `batch` what the answer needs.

        Between two chunks the interpreter lock is free for the event loop. ONNX Runtime works ahead
        in threads of its own, while this one reads rows and words answers, and the log its lines.
        """
        ahead: deque[tuple[list[Row], Future[NDArray[np.float32]]]] = deque()
        starts = iter(range(0, len(rows), CHUNK_ROWS))
        while True:
            for start in itertools.islice(starts, self._scorers + 1 - len(ahead)):
                chunk = [read(row) for row in rows[start : start + CHUNK_ROWS]]
                array = prepared(np.array(chunk, dtype=np.float64))
                ahead.append((chunk, self._scoring.submit(served.model.run, array)))
            if not ahead:
                return
            chunk, scoring = ahead.popleft()
            scored = shortest(scoring.result())
            if not np.isfinite(scored).all():
                self.metrics.not_predicted(served.name, "invalid", len(rows))
                position = len(batch.prices) + int(np.argmin(np.isfinite(scored)))
                raise NotFinite(f"the model gives no finite price for row {position}")
            prices = scored.tolist()
            batch.add(prices, served.answers(scored))
            yield served.name, chunk, prices

    def _score_all(self, served: Served, rows: Sequence[Any], read: Any) -> tuple[Batch, list[Row]]:
        batch = Batch()
        chunks = [chunk for _, chunk, _ in self._scored(served, rows, read, batch)]
        return batch, list(itertools.chain.from_iterable(chunks))

    def _score_and_record(
        self, served: Served, rows: Sequence[Any], read: Any
    ) -> tuple[Batch, list[Row]]:
        """Score and record; without ids where another process holds the log."""
        batch = Batch()
        listed: list[Row] = []

        def groups() -> Iterator[Group]:
            for group in self._scored(served, rows, read, batch):
                listed.extend(group[1])
                yield group

        with contextlib.suppress(LogBusy):
            issued = self.log.append_groups(groups(), wait=False)
            batch.ids = list(itertools.chain.from_iterable(issued))
        return batch, listed
