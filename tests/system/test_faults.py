"""Faults under a running server: it says so, loses nothing that it acknowledged, and recovers."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import httpx
import pandas as pd
import pytest

from tests.conftest import FEATURES
from tests.system.processes import Server, serving

ROW: dict[str, float | None] = dict.fromkeys(FEATURES)
PREDICTIONS, FEEDBACK = "predictions.csv", "feedback.csv"


def predict(server: Server) -> str:
    """Ask for one price; return the id."""
    answer = server.client.post("/predict", json=ROW)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def workers_of(server: Server) -> list[int]:
    """Return the ids of the worker processes."""
    parent = server.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    found = []
    for child in children:
        with contextlib.suppress(FileNotFoundError):  # it ends just now
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(int(child))
    return found


def assert_on_record(logs: Path, ids: list[str]) -> None:
    """Check that the log can be read without options, and holds exactly `ids`."""
    table = pd.read_csv(logs / PREDICTIONS)
    assert sorted(table["id"]) == sorted(ids)
    assert table["predicted_price"].notna().all()


def assert_refused(answer: httpx.Response, reason: str) -> None:
    """Check a 503 of the log."""
    assert answer.status_code == 503, answer.text
    assert re.search(reason, answer.json()["detail"]), answer.text
    assert answer.headers["retry-after"] == "1"


def assert_all_refused(server: Server, known: str, reason: str) -> None:
    """Check that every route that writes says 503 and why, and that the probes tell it too."""
    for _ in range(3):
        assert_refused(server.client.post("/predict", json=ROW), reason)
        assert_refused(server.client.post("/predict/batch", json={"rows": [ROW] * 3}), reason)
        body = {"id": known, "real_price": 2.0}
        assert_refused(server.client.post("/feedback", json=body), reason)
    server.wait_for(lambda: server.client.get("/readyz").status_code == 503, 3)
    assert re.search(f"prediction log: .*({reason})", server.client.get("/readyz").text)
    assert server.client.get("/healthz").status_code == 200
    metrics = server.client.get("/metrics").text
    assert float(re.search(r'log_errors_total\{operation="predict"\} (\S+)', metrics)[1]) >= 3  # type: ignore[index]


def assert_recovered(server: Server, known: str) -> list[str]:
    """Check that the server works again by itself; return the ids of new predictions."""
    server.wait_until_ready(5)
    body = {"id": known, "real_price": 2.0}
    assert server.client.post("/feedback", json=body).json()["status"] == "recorded"
    many = server.client.post("/predict/batch", json={"rows": [ROW] * 3}).json()["predictions"]
    return [predict(server), *(one["id"] for one in many)]


def test_a_log_directory_that_becomes_a_file(artifacts: Path) -> None:
    folder = artifacts.parent
    logs, aside = folder / "logs", folder / "aside"
    with serving(folder) as server:
        ids = [predict(server) for _ in range(5)]
        logs.rename(aside)
        logs.write_text("in the way")
        assert_all_refused(server, ids[0], "[Nn]ot a directory")
        logs.unlink()
        aside.rename(logs)
        ids += assert_recovered(server, ids[0])
        assert_on_record(logs, ids)
        assert server.stop() == 0


def test_a_log_directory_that_is_moved_away_is_made_again(artifacts: Path) -> None:
    folder = artifacts.parent
    with serving(folder) as server:
        old = [predict(server) for _ in range(5)]
        (folder / "logs").rename(folder / "archive")
        new = [predict(server) for _ in range(5)]
        gone = server.client.post("/feedback", json={"id": old[0], "real_price": 2.0})
        assert gone.status_code == 404
        assert server.client.get("/readyz").status_code == 200
    assert_on_record(folder / "archive", old)
    assert_on_record(folder / "logs", new)


def test_a_log_directory_that_is_read_only(
    artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = artifacts.parent
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("permissions do not bind root, and setpriv is not installed")
        powers = "-dac_override,-dac_read_search"
        prefix = ["setpriv", f"--bounding-set={powers}", f"--inh-caps={powers}"]
        from tests.system import processes

        monkeypatch.setattr(processes, "HOUSING", [*prefix, *processes.HOUSING])
    logs = folder / "logs"
    with serving(folder) as server:
        ids = [predict(server)]
        shutil.copy(logs / PREDICTIONS, folder)
        (logs / PREDICTIONS).unlink()  # an open file could still be written
        logs.chmod(0o555)
        try:
            assert_refused(server.client.post("/predict", json=ROW), "[Pp]ermission denied")
            server.wait_for(lambda: server.client.get("/readyz").status_code == 503, 3)
            assert "cannot be written" in server.client.get("/readyz").text
        finally:
            logs.chmod(0o755)
        shutil.copy(folder / PREDICTIONS, logs)
        ids += assert_recovered(server, ids[0])
    assert_on_record(logs, ids)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_disk_that_is_full(artifacts: Path, workers: str) -> None:
    folder = artifacts.parent
    logs = folder / "logs"
    logs.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(logs)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no right to mount a small disk")
    try:
        with serving(folder, "--workers", workers) as server:
            ids = [predict(server) for _ in range(30)]
            label = {"id": ids[1], "real_price": 9.0}
            assert server.client.post("/feedback", json=label).status_code == 200
            with (
                (logs / "ballast").open("wb", buffering=0) as ballast,
                pytest.raises(OSError, match="space"),
            ):
                while True:
                    ballast.write(bytes(4096))
            ids += until_refused(server)
            many = server.client.post("/predict/batch", json={"rows": [ROW] * 2000})
            assert_refused(many, "No space left")
            server.wait_for(lambda: server.client.get("/readyz").status_code == 503, 3)
            assert "space left" in server.client.get("/readyz").text.lower()
            assert_on_record(logs, ids)  # readers are not disturbed meanwhile
            (logs / "ballast").unlink()
            ids += assert_recovered(server, ids[0])
            assert_on_record(logs, ids)
            assert len(pd.read_csv(logs / FEEDBACK)) == 2
            assert server.stop() == 0
    finally:
        subprocess.run(["umount", str(logs)], check=True)


def until_refused(server: Server) -> list[str]:
    """Predict until the disk takes no more; return what was acknowledged."""
    ids: list[str] = []
    while True:
        answer = server.client.post("/predict", json=ROW)
        if answer.status_code == 503:
            assert_refused(answer, "No space left")
            return ids
        ids.append(answer.json()["id"])
        assert len(ids) < 1000


def test_a_row_of_which_a_part_could_be_written(artifacts: Path) -> None:
    folder = artifacts.parent
    file = folder / "logs" / PREDICTIONS
    with serving(folder) as server:
        ids = [predict(server) for _ in range(5)]
        pid, unlimited = server.process.pid, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        for _ in range(3):
            limit = file.stat().st_size + 20
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            for _ in range(3):
                answer = server.client.post("/predict", json=ROW)
                assert_refused(answer, "too large")
                assert_on_record(folder / "logs", ids)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
            ids.append(predict(server))
        assert_on_record(folder / "logs", ids)


def test_sigterm_lets_slow_requests_of_two_workers_finish(artifacts: Path) -> None:
    body = json.dumps(ROW).encode()
    head = (
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    )
    with serving(artifacts.parent, "--workers", "2") as server:
        address = (server.client.base_url.host, server.client.base_url.port)
        slow = [socket.create_connection(address, timeout=10) for _ in range(12)]
        for connection in slow:
            connection.sendall(head + body[:20])
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(1)
        ids = []
        for connection in slow:
            connection.sendall(body[20:])
            answer = b""
            while part := connection.recv(4096):  # the server closes: it is draining
                answer += part
            assert answer.startswith(b"HTTP/1.1 200 "), answer
            ids.append(json.loads(answer.partition(b"\r\n\r\n")[2])["id"])
            connection.close()
        assert server.process.wait(10) == 0
    assert_on_record(artifacts.parent / "logs", ids)


def test_a_killed_worker_is_replaced_and_loses_nothing(artifacts: Path) -> None:
    acknowledged: list[str] = []
    broken: list[Exception] = []
    statuses: list[int] = []
    stop = threading.Event()

    with serving(artifacts.parent, "--workers", "2") as server:

        def ask() -> None:
            while not stop.is_set():
                try:
                    with httpx.Client(base_url=server.client.base_url, timeout=10) as client:
                        for _ in range(20):
                            answer = client.post("/predict", json=ROW)
                            statuses.append(answer.status_code)
                            acknowledged.append(answer.json()["id"])
                except httpx.TransportError as error:
                    broken.append(error)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for pause in (0, 0.1, 0.8):
                time.sleep(0.5)
                before = workers_of(server)
                assert len(before) == 2
                # Its supervisor may be waiting for a sign of life when it dies.
                os.kill(before[0], signal.SIGSTOP)
                time.sleep(pause)
                # Nobody replaces the dead one yet: the other one answers alone.
                os.kill(server.process.pid, signal.SIGSTOP)
                os.kill(before[0], signal.SIGKILL)
                answered = len(statuses)
                server.wait_for(lambda answered=answered: len(statuses) > answered + 20, 10)
                os.kill(server.process.pid, signal.SIGCONT)
                server.wait_for(
                    lambda before=before: len(set(workers_of(server)) - {before[0]}) == 2, 15
                )
                server.wait_until_ready()
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert set(statuses) == {200}
        assert len(broken) <= 3 * len(threads)
        assert server.stop() == 0
    # A row may be written whose answer died with its worker; the other way round never.
    logged = pd.read_csv(artifacts.parent / "logs" / PREDICTIONS)["id"]
    assert set(acknowledged) <= set(logged)
    assert len(logged) - len(acknowledged) <= len(broken)
