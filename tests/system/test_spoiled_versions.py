"""Versions that cannot be served: the one before them keeps answering."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from tests.conftest import FEATURES, QUICK, SHIPPED
from tests.system.processes import housing, serving

ROW: dict[str, float | None] = dict.fromkeys(FEATURES)


def damage_a_file(registry: Path) -> str:
    model = registry / "versions" / "v2" / "model.onnx"
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.chmod(0o644)
    model.write_bytes(bytes(content))
    return "v2"


def remove_a_file(registry: Path) -> str:
    (registry / "versions" / "v2" / "model.onnx").unlink()
    return "v2"


def spoil_the_metadata(registry: Path) -> str:
    metadata = registry / "versions" / "v2" / "metadata.json"
    metadata.chmod(0o644)
    metadata.write_text(metadata.read_text()[:1000])
    return "v2"


def name_nothing(_: Path) -> str:
    return "v99"


def write_noise(_: Path) -> str:
    return "\0\xff not a version"


def use_another_schema(registry: Path) -> str:
    other = [f"X_{name}" for name in FEATURES[:8]]
    table = pd.read_csv(SHIPPED)[[*FEATURES[:8], "MEDV"]]
    table.set_axis([*other, "MEDV"], axis=1).to_csv(registry.parent / "other.csv", index=False)
    sets = (*QUICK, "--set", f"data.features={json.dumps(other)}", "--no-promote")
    done = housing("train", "--data-path", "other.csv", "--json", *sets, cwd=registry.parent)
    assert done.code == 0, done.stderr
    return str(done.json["data"]["version"])


@pytest.mark.parametrize(
    "spoil",
    [
        damage_a_file,
        remove_a_file,
        spoil_the_metadata,
        name_nothing,
        write_noise,
        use_another_schema,
    ],
)
def test_the_old_version_keeps_answering(artifacts: Path, spoil: Callable[[Path], str]) -> None:
    folder, alias = artifacts.parent, artifacts / "aliases" / "production"
    healthy = alias.read_text()
    statuses: list[Any] = []
    stop = threading.Event()

    with serving(folder) as server:

        def ask() -> None:
            with httpx.Client(base_url=server.client.base_url) as client:
                while not stop.is_set():
                    answer = client.post("/predict", json=ROW)
                    statuses.append((answer.status_code, answer.json().get("model_version")))

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            named = spoil(artifacts)
            alias.chmod(0o644)
            alias.write_text(f"{named}\n")
            server.wait_for(lambda: server.client.get("/readyz").json()["reload_refused"], 3)
            time.sleep(0.3)
            ready = server.client.get("/readyz")
            assert ready.status_code == 200
            assert ready.json()["model_version"] == "v1"
            metrics = server.client.get("/metrics").text
            assert "housing_reload_refused 1.0" in metrics
            assert 'housing_reloads_total{outcome="refused"} 1.0' in metrics
            assert any("model_refused" in line for line in server.output)
            alias.write_text(healthy)
            server.wait_for(lambda: not server.client.get("/readyz").json()["reload_refused"], 3)
            assert "housing_reload_refused 0.0" in server.client.get("/metrics").text
        finally:
            stop.set()
            asking.join()
    assert set(statuses) == {(200, "v1")}


def test_a_damaged_version_is_refused_at_the_start_and_another_one_served(artifacts: Path) -> None:
    assert housing("promote", "v2", "--force", cwd=artifacts.parent).code == 0
    damage_a_file(artifacts)
    with serving(artifacts.parent, ready=False) as server:
        server.wait_for(lambda: server.client.get("/healthz").status_code == 200, 20)
        ready = server.client.get("/readyz")
        assert (ready.status_code, ready.json()["model_version"]) == (503, None)
        assert "v2" in ready.json()["reasons"][0]
        assert server.client.post("/predict", json=ROW).status_code == 503
        assert housing("promote", "--rollback", cwd=artifacts.parent).code == 0
        server.wait_until_ready(10)
        assert server.client.post("/predict", json=ROW).status_code == 200
