"""Another process holds the csv log: requests wait for it, and the event loop does not."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from housing_cli.data.schema import FeatureSchema
from housing_cli.errors import LogBusy
from housing_cli.prediction_log import open_log
from housing_cli.registry import ModelRegistry
from tests.api.serving import ROW, add_version


@contextmanager
def held(file: Path) -> Iterator[None]:
    """Hold the lock as a writer does that was stopped in the midst of a row."""
    with file.open("rb") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@pytest.mark.parametrize("route", ["predict", "batch", "feedback"])
def test_others_are_answered_while_a_request_waits(
    route: str, tmp_path: Path, serve: Callable[..., TestClient]
) -> None:
    add_version(ModelRegistry(tmp_path / "artifacts"))
    client = serve()
    first = client.post("/predict", json=ROW).json()["id"]
    client.post("/feedback", json={"id": first, "real_price": 20.5})
    path, body = {
        "predict": ("/predict", ROW),
        "batch": ("/predict/batch", {"rows": [ROW] * 3}),
        "feedback": ("/feedback", {"id": first, "real_price": 21.5}),
    }[route]
    file = tmp_path / "logs" / ("feedback.csv" if route == "feedback" else "predictions.csv")
    with ThreadPoolExecutor(3) as threads:
        with held(file):
            waiting: list[Future[Any]] = [
                threads.submit(client.post, path, json=body) for _ in range(2)
            ]
            time.sleep(0.05)
            assert client.get("/healthz").status_code == 200
            assert not any(one.done() for one in waiting)
        assert [one.result().status_code for one in waiting] == [200, 200]
    assert client.post("/predict", json=ROW).status_code == 200


def test_who_does_not_want_to_wait_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    log = open_log(f"csv:{tmp_path}", FeatureSchema(("a",), "price", {}))
    (one,) = log.append("v1", [[1.0]], [2.0])
    log.feedback(one, 3.0)
    before = [(tmp_path / name).read_bytes() for name in ("predictions.csv", "feedback.csv")]
    with held(tmp_path / "predictions.csv"), pytest.raises(LogBusy):
        log.append("v1", [[1.0]], [2.0], wait=False)
    with held(tmp_path / "feedback.csv"), pytest.raises(LogBusy):
        log.feedback(one, 4.0, wait=False)
    assert before == [
        (tmp_path / name).read_bytes() for name in ("predictions.csv", "feedback.csv")
    ]
    log.append("v1", [[1.0]], [2.0], wait=False)


@pytest.mark.parametrize("fsync", [False, True])
def test_a_batch_on_record_is_answered_however_many_wait(
    fsync: bool, tmp_path: Path, serve: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only before it is recorded may it be told to come back, or its rows would be there twice."""
    add_version(ModelRegistry(tmp_path / "artifacts"))
    monkeypatch.setattr("housing_cli.api.predictor.MAX_WAITING_BATCHES", 2)
    client = serve(log={"fsync": fsync})
    body = {"rows": [ROW] * 300}
    with ThreadPoolExecutor(24) as threads:
        posts = [threads.submit(client.post, "/predict/batch", json=body) for _ in range(72)]
        statuses = [one.result().status_code for one in posts]
    assert set(statuses) <= {200, 503}
    with (tmp_path / "logs" / "predictions.csv").open() as file:
        assert sum(1 for _ in file) - 1 == 300 * statuses.count(200)


def test_batches_behind_a_held_log_fail_together(
    tmp_path: Path, serve: Callable[..., TestClient]
) -> None:
    add_version(ModelRegistry(tmp_path / "artifacts"))
    client = serve(serve={"request_timeout": 0.3})
    client.post("/predict", json=ROW)
    body = {"rows": [ROW] * 5}
    with held(tmp_path / "logs" / "predictions.csv"), ThreadPoolExecutor(12) as threads:
        posts = [threads.submit(client.post, "/predict/batch", json=body) for _ in range(12)]
        # Another batch is read, and refused, while they wait: nothing stands in its way.
        unfit = client.post("/predict/batch", json={"rows": [{}]})
        assert unfit.status_code == 422
        assert [one.result(timeout=10).status_code for one in posts] == [503] * 12
