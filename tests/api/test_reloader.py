"""A promotion reaches a running server; what cannot be served is refused and said."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from fastapi.testclient import TestClient

from housing_cli.registry import ModelRegistry
from tests.api.serving import FEATURES, ROW, add_version

Serve = Callable[..., TestClient]


def until(condition: Callable[[], object], seconds: float = 2.0) -> None:
    """Wait until `condition` holds; fail after the contract's two seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def version(client: TestClient) -> str:
    """Return the version that answers a prediction."""
    answer = client.post("/predict", json=ROW)
    assert answer.status_code == 200
    return str(answer.json()["model_version"])


def refusal(client: TestClient) -> str:
    """Return why the version that should be served is not."""
    ready = client.get("/readyz")
    assert ready.status_code == 200
    return str(ready.json()["reload_refused"] or "")


def sample(client: TestClient, name: str) -> str:
    """Return the value of one line of the metrics."""
    lines = client.get("/metrics").text.splitlines()
    return next((line.rpartition(" ")[2] for line in lines if line.startswith(name + " ")), "")


def test_a_promotion_is_served_within_two_seconds(
    client: TestClient, registry: ModelRegistry
) -> None:
    assert version(client) == "v1"
    add_version(registry, 1, promote=True)
    until(lambda: version(client) == "v2")
    registry.point("production", registry.get("v1"), event="rolled back")
    until(lambda: version(client) == "v1")


def test_a_server_neither_obeys_nor_minds_a_planted_journal(
    client: TestClient, registry: ModelRegistry, tmp_path: Path
) -> None:
    add_version(registry, 1, promote=False)
    (tmp_path / "precious").write_text("mine")
    journal = registry.root / ".journal.json"
    journal.write_text('{"renames":[["../precious","versions/v9"]],"aliases":{"../planted":"v1"}}')
    registry.alias_path("production").write_text("v2\n")
    until(lambda: version(client) == "v2")
    assert refusal(client) == ""
    assert (tmp_path / "precious").read_text() == "mine"
    assert not (registry.root / "planted").exists()
    assert journal.exists()


def test_the_default_poll_is_quick_enough(registry: ModelRegistry, serve: Serve) -> None:
    client = serve(serve={"reload_seconds": 0.5})
    add_version(registry, 1, promote=True)
    until(lambda: version(client) == "v2")


def test_a_pinned_version_stays(registry: ModelRegistry, serve: Serve) -> None:
    client = serve(serve={"version": "v1"})
    add_version(registry, 1, promote=True)
    time.sleep(0.3)
    assert version(client) == "v1"


def test_latest_follows_what_is_registered(registry: ModelRegistry, serve: Serve) -> None:
    client = serve(serve={"version": "latest"})
    add_version(registry, 1, promote=False)
    until(lambda: version(client) == "v2")


def test_the_first_version_is_picked_up_when_it_appears(tmp_path: Path, serve: Serve) -> None:
    client = serve()
    for path in ("/predict", "/predict/batch"):
        body = ROW if path == "/predict" else {"rows": [ROW]}
        answer = client.post(path, json=body)
        assert answer.status_code == 503
        assert "no versions" in answer.json()["detail"]
        assert answer.headers["retry-after"]
    assert client.get("/version").status_code == 503
    assert client.get("/healthz").status_code == 200
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["reasons"][0].startswith("no model: ")
    add_version(ModelRegistry(tmp_path / "artifacts"))
    until(lambda: client.get("/readyz").status_code == 200)
    assert version(client) == "v1"


def test_a_first_version_with_other_features_is_adopted(tmp_path: Path, serve: Serve) -> None:
    client = serve()
    add_version(ModelRegistry(tmp_path / "artifacts"), features=("a", "b"))
    until(lambda: client.get("/readyz").status_code == 200)
    assert client.post("/predict", json={"a": 1, "b": 2}).status_code == 200
    properties = client.get("/openapi.json").json()["components"]["schemas"]["Features"]
    assert list(properties["properties"]) == ["a", "b", "house_id"]
    assert (
        (tmp_path / "logs" / "predictions.csv")
        .read_text()
        .startswith("id,timestamp,model_version,a,b,predicted_price\n")
    )


