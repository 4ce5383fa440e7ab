"""Intervals that are served follow the labels in the log, in every worker alike."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from housing_cli.api import adapter as module
from housing_cli.api.adapter import Adapter
from housing_cli.api.served import factors_of, load_served
from housing_cli.errors import LogUnavailable
from housing_cli.model.adapting import MOST
from housing_cli.registry import ModelRegistry
from tests.api.serving import ROW, add_version
from tests.api.test_intervals import MODEL, with_intervals
from tests.api.test_reloader import until

Serve = Callable[..., TestClient]


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    registry = ModelRegistry(tmp_path / "artifacts")
    add_version(registry, spoil=with_intervals)
    return registry


def label(client: TestClient, times: float, rows: int = 40) -> None:
    """Ask for prices, and say that the real ones are `times` as high."""
    for number in range(rows):
        answer = client.post("/predict", json={**ROW, "LSTAT": number % 37}).json()
        real = answer["predicted_price"] * times
        client.post("/feedback", json={"id": answer["id"], "real_price": real})


def refresh(client: TestClient) -> None:
    asyncio.run(client.app.state.adapter.refresh())  # type: ignore[attr-defined]


def said(client: TestClient) -> list[float]:
    found: list[float] = client.get("/version").json()["interval_factors"]
    return found


@pytest.mark.parametrize("url", ["csv", "sqlite"])
def test_after_a_rise_the_upper_end_moves_out(
    registry: ModelRegistry, serve: Serve, tmp_path: Path, url: str
) -> None:
    log = {"csv": f"csv:{tmp_path / 'logs'}", "sqlite": f"sqlite:///{tmp_path / 'log.db'}"}[url]
    client = serve(log={"url": log})
    label(client, 1.6)
    assert said(client) == [1.0, 1.0]
    refresh(client)
    low, high = said(client)
    assert low < 1.2 < high
    answer = client.post("/predict", json=ROW).json()
    ends = MODEL.stretched(low, high).interval(answer["predicted_price"])
    assert answer["interval"] == pytest.approx(list(ends), rel=1e-5)
    together = client.post("/predict/batch", json={"rows": [ROW]}).json()["predictions"]
    assert together[0]["interval"] == answer["interval"]
    assert f'housing_interval_factor{{end="upper"}} {high}' in client.get("/metrics").text


def test_a_second_worker_and_a_restart_come_to_the_same(
    registry: ModelRegistry, serve: Serve
) -> None:
    client = serve()
    label(client, 1.6)
    refresh(client)
    label(client, 1.0, rows=7)
    refresh(client)
    predictor = client.app.state.predictor  # type: ignore[attr-defined]
    fresh = factors_of(load_served(registry, "v1"), predictor.log)
    assert list(fresh) == said(client)


def test_another_version_begins_as_it_was_trained(registry: ModelRegistry, serve: Serve) -> None:
    client = serve()
    label(client, 1.6)
    refresh(client)
    add_version(registry, promote=True, spoil=with_intervals)
    until(lambda: client.get("/version").json()["version"] == "v2")
    assert said(client) == [1.0, 1.0]
    refresh(client)
    assert said(client) == [1.0, 1.0]


@pytest.mark.parametrize("adapts", [False, True])
def test_it_runs_beside_the_server_only_where_it_is_asked_for(
    registry: ModelRegistry, serve: Serve, monkeypatch: pytest.MonkeyPatch, adapts: bool
) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.02)
    client = serve(serve={"adapt_intervals": adapts})
    label(client, 1000.0)
    if adapts:
        until(lambda: said(client)[1] > 1.0)
        assert said(client)[1] <= MOST
    else:
        asyncio.run(client.app.state.adapter.watch())  # type: ignore[attr-defined]
        assert said(client) == [1.0, 1.0]


def test_a_log_that_cannot_be_read_leaves_intervals_and_answers_as_they_are(
    registry: ModelRegistry, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []

    def broken(*_: Any) -> Any:
        looked.append(1)
        raise LogUnavailable("the disk is gone")

    monkeypatch.setattr(module, "SECONDS", 0.02)
    monkeypatch.setattr(Adapter, "_read", broken)
    client = serve(serve={"adapt_intervals": True})
    until(lambda: len(looked) > 1)
    assert client.post("/predict", json=ROW).status_code == 200
    assert said(client) == [1.0, 1.0]
