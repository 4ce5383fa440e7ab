"""The files that workers count in: whose they are, and what becomes of those of the dead."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from prometheus_client import mmap_dict

from housing_cli.api.process import worker_metrics
from housing_cli.api.process.processes import start_time
from housing_cli.api.process.worker_metrics import (
    KINDS,
    RESERVED,
    VARIABLE,
    folded,
    join,
    new_directory,
    prepare,
)
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
    made = new_directory(2)
    assert made is not None
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


def no_room(*_: object) -> NoReturn:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


COUNTING = """
import os
from housing_cli.api.metrics import Metrics
metrics = Metrics()
metrics.log_failed("predict")
metrics.answered("/predict", 200, 0.1)
metrics.reload_refused()
metrics.adapted(1.0, 2.0)
print(os.getpid(), "housing_metrics_alone 1.0" in metrics.render().decode())
"""


def test_the_files_of_a_worker_have_their_room_before_they_are_mapped(place: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COUNTING],
        env={**os.environ, VARIABLE: str(place)},
        capture_output=True,
        text=True,
        check=True,
    )
    pid, alone = done.stdout.split()
    assert alone == "False"
    files = sorted(place.glob("*.db"))
    # A type of metrics more needs an entry more.
    assert [file.name for file in files] == sorted(f"{kind}_{pid}.db" for kind in KINDS)
    for file in files:
        assert file.stat().st_size == RESERVED <= file.stat().st_blocks * 512


def test_a_worker_without_room_counts_alone_and_says_so(
    place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(VARIABLE, str(place))
    monkeypatch.setattr(os, "posix_fallocate", no_room)
    assert join() == (None, "no space left on device")
    assert VARIABLE not in os.environ
    assert list(place.iterdir()) == []
    assert "this worker counts alone: no space left" in caplog.text
    (place / "file").write_text("")
    monkeypatch.setenv(VARIABLE, str(place / "file" / "b"))
    directory, why = join()
    assert directory is None
    assert "cannot be made" in why


def test_a_server_without_room_in_memory_takes_a_disk_and_without_one_none(
    place: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = tmp_path_factory.mktemp("disk")
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(disk))
    statvfs = os.statvfs
    full = {place}

    def measured(path: Path) -> object:
        if path in full:
            return SimpleNamespace(f_bavail=100, f_frsize=4096)
        return statvfs(path)

    monkeypatch.setattr(os, "statvfs", measured)
    made = new_directory(2)
    assert made is not None
    assert made.parent == disk
    full.add(disk)
    assert new_directory(2) is None


def test_the_dead_stay_where_they_are_while_there_is_no_room_to_fold_them(
    place: Path, dead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    count(place, f"counter_{dead}.db", a=2.0)
    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", no_room)
        with folded(place):
            assert counted(place) == {f"counter_{dead}.db": {"a": 2.0}}
        patch.setattr(fcntl, "flock", no_room)
        with folded(place):
            assert counted(place) == {f"counter_{dead}.db": {"a": 2.0}}
    with folded(place):
        assert counted(place) == {"counter_0.db": {"a": 2.0}}


def test_folding_never_needs_more_room_than_it_reserved(place: Path, dead: int) -> None:
    for number in range(6):
        count(place, f"counter_{dead}.db", **{f"{number}_{n}_{'x' * 100}": 1.0 for n in range(300)})
        with folded(place):
            pass
        sums = place / "counter_0.db"
        assert sums.stat().st_size <= sums.stat().st_blocks * 512
    assert len(counted(place)["counter_0.db"]) == 1800
