"""A server whose clients send more than it may hold: nobody is killed, and everyone is answered."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

from tests.api.serving import ROW
from tests.system.processes import Server, serving

BODY_BYTES = 8 * 1024 * 1024
CONTAINER_BYTES = 512 * 1024 * 1024
"""What the shipped Kubernetes manifest allows."""
JSON = {"content-type": "application/json"}
HELD, CLIENTS, BATCHES = 60, 64, 3


@pytest.fixture
def server(artifacts: Path, workshop: Path) -> Iterator[Server]:
    with serving(workshop) as running:
        yield running


def test_a_containers_memory_is_enough_whatever_clients_send(server: Server) -> None:
    with ExitStack() as stack:
        connections = [stack.enter_context(_connected(server)) for _ in range(HELD)]
        statuses = _in_threads(_hold, connections)
        assert set(statuses) == {"held", "503"}
        assert statuses["held"] == 32 // 8
        assert server.client.post("/predict", json=ROW).status_code == 200
    body = json.dumps({"rows": [ROW] * 10_000}).encode()
    ends = [threading.Event()]
    singles: Counter[int] = Counter()

    def predict() -> None:
        with httpx.Client(base_url=server.client.base_url, timeout=30) as client:
            while not ends[0].is_set():
                singles[client.post("/predict", json=ROW).status_code] += 1
                time.sleep(0.01)

    beside = threading.Thread(target=predict)
    beside.start()
    batches = _in_threads(_batches, [(server, body)] * CLIENTS)
    ends[0].set()
    beside.join()
    assert set(batches) <= {"200", "503", "closed"}
    assert batches["200"] > 0
    assert batches["503"] > 0
    assert set(singles) == {200}
    assert _peak_bytes(server) < CONTAINER_BYTES


def _hold(connection: socket.socket) -> list[str]:
    """Send all but the end of a body; return what came back meanwhile, if anything did."""
    head = (
        "POST /predict/batch HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        f"content-length: {BODY_BYTES}\r\n\r\n"
    )
    connection.sendall(head.encode())
    with suppress(OSError):  # refused before it was read, and so the answer may be here or lost
        connection.sendall(b"x" * (BODY_BYTES - 1))
    connection.settimeout(1)
    try:
        answer = connection.recv(4096)
    except TimeoutError:
        return ["held"]
    except ConnectionError:
        return ["503"]
    assert re.search(rb"^retry-after: 1\r$", answer, re.MULTILINE)
    return [answer[9:12].decode()]


def _batches(job: tuple[Server, bytes]) -> list[str]:
    """Send batches one after the other; return their statuses."""
    server, body = job
    statuses = []
    with httpx.Client(base_url=server.client.base_url, timeout=60) as client:
        for _ in range(BATCHES):
            try:
                statuses.append(
                    str(client.post("/predict/batch", content=body, headers=JSON).status_code)
                )
            except httpx.TransportError:
                statuses.append("closed")  # refused while it was being sent
    return statuses


def _in_threads(work: object, jobs: Sequence[object]) -> Counter[str]:
    found: Counter[str] = Counter()
    threads = [
        threading.Thread(target=lambda job=job: found.update(work(job)))  # type: ignore[operator]
        for job in jobs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def _connected(server: Server) -> socket.socket:
    url = server.client.base_url
    return socket.create_connection((url.host, url.port or 80), timeout=30)


def _peak_bytes(server: Server) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024
