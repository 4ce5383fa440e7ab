"""The files that workers count in: whose they are, and what becomes of those of the dead."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import mmap_dict

from housing_cli.api.process import worker_metrics
from housing_cli.api.process.processes import start_time
from housing_cli.api.process.worker_metrics import VARIABLE, folded, new_directory, prepare
from housing_cli.errors import ServeError


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where directories go; nothing is named in the environment."""
    monkeypatch.setenv(VARIABLE, "")  # so that it is restored
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr(worker_metrics, "_place", lambda: tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def dead() -> int:
    """The id of a process that is gone."""
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    return child.pid


def worker_of(monkeypatch: pytest.MonkeyPatch, pid: int) -> None:
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: SimpleNamespace(pid=pid))


def count(directory: Path, name: str, **values: float) -> None:
    file: Any = mmap_dict.MmapedDict(str(directory / name))  # type: ignore[no-untyped-call]
    for key, value in values.items():
        file.write_value(key, value, 0.0)
    file.close()


def counted(directory: Path) -> dict[str, dict[str, float]]:
    read: Any = mmap_dict.MmapedDict.read_all_values_from_file
    return {
        file.name: {key: value for key, value, _, _ in read(str(file))}
        for file in sorted(directory.glob("*.db"))
    }


def test_a_lone_process_shares_no_files(place: Path) -> None:
    assert prepare() is None
    assert VARIABLE not in os.environ
    assert list(place.iterdir()) == []


def test_workers_find_their_siblings_by_their_parent(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker_of(monkeypatch, os.getpid())
    made = prepare()
    assert made == place / f"housing-metrics-{os.getpid()}-{start_time(os.getpid())}"
    assert made.stat().st_mode & 0o777 == 0o700
    assert os.environ[VARIABLE] == str(made)
    assert prepare() == made


def test_a_directory_that_is_named_is_made(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(place / "a" / "b"))
    assert prepare() == place / "a" / "b"
    (place / "file").write_text("")
    monkeypatch.setenv(VARIABLE, str(place / "file" / "b"))
    with pytest.raises(ServeError, match="cannot be made: Not a directory") as raised:
        prepare()
    assert VARIABLE in raised.value.hint


def test_somebody_elses_directory_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, os.environ.get("TMPDIR", "/tmp"))
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert prepare() is None


def test_directories_of_servers_that_are_gone_are_removed(place: Path, dead: int) -> None:
    mine = start_time(os.getpid())
    for name in (f"{dead}-run-x", f"{dead}-17", f"{os.getpid()}-1", f"{os.getpid()}-{mine}", "x"):
        (place / f"housing-metrics-{name}").mkdir()
    (place / "other").mkdir()
    made = new_directory()
    assert made.is_dir()
    left = {path.name.removeprefix("housing-metrics-") for path in place.iterdir()} - {
        made.name.removeprefix("housing-metrics-")
    }
    assert left == {f"{os.getpid()}-{mine}", "x", "other"}


def test_what_the_dead_counted_stays_in_the_sums(place: Path, dead: int) -> None:
    living = os.getpid()
    count(place, f"counter_{living}.db", a=1.0)
    for _ in range(2):  # a second one dies later
        count(place, f"counter_{dead}.db", a=2.0, b=5.0)
        count(place, f"gauge_livesum_{dead}.db", now=7.0)
        with folded(place):
            assert f"counter_{dead}.db" not in counted(place)
    assert counted(place) == {
        "counter_0.db": {"a": 4.0, "b": 10.0},
        f"counter_{living}.db": {"a": 1.0},
    }
