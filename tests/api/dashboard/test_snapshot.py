"""The judgment in a child process: one for all, at most once a minute, never in the way."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from housing_cli.api.dashboard import snapshot
from housing_cli.api.dashboard.snapshot import EVERY, Snapshot, Snapshots, overrides
from housing_cli.config import Settings, load_settings

DATA = {"verdict": "healthy", "version": "v1"}


@pytest.fixture(autouse=True)
def no_child() -> None:
    """Here what judges is under test."""


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory to stand in, with an own one for temporary files."""
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(place))
    monkeypatch.chdir(tmp_path)
    return place


def answering(told: Any, failed: str = "", calls: list[float] | None = None) -> Any:
    """Return what stands for the child: it says `told`."""

    async def run(self: Snapshots) -> tuple[bytes, str]:
        if calls is not None:
            calls.append(time.time())
        await asyncio.sleep(0)
        return told if isinstance(told, bytes) else msgspec.json.encode(told), failed

    return run


def while_it_watches(snapshots: Snapshots, work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        watch = asyncio.create_task(snapshots.watch())
        await work()
        watch.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watch

    asyncio.run(main())


async def until(found: Callable[[], object], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not found():
            await asyncio.sleep(0.02)


def test_a_real_child_says_what_the_command_says(registry: object) -> None:
    """It runs `housing status --json`: here of a registry, and of a log without rows."""
    snapshots = Snapshots(Settings())

    async def look() -> None:
        assert snapshots.look() is None
        await until(snapshots.newest, 400)

    while_it_watches(snapshots, look)
    found = snapshots.newest()
    assert found is not None
    assert found.data is not None, found
    assert found.data["version"] == "v1"
    assert found.data["log"]["url"] == "csv:logs"
    assert found.took > 0


def test_ten_viewers_of_three_workers_cost_one_child(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[float] = []
    monkeypatch.setattr(Snapshots, "_run", answering({"data": DATA}, calls=calls))
    workers = [Snapshots(Settings()) for _ in range(3)]

    async def main() -> None:
        watches = [asyncio.create_task(one.watch()) for one in workers]
        for _ in range(10):
            for one in workers:
                one.look()
            await asyncio.sleep(0.05)
        await asyncio.sleep(1)
        for watch in watches:
            watch.cancel()
        await asyncio.gather(*watches, return_exceptions=True)

    asyncio.run(main())
    assert len(calls) == 1
    assert [one.newest() for one in workers] == [workers[0].newest()] * 3


def test_a_server_that_starts_again_knows_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Snapshots, "_run", answering({"data": DATA}))
    before = Snapshots(Settings())

    async def look() -> None:
        before.look()
        await until(before.newest)

    while_it_watches(before, look)
    found = Snapshots(Settings()).look()
    assert found is not None
    assert found.data == DATA
    other = Settings(log=msgspec.structs.replace(Settings().log, url="csv:other"))
    assert Snapshots(other).look() is None


@pytest.mark.parametrize(
    ("age", "seen", "up", "due"),
    [(None, True, 0, True), (None, False, 5, False), (None, False, 21, True),
     (EVERY - 1, True, 99, False), (EVERY + 1, True, 99, True), (EVERY + 1, False, 99, False),
     (901, False, 99, True), (901, False, 5, False), (-3600, False, 99, True)],
)  # fmt: skip
def test_when_it_is_due(age: float | None, seen: bool, up: float, due: bool) -> None:
    snapshots = Snapshots(Settings())
    if age is not None:
        snapshots._keep(Snapshot(time.time() - age, 1.0, data=DATA))
    if seen:
        snapshots.look()
    assert snapshots._is_due(up) is due


@pytest.mark.parametrize(
    ("told", "failed", "failure", "hint"),
    [
        (
            {"data": {}, "errors": [{"message": "no registry", "hint": "make one"}]},
            "error: no registry", "no registry", "make one",
        ),
        (b"Traceback", "ValueError: x", "ValueError: x", ""),
        (b"", "", "`housing status` said nothing", ""),
        (b"[1, 2]", "", "`housing status` said nothing", ""),
    ],
    ids=["an error", "a bug", "silence", "nonsense"],
)  # fmt: skip
def test_a_child_that_fails_leaves_what_was_known(
    monkeypatch: pytest.MonkeyPatch, told: Any, failed: str, failure: str, hint: str
) -> None:
    snapshots = Snapshots(Settings())
    long_ago = time.time() - 5000
    snapshots._keep(Snapshot(long_ago, 1.0, long_ago, DATA))
    monkeypatch.setattr(Snapshots, "_run", answering(told, failed))

    async def look() -> None:
        snapshots.look()
        await until(lambda: (one := snapshots.newest()) is not None and one.failure)

    while_it_watches(snapshots, look)
    found = snapshots.newest()
    assert found is not None
    assert (found.failure, found.hint, found.data) == (failure, hint, DATA)
    assert found.age(time.time()) == pytest.approx(5000, abs=60)
    assert found.is_stale(time.time())


def test_a_child_that_cannot_be_started_is_a_failure_for_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[float] = []

    async def run(self: Snapshots) -> tuple[bytes, str]:
        calls.append(0.0)
        raise OSError("no more processes")

    monkeypatch.setattr(Snapshots, "_run", run)
    snapshots = Snapshots(Settings())

    async def look() -> None:
        for _ in range(4):
            snapshots.look()
            await asyncio.sleep(0.6)

    while_it_watches(snapshots, look)
    found = snapshots.newest()
    assert found is not None
    assert (found.failure, len(calls)) == ("no more processes", 1)


def test_who_tidies_up_temporary_files_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, own_place: Path
) -> None:
    monkeypatch.setattr(Snapshots, "_run", answering({"data": DATA}))
    snapshots = Snapshots(Settings())
    shutil.rmtree(own_place)
    own_place.mkdir()

    async def look() -> None:
        snapshots.look()
        await until(snapshots.newest)

    while_it_watches(snapshots, look)
    assert len(list(own_place.glob("housing-*/status-*.json"))) == 1


def test_at_the_end_no_child_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "python"
    script.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 600\n")
    script.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(script))
    snapshots = Snapshots(Settings())
    seen = tmp_path / "pid"

    async def look() -> None:
        snapshots.look()
        await until(lambda: seen.exists() and seen.read_text().strip())
        assert snapshots.running
        assert os.getpriority(os.PRIO_PROCESS, int(seen.read_text())) == 19
        assert os.sched_getscheduler(int(seen.read_text())) == os.SCHED_IDLE

    while_it_watches(snapshots, look)
    with pytest.raises(ProcessLookupError):
        os.kill(int(seen.read_text()), 0)


