"""Group commit: what came in together is written together, and nothing is lost."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Sequence
from typing import Any

import pytest

from housing_cli.api import writer as module
from housing_cli.api.writer import GroupWriter
from housing_cli.errors import LogUnavailable, UnknownPrediction
from housing_cli.prediction_log import Feedback, Group


class SlowLog:
    """A log that waits for `go` at every transaction, and remembers what it was given."""

    url = "slow:"
    blocking = True

    def __init__(self) -> None:
        self.go = threading.Event()
        self.calls: list[Any] = []

    def append_groups(self, groups: Sequence[Group]) -> list[list[str]]:
        self.go.wait()
        self.calls.append([(version, list(prices)) for version, _, prices in groups])
        if any(1313.0 in prices for _, _, prices in groups):
            raise LogUnavailable("thirteen")
        return [[f"{version}-{price}" for price in prices] for version, _, prices in groups]

    def feedback(self, prediction_id: str, real_price: float) -> Feedback:
        self.go.wait()
        self.calls.append((prediction_id, real_price))
        if prediction_id == "unknown":
            raise UnknownPrediction("unknown")
        return Feedback("recorded", "v1", 1.0, 0.0)

    def close(self) -> None:
        pass


async def append(
    writer: GroupWriter,
    version: str,
    rows: Sequence[Sequence[float | None]],
    prices: Sequence[float],
) -> list[str]:
    """Record rows of one version."""
    (ids,) = await writer.append([(version, rows, prices)])
    return ids


def run(timeout: float, scenario: Any) -> Any:
    """Run a scenario with a writer over a slow log."""

    async def main() -> Any:
        log = SlowLog()
        writer = GroupWriter(log, timeout)  # type: ignore[arg-type]
        try:
            return await scenario(log, writer)
        finally:
            log.go.set()
            await asyncio.to_thread(writer.close)

    return asyncio.run(main())


def test_waiting_requests_become_one_transaction() -> None:
    async def scenario(log: SlowLog, writer: GroupWriter) -> Any:
        first = asyncio.create_task(append(writer, "v1", [[0.0]], [0.0]))
        await asyncio.sleep(0.05)
        rest = [
            asyncio.create_task(append(writer, "v1", [[1.0]], [float(n)])) for n in range(1, 51)
        ]
        await asyncio.sleep(0.05)
        log.go.set()
        return await asyncio.gather(first, *rest), log.calls

    ids, calls = run(5, scenario)
    assert ids == [[f"v1-{float(n)}"] for n in range(51)]
    assert len(calls) == 2


def test_order_and_versions_are_kept() -> None:
    async def scenario(log: SlowLog, writer: GroupWriter) -> Any:
        first = asyncio.create_task(append(writer, "v1", [[0.0]], [0.0]))
        await asyncio.sleep(0.05)
        tasks = [
            asyncio.create_task(append(writer, "v1", [[1.0], [2.0]], [1.0, 2.0])),
            asyncio.create_task(append(writer, "v2", [[3.0]], [3.0])),
            asyncio.create_task(writer.feedback("known", 9.0)),
            asyncio.create_task(append(writer, "v2", [[4.0]], [4.0])),
        ]
        await asyncio.sleep(0.05)
        log.go.set()
        return await asyncio.gather(first, *tasks), log.calls

    results, calls = run(5, scenario)
    assert results[1:3] == [["v1-1.0", "v1-2.0"], ["v2-3.0"]]
    assert calls == [
        [("v1", [0.0])],
        [("v1", [1.0, 2.0]), ("v2", [3.0])],
        ("known", 9.0),
        [("v2", [4.0])],
    ]


def test_a_failed_transaction_fails_its_requests_only() -> None:
    async def scenario(log: SlowLog, writer: GroupWriter) -> Any:
        log.go.set()
        with pytest.raises(LogUnavailable, match="thirteen"):
            await append(writer, "v1", [[0.0]], [1313.0])
        with pytest.raises(UnknownPrediction):
            await writer.feedback("unknown", 1.0)
        return await append(writer, "v1", [[0.0]], [14.0])

    assert run(5, scenario) == ["v1-14.0"]


def test_the_queue_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 3)

    async def scenario(log: SlowLog, writer: GroupWriter) -> Any:
        tasks = [asyncio.create_task(append(writer, "v1", [[0.0]], [0.0]))]
        await asyncio.sleep(0.05)  # the thread holds it; the queue is empty
        tasks += [asyncio.create_task(append(writer, "v1", [[1.0]], [1.0])) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(LogUnavailable, match="cannot keep up"):
            await append(writer, "v1", [[2.0]], [2.0])
        log.go.set()
        return await asyncio.gather(*tasks)

    assert len(run(5, scenario)) == 4


def test_who_gave_up_is_not_written_any_more() -> None:
    async def scenario(log: SlowLog, writer: GroupWriter) -> Any:
        first = asyncio.create_task(append(writer, "v1", [[0.0]], [0.0]))
        await asyncio.sleep(0.02)
        with pytest.raises(LogUnavailable, match=r"within 0\.2 s"):
            await append(writer, "v1", [[1.0]], [1.0])
        with pytest.raises(LogUnavailable):
            await first
        log.go.set()
        await append(writer, "v1", [[2.0]], [2.0])
        return log.calls

    assert run(0.2, scenario) == [[("v1", [0.0])], [("v1", [2.0])]]


def test_closing_writes_what_waits() -> None:
    async def scenario(log: SlowLog, writer: GroupWriter) -> Any:
        tasks = [asyncio.create_task(append(writer, "v1", [[0.0]], [float(n)])) for n in range(20)]
        await asyncio.sleep(0.02)
        log.go.set()
        await asyncio.to_thread(writer.close)
        return await asyncio.gather(*tasks)

    assert len(run(5, scenario)) == 20


def test_rows_of_who_gave_up_take_no_memory_while_the_log_is_frozen() -> None:
    class Rows(list[list[float | None]]):
        """Rows that a weak reference can look at."""

    async def given_up(writer: GroupWriter) -> weakref.ref[Rows]:
        """Return a look at rows that nobody here holds."""
        rows = Rows([[1.0]])
        with pytest.raises(LogUnavailable, match="did not answer"):
            await append(writer, "v1", rows, [1.0])
        return weakref.ref(rows)

    async def scenario(log: SlowLog, writer: GroupWriter) -> Any:
        first = asyncio.create_task(append(writer, "v1", [[0.0]], [0.0]))
        await asyncio.sleep(0.05)
        # Each in a task of its own, as requests are: a task keeps how it was last cancelled.
        seen = [await asyncio.create_task(given_up(writer)) for _ in range(3)]
        gc.collect()  # an exception and the frames of its traceback are a circle
        alive = [reference() for reference in seen]
        with pytest.raises(LogUnavailable):
            await first
        log.go.set()
        return alive, await append(writer, "v1", [[2.0]], [2.0]), log.calls

    alive, ids, calls = run(0.1, scenario)
    assert alive == [None] * 3
    assert ids == ["v1-2.0"]
    assert calls == [[("v1", [0.0])], [("v1", [2.0])]]
