"""Which version the workers of one server serve."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from housing_cli.api.process import worker_metrics
from housing_cli.api.process.shared_version import SharedVersion

NOTHING = ("", 0)


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of the workers of this process, of which we are one."""
    monkeypatch.setenv(worker_metrics.VARIABLE, str(tmp_path))
    parent = SimpleNamespace(pid=os.getpid())
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: parent)
    return tmp_path


def test_what_one_worker_writes_the_others_read(shared: Path) -> None:
    one, other = SharedVersion(), SharedVersion()
    assert other.read() == NOTHING
    for name, moved in (("v1", 0), ("v12", 17)):
        one.write(name, moved)
        assert other.read() == (name, moved)
    assert len(list(shared.iterdir())) == 1


def test_another_server_in_the_same_directory_has_its_own(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SharedVersion().write("v1", 1)
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: SimpleNamespace(pid=1))
    assert SharedVersion().read() == NOTHING


def test_a_lone_process_shares_nothing(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: None)
    lone = SharedVersion()
    lone.write("v1", 1)
    assert (lone.read(), list(shared.iterdir())) == (NOTHING, [])


def test_a_note_that_cannot_be_written_or_read_stops_nobody(shared: Path) -> None:
    version = SharedVersion()
    version.write("v1", 1)
    (note,) = shared.iterdir()
    note.write_bytes(b"\xff")
    assert version.read() == NOTHING
    note.write_bytes(b"v7 \xc2\xb2")  # a digit that is no number
    assert version.read() == ("v7", 0)
    note.unlink()
    note.mkdir()
    version.write("v2", 2)
    assert version.read() == NOTHING
