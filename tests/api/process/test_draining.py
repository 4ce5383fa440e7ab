"""SIGTERM: first "not ready", then the stop; a worker stops with its supervisor."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from housing_cli.api.process import draining
from housing_cli.api.process.draining import drain_on_sigterm, end_with_supervisor

SIGTERM = signal.SIGTERM


class Predictor:
    """What is drained, and how often."""

    draining = False
    drained = 0

    def drain(self) -> None:
        self.draining = True
        self.drained += 1


class Server:
    """What uvicorn's handler belongs to."""

    should_exit = False

    def handle(self, *_: object) -> None:
        raise AssertionError("it would raise the signal again at the end")


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(draining, "DRAIN_SECONDS", 0.05)
    before = signal.getsignal(SIGTERM)
    yield
    signal.signal(SIGTERM, before)


def test_the_server_is_stopped_after_it_was_drained_once() -> None:
    predictor: Any = Predictor()
    stopped: list[int] = []
    signal.signal(SIGTERM, handler := lambda number, _: stopped.append(number))

    async def serve() -> None:
        with drain_on_sigterm(predictor):
            for _ in range(2):
                signal.raise_signal(SIGTERM)
            await asyncio.sleep(0.01)
            assert (predictor.drained, stopped) == (1, [])
            await asyncio.sleep(0.2)
            assert stopped == [SIGTERM]
        assert signal.getsignal(SIGTERM) is handler

    asyncio.run(serve())


def test_uvicorn_is_told_to_exit_without_its_handler() -> None:
    server, predictor = Server(), Predictor()
    signal.signal(SIGTERM, server.handle)

    async def serve() -> None:
        with drain_on_sigterm(predictor):  # type: ignore[arg-type]
            signal.raise_signal(SIGTERM)
            await asyncio.sleep(0.2)

    asyncio.run(serve())
    assert predictor.draining and server.should_exit


@pytest.mark.parametrize("handler", [signal.SIG_DFL, signal.SIG_IGN])
def test_where_no_server_handles_the_signal_it_is_left_alone(handler: signal.Handlers) -> None:
    signal.signal(SIGTERM, handler)

    async def serve() -> None:
        with drain_on_sigterm(Predictor()):  # type: ignore[arg-type]
            assert signal.getsignal(SIGTERM) is handler

    asyncio.run(serve())


@pytest.mark.parametrize("lone", [True, False])
def test_a_closed_terminal_drains_a_lone_server_and_no_worker(
    lone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, predictor = Server(), Predictor()
    signal.signal(SIGTERM, server.handle)
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: None if lone else "somebody")
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL

    async def serve() -> None:
        with drain_on_sigterm(predictor):  # type: ignore[arg-type]
            signal.raise_signal(signal.SIGHUP)
            await asyncio.sleep(0.2)

    asyncio.run(serve())
    assert predictor.draining == server.should_exit == lone
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


def test_a_hangup_that_is_to_be_ignored_is() -> None:
    signal.signal(SIGTERM, Server().handle)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)

    async def serve() -> None:
        with drain_on_sigterm(Predictor()):  # type: ignore[arg-type]
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN

    asyncio.run(serve())
    signal.signal(signal.SIGHUP, before)


def test_another_thread_handles_no_signals() -> None:
    signal.signal(SIGTERM, handler := lambda *_: None)
    seen: list[object] = []

    async def serve() -> None:
        with drain_on_sigterm(Predictor()):  # type: ignore[arg-type]
            seen.append(signal.getsignal(SIGTERM))

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    thread.join()
    assert seen == [handler]


def test_a_worker_ends_when_its_supervisor_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    signal.signal(SIGTERM, lambda number, _: ended.append(number))
    sentinel, supervisor = os.pipe()
    parent = SimpleNamespace(sentinel=sentinel)
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: parent)

    async def work() -> None:
        with end_with_supervisor():
            await asyncio.sleep(0.05)
            assert ended == []
            os.close(supervisor)
            await asyncio.sleep(0.1)
            assert ended == [SIGTERM]

    asyncio.run(work())
    os.close(sentinel)


def test_a_process_that_nobody_supervises_goes_on() -> None:
    async def work() -> None:
        with end_with_supervisor():
            await asyncio.sleep(0)

    asyncio.run(work())
