"""A server whose clients send more than it may hold: nobody is killed, and everyone is answered.

Also while its log is frozen: what waits for it takes no more than the byte budget.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.serving import ROW
from tests.system.faults.places import PLACES, held
from tests.system.processes import Server, serving

BODY_BYTES = 8 * 1024 * 1024
CONTAINER_BYTES = 512 * 1024 * 1024
"""What the shipped Kubernetes manifest allows."""
JSON = {"content-type": "application/json"}
HEAD = (
    "POST /predict/batch HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    f"content-length: {BODY_BYTES}\r\n\r\n"
).encode()
HELD, CLIENTS, BATCHES = 60, 64, 3
LOOKS = ("/healthz", "/metrics")


GIVEN_UP = 6
"""Large batches that wait for a frozen log until their time is over: more than have room at once.

That none keeps its rows is seen in `tests/api/test_writer.py`, where it takes no minutes.
"""


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


@dataclass
class _Crowd:
    """Clients at a server whose log is frozen. retry_after: with each refusal."""

    server: Server
    end: threading.Event = field(default_factory=threading.Event)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    retry_after: set[str | None] = field(default_factory=set)

    def send(self, path: str, body: bytes) -> list[str]:
        """Post the same until the end."""
        url = self.server.client.base_url
        while not self.end.is_set():
            connection = http.client.HTTPConnection(url.host, url.port, timeout=30)
            with suppress(OSError, http.client.HTTPException):  # refused while it was being sent
                connection.request("POST", path, body, JSON)
                answer = connection.getresponse()
                self.statuses[path, answer.status] += 1
                self.reasons[path, json.loads(answer.read()).get("detail", "")] += 1
                self.retry_after.add(answer.headers["retry-after"])
            connection.close()
            self.end.wait(0.5)
        return []

    def given_up(self) -> int:
        """Return how many batches waited for the log in vain."""
        found = list(self.reasons.items())
        return sum(
            n for (path, why), n in found if path == "/predict/batch" and "large bodies" not in why
        )


@pytest.mark.parametrize("kind", PLACES)
def test_the_budget_holds_while_the_log_is_frozen(
    kind: str, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PLACES[kind], "disk", "256m")
    body = json.dumps({"rows": [ROW] * 10_000}).encode()
    with ExitStack() as stack:
        place = PLACES[kind](artifacts.parent, stack)
        env = {
            "HOUSING_LOG_URL": place.url,
            "HOUSING_SERVE_REQUEST_TIMEOUT": "2",
            "HOUSING_API_MAX_BYTES_IN_FLIGHT": str(BODY_BYTES),
        }
        server = stack.enter_context(serving(artifacts.parent, env=env))
        answers = [server.client.post("/predict", json=ROW).json()]
        crowd = _Crowd(server)
        jobs = [("/predict/batch", body)] * CLIENTS + [("/predict", json.dumps(ROW).encode())] * 16
        clients = threading.Thread(
            target=_in_threads, args=(lambda job: crowd.send(*job), jobs), daemon=True
        )
        nobody: Any = None
        with place.frozen(nobody):
            clients.start()
            deadline = time.monotonic() + 40
            while crowd.given_up() < GIVEN_UP:
                assert time.monotonic() < deadline, (crowd.statuses, crowd.reasons)
                assert {server.client.get(path).status_code for path in LOOKS} == {200}
                time.sleep(0.1)
            crowd.end.set()
            clients.join()
        assert set(crowd.statuses) == {("/predict/batch", 503), ("/predict", 503)}
        assert crowd.retry_after == {"1"}
        assert any("too many large bodies" in reason for _, reason in crowd.reasons)
        server.wait_for(lambda: server.client.post("/predict", json=ROW).is_success, 10)
        answers += [server.client.post("/predict", json=ROW).json() for _ in range(3)]
        # The budget is whole again: one body has all of it until its time is over.
        connections = [stack.enter_context(_connected(server)) for _ in range(2)]
        for connection in connections:
            connection.sendall(HEAD)
        found = Counter(connection.recv(4096)[9:12] for connection in connections)
        assert found == {b"408": 1, b"503": 1}
        assert _peak_bytes(server) < CONTAINER_BYTES
        assert server.stop() == 0
        logged = held(place.owner_url).made
        assert {one["id"]: one["predicted_price"] for one in answers}.items() <= {
            key: price for key, (_, price) in logged.items()
        }.items()


def _hold(connection: socket.socket) -> list[str]:
    """Send all but the end of a body; return what came back meanwhile, if anything did."""
    connection.sendall(HEAD)
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
