"""The application: what it is made of, and which failure is which status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import housing_cli.api.app as api_app
from housing_cli import __version__, errors
from housing_cli.api import failures
from housing_cli.api.app import create_app
from housing_cli.api.http.errors import failure
from housing_cli.errors import ConfigError, HousingError, ServeError
from housing_cli.registry import ModelRegistry
from tests.api.serving import ROW, make_settings

Serve = Callable[..., TestClient]


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.UnknownPrediction, 404),
        (failures.BodyTooSlow, 408),
        (failures.BodyTooLarge, 413),
        (failures.BatchTooLarge, 413),
        (failures.NotFinite, 422),
        (errors.LogUnavailable, 503),
        (errors.LogBusy, 503),
        (errors.LogSchemaMismatch, 503),
        (errors.VersionCorrupt, 503),
        (failures.NoModel, 503),
        (failures.Overloaded, 503),
        (errors.RegistryError, 500),
        (errors.ConfigError, 500),
    ],
)
def test_a_failure_has_its_status_and_says_when_to_come_back(
    kind: type[HousingError], status: int
) -> None:
    answer = failure(kind("it broke", "mend it"))
    assert answer.status_code == status
    assert json.loads(bytes(answer.body)) == {"detail": "it broke", "hint": "mend it"}
    assert answer.headers.get("retry-after") == ("1" if status == 503 else None)
    bare = failure(kind("it broke"))
    assert json.loads(bytes(bare.body)) == {"detail": "it broke"}


def test_an_application_without_a_version_starts_and_answers_503(tmp_path: Path) -> None:
    with TestClient(create_app(make_settings(tmp_path))) as client:
        answer = client.post("/predict", json=ROW)
        assert answer.status_code == 503
        assert answer.json()["hint"] == "make one with `housing train`"
        assert client.get("/healthz").status_code == 200
        assert client.get("/openapi.json").json()["info"]["version"] == __version__


def test_settings_that_cannot_be_served_with_are_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not the URL of a prediction log"):
        create_app(make_settings(tmp_path, log={"url": "nonsense:"}))
    with pytest.raises(ServeError, match="API keys"):
        create_app(make_settings(tmp_path, api={"keys_file": str(tmp_path / "none")}))


def test_the_application_for_uvicorn_is_made_once_when_it_is_asked_for(
    workshop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(vars(api_app), "app", raising=False)
    (workshop / "configs").mkdir()
    (workshop / "configs" / "housing.toml").write_text("[api]\nkeys = ['k']\n")
    made = api_app.app
    assert api_app.app is made
    assert TestClient(made).post("/predict", json=ROW).status_code == 401
    monkeypatch.delitem(vars(api_app), "app")
    with pytest.raises(AttributeError, match="has no attribute `application`"):
        _ = api_app.application


def test_a_bug_shows_nothing_of_itself(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    for name in ("append", "append_groups"):
        monkeypatch.setattr(client.app.state.predictor.log, name, fail)  # type: ignore[attr-defined]
    for content_type in ("application/json", "application/problem+json"):
        answer = client.post("/predict", json=ROW, headers={"content-type": content_type})
        assert answer.status_code == 500
        assert answer.json() == {"detail": "Internal Server Error"}
        assert answer.headers["x-request-id"]


@pytest.mark.slow
def test_the_api_imports_nothing_that_trains_or_unpickles() -> None:
    code = (
        "import sys, housing_cli.api.app, housing_cli.api.process.server;"
        "housing_cli.api.app.create_app();"
        "print([name for name in sys.modules if name.split('.')[0] in"
        " ('sklearn', 'pandas', 'joblib', 'skl2onnx', 'onnx', 'scipy', 'duckdb',"
        " 'typer')"
        " or name in ('housing_cli.' + room for room in"
        " 'train evaluate retrain promote pipeline export dataset gate cli output'.split())])"
    )
    run_ = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/"
    )
    assert run_.stdout.strip() == "[]"


@pytest.mark.slow
def test_importing_the_app_reads_and_opens_nothing(tmp_path: Path) -> None:
    code = "import housing_cli.api.app as module; assert 'app' not in vars(module)"
    environment = {**os.environ, "HOUSING_LOG_URL": "nonsense:", "HOUSING_CONFIG": "/none"}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=environment)
    assert not list(tmp_path.iterdir())


def test_behind_the_prefix_of_a_proxy(
    registry: ModelRegistry, serve: Serve, recwarn: pytest.WarningsRecorder
) -> None:
    client = serve(serve={"root_path": "/prices"})
    assert not [warning for warning in recwarn if "root_path" in str(warning.message)]
    assert client.get("/openapi.json").json()["servers"] == [{"url": "/prices"}]
    assert "/prices/openapi.json" in client.get("/docs").text
    for prefix in ("", "/prices"):  # a proxy that takes it away, and one that does not
        assert client.post(f"{prefix}/predict", json=ROW).status_code == 200
        assert client.get(f"{prefix}/readyz").status_code == 200


def test_pages_of_other_origins_may_call_where_they_are_named(
    registry: ModelRegistry, serve: Serve
) -> None:
    page = {"origin": "https://prices.example"}
    asked = page | {
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,x-api-key",
    }
    client = serve(api={"cors_origins": ["https://prices.example"], "keys": ["secret"]})
    answer = client.options("/predict", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://prices.example"
    answer = client.post("/predict", json=ROW, headers=page | {"x-api-key": "secret"})
    assert answer.headers["access-control-allow-origin"] == "https://prices.example"
    refused = client.post("/predict", json=ROW, headers=page)
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "https://prices.example"
    other = client.options("/predict", headers=asked | {"origin": "https://other.example"})
    assert "access-control-allow-origin" not in other.headers
    silent = serve()
    assert silent.options("/predict", headers=asked).status_code == 405
    assert "access-control-allow-origin" not in silent.get("/healthz", headers=page).headers
