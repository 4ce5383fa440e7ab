"""Replicas of the version before and of this one on one log, while it is migrated."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from housing_cli.prediction_log import Served
from tests.conftest import ROOT, Housing
from tests.formats.test_format_1 import ROW
from tests.formats.test_migration import opened
from tests.system.processes import serving


class OldReplica:
    """A process that writes as version 0.1.0 did."""

    def __init__(self, url: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "formats" / "old_writer.py"), url],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.ids: list[str] = []
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._more:
                self.ids.append(line.strip())
                self._more.notify_all()

    def goes_on(self, rows: int = 20) -> None:
        """Wait for further rows."""
        with self._more:
            wanted = len(self.ids) + rows
            assert self._more.wait_for(lambda: len(self.ids) >= wanted, timeout=20), self.end()

    def end(self) -> str:
        """Stop it; return what it complained of."""
        assert self.process.stdin is not None and self.process.stderr is not None
        self.process.stdin.close()
        complaint = self.process.stderr.read()
        self.process.wait(20)
        self._reader.join()
        return complaint


@contextmanager
def old_replica(url: str) -> Iterator[OldReplica]:
    """Give a replica of the old version; it must have complained of nothing in the end."""
    replica = OldReplica(url)
    try:
        yield replica
    finally:
        complaint = replica.end()
    assert (complaint, replica.process.returncode) == ("", 0)


@pytest.mark.slow
def test_old_and_new_replicas_write_while_the_log_is_migrated_and_nothing_is_lost(
    log_url: str, housing: Housing, format_1: Path
) -> None:
    before = list(opened(log_url).predictions().ids)
    labeled = len(opened(log_url).labeled())
    new: list[str] = []
    with old_replica(log_url) as first, serving(
        format_1, env={"HOUSING_LOG_URL": log_url}
    ) as server:  # fmt: skip

        def predict() -> None:
            answer = server.client.post("/predict", json=ROW)
            assert answer.status_code == 200
            new.append(answer.json()["id"])
            price = {"id": new[-1], "real_price": 24.5}
            assert server.client.post("/feedback", json=price).status_code == 200

        first.goes_on()
        predict()
        done = housing("log", "init", "--migrate", "--json")
        assert (done.code, done.json["data"]["format"]) == (0, 2), done.stderr
        first.goes_on()
        predict()
        # An old replica that starts on the migrated log does not refuse it, either.
        with old_replica(log_url) as second:
            second.goes_on()
            predict()
            old_id = second.ids[0]
            price = {"id": old_id, "real_price": 30.0}
            assert server.client.post("/feedback", json=price).json()["message"]
        assert server.client.get("/readyz").status_code == 200
    log = opened(log_url)
    log.append_served([Served(one, arm="a") for one in sorted(new)])
    found = log.predictions()
    assert sorted(found.ids) == sorted([*before, *first.ids, *second.ids, *new])
    assert found.skipped == 0
    prices = log.labeled()
    assert len(prices) == labeled + len(first.ids) + len(second.ids) + len(new)
    assert dict(zip(prices.ids, prices.real, strict=True))[old_id] == 30.0
    assert [row.id for row in log.served()] == sorted(new)
    log.close()


@pytest.mark.parametrize("kind", ["csv", "sqlite"])
def test_an_old_replica_goes_on_with_a_log_that_this_version_made(
    kind: str, housing: Housing, workshop: Path
) -> None:
    url = {"csv": "csv:logs", "sqlite": "sqlite:///log.db"}[kind]
    assert housing("log", "init", "--url", url).code == 0
    with old_replica(url) as replica:
        replica.goes_on()
    assert sorted(opened(url).predictions().ids) == sorted(replica.ids)
