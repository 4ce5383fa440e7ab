"""Edge: what every request passes: its id, its key, the size of its body, its path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from housing_cli.api.app import create_app
from housing_cli.api.http.edge import route_path
from housing_cli.registry import ModelRegistry
from tests.api.serving import ROW, make_settings
from tests.api.test_hostile import GOOD, JSON


@pytest.mark.parametrize(
    ("path", "root", "known"),
    [
        ("/predict", "", "/predict"),
        ("/api/predict", "/api", "/predict"),
        ("/api", "/api", ""),
        ("/apipredict", "/api", "/apipredict"),
        ("/predict", "/api", "/predict"),
        ("/api/api/predict", "/api", "/api/predict"),
    ],
)
def test_a_path_is_known_without_the_prefix_of_a_proxy(path: str, root: str, known: str) -> None:
    scope: dict[str, Any] = {"path": path, "root_path": root}
    assert route_path(scope) == known
    if not root:
        assert route_path({"path": path}) == known


def test_request_ids_are_kept_when_sane_and_made_otherwise(client: TestClient) -> None:
    for path in ("/predict", "/feedback"):
        kept = client.post(path, json=ROW, headers={"x-request-id": "order-7/a.b"})
        assert kept.headers["x-request-id"] == "order-7/a.b"
    kept = client.get("/healthz", headers={"x-request-id": "probe"})
    assert kept.headers["x-request-id"] == "probe"
    for strange in ("x" * 200, "a b", "", '"><script>'):
        made = client.post("/predict", json=ROW, headers={"x-request-id": strange})
        assert made.headers["x-request-id"] not in ("", strange)
    two = [client.post("/predict", json=ROW).headers["x-request-id"] for _ in range(2)]
    assert two[0] != two[1]


@pytest.mark.parametrize("path", ["/healthz", "/docs", "/version", "/nothing"])
def test_answers_carry_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert client.post("/predict", json=ROW).headers["x-content-type-options"] == "nosniff"


def test_a_body_over_the_limit_is_413_by_its_length(
    serve: Callable[..., TestClient], registry: object
) -> None:
    client = serve(api={"max_body_bytes": 1000})
    for path in ("/predict", "/predict/batch", "/feedback"):
        answer = client.post(path, content=b" " * 1001, headers=JSON)
        assert answer.status_code == 413
        assert "1000 bytes" in answer.json()["detail"]
    assert client.post("/predict", content=GOOD.ljust(1000), headers=JSON).status_code == 200


def test_a_streamed_body_over_the_limit_is_413_early(
    serve: Callable[..., TestClient], registry: object
) -> None:
    client = serve(api={"max_body_bytes": 1000})
    answer = client.post("/predict", content=(b" " * 100 for _ in range(1000)), headers=JSON)
    assert answer.status_code == 413


@pytest.fixture
def mounted(registry: ModelRegistry, tmp_path: Path) -> Callable[[bool], TestClient]:
    def make(by_proxy: bool) -> TestClient:
        inner = create_app(
            make_settings(tmp_path, api={"keys": ["secret"], "max_body_bytes": 1000})
        )
        if by_proxy:  # as `uvicorn --root-path /api` does: the path comes whole
            return TestClient(inner, root_path="/api", base_url="http://testserver/api")
        outer = FastAPI()
        outer.mount("/api", inner)
        return TestClient(outer, base_url="http://testserver/api")

    return make


@pytest.mark.parametrize("by_proxy", [True, False])
def test_a_prefix_of_the_path_opens_no_door(
    mounted: Callable[[bool], TestClient], by_proxy: bool
) -> None:
    client = mounted(by_proxy)
    assert client.post("/predict", json=ROW).status_code == 401
    assert client.post("/predict/batch", json={"rows": [ROW]}).status_code == 401
    key = {"x-api-key": "secret"}
    assert client.post("/predict", json=ROW, headers=key).status_code == 200
    assert client.post("/predict", content=b" " * 1001, headers=key).status_code == 413
    assert client.post("/predict", json={}, headers=key).status_code == 422
    text = client.get("/metrics").text
    assert 'housing_predictions_total{outcome="invalid"' in text
