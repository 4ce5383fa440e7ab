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
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from housing_cli.api.arms import Part
from housing_cli.api.batch import Bulk, body_of, identified, planned, scored
from housing_cli.api.beside import Answered, Beside
from housing_cli.api.failures import BatchTooLarge, NoModel, NotFinite, Overloaded
from housing_cli.api.gatherer import UNMARKED, Gatherer, Mark, Row, settle
from housing_cli.api.log_probe import LogProbe
from housing_cli.api.served import NOT_FINITE, Answer, Served
from housing_cli.api.trials import Tried
from housing_cli.api.writer import GroupWriter
from housing_cli.config.cores import available_cores
from housing_cli.errors import LogBusy, LogError, UnknownPrediction
from housing_cli.registry.names import CANARY, PRODUCTION
from housing_cli.registry.trials import MOST

if TYPE_CHECKING:
    from housing_cli.api.arms import CanaryArm
    from housing_cli.api.metrics import Metrics
    from housing_cli.config import Settings
    from housing_cli.prediction_log import Feedback, Group, PredictionLog

logger = logging.getLogger("housing.serve")

T = TypeVar("T")
Waiting = list[asyncio.Future[Answer]]
Asked = tuple[Sequence[Row], Sequence[str | None] | None]
"""The rows of a batch, and which house each is, where a client said so of any."""
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
        self.tried = Tried()
        self._beside = Beside(settings, metrics)
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

    def try_out(self, tried: Tried) -> None:
        """Try what `tried` says beside what is served from now on."""
        self.tried = tried
        self.metrics.trying(tried)

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

    def shown(self) -> Served:
        """Return the version that answers most rows. Raises `NoModel`."""
        served = self.current()
        arm = self.routing(served)
        return arm.served if arm is not None and arm.weight == MOST else served

    async def predict(self, row: Row, mark: Mark = UNMARKED) -> Answer:
        """Score and record one row. Raises `NoModel`, `NotFinite`, `LogError`."""
        answer: Answer = await self._gatherer.add(row, mark)
        return answer

    def _predict_together(self, rows: list[Row], waiting: Waiting, marks: list[Mark]) -> None:
        """Score and record the rows of one turn of the event loop."""
        served = self.current()
        turn = Part(served, rows, waiting, marks)
        arm = self.routing(served)
        parts = [self._priced(turn)] if arm is None else self._parted(turn, arm)
        parts = [part for part in parts if part.rows]
        if not self.must_wait:
            try:
                with contextlib.suppress(LogBusy):
                    issued = self.log.append_groups([part.group for part in parts], wait=False)
                    for part, ids in zip(parts, issued, strict=True):
                        self._answer(part, ids)
                    return
            except LogError as error:
                for part in parts:
                    settle(part.waiting, self._part_failed(part, error))
                return
        for part in parts:
            later = asyncio.ensure_future(self._record_later(part))
            self._recording.add(later)
            later.add_done_callback(self._recording.discard)

    def routing(self, served: Served) -> CanaryArm | None:
        """Return the canary that answers a part of the rows, if one does beside `served`."""
        arm = self.tried.canary
        if arm is None or arm.guard.left or arm.name == served.name:
            return None
        return arm

    def _parted(self, turn: Part, arm: CanaryArm) -> list[Part]:
        """Return the canary's part, what of it the canary failed on, and production's."""
        picked = list(map(arm.picks, turn.rows, turn.marks))
        own, usual = turn.split(picked)
        own.routed = arm
        failed = own
        if own.rows:
            began = time.perf_counter()
            own.prices, own.spreads = arm.prices(own.rows)
            self.metrics.model_called(CANARY, time.perf_counter() - began)
            own, failed = own.split(list(map(math.isfinite, own.prices)))
            own.served = arm.served
            if failed.rows:
                self.metrics.not_predicted(arm.name, "failed", len(failed.rows))
        began = time.perf_counter()
        parts = [own, *(self._priced(part) for part in (failed, usual) if part.rows)]
        if usual.rows and not failed.rows:
            took = time.perf_counter() - began
            arm.guard.took(took, usual=True)
            self.metrics.model_called(PRODUCTION, took)
        return parts

    def _priced(self, part: Part) -> Part:
        """Score rows; those without a finite price are answered so, and are left out."""
        model = part.served.model
        if self.tried.shadow is not None and part.routed is None:
            part.prices, part.spreads, part.array = model.scored_and_kept(part.rows)
        else:
            part.prices, part.spreads = model.scored_few(part.rows)
        finite = list(map(math.isfinite, part.prices))
        if all(finite):
            return part
        part, wrong = part.split(finite)
        self.metrics.not_predicted(part.served.name, "invalid", len(wrong.rows))
        settle(wrong.waiting, NotFinite(f"{NOT_FINITE} this row"))
        return part

    async def _record_later(self, part: Part) -> None:
        try:
            (ids,) = await self.writer.append([part.group])
        except LogError as error:
            settle(part.waiting, self._part_failed(part, error))
        except Exception as error:
            settle(part.waiting, error)
        else:
            self._answer(part, ids)

    def _part_failed(self, part: Part, error: LogError) -> LogError:
        return self._failed("predict", error, part.served.name, len(part.rows))

    def _answer(self, part: Part, ids: list[str]) -> None:
        served = part.served
        self.metrics.predicted(served.name, part.prices)
        outside = list(map(served.outside, part.rows))
        self.metrics.met_outside(itertools.chain.from_iterable(outside))
        settle(part.waiting, list(map(served.answer, part.prices, part.spreads, ids, outside)))
        self._record_beside(part, ids, part.marks)

    def _record_beside(self, part: Part | Bulk, ids: Sequence[str], marks: Sequence[Mark]) -> None:
        """Let what else belongs to answers be recorded, where there is something."""
        other, houses = self.tried.shadow, None
        if part.routed is not None:
            other = self.served if part.served is part.routed.served else None
        if other is not None and other.name == part.served.name:
            other = None
        for mark in marks:
            if mark.house is not None:
                houses = [mark.house for mark in marks]
                break
        if other is not None or part.routed is not None or houses is not None:
            rows = part.array if isinstance(part, Part) and part.array is not None else part.rows
            answered = Answered(ids, rows, part.prices, other, part.routed, houses)
            self._beside.take(answered, part.served.schema)

    async def predict_batch(
        self, read: Callable[[], Asked | None], route: bytes | None = None
    ) -> bytes | None:
        """Score and record many rows, all or none; return the body that answers them.

        `read` gives the rows and the house of each, or `None` for a body that it cannot read.
        route: what routes all of them. Everything happens outside the event loop. Raises
        `NoModel`, `BatchTooLarge`, `Overloaded`, `NotFinite`, `LogError`.
        """
        if self._waiting_batches >= MAX_WAITING_BATCHES:
            raise Overloaded("too many batches are waiting", "try again later")
        self._waiting_batches += 1
        try:
            return await self._batch(read, route)
        finally:
            self._waiting_batches -= 1

    async def _batch(self, read: Callable[[], Asked | None], route: bytes | None) -> bytes | None:
        asked = await self._in_batch_thread(read)
        if asked is None:
            return None
        rows, houses = asked
        most = self._settings.api.max_batch_rows
        if len(rows) > most:
            raise BatchTooLarge(f"a batch holds at most {most} rows, and this one has {len(rows)}")
        served = self.current()
        if not rows:
            return body_of([Bulk(served, rows)])
        arm = self.routing(served)
        marks: Sequence[Mark] = ()
        if arm is not None or houses is not None:
            marks = [Mark(route, house) for house in houses or itertools.repeat(None, len(rows))]
        try:
            bulks = await self._in_batch_thread(planned, served, arm, rows, marks)
            work = self._score if self.must_wait else self._score_and_record
            if not await self._in_batch_thread(work, bulks):
                identified(bulks, await self.writer.append([bulk.group for bulk in bulks]))
        except LogError as error:
            raise self._failed("batch", error, served.name, len(rows)) from None
        except NotFinite:
            self.metrics.not_predicted(served.name, "invalid", len(rows))
            raise
        body = await self._in_batch_thread(body_of, bulks)
        for bulk in bulks:
            self.metrics.predicted(bulk.served.name, bulk.prices)
            self.metrics.met_outside(itertools.chain.from_iterable(bulk.outside.values()))
            own = marks if bulk.places is None else [marks[at] for at in bulk.places]
            self._record_beside(bulk, bulk.ids, own)
        return body

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
            return self.tried.warnings()
        return [
            *self.tried.warnings(),
            f"the clock stepped back by {self._told_jump / 1000:.0f} s: what was recorded before "
            "it, or since, carries times that are not true",
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
        served = self.served
        self._beside.close(served.schema if served else self._settings.schema())
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

    def _score(self, bulks: Sequence[Bulk]) -> bool:
        """Score; return that nothing was recorded."""
        deque(self._scored(bulks), maxlen=0)
        return False

    def _score_and_record(self, bulks: Sequence[Bulk]) -> bool:
        """Score and record; return whether it was, which another process that holds the log bars.

        What was scored is not scored twice.
        """
        with contextlib.suppress(LogBusy):
            identified(bulks, self.log.append_groups(self._scored(bulks), wait=False))
            return True
        return False

    def _scored(self, bulks: Sequence[Bulk]) -> Iterator[Group]:
        for bulk in bulks:
            yield from scored(bulk, self._scoring, self._scorers)
