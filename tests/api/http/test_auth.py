"""API keys guard what writes, can be rotated, and show nowhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from housing_cli.api.http.auth import ApiKeys
from housing_cli.errors import ServeError
from tests.api.serving import ROW

Serve = Callable[..., TestClient]
GUARDED = ("/predict", "/predict/batch", "/feedback")
OPEN = ("/healthz", "/readyz", "/version", "/metrics", "/docs", "/openapi.json")


@pytest.fixture
def guarded(registry: object, serve: Serve) -> TestClient:
    """An application with two keys."""
    return serve(api={"keys": ["first-key", "clé"]})


@pytest.mark.parametrize("path", GUARDED)
@pytest.mark.parametrize(
    "headers",
    [{}, {"x-api-key": ""}, {"x-api-key": "first-ke"}, {"x-api-key": "first-key,"},
     {"authorization": "Basic first-key"}, {"authorization": "Bearer"},
     {"authorization": "first-key"}, {"x-api-key": "wrong", "authorization": "Bearer first-key"}],
)  # fmt: skip
def test_without_a_valid_key_the_answer_is_401(
    guarded: TestClient, path: str, headers: dict[str, str]
) -> None:
    answer = guarded.post(path, json=ROW, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "key" in answer.json()["detail"]


@pytest.mark.parametrize(
    "headers",
    [{"x-api-key": "first-key"}, {"authorization": "Bearer first-key"},
     {"authorization": "bearer  first-key "}, {"x-api-key": "clé".encode()}],
)  # fmt: skip
def test_each_key_is_taken_in_both_headers(guarded: TestClient, headers: dict[str, str]) -> None:
    assert guarded.post("/predict", json=ROW, headers=headers).status_code == 200


def test_nothing_of_a_body_is_judged_before_the_key(guarded: TestClient) -> None:
    assert guarded.post("/predict", content=b"x" * 9_000_000).status_code == 401


@pytest.mark.parametrize("path", OPEN)
def test_what_only_reads_stays_open(guarded: TestClient, path: str) -> None:
    assert guarded.get(path).status_code == 200


def test_metrics_are_guarded_when_configured(registry: object, serve: Serve) -> None:
    client = serve(api={"keys": ["k"], "protect_metrics": True})
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"authorization": "Bearer k"}).status_code == 200
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("prefix", ["", "/prices"])
@pytest.mark.parametrize("more", ["%0A", "%0a?x=1", "%00", "%E2%80%A8"])
def test_no_spelling_of_a_path_goes_around_the_keys(
    registry: object, serve: Serve, prefix: str, more: str
) -> None:
    client = serve(api={"keys": ["k"], "protect_metrics": True}, serve={"root_path": prefix})
    for path in (*GUARDED, *OPEN):
        for method in ("GET", "POST"):
            answer = client.request(method, f"{prefix}{path}{more}", json=ROW)
            assert answer.status_code == 404, (method, path)
    assert client.post(f"{prefix}/%70redict", json=ROW).status_code == 401


def test_openapi_names_the_schemes_only_when_keys_are_required(
    guarded: TestClient, tmp_path: Path
) -> None:
    document = guarded.get("/openapi.json").json()
    assert set(document["components"]["securitySchemes"]) == {"APIKeyHeader", "HTTPBearer"}
    assert document["paths"]["/predict"]["post"]["security"]
    assert "security" not in document["paths"]["/healthz"]["get"]


def test_without_keys_openapi_has_no_security(client: TestClient) -> None:
    assert "securitySchemes" not in client.get("/openapi.json").json()["components"]


def test_a_key_file_is_read_again_when_it_changes(
    registry: object, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("housing_cli.api.http.auth.RECHECK_SECONDS", 0.0)
    file = tmp_path / "keys"
    file.write_text("# rotated monthly\n\nold-key\n")
    client = serve(api={"keys_file": str(file), "keys": ["fixed"]})

    def status(key: str) -> int:
        return int(client.post("/predict", json=ROW, headers={"x-api-key": key}).status_code)

    assert [status(key) for key in ("old-key", "new-key", "fixed")] == [200, 401, 200]
    file.write_text("old-key\nnew-key\n")
    assert [status(key) for key in ("old-key", "new-key", "fixed")] == [200, 200, 200]
    file.write_text("new-key\n")
    time.sleep(0.01)
    assert [status(key) for key in ("old-key", "new-key", "# rotated monthly")] == [401, 200, 401]
    file.unlink()
    assert [status(key) for key in ("old-key", "new-key", "fixed")] == [401, 200, 200]


def test_an_emptied_key_file_opens_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("housing_cli.api.http.auth.RECHECK_SECONDS", 0.0)
    file = tmp_path / "keys"
    file.write_text("only\n")
    keys = ApiKeys((), str(file))
    file.write_text("")
    assert keys.required
    assert keys.refuses({}) == "no key"
    assert keys.refuses({b"x-api-key": b""}) == "no key"
    assert keys.refuses({b"x-api-key": b"only"}) == "unknown key"


def test_a_key_file_that_is_missing_or_empty_is_an_error_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ServeError, match="cannot be read: No such file"):
        ApiKeys((), str(tmp_path / "none"))
    (tmp_path / "empty").write_text("# nothing\n")
    with pytest.raises(ServeError, match="holds no key"):
        ApiKeys((), str(tmp_path / "empty"))


def test_keys_are_in_no_log_and_no_answer(
    registry: object, serve: Serve, capfd: pytest.CaptureFixture[str]
) -> None:
    client = serve(api={"keys": ["s3cret-key"]}, serve={"access_log": True})
    for headers in ({"x-api-key": "s3cret-key"}, {"authorization": "Bearer s3cret-key"}, {}):
        answer = client.post("/predict", json=ROW, headers=headers)
        assert "s3cret" not in answer.text
    out, err = capfd.readouterr()
    assert "s3cret" not in out + err


def test_a_wrong_key_and_none_are_told_apart_in_the_log_alone(
    guarded: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = guarded.post("/predict", json=ROW, headers={"x-api-key": "s3cret"})
    none = guarded.post("/predict", json=ROW)
    assert wrong.json() == none.json()
    said = [vars(record) for record in caplog.records if record.message == "key_refused"]
    assert [(one["reason"], one["path"]) for one in said] == [
        ("unknown key", "/predict"),
        ("no key", "/predict"),
    ]
    assert "s3cret" not in caplog.text
