"""Predictor: scores and records, whoever asks; it knows nothing of HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from housing_cli.api.failures import BatchTooLarge, NoModel, NotFinite
from housing_cli.api.metrics import Metrics
from housing_cli.api.predictor import Predictor
from housing_cli.api.served import Answer, load_served
from housing_cli.errors import LogUnavailable, UnknownPrediction
from housing_cli.model.compiled import CompiledModel
from housing_cli.prediction_log import open_log
from housing_cli.registry import ModelRegistry
from tests.api.serving import ROW, make_settings

T = TypeVar("T")
VALUES = tuple(float(value) for value in ROW.values())
STRANGER = "01981b0e-7f3c-7c9a-a3a1-4f2c3d5e6f70"


@pytest.fixture(params=["csv", "sqlite"])
def predictor(
    request: pytest.FixtureRequest, registry: ModelRegistry, tmp_path: Path
) -> Iterator[Predictor]:
    """A predictor of v1; a csv log does not wait, a database may."""
    url = {"csv": f"csv:{tmp_path / 'logs'}", "sqlite": f"sqlite:///{tmp_path / 'log.db'}"}
    settings = make_settings(tmp_path, log={"url": url[request.param]}, api={"max_batch_rows": 700})
    made = Predictor(settings, open_log(settings.log.url, settings.schema()), Metrics())
    made.use(load_served(registry, "production"))
    yield made
    made.close()


def run(predictor: Predictor, work: Callable[[], Awaitable[T]]) -> T:
    async def doing() -> T:
        return await work()

    return asyncio.run(doing())


def test_a_row_is_on_record_when_it_is_answered(predictor: Predictor) -> None:
    made = run(predictor, lambda: predictor.predict(VALUES))
    found = predictor.log.predictions()
    assert list(found.ids) == [made.id]
    assert found.predicted.tolist() == [made.predicted_price]
    assert made.predicted_price == alone(predictor, VALUES)


def alone(predictor: Predictor, row: tuple[float, ...]) -> float:
    return predictor.current().model.score_few([row])[0]


def batch(predictor: Predictor, rows: list[tuple[float, ...]]) -> list[dict[str, Any]]:
    answer = run(predictor, lambda: predictor.predict_batch(lambda: (rows, None)))
    found: list[dict[str, Any]] = json.loads(answer or b"")["predictions"]
    return found


def test_a_batch_is_priced_as_its_rows_alone_in_their_order(predictor: Predictor) -> None:
    rows = [(k / 10, *VALUES[1:]) for k in range(600)]
    found = batch(predictor, rows)
    assert [one["predicted_price"] for one in found] == [alone(predictor, row) for row in rows]
    assert list(predictor.log.predictions().ids) == [one["id"] for one in found]
    assert batch(predictor, []) == []
    with pytest.raises(BatchTooLarge, match="at most 700 rows, and this one has 701"):
        batch(predictor, [VALUES] * 701)
    assert run(predictor, lambda: predictor.predict_batch(lambda: None)) is None


def test_rows_that_come_together_are_recorded_in_their_order(predictor: Predictor) -> None:
    rows = [(k / 10, *VALUES[1:]) for k in range(40)]

    async def together() -> list[Answer]:
        return await asyncio.gather(*map(predictor.predict, rows))

    made = run(predictor, together)
    found = predictor.log.predictions()
    assert [one.predicted_price for one in made] == [alone(predictor, row) for row in rows]
    assert list(found.ids) == [one.id for one in made]
    assert found.predicted.tolist() == [one.predicted_price for one in made]


def test_a_price_that_is_not_finite_is_refused_and_not_recorded(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def together() -> list[Any]:
        asked = [predictor.predict((k, *VALUES[1:])) for k in range(3)]
        return await asyncio.gather(*asked, return_exceptions=True)

    nan = float("nan")
    with monkeypatch.context() as patch:
        scored = [nan, 21.5, nan], [1.0, 2.0, 3.0]
        patch.setattr(CompiledModel, "scored_few", lambda _, rows: scored)
        made = run(predictor, together)
    assert [type(one) for one in made] == [NotFinite, Answer, NotFinite]
    assert list(predictor.log.predictions().ids) == [made[1].id]
    monkeypatch.setattr(CompiledModel, "run", lambda _, rows: (rows[:, 0] * nan, rows[:, 0]))
    with pytest.raises(NotFinite, match="for row 0"):
        batch(predictor, [VALUES] * 2)
    assert len(predictor.log.predictions()) == 1


def test_feedback_belongs_to_a_prediction_in_either_case(predictor: Predictor) -> None:
    made = run(predictor, lambda: predictor.predict(VALUES))
    assert run(predictor, lambda: predictor.feedback(made.id.upper(), 20.0)).outcome == "recorded"
    assert run(predictor, lambda: predictor.feedback(made.id, 20.0)).outcome == "unchanged"
    for key in (STRANGER, "nonsense", "", f"{made.id} "):
        with pytest.raises(UnknownPrediction):
            run(predictor, lambda key=key: predictor.feedback(key, 20.0))  # type: ignore[misc]


def test_reasons_are_none_when_it_is_ready(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(predictor, predictor.reasons) == []

    def fail() -> None:
        raise LogUnavailable("the disk is full")

    monkeypatch.setattr(predictor.log, "check", fail)
    monkeypatch.setattr("housing_cli.api.log_probe.FRESH_SECONDS", 0.0)
    predictor.drain()
    assert run(predictor, predictor.reasons) == [
        "draining: the server is stopping", "prediction log: the disk is full",
    ]  # fmt: skip


def test_without_a_version_it_says_why(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    predictor = Predictor(settings, open_log(settings.log.url, settings.schema()), Metrics())
    predictor.refuse("its hash is wrong")
    with pytest.raises(NoModel, match="its hash is wrong"):
        predictor.current()
    assert run(predictor, predictor.reasons) == ["no model: its hash is wrong"]
    predictor.close()
