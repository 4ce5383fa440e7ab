"""A database that hangs, rather than refuses, holds neither `/readyz` nor the end."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from housing_cli.api import writer
from housing_cli.api.writer import GroupWriter


@pytest.fixture
def thawed() -> Iterator[threading.Event]:
    """Set when the log answers again."""
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.slow
def test_readiness_answers_while_the_log_does_not(
    client: TestClient, thawed: threading.Event
) -> None:
    predictor: Any = client.app.state.predictor  # type: ignore[attr-defined]
    checks = []
    check = predictor.log.check

    def hang() -> None:
        checks.append(1)
        thawed.wait()
        check()

    predictor.log.check = hang
    predictor._probe.forget()
    for _ in range(2):
        answer = client.get("/readyz")  # before it thaws, which it does below
        assert answer.status_code == 503
        assert "did not answer" in answer.json()["reasons"][0]
    assert checks == [1], "one look at a time"
    thawed.set()
    deadline = time.monotonic() + 10
    while client.get("/readyz").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_writer_that_hangs_is_left_behind(
    thawed: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "CLOSE_SECONDS", 0.2)

    class Frozen:
        def append_groups(self, groups: list[Any]) -> list[list[str]]:
            thawed.wait()
            return [["id"] for _ in groups]

    group_writer = GroupWriter(Frozen(), 0.1)  # type: ignore[arg-type]

    async def serve() -> None:
        with pytest.raises(Exception, match="did not answer within"):
            await group_writer.append([("v1", [[1.0]], [1.0])])

    asyncio.run(serve())
    assert group_writer.close() is False
    thawed.set()
    assert group_writer.close() is True
