"""Faults of the log are 503 with a reason, and pass by themselves."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from fastapi.testclient import TestClient

from housing_cli.errors import LogUnavailable
from tests.api.serving import ROW

Serve = Callable[..., TestClient]
UNKNOWN_ID = "01981b0e-7f3c-7c9a-a3a1-4f2c3d5e6f70"


def fail(*_: Any, **__: Any) -> NoReturn:
    """Fail as a log does whose disk is full."""
    raise LogUnavailable(
        "`predictions.csv` cannot be written: no space left on device", "free some"
    )


@pytest.mark.parametrize(
    ("path", "method", "body"),
    [
        ("/predict", "append", ROW),
        ("/predict/batch", "append", {"rows": [ROW]}),
        ("/feedback", "feedback", {"id": UNKNOWN_ID, "real_price": 1}),
    ],
)
@pytest.mark.parametrize("content_type", ["application/json", "application/vnd.api+json"])
def test_a_log_that_fails_is_503_and_recovers(
    client: TestClient, path: str, method: str, body: Any, content_type: str
) -> None:
    import json

    log = client.app.state.predictor.log  # type: ignore[attr-defined]
    content = json.dumps(body)
    with pytest.MonkeyPatch.context() as patch:
        for name in (method, "append_groups"):
            patch.setattr(log, name, fail)
        answer = client.post(path, content=content, headers={"content-type": content_type})
        assert answer.status_code == 503
        assert "no space left" in answer.json()["detail"]
        assert answer.json()["hint"] == "free some"
        assert answer.headers["retry-after"] == "1"
    answer = client.post(path, content=content, headers={"content-type": content_type})
    assert answer.status_code == (404 if path == "/feedback" else 200)


def test_a_log_that_cannot_be_written_makes_the_server_not_ready(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = client.app.state.predictor  # type: ignore[attr-defined]
    monkeypatch.setattr("housing_cli.api.log_probe.FRESH_SECONDS", 0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predictor.log, "check", fail)
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert "no space left" in ready.json()["reasons"][0]
        assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 200


def test_a_log_directory_that_is_a_file_is_503_until_it_is_mended(
    registry: object, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("housing_cli.api.log_probe.FRESH_SECONDS", 0.0)
    (tmp_path / "logs").write_text("in the way")
    client = serve()
    assert client.get("/readyz").status_code == 503
    assert client.post("/predict", json=ROW).status_code == 503
    (tmp_path / "logs").unlink()
    assert client.get("/readyz").status_code == 200
    assert client.post("/predict", json=ROW).status_code == 200


@pytest.mark.parametrize("there", [True, False])
def test_a_file_system_that_cannot_lock_is_503_and_never_500(
    there: bool, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("housing_cli.api.log_probe.FRESH_SECONDS", 0.0)
    body = {"id": UNKNOWN_ID, "real_price": 1}
    if there:
        body["id"] = client.post("/predict", json=ROW).json()["id"]

    def flock(*_: object) -> NoReturn:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fcntl, "flock", flock)
        assert "does not lock" in client.get("/readyz").json()["reasons"][0]
        for _ in range(2):
            answers = [
                client.post("/predict", json=ROW),
                client.post("/predict/batch", json={"rows": [ROW]}),
                *([client.post("/feedback", json=body)] if there else []),
            ]
            assert {answer.status_code for answer in answers} == {503}
    assert client.get("/readyz").status_code == 200
    assert client.post("/predict", json=ROW).status_code == 200


def test_draining_is_not_ready_but_still_answers(client: TestClient) -> None:
    client.app.state.predictor.drain()  # type: ignore[attr-defined]
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["reasons"][0].startswith("draining")
    answer = client.post("/predict", json=ROW)
    assert answer.status_code == 200
    assert answer.headers["connection"] == "close"


def test_too_many_batches_are_told_to_come_back(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("housing_cli.api.predictor.MAX_WAITING_BATCHES", 0)
    answer = client.post("/predict/batch", json={"rows": [ROW]})
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


@pytest.mark.parametrize("fsync", [False, True])
@pytest.mark.parametrize("url", ["csv:{}/logs", "sqlite:///{}/predictions.db"])
def test_logs_that_wait_answer_as_those_that_do_not(
    registry: object, serve: Serve, tmp_path: Path, url: str, fsync: bool
) -> None:
    client = serve(log={"url": url.format(tmp_path), "fsync": fsync})
    waits = client.app.state.predictor.log.blocking  # type: ignore[attr-defined]
    assert waits is fsync
    made = client.post("/predict", json=ROW).json()
    body = {"id": made["id"], "real_price": 20}
    assert client.post("/feedback", json=body).json()["status"] == "recorded"
    assert client.post("/feedback", json=body).json()["status"] == "unchanged"
    assert client.post("/feedback", json={**body, "id": UNKNOWN_ID}).status_code == 404
    batch = client.post("/predict/batch", json={"rows": [ROW] * 600})
    assert len({one["id"] for one in batch.json()["predictions"]}) == 600
    assert client.get("/readyz").status_code == 200


def hang_and_fail(*_: Any) -> NoReturn:
    time.sleep(0.6)
    fail()


def test_a_log_that_hangs_is_503_after_the_request_timeout(
    registry: object, serve: Serve, tmp_path: Path
) -> None:
    client = serve(log={"fsync": True}, serve={"request_timeout": 0.2})
    log = client.app.state.predictor.log  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log, "append_groups", hang_and_fail)
        answer = client.post("/predict", json=ROW)
    assert answer.status_code == 503
    assert "did not answer within 0.2 s" in answer.json()["detail"]
    time.sleep(0.6)
    assert client.post("/predict", json=ROW).status_code == 200


def test_a_clock_that_stepped_back_is_told_once_on_stderr_and_in_the_details(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert client.get("/readyz").json()["warnings"] == []
    right = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: right() + 3_600_000_000_000)
    client.post("/predict", json=ROW)
    monkeypatch.setattr(time, "time_ns", right)
    client.post("/predict", json=ROW)
    for _ in range(2):
        ready = client.get("/readyz")
        assert ready.status_code == 200
        assert "the clock stepped back by 3600 s" in ready.json()["warnings"][0]
    assert [one.message for one in caplog.records].count("clock_stepped_back") == 1
