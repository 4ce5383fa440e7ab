"""Predictor: scores and records, whoever asks; it knows nothing of HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from housing_cli.api.http.errors import BatchTooLarge, NoModel, NotFinite
from housing_cli.api.metrics import Metrics
from housing_cli.api.predictor import Predictor
from housing_cli.api.served import load_served
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
    served = predictor.current()
    made = run(predictor, lambda: predictor.predict(VALUES, served))
    found = predictor.log.predictions()
    assert list(found.ids) == [made.id]
    assert found.predicted.tolist() == [made.predicted_price]
    assert made.predicted_price == predictor.score(served, VALUES)


def test_a_batch_is_priced_as_its_rows_alone_in_their_order(predictor: Predictor) -> None:
    served = predictor.current()
    rows = [(k / 10, *VALUES[1:]) for k in range(600)]
    batch = run(predictor, lambda: predictor.predict_batch(served, rows, tuple))
    assert batch.prices == [predictor.score(served, row) for row in rows]
    assert list(predictor.log.predictions().ids) == batch.ids
    assert run(predictor, lambda: predictor.predict_batch(served, [], tuple)).ids == []
    with pytest.raises(BatchTooLarge, match="at most 700 rows, and this one has 701"):
        run(predictor, lambda: predictor.predict_batch(served, [VALUES] * 701, tuple))


def test_a_price_that_is_not_finite_is_refused_and_not_recorded(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = predictor.current()
    monkeypatch.setattr(CompiledModel, "score_row", lambda *_: float("nan"))
    monkeypatch.setattr(CompiledModel, "run", lambda _, rows: rows[:, 0] * float("nan"))
    with pytest.raises(NotFinite):
        run(predictor, lambda: predictor.predict(VALUES, served))
    with pytest.raises(NotFinite, match="for row 0"):
        run(predictor, lambda: predictor.predict_batch(served, [VALUES] * 2, tuple))
    assert len(predictor.log.predictions()) == 0


def test_feedback_belongs_to_a_prediction_in_either_case(predictor: Predictor) -> None:
    made = run(predictor, lambda: predictor.predict(VALUES, predictor.current()))
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
