"""LogProbe: one look at a time, at most one a second, and nobody waits for one that hangs."""

from __future__ import annotations

import asyncio
import threading

import pytest

from housing_cli.api import log_probe
from housing_cli.api.log_probe import LogProbe
from housing_cli.errors import LogUnavailable


def test_an_answer_is_good_for_a_second_unless_the_log_just_failed() -> None:
    looks: list[int] = []
    probe = LogProbe(lambda: looks.append(1))

    async def ask() -> None:
        assert [await probe.problem() for _ in range(3)] == ["", "", ""]
        assert len(looks) == 1
        probe.forget()
        assert await probe.problem() == ""
        assert len(looks) == 2

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (LogUnavailable("the disk is full", "free some"), "the disk is full"),
        (ZeroDivisionError("oh"), "ZeroDivisionError: oh"),
    ],
)
def test_what_is_wrong_is_said_until_it_is_mended(error: Exception, said: str) -> None:
    broken = [error]

    def check() -> None:
        if broken:
            raise broken[0]

    probe = LogProbe(check)

    async def ask() -> None:
        assert await probe.problem() == said
        broken.clear()
        assert await probe.problem() == said  # as it was within the last second
        probe.forget()
        assert await probe.problem() == ""

    asyncio.run(ask())


def test_many_who_ask_at_once_wait_for_one_look_and_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log_probe, "PATIENCE_SECONDS", 0.1)
    looks: list[int] = []
    thawed = threading.Event()

    def check() -> None:
        looks.append(1)
        thawed.wait(10)

    probe = LogProbe(check)

    async def ask() -> None:
        found = await asyncio.gather(*(probe.problem() for _ in range(5)))
        assert set(found) == {"it did not answer within 0.1 s"}
        thawed.set()
        assert await probe.problem() == ""
        assert looks == [1]

    asyncio.run(ask())
