"""Real server processes: started, promoted under, stopped, killed."""

from __future__ import annotations

import contextlib
import csv
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from serving import ROW, add_version, make_settings

from housing_cli.api.server import run
from housing_cli.errors import ServeError
from housing_cli.registry import ModelRegistry

RUN = """
import sys
from housing_cli.api.server import run
from housing_cli.config import load_settings
if __name__ == "__main__":
    sys.exit(run(load_settings()))
"""


def free_port() -> int:
    """Return a port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A server process in `folder`, asked over HTTP."""

    def __init__(self, folder: Path, *command: str, workers: int = 1, **variables: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        script = folder / "run_server.py"
        script.write_text(RUN)
        bare = command == ("uvicorn",)
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("HOUSING_")
        }
        environment |= {"HOUSING_SERVE_PORT": str(self.port)}
        environment |= {"HOUSING_SERVE_WORKERS": str(workers)} | variables
        arguments = [sys.executable, str(script)]
        if bare:
            arguments = [
                sys.executable, "-m", "uvicorn", "housing_cli.api.app:app",
                "--port", str(self.port), "--workers", str(workers),
            ]  # fmt: skip
        self.errors = folder / "stderr.txt"
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                arguments, cwd=folder, env=environment, stderr=errors, stdout=errors
            )
        self.client = httpx.Client(base_url=self.url, timeout=10)

    def wait_until_ready(self) -> None:
        """Wait until `/readyz` answers 200."""
        deadline = time.monotonic() + 30
        while True:
            assert self.process.poll() is None, self.errors.read_text()
            try:
                if self.client.get("/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline, self.errors.read_text()
            time.sleep(0.05)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(20)

    def close(self) -> None:
        """End the process if it still runs."""
        self.client.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


Start = Callable[..., Server]


@pytest.fixture
def start(registry: ModelRegistry, tmp_path: Path) -> Iterator[Start]:
    """Start servers over the registry and wait until they are ready."""
    servers: list[Server] = []

    def begin(*command: str, workers: int = 1, **variables: str) -> Server:
        server = Server(tmp_path, *command, workers=workers, **variables)
        servers.append(server)
        server.wait_until_ready()
        return server

    yield begin
    for server in servers:
        server.close()


def logged_ids(folder: Path) -> set[str]:
    """Return the ids in the log of predictions."""
    with (folder / "logs" / "predictions.csv").open() as file:
        return {row["id"] for row in csv.DictReader(file)}


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


def test_sigterm_says_not_ready_before_it_stops(start: Start) -> None:
    server = start()
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.15)
    ready = httpx.get(f"{server.url}/readyz")
    assert ready.status_code == 503
    assert ready.json()["reasons"][0].startswith("draining")
    assert httpx.post(f"{server.url}/predict", json=ROW).status_code == 200
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
    versions: list[tuple[float, str]] = []
    stop = time.monotonic() + 4.5

    def send() -> None:
        while time.monotonic() < stop:
            with httpx.Client(base_url=server.url) as client:  # a new connection: any worker
                for _ in range(5):
                    answer = client.post("/predict", json=ROW)
                    assert answer.status_code == 200
                    versions.append((time.monotonic(), answer.json()["model_version"]))

    with ThreadPoolExecutor(4) as pool:
        senders = [pool.submit(send) for _ in range(4)]
        time.sleep(1)
        add_version(registry, 1, promote=True)
        promoted = time.monotonic()
        for sender in senders:
            sender.result()
    assert {name for when, name in versions if when < promoted - 0.5} == {"v1"}
    assert {name for when, name in versions if when > promoted + 2} == {"v2"}


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


def test_header_timeout_closes_a_connection_that_dawdles(start: Start) -> None:
    server = start(HOUSING_SERVE_HEADER_TIMEOUT="1")
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\n")
        began = time.monotonic()
        assert connection.recv(1000) == b""
        assert time.monotonic() - began < 4