def test_a_place_that_others_may_write_to_is_not_trusted(own_place: Path) -> None:
    folder = own_place / f"housing-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    snapshots = Snapshots(Settings())
    snapshots._keep(Snapshot(1.0, 1.0, data=DATA))
    assert list(folder.iterdir()) == []
    assert snapshots.newest() is not None  # this worker knows it


def test_an_installation_that_only_serves_starts_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "find_spec", lambda name: None if name == "sklearn" else 1)
    calls: list[float] = []
    monkeypatch.setattr(Snapshots, "_run", answering({"data": DATA}, calls=calls))
    snapshots = Snapshots(Settings())
    snapshots.look()
    asyncio.run(asyncio.wait_for(snapshots.watch(), 5))
    assert (snapshots.lacks, calls) == (["sklearn"], [])


def test_the_child_comes_to_the_settings_of_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "w.toml"
    file.write_text('[log]\nurl = "csv:elsewhere"\n')
    carried = ["--config", str(file), "--set", "evaluate.threshold=0.2"]
    options = {"serve.port": 8123, "evaluate.min_samples": 7, "data.features": ["a b", "ñ"],
               "data.limits": {"a b": [0.0, 20.0]}, "api.keys": ["secret"],
               "registry.trusted_keys": []}  # fmt: skip
    sets = ["evaluate.threshold=0.2"]
    settings = load_settings(file, options, sets)
    found = overrides(settings, carried)
    assert "secret" not in str(found)
    assert {"HOUSING_SERVE_PORT", "HOUSING_DATA_FEATURES", "HOUSING_DATA_LIMITS"} <= set(found)
    assert not {"HOUSING_LOG_URL", "HOUSING_EVALUATE_THRESHOLD"} & set(found)
    again = load_settings(file, {}, sets, found)
    assert msgspec.structs.replace(again, api=settings.api) == settings


def test_a_container_without_room_is_not_put_at_risk(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[float] = []
    monkeypatch.setattr(Snapshots, "_run", answering({"data": DATA}, calls=calls))
    monkeypatch.setattr(snapshot, "free_memory", lambda: 100 * 1024 * 1024)
    snapshots = Snapshots(Settings())

    async def look() -> None:
        snapshots.look()
        await until(snapshots.newest)

    while_it_watches(snapshots, look)
    found = snapshots.newest()
    assert found is not None
    assert (found.data, calls) == (None, [])
    assert found.failure == "the container has 100 MiB of memory left, and a judgment needs 320"
