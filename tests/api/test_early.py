"""The version that is loaded while the framework is imported."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from housing_cli.api.app import create_app
from housing_cli.api.early import EarlyLoad
from housing_cli.registry import ModelRegistry
from tests.api.serving import ROW, add_version, make_settings


def test_what_was_loaded_is_served(tmp_path: Path) -> None:
    add_version(ModelRegistry(tmp_path / "artifacts"))
    settings = make_settings(tmp_path)
    early = EarlyLoad(settings)
    with TestClient(create_app(settings, early)) as client:
        assert client.post("/predict", json=ROW).json()["model_version"] == "v1"
    assert early.take("v1") is None  # the application has it


def test_a_promotion_meanwhile_counts(tmp_path: Path) -> None:
    registry = ModelRegistry(tmp_path / "artifacts")
    add_version(registry)
    settings = make_settings(tmp_path)
    early = EarlyLoad(settings)
    early._thread.join()
    add_version(registry, seed=1, promote=True)
    with TestClient(create_app(settings, early)) as client:
        assert client.post("/predict", json=ROW).json()["model_version"] == "v2"


def test_what_cannot_be_loaded_is_reported_as_ever(tmp_path: Path) -> None:
    version = add_version(ModelRegistry(tmp_path / "artifacts"))
    (version.directory / "model.onnx").write_bytes(b"damaged")
    settings = make_settings(tmp_path)
    with TestClient(create_app(settings, EarlyLoad(settings))) as client:
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert "model.onnx" in answer.text


def test_a_bug_in_the_thread_is_met_again_where_it_is_handled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("housing_cli.api.early.load_served", fail)
    add_version(ModelRegistry(tmp_path / "artifacts"))
    settings = make_settings(tmp_path)
    with TestClient(create_app(settings, EarlyLoad(settings))) as client:
        assert client.get("/readyz").status_code == 200
    assert "Traceback" not in capsys.readouterr().err
