"""Answers of a version that carries prediction intervals say them, on every way through."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from housing_cli.model.intervals import IntervalModel
from housing_cli.registry import ModelRegistry
from tests.api.serving import ROW, add_version
from tests.in_process import Loop, shuffled

Serve = Callable[..., TestClient]
MODEL = IntervalModel(0.9, [10.0, 30.0], [-2.0, -6.0], [3.0, 9.0])


def with_intervals(files: dict[str, bytes], golden: Any) -> tuple[dict[str, bytes], Any]:
    return {**files, "intervals.json": MODEL.to_json()}, golden


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    registry = ModelRegistry(tmp_path / "artifacts")
    add_version(registry, spoil=with_intervals)
    return registry


def check(answer: dict[str, Any]) -> None:
    assert list(answer) == ["predicted_price", "id", "model_version", "interval", "coverage"]
    low, high = MODEL.interval(answer["predicted_price"])
    assert answer["interval"] == [pytest.approx(low, rel=1e-5), pytest.approx(high, rel=1e-5)]
    assert low <= answer["predicted_price"] <= high
    assert answer["coverage"] == 0.9


@pytest.mark.parametrize("url", ["csv", "sqlite"])
def test_one_and_many_rows_carry_their_intervals(
    registry: ModelRegistry, serve: Serve, tmp_path: Path, url: str
) -> None:
    log = {"csv": f"csv:{tmp_path / 'logs'}", "sqlite": f"sqlite:///{tmp_path / 'log.db'}"}[url]
    client = serve(log={"url": log})
    check(client.post("/predict", json=ROW).json())
    for answer in client.post("/predict/batch", json={"rows": [ROW, ROW]}).json()["predictions"]:
        check(answer)


def test_a_batch_says_what_its_rows_alone_say(registry: ModelRegistry, serve: Serve) -> None:
    client = serve()
    rows = [{**ROW, "RM": 4 + number / 500, "LSTAT": number % 37} for number in range(1300)]
    together = client.post("/predict/batch", json={"rows": rows}).json()["predictions"]
    assert len({answer.pop("id") for answer in together}) == len(rows)
    for row, answer in zip(rows[::13], together[::13], strict=True):
        alone = client.post("/predict", json=row).json()
        del alone["id"]
        assert alone == answer


def test_the_frameworks_own_route_says_the_same(registry: ModelRegistry, serve: Serve) -> None:
    # A duplicated key is nothing that the short cut takes.
    text = '{"CRIM": 1, ' + str(ROW).replace("'", '"').removeprefix("{")
    headers = {"content-type": "application/json"}
    check(serve().post("/predict", content=text, headers=headers).json())


def test_answers_of_a_trained_version_are_scaled_with_the_spread(
    serve: Serve, tmp_path: Path
) -> None:
    Loop(tmp_path, shuffled(0)[:400])
    client = serve()
    served = client.app.state.predictor.served  # type: ignore[attr-defined]
    rows = [{**ROW, "RM": 4 + number / 10, "LSTAT": number % 37} for number in range(40)]
    together = client.post("/predict/batch", json={"rows": rows}).json()["predictions"]
    widths = []
    for row, answer in zip(rows, together, strict=True):
        values = [row[name] for name in served.schema.features]
        (price,), (spread,) = served.model.scored_few([values])
        expected = served.intervals.interval(price, spread)
        assert answer["interval"] == pytest.approx(list(expected), rel=1e-5)
        assert client.post("/predict", json=row).json()["interval"] == answer["interval"]
        widths.append(spread)
    assert max(widths) > 1.1 * min(widths)
