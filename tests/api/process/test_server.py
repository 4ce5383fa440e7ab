"""Real server processes: started, promoted under, stopped, killed."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import httpx
import pytest
import uvicorn
from uvicorn.supervisors.multiprocess import SIGNALS

from housing_cli.api.process.server import Supervisor, run
from housing_cli.errors import ServeError
from housing_cli.registry import ModelRegistry
from tests.api.server_process import Start, free_port, logged_ids
from tests.api.serving import ROW, add_version, make_settings

pytestmark = pytest.mark.slow

MANY = 200
"""Requests on new connections, among which are some of every worker's."""


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("command", ["housing", "uvicorn"])
def test_a_server_answers_and_ends_with_zero_on_sigterm(
    start: Start, tmp_path: Path, command: str, workers: int
) -> None:
    server = start(command, workers=workers)
    answer = server.client.post("/predict", json=ROW)
    assert answer.status_code == 200
    assert answer.json()["id"] in logged_ids(tmp_path)
    if command == "housing":
        assert "server" not in answer.headers
    assert server.stop() == 0


def test_ctrl_c_ends_with_zero_and_without_a_traceback(start: Start) -> None:
    server = start()
    assert server.stop(signal.SIGINT) == 0
    assert "Traceback" not in server.errors.read_text()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_closed_terminal_ends_it_as_sigterm_does(
    start: Start, tmp_path: Path, workers: int
) -> None:
    server = start(workers=workers)
    parent = server.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    batch = {"rows": [ROW] * 10_000}
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(httpx.post, f"{server.url}/predict/batch", json=batch, timeout=30)
        while not (tmp_path / "logs").exists() and not asked.done():
            time.sleep(0.001)
        for pid in (*map(int, children), parent):  # all that the terminal knows
            os.kill(pid, signal.SIGHUP)
        assert asked.result().status_code == 200
    assert server.process.wait(20) == 0
    told = server.errors.read_text()
    # Python's own helper, which the terminal ends as well, may be told of; a worker may not.
    assert "draining" in told and "Child process" not in told


def test_nobody_waits_for_a_server_that_stops() -> None:
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            supervisor = Supervisor(uvicorn.Config("none", workers=2), [listener])
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # as `nohup` left it
            supervisor.handle_hup()
            assert supervisor.should_exit.is_set()
            supervisor.terminate_all()
            assert listener.fileno() == -1  # the workers' own are all that is left
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def test_sigterm_says_not_ready_before_it_stops(start: Start) -> None:
    server = start()
    with httpx.Client(base_url=server.url) as client:
        server.process.send_signal(signal.SIGTERM)
        while (ready := client.get("/readyz")).status_code == 200:
            time.sleep(0.01)
        assert ready.json()["reasons"][0].startswith("draining")
        assert client.post("/predict", json=ROW).status_code == 200
    assert server.process.wait(10) == 0


def test_sigterm_lets_a_request_in_flight_finish(start: Start, tmp_path: Path) -> None:
    server = start(HOUSING_API_MAX_BODY_BYTES="20000000", HOUSING_API_MAX_BATCH_ROWS="100000")
    body = json.dumps({"rows": [ROW] * 50_000})
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(httpx.post, f"{server.url}/predict/batch", content=body, timeout=30,
                             headers={"content-type": "application/json"})  # fmt: skip
        time.sleep(0.1)
        assert server.stop() == 0
        assert answer.result().status_code == 200
    assert len(logged_ids(tmp_path)) == 50_000


@pytest.mark.parametrize("workers", [1, 2])
def test_kill_right_after_an_answer_loses_nothing(
    start: Start, tmp_path: Path, workers: int
) -> None:
    server = start(workers=workers)
    acknowledged: list[str] = []
    parent = server.process.pid
    children = [
        int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    ]

    def send() -> None:
        with httpx.Client(base_url=server.url) as client:
            while len(acknowledged) < 3000:
                try:
                    answer = client.post("/predict", json=ROW)
                except httpx.TransportError:
                    return
                if answer.status_code == 200:
                    acknowledged.append(answer.json()["id"])

    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            pool.submit(send)
        while len(acknowledged) < 200:
            time.sleep(0.01)
        for pid in [parent, *children]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
    server.process.wait()
    assert len(acknowledged) >= 200
    assert set(acknowledged) <= logged_ids(tmp_path)


