"""Locks, replacing and reasons: what logs and registry share of the file system."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

import pytest

from housing_cli.files import (
    check_growable,
    read_file,
    read_input,
    reason,
    replace_file,
    wait_for_lock,
    write_output,
)


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "note"
    for durable in (False, True):
        replace_file(path, b"first", durable=durable)
        replace_file(path, b"second", durable=durable)
        assert path.read_bytes() == b"second"
        assert [left.name for left in tmp_path.iterdir()] == ["note"]


def test_what_cannot_be_replaced_stays_and_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "note"
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        replace_file(path, b"text")
    assert [left.name for left in tmp_path.iterdir()] == ["note"]


def test_whoever_holds_the_old_file_reads_it_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "note"
    replace_file(path, b"old")
    with path.open("rb") as held:
        replace_file(path, b"new")
        assert (held.read(), path.read_bytes()) == (b"old", b"new")


def test_a_held_lock_is_waited_for_as_long_as_asked_and_no_longer(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with path.open("w") as holder, path.open("w") as waiting:
        fcntl.flock(holder, fcntl.LOCK_EX)
        before = time.monotonic()
        with pytest.raises(BlockingIOError, match="another process holds its lock"):
            wait_for_lock(waiting.fileno(), 0.2, poll=0.01)
        assert 0.2 <= time.monotonic() - before < 2
        fcntl.flock(holder, fcntl.LOCK_UN)
        wait_for_lock(waiting.fileno(), 0.0, poll=0.01)
        with pytest.raises(BlockingIOError):
            fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_file_below_a_file_cannot_grow(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="is not a directory"):
        check_growable(tmp_path / "file" / "log.csv")
    check_growable(tmp_path / "to" / "be" / "made.csv")
    assert [left.name for left in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_is_seen_before_it_is_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("housing_cli.files._DISK_RESERVE", 1 << 62)  # more than any disk has
    with pytest.raises(OSError, match="no space left on the disk"):
        check_growable(tmp_path / "log.csv")


def test_the_reason_ends_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(OSError) as caught:
        (tmp_path / "absent").read_bytes()
    assert reason(caught.value) == "no such file or directory"
    assert reason(ValueError("Expected a value")) == "expected a value"
    assert reason(OSError()) == ""
    assert reason(ValueError("JSON is malformed")) == "JSON is malformed"


def test_what_is_no_file_is_read_by_nobody(tmp_path: Path) -> None:
    """A named pipe would be waited for until somebody writes, and a device may never end."""
    (tmp_path / "file").write_bytes(b"text")
    assert read_file(tmp_path / "file") == b"text"
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(OSError, match="a pipe or a device"):
            read_file(path)
    with pytest.raises(IsADirectoryError):
        read_file(tmp_path)


def test_a_pipe_is_read_where_somebody_writes_and_never_waited_for(tmp_path: Path) -> None:
    """`<(command)` and `/dev/stdin` are what a user may name; of a device there is no end."""
    pipe, file = tmp_path / "pipe", tmp_path / "file"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="nobody writes into"):
        read_input(pipe)
    with pytest.raises(OSError, match="a pipe or a device"):
        read_input("/dev/zero")
    source, sink = os.pipe()
    os.write(sink, b"text")
    os.close(sink)
    assert read_input(f"/dev/fd/{source}") == b"text"
    os.close(source)
    file.write_bytes(b"")
    assert read_input(file) == b""


def test_output_goes_to_files_and_pipes_and_waits_for_nobody(tmp_path: Path) -> None:
    pipe, file = tmp_path / "pipe", tmp_path / "file"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="No such device"):
        write_output(pipe, "text")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_output(pipe, "text")
    assert os.read(reader, 9) == b"text"
    os.close(reader)
    write_output(file, "a longer text")
    write_output(file, "é")
    write_output(file, "!", append=True)
    assert file.read_text(encoding="utf-8") == "é!"
    with pytest.raises(OSError, match="No space"):
        write_output("/dev/full", "text")