def test_request_timeout_answers_408_to_a_body_that_dawdles(start: Start) -> None:
    server = start(HOUSING_SERVE_REQUEST_TIMEOUT="0.5")
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        connection.sendall(head + b"Content-Length: 100\r\n\r\n{")
        assert connection.recv(1000).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("framing", [b"Content-Length: 100", b"Transfer-Encoding: chunked"])
def test_a_body_that_never_begins_is_408(start: Start, framing: bytes) -> None:
    server = start(HOUSING_SERVE_REQUEST_TIMEOUT="0.5")
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        connection.sendall(head + framing + b"\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("piece", [b"y" * 65536, b"A: " + b"y" * 1000 + b"\r\n"])
def test_headers_without_end_are_431(start: Start, piece: bytes) -> None:
    server = start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nB: ")
        time.sleep(0.1)
        with contextlib.suppress(ConnectionError):
            for _ in range(5000):
                connection.sendall(piece)
        answer = b""
        with contextlib.suppress(ConnectionError):
            answer = connection.recv(1000)
        assert answer[:13] in {b"HTTP/1.1 431 ", b""}  # a reset may overtake the answer
    assert server.client.get("/healthz").status_code == 200
    assert "Traceback" not in server.errors.read_text()


def test_an_empty_line_does_not_hold_a_connection(start: Start) -> None:
    server = start(HOUSING_SERVE_HEADER_TIMEOUT="1")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", "/healthz")
    assert connection.getresponse().read() == b'{"status":"ok"}'  # head and body come apart
    with connection.sock as held:
        held.sendall(b"\r\n")
        assert held.recv(1000) == b""  # closed, not timed out


def test_requests_in_many_pieces_and_in_one_are_answered(start: Start) -> None:
    server = start()
    body = json.dumps(ROW).encode()
    one = (
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    ) + body
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(one * 300)
        got = b""
        while got.count(b"HTTP/1.1 200 ") < 300:
            more = connection.recv(1 << 16)
            assert more, got[-300:]
            got += more
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        for byte in one:
            connection.sendall(bytes([byte]))
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200 ")


def test_a_directory_of_metrics_that_cannot_be_made_is_an_error(
    registry: ModelRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "/proc/nope")
    with pytest.raises(ServeError, match="directory of metrics"):
        run(make_settings(tmp_path, serve={"port": free_port(), "workers": 2}))


def test_an_endless_body_is_413_before_its_end(start: Start) -> None:
    server = start(HOUSING_API_MAX_BODY_BYTES="100000")
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        connection.sendall((b"1000\r\n" + b" " * 0x1000 + b"\r\n") * 26)
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


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


def test_a_missing_key_file_is_a_serve_error(registry: ModelRegistry, tmp_path: Path) -> None:
    with pytest.raises(ServeError, match="API keys"):
        run(make_settings(tmp_path, api={"keys_file": str(tmp_path / "none")}))


def test_the_api_imports_nothing_that_trains_or_unpickles() -> None:
    code = (
        "import sys, housing_cli.api.app, housing_cli.api.server;"
        "housing_cli.api.app.create_app();"
        "print([name for name in sys.modules if name.split('.')[0] in"
        " ('sklearn', 'pandas', 'joblib', 'skl2onnx', 'onnx', 'scipy', 'pyarrow', 'typer')"
        " or name in ('housing_cli.' + room for room in"
        " 'train evaluate retrain promote pipeline export dataset gate cli output'.split())])"
    )
    run_ = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/"
    )
    assert run_.stdout.strip() == "[]"


def test_importing_the_app_reads_and_opens_nothing(tmp_path: Path) -> None:
    code = "import housing_cli.api.app as module; assert 'app' not in vars(module)"
    environment = {**os.environ, "HOUSING_LOG_URL": "nonsense:", "HOUSING_CONFIG": "/none"}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=environment)
    assert not list(tmp_path.iterdir())
