"""Workers that take the place of others behave as those did."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import httpx
import pytest

from housing_cli.registry import ModelRegistry
from tests.api.server_process import Server, Start
from tests.api.serving import ROW, add_version

pytestmark = pytest.mark.slow


def workers_of(server: Server) -> list[int]:
    parent = server.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [
        int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def replace_a_worker(server: Server) -> None:
    before = workers_of(server)
    os.kill(before[0], signal.SIGKILL)
    deadline = time.monotonic() + 15
    while len(set(workers_of(server)) - set(before)) == 0:
        assert time.monotonic() < deadline, server.errors.read_text()
        time.sleep(0.1)
    time.sleep(1.5)  # it imports what it serves with


def statuses(server: Server, headers: dict[str, str] | None = None) -> set[int]:
    found = set()
    for _ in range(30):  # a connection of its own for each: any worker may take it
        with httpx.Client(base_url=server.url, timeout=10) as client:
            found.add(client.post("/predict", json=ROW, headers=headers).status_code)
    return found


def test_a_replaced_worker_refuses_what_its_siblings_refused(
    start: Start, registry: ModelRegistry, tmp_path: Path
) -> None:
    server = start(workers=2)
    damaged = add_version(registry, 1)
    model = tmp_path / "artifacts/versions" / damaged.name / "model.onnx"
    model.write_bytes(model.read_bytes() + b"x")
    registry.point("production", damaged)
    time.sleep(1.5)
    replace_a_worker(server)
    assert statuses(server) == {200}
    assert server.client.get("/version").json()["version"] == "v1"
    assert server.stop() == 0


def test_a_replaced_worker_knows_the_keys_while_their_file_is_away(
    start: Start, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    keys.write_text("k1\n")
    server = start(workers=2, HOUSING_API_KEYS_FILE=str(keys))
    keys.rename(tmp_path / "keys-away")
    replace_a_worker(server)
    assert statuses(server, headers={"x-api-key": "k1"}) == {200}
    assert statuses(server) == {401}
    assert "Traceback" not in server.errors.read_text()
    assert server.stop() == 0
