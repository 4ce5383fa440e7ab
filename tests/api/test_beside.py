"""What is recorded of answers that were sent: best effort, bounded, and never in their way."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from housing_cli.api import beside as module
from housing_cli.api.arms import CanaryArm, Limits
from housing_cli.api.beside import Answered, Beside, matrix, other
from housing_cli.api.served import Served, load_served
from housing_cli.config import Settings
from housing_cli.errors import LogUnavailable
from housing_cli.prediction_log import PredictionLog, open_log
from housing_cli.prediction_log.ids import IdSource
from housing_cli.registry import ModelRegistry, Trial
from tests.api.serving import FEATURES, add_version, make_settings
from tests.prediction_log.conftest import BACK_ENDS, fresh_url

IDS = IdSource()
ROWS = [tuple(row) for row in np.random.default_rng(1).normal(size=(300, len(FEATURES))).tolist()]


class Counted:
    """Stands for the metrics of a server."""

    def __init__(self) -> None:
        self.rows: Counter[tuple[str, str]] = Counter()

    def shadow_rows(self, version: str, outcome: str, rows: int) -> None:
        self.rows[version, outcome] += rows


@pytest.fixture
def served(tmp_path: Path) -> Served:
    registry = ModelRegistry(tmp_path / "artifacts")
    add_version(registry)
    return load_served(registry, "v1")


@pytest.fixture(params=BACK_ENDS)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    return make_settings(tmp_path, log={"url": fresh_url(request.param, tmp_path, request)})


def ready(settings: Settings, served: Served) -> PredictionLog:
    """Return a log with its tables, to look into."""
    log = open_log(settings.log.url, served.schema)
    log.init()
    return log


def recorded(settings: Settings, served: Served, *answers: Answered, counted: Counted) -> None:
    """Take answers as an event loop does, and wait until all is recorded."""

    async def scenario() -> None:
        beside = Beside(settings, counted)  # type: ignore[arg-type]
        for answered in answers:
            beside.take(answered, served.schema)
        await asyncio.sleep(0)
        beside.close(served.schema)

    asyncio.run(scenario())


def answered(n: int, **values: Any) -> Answered:
    _, ids = IDS.issue(n)
    return Answered(ids, ROWS[:n], [20.0] * n, **values)


def test_every_back_end_takes_what_belongs_to_answers(settings: Settings, served: Served) -> None:
    log, counted = ready(settings, served), Counted()
    shadowed = answered(200, other=served)
    housed = answered(2, houses=["a", None])
    recorded(settings, served, shadowed, housed, counted=counted)
    rows = {row.id: row for row in log.served()}
    assert len(rows) == 202
    prices = [rows[key].shadow_price for key in shadowed.ids]
    expected = served.model.score(np.array(ROWS[:200])).tolist()
    assert prices == pytest.approx(expected, rel=1e-6)
    assert counted.rows == {("v1", "ok"): 200}
    assert [rows[key].house_id for key in housed.ids] == ["a", None]
    log.close()


def test_production_prices_some_of_a_canarys_rows(tmp_path: Path, served: Served) -> None:
    settings = make_settings(tmp_path)
    log, counted = ready(settings, served), Counted()
    arm = CanaryArm(Trial("canary", "v2", "", 10.0, 1), served, 10.0, Limits(0.01, 20.0, 0.5))
    failed = answered(3, canary=arm)
    recorded(settings, served, answered(40, other=served, canary=arm), failed, counted=counted)
    rows = log.served()
    assert {row.arm for row in rows} == {"canary"}
    assert sum(row.shadow_version == "v1" for row in rows) == module.PAIRS
    assert {row.shadow_version for row in rows if row.id in set(failed.ids)} == {None}
    assert not counted.rows  # it is no shadow that was asked
    assert arm.guard.left == ""
    many = [answered(16, other=served, canary=arm) for _ in range(2)]
    for one in many:  # its prices are 20, and production's are about 20 times exp(0.3 x)
        recorded(settings, served, one, counted=counted)
    for at in range(6):
        far = Answered(many[0].ids, ROWS[at * 16 : at * 16 + 16], [2000.0] * 16, served, arm)
        recorded(settings, served, far, counted=counted)
    assert "times off production's" in arm.guard.left
    log.close()


def test_more_than_may_wait_is_dropped_and_counted(
    tmp_path: Path, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 250)
    settings, counted = make_settings(tmp_path), Counted()
    log = ready(settings, served)
    parts = [answered(200, other=served), answered(100, other=served), answered(50, other=served)]
    recorded(settings, served, *parts, counted=counted)
    assert counted.rows == {("v1", "ok"): 250, ("v1", "dropped"): 100}
    assert len(log.served()) == 250
    log.close()


def test_a_log_that_fails_is_counted_and_tried_again(
    tmp_path: Path, served: Served, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    settings, counted = make_settings(tmp_path), Counted()
    log = ready(settings, served)
    real, fails = open_log, [True, True, False, False]

    class Failing:
        def __init__(self, opened: PredictionLog) -> None:
            self._opened = opened

        def append_shadow(self, *said: Any) -> None:
            if fails.pop(0):
                raise LogUnavailable("the disk is full", "free space")
            self._opened.append_shadow(*said)

        def close(self) -> None:
            self._opened.close()

    monkeypatch.setattr(module, "open_log", lambda *args, **more: Failing(real(*args, **more)))
    monkeypatch.setattr(module, "COLLECT", 0.01)

    async def scenario() -> None:
        beside = Beside(settings, counted)  # type: ignore[arg-type]
        for _ in range(4):
            beside.take(answered(5, other=served), served.schema)
            await asyncio.sleep(0.1)
        beside.close(served.schema)

    with caplog.at_level("WARNING", logger="housing.serve"):
        asyncio.run(scenario())
    assert counted.rows["v1", "not_recorded"] == 10
    assert len(log.served()) == 10
    said = [record.getMessage() for record in caplog.records]
    assert said.count("served_not_recorded") == 1
    log.close()


def test_a_log_that_hangs_holds_up_no_end(
    tmp_path: Path, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hanging:
        def append_shadow(self, *_: Any) -> None:
            time.sleep(5)

        def close(self) -> None:
            pass

    monkeypatch.setattr(module, "open_log", lambda *_, **__: Hanging())
    monkeypatch.setattr(module, "CLOSE_SECONDS", 0.1)
    started = time.monotonic()
    recorded(make_settings(tmp_path), served, answered(5, other=served), counted=Counted())
    assert time.monotonic() - started < 10


def test_a_chunk_that_fails_has_no_prices_and_the_others_have(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, calls = served.model.run, iter([True, False, True])

    class Sometimes:
        def run(self, rows: Any) -> Any:
            if next(calls):
                return run(rows)
            raise RuntimeError("broken")

    sometimes = msgspec.structs.replace(served, model=Sometimes())
    monkeypatch.setattr(module, "CHUNK", 100)
    prices = other(sometimes, matrix(ROWS))
    missing = [at for at, price in enumerate(prices) if price is None]
    assert missing == list(range(100, 200))


@pytest.fixture(autouse=True)
def no_threads_left() -> Iterator[None]:
    import threading

    yield
    names = [thread.name for thread in threading.enumerate() if thread.name == "beside"]
    assert len(names) <= 1  # the one that hangs
