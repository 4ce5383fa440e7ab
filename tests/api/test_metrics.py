"""The metrics count what happened."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from housing_cli.api.metrics import Metrics, _observe_all
from housing_cli.prediction_log import Feedback
from tests.api.serving import ROW, add_version

NAMES = {
    "housing_request_seconds": "histogram",
    "housing_predictions": "counter",
    "housing_feedback": "counter",
    "housing_predicted_price": "histogram",
    "housing_feedback_lag_seconds": "histogram",
    "housing_interval_factor": "gauge",
    "housing_live_rows": "gauge",
    "housing_live_absolute_error_sum": "gauge",
    "housing_live_squared_error_sum": "gauge",
    "housing_live_mae": "gauge",
    "housing_live_rmse": "gauge",
    "housing_model_info": "gauge",
    "housing_reloads": "counter",
    "housing_reload_refused": "gauge",
    "housing_log_errors": "counter",
    "housing_unknown_categories": "counter",
    "housing_outside_range": "counter",
    "housing_shadow_rows": "counter",
    "housing_model_call_seconds": "histogram",
    "housing_trial_info": "gauge",
    "housing_trial_refused": "gauge",
    "housing_canary_weight": "gauge",
    "housing_canary_left": "gauge",
}


def samples(client: TestClient) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return every sample of the metrics by name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
    }


def value(client: TestClient, name: str, **labels: str) -> float | None:
    """Return one sample."""
    return samples(client).get((name, tuple(sorted(labels.items()))))


def test_every_metric_is_there_and_no_other(client: TestClient) -> None:
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = text_string_to_metric_families(answer.text)
    found = {family.name: family.type for family in families}
    created = {name for name in found if name.endswith("_created")}
    assert {name: kind for name, kind in found.items() if name not in created} == NAMES


def test_requests_are_timed_by_route_and_status(client: TestClient) -> None:
    client.post("/predict", json=ROW)
    client.post("/predict", json={})
    client.get("/somewhere/else")
    for route, status in (("/predict", "200"), ("/predict", "422"), ("other", "404")):
        assert value(client, "housing_request_seconds_count", route=route, status=status) == 1
    assert value(
        client, "housing_request_seconds_bucket", route="/predict", status="200", le="+Inf"
    ) == 1  # fmt: skip
    bounds = [
        float(dict(labels)["le"])
        for name, labels in samples(client)
        if name.endswith("seconds_bucket")
    ]
    assert min(bounds) < 0.001


def test_predictions_are_counted_by_outcome(client: TestClient) -> None:
    client.post("/predict", json=ROW)
    client.post("/predict/batch", json={"rows": [ROW] * 4})
    client.post("/predict", json={})
    assert value(client, "housing_predictions_total", version="v1", outcome="ok") == 5
    assert value(client, "housing_predictions_total", version="v1", outcome="invalid") == 1
    assert value(client, "housing_predicted_price_count", version="v1") == 5


def test_feedback_is_counted_and_gives_the_live_error(client: TestClient) -> None:
    made = [client.post("/predict", json=ROW).json() for _ in range(2)]
    price = made[0]["predicted_price"]
    for prediction, off in ((made[0], 3.0), (made[0], 3.0), (made[0], 1.0), (made[1], 7.0)):
        body = {"id": prediction["id"], "real_price": price + off}
        assert client.post("/feedback", json=body).status_code == 200
    client.post("/feedback", json={"id": "unknown", "real_price": 1})
    counted = {
        outcome: value(client, "housing_feedback_total", version="v1", outcome=outcome)
        for outcome in ("recorded", "unchanged", "corrected")
    }
    assert counted == {"recorded": 2, "unchanged": 1, "corrected": 1}
    assert value(client, "housing_feedback_total", version="none", outcome="unknown") == 1
    assert value(client, "housing_live_rows", version="v1") == 2
    assert value(client, "housing_live_mae", version="v1") == pytest.approx(4)
    assert value(client, "housing_live_rmse", version="v1") == pytest.approx(5)
    assert value(client, "housing_feedback_lag_seconds_count", version="v1") == 2


def test_the_live_error_forgets_old_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("housing_cli.api.metrics.LIVE_ROWS", 3)
    metrics = Metrics()
    for number in range(10):
        made = Feedback("recorded", "v1", 10.0 if number < 7 else 21.0, time.time())
        metrics.labeled(str(number), 20.0, made, time.time())
    assert b'housing_live_mae{version="v1"} 1.0' in metrics.render()


def test_values_observed_together_count_as_one_by_one() -> None:
    from prometheus_client import CollectorRegistry, Histogram

    one, other = CollectorRegistry(), CollectorRegistry()
    buckets = (1.0, 2.0, 3.0)
    together = Histogram("h", "h", registry=one, buckets=buckets)
    singly = Histogram("h", "h", registry=other, buckets=buckets)
    values = [0.5, 1.0, 1.5, 2.0, 3.0, 3.5, 100.0, -1.0]
    _observe_all(together, values)
    for number in values:
        singly.observe(number)

    def found(registry: CollectorRegistry) -> dict[str, float]:
        return {
            f"{sample.name}{sample.labels}": sample.value
            for family in registry.collect()
            for sample in family.samples
            if not sample.name.endswith("_created")
        }

    assert found(one) == found(other)


def test_a_burst_does_not_fill_memory(client: TestClient) -> None:
    metrics = client.app.state.predictor.metrics  # type: ignore[attr-defined]
    for _ in range(20_000):
        metrics.answered("/predict", 200, 0.001)
    assert sum(map(len, metrics._answered.values())) < 5000
    assert value(client, "housing_request_seconds_count", route="/predict", status="200") == 20_000


def test_files_of_metrics_that_others_removed_do_not_end_metrics(
    client: TestClient, tmp_path: Path
) -> None:
    client.app.state.predictor.metrics._directory = tmp_path / "gone"  # type: ignore[attr-defined]
    client.post("/predict", json=ROW)
    assert value(client, "housing_predictions_total", version="v1", outcome="ok") == 1


def test_a_failing_log_is_counted(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.api.test_readiness import fail

    for name in ("append", "append_groups"):
        monkeypatch.setattr(client.app.state.predictor.log, name, fail)  # type: ignore[attr-defined]
    client.post("/predict", json=ROW)
    client.post("/predict/batch", json={"rows": [ROW, ROW]})
    assert value(client, "housing_log_errors_total", operation="predict") == 1
    assert value(client, "housing_log_errors_total", operation="batch") == 1
    assert value(client, "housing_predictions_total", version="v1", outcome="log_error") == 3


def test_versions_are_counted_apart(registry: object, serve: Callable[..., TestClient]) -> None:
    client = serve()
    client.post("/predict", json=ROW)
    add_version(registry, 1, promote=True)  # type: ignore[arg-type]
    deadline = time.monotonic() + 2
    while client.post("/predict", json=ROW).json()["model_version"] != "v2":
        assert time.monotonic() < deadline
    assert value(client, "housing_predictions_total", version="v2", outcome="ok") == 1
    assert value(client, "housing_reloads_total", outcome="loaded") == 2


def test_what_an_alert_asks_for_is_there_from_the_first_scrape_on(client: TestClient) -> None:
    assert value(client, "housing_canary_left", version="none") == 0