def test_a_damaged_file_is_refused_until_it_is_restored(
    client: TestClient, registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("housing_cli.api.reloader.RETRY_SECONDS", 0.1)
    added = add_version(registry, 1, promote=False)
    file = added.directory / "model.onnx"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    registry.point("production", added)
    until(lambda: "SHA-256" in refusal(client))
    assert version(client) == "v1"
    assert sample(client, 'housing_reloads_total{outcome="refused"}') == "1.0"
    assert sample(client, "housing_reload_refused") == "1.0"
    file.write_bytes(whole)
    until(lambda: version(client) == "v2")
    assert refusal(client) == ""
    assert sample(client, "housing_reload_refused") == "0.0"


def test_golden_rows_that_do_not_match_are_refused(
    client: TestClient, registry: ModelRegistry
) -> None:
    def spoil(files, golden):  # type: ignore[no-untyped-def]
        return files, type(golden)(golden.inputs, [price + 1 for price in golden.outputs])

    add_version(registry, 1, promote=True, spoil=spoil)
    until(lambda: "golden" in refusal(client))
    assert version(client) == "v1"


def test_a_file_that_is_no_graph_is_refused(client: TestClient, registry: ModelRegistry) -> None:
    add_version(
        registry, 1, promote=True, spoil=lambda files, golden: ({"model.onnx": b"no graph"}, golden)
    )
    until(lambda: "cannot be loaded" in refusal(client))
    assert version(client) == "v1"


@pytest.mark.parametrize("text", ["v99\n", "nonsense\n", "", "\xff"])
def test_an_alias_that_points_nowhere_is_refused(
    client: TestClient, registry: ModelRegistry, text: str
) -> None:
    replaced = registry.alias_path("production").with_name("new")
    replaced.write_text(text, encoding="latin-1")
    replaced.replace(registry.alias_path("production"))
    until(lambda: "production" in refusal(client) or "v99" in refusal(client))
    assert version(client) == "v1"


@pytest.mark.parametrize("features", [FEATURES[:-1], tuple(reversed(FEATURES)), ("a", "b")])
def test_a_version_with_other_features_is_refused(
    client: TestClient, registry: ModelRegistry, features: tuple[str, ...]
) -> None:
    add_version(registry, 1, features=features, promote=True)
    until(lambda: "other features" in refusal(client))
    assert version(client) == "v1"


def test_other_limits_are_taken_over(client: TestClient, registry: ModelRegistry) -> None:
    add_version(registry, 1, limits={"RM": (None, 5.0)}, promote=True)
    until(lambda: client.post("/predict", json=ROW).status_code == 422)
    schema = client.get("/openapi.json").json()["components"]["schemas"]["Features"]
    assert schema["properties"]["RM"]["anyOf"][0]["maximum"] == 5.0


def test_other_units_are_taken_over(client: TestClient, registry: ModelRegistry) -> None:
    made = add_version(registry, 1, promote=False)
    files = {name: (made.directory / name).read_bytes() for name in made.metadata.files}
    schema = msgspec.structs.replace(made.metadata.schema, units={"RM": "rooms"})
    registry.add(msgspec.structs.replace(made.metadata, schema=schema), files, promote=True)
    until(lambda: version(client) == "v3")
    told = client.get("/openapi.json").json()["components"]["schemas"]["Features"]
    assert told["properties"]["RM"]["description"] == "Unit: rooms."
    assert client.post("/predict", json=ROW).status_code == 200


def test_a_server_whose_first_version_is_corrupt_starts_and_recovers(
    registry: ModelRegistry, serve: Serve
) -> None:
    file = registry.get("v1").directory / "model.onnx"
    file.write_bytes(b"")
    client = serve()
    assert "SHA-256" in client.get("/readyz").json()["reasons"][0]
    assert client.post("/predict", json=ROW).status_code == 503
    add_version(registry, 1, promote=True)
    until(lambda: client.get("/readyz").status_code == 200)


def test_model_info_names_the_served_version_only(
    client: TestClient, registry: ModelRegistry
) -> None:
    add_version(registry, 1, tag="second", promote=True)
    until(lambda: version(client) == "v2")
    lines = [
        line.rpartition(" ")
        for line in client.get("/metrics").text.splitlines()
        if line.startswith("housing_model_info{")
    ]
    shown = [labels for labels, _, value in lines if value == "1.0"]
    assert len(shown) == 1
    assert 'version="v2"' in shown[0]
    assert 'tag="second"' in shown[0]
