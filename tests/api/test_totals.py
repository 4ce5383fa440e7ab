"""The counters that people ask for first."""

from __future__ import annotations

from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry, Histogram

from housing_cli.api.metrics import Metrics
from housing_cli.api.totals import totals_of
from tests.api.serving import ROW


def test_they_are_what_was_asked(client: TestClient) -> None:
    ids = [client.post("/predict", json=ROW).json()["id"] for _ in range(3)]
    client.post("/predict", json={})
    for price in (20.0, 21.0):
        client.post("/feedback", json={"id": ids[0], "real_price": price})
    metrics: Metrics = client.app.state.predictor.metrics  # type: ignore[attr-defined]
    metrics.flush()
    found = metrics.totals()
    assert (found["predicted"], found["refused"], found["labeled"]) == (3, 1, 1)
    assert (found["failed"], found["log_errors"]) == (0, 0)
    assert 0 < found["p50"] <= found["p99"] < 60


def test_quantiles_are_read_within_a_bucket() -> None:
    registry = CollectorRegistry()
    seconds = Histogram(
        "housing_request_seconds", "", ["route", "status"], registry=registry, buckets=(1.0, 2.0)
    )
    for _ in range(100):
        seconds.labels("/predict", "200").observe(1.5)
    seconds.labels("/predict", "503").observe(99.0)
    seconds.labels("/feedback", "500").observe(0.5)
    found = totals_of(registry.collect())
    assert (found["p50"], found["p99"], found["failed"]) == (1.5, 1.99, 2)


def test_slower_than_all_buckets_is_their_end_and_nothing_is_no_time() -> None:
    registry = CollectorRegistry()
    seconds = Histogram(
        "housing_request_seconds", "", ["route", "status"], registry=registry, buckets=(1.0, 2.0)
    )
    assert "p50" not in totals_of(registry.collect())
    seconds.labels("/predict", "200").observe(50.0)
    assert totals_of(registry.collect())["p99"] == 2.0