def test_every_worker_follows_a_promotion_without_a_failed_request(
    start: Start, registry: ModelRegistry
) -> None:
    server = start(workers=2)
    versions: list[str] = []
    stop = threading.Event()

    def send() -> None:
        while not stop.is_set():
            with httpx.Client(base_url=server.url) as client:  # a new connection: any worker
                for _ in range(5):
                    answer = client.post("/predict", json=ROW)
                    assert answer.status_code == 200
                    versions.append(answer.json()["model_version"])

    def wait_for(fact: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 30
        while not fact():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    with ThreadPoolExecutor(4) as pool:
        senders = [pool.submit(send) for _ in range(4)]
        try:
            wait_for(lambda: len(versions) > MANY)
            assert set(versions) == {"v1"}
            add_version(registry, 1, promote=True)
            wait_for(lambda: set(versions[-MANY:]) == {"v2"})
        finally:
            stop.set()
        for sender in senders:
            sender.result()


@pytest.mark.parametrize("command", ["housing", "uvicorn"])
def test_workers_end_with_their_supervisor(start: Start, command: str) -> None:
    server = start(command, workers=2)
    server.stop(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while True:
        try:
            httpx.get(f"{server.url}/healthz")
        except httpx.ConnectError:
            return  # nobody holds the port
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, server.errors.read_text()
        time.sleep(0.05)


def test_metrics_add_up_over_workers_and_outlive_them(start: Start) -> None:
    server = start(workers=2)
    for _ in range(40):
        assert httpx.post(f"{server.url}/predict", json=ROW).status_code == 200

    def counted() -> float:
        for line in httpx.get(f"{server.url}/metrics").text.splitlines():
            if line.startswith('housing_predictions_total{outcome="ok"'):
                return float(line.split()[-1])
        return 0.0

    deadline = time.monotonic() + 5
    while counted() != 40:
        assert time.monotonic() < deadline, counted()
        time.sleep(0.1)
    parent = server.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    workers = [
        int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    os.kill(workers[0], signal.SIGKILL)
    time.sleep(2)
    server.wait_until_ready()
    assert counted() == 40
    assert server.stop() == 0


@pytest.mark.parametrize("room", ["64k", "20m"])
def test_a_full_memory_disk_ends_no_worker(room: str, start: Start, tmp_path: Path) -> None:
    disk = tmp_path / "shm"
    disk.mkdir()
    if os.geteuid() != 0 or os.system(f"mount -t tmpfs -o size={room} tmpfs {disk} 2>/dev/null"):
        pytest.skip("no right to mount a small disk")
    try:
        server = start(workers=2, PROMETHEUS_MULTIPROC_DIR=str(disk))
        while server.errors.read_text().count("Application startup complete") < 2:
            time.sleep(0.05)
        with (disk / "ballast").open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        for _ in range(50):
            assert httpx.post(f"{server.url}/predict", json=ROW).status_code == 200
            assert httpx.get(f"{server.url}/nowhere").status_code == 404
            metrics = httpx.get(f"{server.url}/metrics")
            assert metrics.status_code == 200
        alone = room == "64k"  # the other has its room since it started
        assert ("housing_metrics_alone 1.0" in metrics.text) == alone
        assert server.stop() == 0
        told = server.errors.read_text()
        assert told.count("metrics_not_shared") == (2 if alone else 0)
        assert told.count("Started server process") == 2
    finally:
        os.system(f"umount -l {disk}")


def test_a_directory_of_metrics_that_cannot_be_made_is_an_error(
    registry: ModelRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "/proc/nope")
    with pytest.raises(ServeError, match="directory of metrics"):
        run(make_settings(tmp_path, serve={"port": free_port(), "workers": 2}))


def test_access_log_is_json_with_the_request_id(start: Start) -> None:
    server = start(HOUSING_SERVE_ACCESS_LOG="true", HOUSING_API_KEYS="s3cret")
    headers = {"x-request-id": "my-id", "x-api-key": "s3cret"}
    assert server.client.post("/predict", json=ROW, headers=headers).status_code == 200
    assert server.stop() == 0
    text = server.errors.read_text()
    assert "s3cret" not in text
    lines = [json.loads(line) for line in text.splitlines()]
    (line,) = [line for line in lines if line.get("request_id") == "my-id"]
    assert (line["event"], line["path"], line["status"]) == ("request", "/predict", 200)
    assert "model_loaded" in {line["event"] for line in lines}


def test_a_port_in_use_is_a_serve_error(registry: ModelRegistry, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServeError, match=f"127.0.0.1:{port}: address already in use"):
            run(make_settings(tmp_path, serve={"port": port}))


def test_a_host_that_is_none_is_a_serve_error(registry: ModelRegistry, tmp_path: Path) -> None:
    with pytest.raises(ServeError, match="cannot listen on no such host:0"):
        run(make_settings(tmp_path, serve={"host": "no such host", "port": 0}))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_log_that_cannot_be_written_is_a_serve_error(
    registry: ModelRegistry, tmp_path: Path, workers: int
) -> None:
    (tmp_path / "logs").write_text("in the way")
    with pytest.raises(ServeError, match="prediction log cannot be used"):
        run(make_settings(tmp_path, serve={"port": free_port(), "workers": workers}))


def test_a_file_system_that_cannot_lock_the_log_is_a_serve_error(
    registry: ModelRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: object) -> NoReturn:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(ServeError, match="does not lock files") as caught:
        run(make_settings(tmp_path, serve={"port": free_port()}))
    assert "local disk" in caught.value.hint


def test_a_missing_key_file_is_a_serve_error(registry: ModelRegistry, tmp_path: Path) -> None:
    with pytest.raises(ServeError, match="API keys"):
        run(make_settings(tmp_path, api={"keys_file": str(tmp_path / "none")}))
