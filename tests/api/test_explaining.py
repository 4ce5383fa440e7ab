"""`/explain` says why a row has its price, and records nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient

from housing_cli.api import explaining
from housing_cli.api.explainer import load_explainer
from housing_cli.api.served import load_served
from housing_cli.errors import NotExplained, VersionCorrupt
from housing_cli.learning.trees import trees_of
from housing_cli.model.shapley import TreeShapley
from housing_cli.registry import EXPLANATION_FILE, ModelRegistry
from tests.api.serving import FEATURES, ROW

Serve = Callable[..., TestClient]


@pytest.fixture
def client(artifacts: Path, serve: Serve) -> TestClient:
    """A client of a server of versions that were trained here."""
    return serve()


def summed(answer: dict[str, Any]) -> float:
    return float(answer["base"] + sum(one["contribution"] for one in answer["contributions"]))


def test_contributions_sum_to_the_price_of_predict_and_the_largest_come_first(
    client: TestClient,
) -> None:
    row = {**ROW, "AGE": None}
    answer = client.post("/explain", json=row)
    assert answer.status_code == 200
    found = answer.json()
    price = client.post("/predict", json=row).json()["predicted_price"]
    assert found["predicted_price"] == price == pytest.approx(summed(found), rel=1e-7)
    sizes = [abs(one["contribution"]) for one in found["contributions"]]
    assert sizes == sorted(sizes, reverse=True)
    assert {one["feature"]: one["value"] for one in found["contributions"]} == row
    said = {key: found[key] for key in ("model_version", "target", "scale", "exact")}
    assert said == {"model_version": "v1", "target": "MEDV", "scale": "price", "exact": True}


def test_contributions_are_those_of_the_fitted_model(client: TestClient, artifacts: Path) -> None:
    pipeline = joblib.load(artifacts / "versions" / "v1" / "model.joblib")
    given = pd.DataFrame([ROW], dtype=np.float64)
    explained = TreeShapley(*trees_of(pipeline["regressor"]))
    row = pipeline[0].transform(given).astype(np.float32).astype(np.float64)[0]
    expected = dict(zip(FEATURES, explained.values(row), strict=True))
    answer = client.post("/explain", json=ROW).json()
    found = {one["feature"]: one["contribution"] for one in answer["contributions"]}
    assert found == pytest.approx(expected, abs=1e-6)


def test_nothing_is_recorded_or_counted_as_a_prediction(client: TestClient, workshop: Path) -> None:
    client.post("/explain", json=ROW)
    client.post("/explain", json={})
    assert not (workshop / "logs" / "predictions.csv").exists()
    told = client.get("/metrics").text
    assert "housing_predictions_total{" not in told
    assert 'housing_request_seconds_count{route="/explain",status="200"} 1.0' in told


@pytest.mark.parametrize("kind", ["application/json", "application/vnd.api+json"])
def test_both_ways_to_read_a_body_answer_alike(client: TestClient, kind: str) -> None:
    usual = client.post("/explain", json=ROW).json()
    headers = {"content-type": kind}
    assert client.post("/explain", content=json.dumps(ROW), headers=headers).json() == usual


@pytest.mark.parametrize(
    ("body", "status"),
    [({**ROW, "RM": "6.5"}, 422), ({}, 422), ({**ROW, "x": 1}, 422), ([ROW], 422)],
)
def test_what_predict_refuses_is_refused_alike(
    client: TestClient, body: object, status: int
) -> None:
    answer, other = (client.post(path, json=body) for path in ("/explain", "/predict"))
    assert answer.status_code == other.status_code == status
    assert answer.json() == other.json()


def test_a_key_is_asked_for_and_a_body_is_bounded(artifacts: Path, serve: Serve) -> None:
    client = serve(api={"keys": ["secret" * 6], "max_body_bytes": 1000})
    assert client.post("/explain", json=ROW).status_code == 401
    key = {"x-api-key": "secret" * 6}
    assert client.post("/explain", json=ROW, headers=key).status_code == 200
    assert client.post("/explain", content=b" " * 1001, headers=key).status_code == 415
    long = {**key, "content-type": "application/json"}
    assert client.post("/explain", content=b" " * 1001, headers=long).status_code == 413
    assert client.get("/explain").status_code in {401, 405}


def test_a_version_that_carries_no_explanation_says_so_and_serves(
    registry: ModelRegistry, serve: Serve
) -> None:
    client = serve()
    answer = client.post("/explain", json=ROW)
    assert answer.status_code == 409
    assert "an older `housing` made it" in answer.json()["detail"]
    assert "housing train" in answer.json()["hint"]
    assert client.post("/predict", json=ROW).status_code == 200
    version = registry.get("v1")
    with pytest.raises(NotExplained):
        load_explainer(registry, version, load_served(registry, "v1").model)


def test_without_a_model_there_is_nothing_to_explain(serve: Serve) -> None:
    assert serve().post("/explain", json=ROW).status_code == 503


def test_a_file_that_was_changed_since_is_refused(client: TestClient, artifacts: Path) -> None:
    file = artifacts / "versions" / "v1" / EXPLANATION_FILE
    file.write_bytes(file.read_bytes().replace(b"1.0", b"2.0"))
    answer = client.post("/explain", json=ROW)
    assert answer.status_code == 503
    assert EXPLANATION_FILE in answer.json()["detail"]
    registry = ModelRegistry(artifacts)
    with pytest.raises(VersionCorrupt, match="SHA-256 differs"):
        load_explainer(registry, registry.get("v1"), None)  # type: ignore[arg-type]


def test_another_version_is_explained_by_its_own_trees(
    client: TestClient, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []

    def counting(registry: Any, version: Any, model: Any, **more: Any) -> Any:
        loaded.append(version.name)
        return load_explainer(registry, version, model, **more)

    monkeypatch.setattr(explaining, "load_explainer", counting)
    predictor = client.app.state.predictor  # type: ignore[attr-defined]
    answers = []
    for ref in ("v1", "v1", "v2"):
        predictor.use(load_served(ModelRegistry(artifacts), ref))
        answers.append(client.post("/explain", json=ROW).json())
    assert loaded == ["v1", "v2"]
    assert [one["model_version"] for one in answers] == ["v1", "v1", "v2"]
    assert answers[0] == answers[1] != answers[2]
    assert answers[2]["predicted_price"] == pytest.approx(summed(answers[2]), rel=1e-7)


def test_predictions_are_answered_while_an_explanation_is_made(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go_on = threading.Event(), threading.Event()

    def slow(*_: Any) -> bytes:
        began.set()
        assert go_on.wait(60)
        return b"{}"

    monkeypatch.setattr(explaining.Explanations, "_answer", slow)
    monkeypatch.setattr(explaining, "MAX_WAITING", 1)
    with ThreadPoolExecutor() as pool:
        explained = pool.submit(client.post, "/explain", json=ROW)
        assert began.wait(60)
        assert client.post("/predict", json=ROW).status_code == 200
        refused = client.post("/explain", json=ROW)
        go_on.set()
    assert refused.status_code == 503
    assert refused.json()["detail"] == "too many explanations are waiting"
    assert explained.result().status_code == 200


def test_openapi_says_what_is_answered(client: TestClient) -> None:
    told = client.get("/openapi.json").json()
    route = told["paths"]["/explain"]["post"]
    body = route["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/Features"}
    assert set(route["responses"]) >= {"200", "409", "422", "503"}
    answer = told["components"]["schemas"]["ExplanationAnswer"]["properties"]
    assert set(answer) >= set(client.post("/explain", json=ROW).json())
