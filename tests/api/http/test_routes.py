"""The routes answer as the contract says."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from fastapi.testclient import TestClient

from housing_cli.model.compiled import CompiledModel
from housing_cli.registry import ModelRegistry
from tests.api.serving import FEATURES, ROW, add_version, make_files

Serve = Callable[..., TestClient]
UNKNOWN_ID = "01981b0e-7f3c-7c9a-a3a1-4f2c3d5e6f70"


def logged(folder: Path, name: str = "predictions.csv") -> list[dict[str, str]]:
    """Return the rows of a file of the csv log."""
    with (folder / "logs" / name).open() as file:
        return list(csv.DictReader(file))


def test_predict_answers_price_id_and_version(client: TestClient) -> None:
    answer = client.post("/predict", json=ROW)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["predicted_price", "id", "model_version"]
    assert answer.json()["model_version"] == "v1"
    assert UUID(answer.json()["id"]).version == 7


def test_the_price_is_the_compiled_models(client: TestClient) -> None:
    files, _ = make_files(0, len(FEATURES))
    model = CompiledModel(files["model.onnx"], len(FEATURES))
    expected = model.score_few([[float(value) for value in ROW.values()]])[0]
    assert client.post("/predict", json=ROW).json()["predicted_price"] == expected


def test_the_order_of_keys_does_not_matter(client: TestClient) -> None:
    turned = dict(reversed(ROW.items()))
    prices = {client.post("/predict", json=row).json()["predicted_price"] for row in (ROW, turned)}
    assert len(prices) == 1


def test_a_prediction_is_on_record_when_it_is_answered(client: TestClient, tmp_path: Path) -> None:
    answer = client.post("/predict", json={**ROW, "RM": None}).json()
    (row,) = logged(tmp_path)
    assert row["id"] == answer["id"]
    assert row["model_version"] == "v1"
    assert row["RM"] == ""
    assert float(row["CRIM"]) == ROW["CRIM"]
    assert float(row["predicted_price"]) == answer["predicted_price"]


def test_a_missing_feature_is_imputed_like_its_median(client: TestClient) -> None:
    answer = client.post("/predict", json=dict.fromkeys(FEATURES))
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"RM": "6.5"}, "float_type"),
        ({"RM": True}, "float_type"),
        ({"RM": [6.5]}, "float_type"),
        ({"rm": 6.5}, "extra_forbidden"),
        ({"MEDV": 24.0}, "extra_forbidden"),
    ],
)
def test_wrong_values_and_unknown_keys_are_422(
    client: TestClient, change: dict[str, object], kind: str
) -> None:
    answer = client.post("/predict", json={**ROW, **change})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["type"] == kind


@pytest.mark.parametrize("name", FEATURES)
def test_every_feature_is_required(client: TestClient, name: str) -> None:
    answer = client.post("/predict", json={key: ROW[key] for key in FEATURES if key != name})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", name]


def test_a_refused_row_is_not_recorded(client: TestClient, tmp_path: Path) -> None:
    client.post("/predict", json={**ROW, "RM": "x"})
    assert not (tmp_path / "logs" / "predictions.csv").exists()


def test_a_batch_answers_each_row_with_its_own_id(client: TestClient, tmp_path: Path) -> None:
    rows = [{**ROW, "CRIM": position / 10} for position in range(1200)]
    answer = client.post("/predict/batch", json={"rows": rows})
    assert answer.status_code == 200
    predictions = answer.json()["predictions"]
    assert len({one["id"] for one in predictions}) == 1200
    assert [row["id"] for row in logged(tmp_path)] == [one["id"] for one in predictions]
    for position in (0, 511, 512, 1199):
        alone = client.post("/predict", json=rows[position]).json()
        assert alone["predicted_price"] == predictions[position]["predicted_price"]


def test_an_empty_batch_has_no_predictions(client: TestClient, tmp_path: Path) -> None:
    answer = client.post("/predict/batch", json={"rows": []})
    assert (answer.status_code, answer.json()) == (200, {"predictions": []})
    assert not (tmp_path / "logs" / "predictions.csv").exists()


def test_one_wrong_row_refuses_the_whole_batch(client: TestClient, tmp_path: Path) -> None:
    answer = client.post("/predict/batch", json={"rows": [ROW, {**ROW, "RM": "x"}, {}]})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "rows", 1, "RM"]
    assert not (tmp_path / "logs" / "predictions.csv").exists()


def test_feedback_is_recorded_corrected_and_left_alone(client: TestClient, tmp_path: Path) -> None:
    key = client.post("/predict", json=ROW).json()["id"]
    statuses = []
    for price in (24.5, 24.5, 30):
        answer = client.post("/feedback", json={"id": key, "real_price": price})
        assert answer.status_code == 200
        assert answer.json()["message"] == "Valor real actualizado correctamente"
        assert answer.json()["id"] == key
        statuses.append(answer.json()["status"])
    assert statuses == ["recorded", "unchanged", "corrected"]
    assert [row["real_price"] for row in logged(tmp_path, "feedback.csv")] == ["24.5", "30.0"]


@pytest.mark.parametrize("content_type", ["application/json", "application/problem+json"])
def test_prediction_id_stands_for_id(client: TestClient, content_type: str) -> None:
    key = client.post("/predict", json=ROW).json()["id"]
    for name in ("id", "prediction_id"):
        answer = client.post(
            "/feedback",
            content=f'{{"{name}": "{key.upper()}", "real_price": 24}}',
            headers={"content-type": content_type},
        )
        assert (answer.status_code, answer.json()["id"]) == (200, key)


@pytest.mark.parametrize(
    "key", [UNKNOWN_ID, "nonsense", "", "x" * 10_000, "é", "\x00", "../../etc"]
)
def test_feedback_for_an_unknown_id_is_404(client: TestClient, key: str) -> None:
    client.post("/predict", json=ROW)
    answer = client.post("/feedback", json={"id": key, "real_price": 24.5})
    assert answer.status_code == 404
    assert answer.json()["detail"]


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity", "1e999", '"24"', "null", "true"])
def test_a_real_price_that_is_none_is_422(client: TestClient, price: str) -> None:
    key = client.post("/predict", json=ROW).json()["id"]
    answer = client.post(
        "/feedback",
        content=f'{{"id": "{key}", "real_price": {price}}}',
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == 422


def test_version_describes_what_is_served(client: TestClient) -> None:
    said = client.get("/version").json()
    assert (said["version"], said["number"], said["tag"]) == ("v1", 1, "first")
    assert said["created"] == "2026-01-02T03:04:05.678Z"
    assert said["metrics"] == {"rmse": 3.2, "mae": 2.1, "r2": 0.87}
    assert said["data_sha256"] == "ab" * 32
    assert len(said["model_sha256"]) == 64
    assert said["git_commit"] == "c" * 40


def test_probes_answer(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")


def test_limits_of_the_version_hold(registry: ModelRegistry, serve: Serve, tmp_path: Path) -> None:
    add_version(registry, 1, limits={"RM": (1.0, 12.0)}, promote=True)
    client = serve()
    assert client.post("/predict", json=ROW).status_code == 200
    answer = client.post("/predict", json={**ROW, "RM": 12.5})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["type"] == "less_than_equal"


def test_another_table_has_other_keys(tmp_path: Path, serve: Serve) -> None:
    features = ("Med Inc", "class", "AveRooms")
    add_version(ModelRegistry(tmp_path / "artifacts"), features=features)
    client = serve()
    assert client.post("/predict", json=ROW).status_code == 422
    assert client.post("/predict", json=dict.fromkeys(features, 1.5)).status_code == 200
    assert list(logged(tmp_path)[0])[3:-1] == list(features)


def test_other_methods_and_paths_are_405_and_404(client: TestClient) -> None:
    assert client.get("/predict").status_code == 405
    assert client.post("/healthz").status_code == 405
    assert client.get("/nothing").status_code == 404


def test_a_price_that_is_not_finite_is_422(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = client.app.state.predictor.served.model  # type: ignore[attr-defined]
    ones = [1.0]
    monkeypatch.setattr(type(model), "scored_few", lambda _, rows: ([float("inf")], ones))
    monkeypatch.setattr(type(model), "run", lambda _, rows: (rows[:, 0] * float("nan"), ones))
    assert client.post("/predict", json=ROW).status_code == 422
    assert client.post("/predict/batch", json={"rows": [ROW]}).status_code == 422
