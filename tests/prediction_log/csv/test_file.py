"""Whole lines, all or none: torn ends are healed, and files that are moved away are made again."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from housing_cli.errors import LogBusy, LogSchemaMismatch, LogUnavailable, UnknownPrediction
from housing_cli.prediction_log import (
    PredictionLog,
    open_log,
)
from housing_cli.prediction_log.csv.file import AppendFile, check_header
from housing_cli.prediction_log.csv.reader import LineReader
from tests.prediction_log.csv.small import SMALL, add


def test_every_torn_end_is_set_aside(tmp_path: Path) -> None:
    """Cut the file at every byte of its last row: whole rows stay, and the next one follows.

    Also where what is left would be a row, as one whose price 25.243668 was cut to 2.
    """
    first = open_log(f"csv:{tmp_path / 'whole'}", SMALL)
    ids = add(first, 3)
    first.close()
    whole = (tmp_path / "whole" / "predictions.csv").read_bytes()
    begin = whole[:-1].rfind(b"\n") + 1
    path = tmp_path / "torn" / "predictions.csv"
    path.parent.mkdir()
    for cut in range(begin, len(whole)):
        path.write_bytes(whole[:cut])
        before = open_log(f"csv:{path.parent}", SMALL)
        assert list(before.predictions().ids) == ids[:2]  # readers leave a torn line alone
        (new,) = add(before)
        kept = pd.read_csv(path)["id"].tolist()
        assert kept == [*ids[:2], new]
        assert path.read_bytes().startswith(whole[:begin])
        torn = path.with_name("predictions.csv.torn")
        if cut > begin:
            assert torn.read_bytes() == whole[begin:cut] + b"\n"
            torn.unlink()
        assert not torn.exists()
        before.close()


def test_a_torn_header_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    header = b"id,timestamp,model_version,RM,LSTAT,predicted_price\n"
    for cut in range(len(header)):
        path.write_bytes(header[:cut])
        log = open_log(f"csv:{tmp_path}", SMALL)
        assert len(log.predictions()) == 0
        log.check()
        add(log)
        assert path.read_bytes().startswith(header)
        assert len(log.predictions()) == 1
        log.close()


def test_feedback_heals_too(log: PredictionLog, tmp_path: Path) -> None:
    ids = add(log, 2)
    log.feedback(ids[0], 20.25)
    with (tmp_path / "feedback.csv").open("ab") as file:
        file.write(ids[1].encode() + b",2026-01-31T12:00")
    assert log.feedback(ids[1], 30.0).outcome == "recorded"
    frame = pd.read_csv(tmp_path / "feedback.csv")
    assert frame["real_price"].tolist() == [20.25, 30.0]


@pytest.mark.parametrize("way", ["rename", "delete", "truncate", "whole directory"])
def test_rotation_is_noticed(log: PredictionLog, tmp_path: Path, way: str) -> None:
    old = add(log, 3)
    log.feedback(old[0], 5.0)
    path = tmp_path / "predictions.csv"
    if way == "rename":
        path.rename(tmp_path / "predictions.csv.1")
    elif way == "delete":
        path.unlink()
    elif way == "truncate":
        os.truncate(path, 0)
    else:
        tmp_path.rename(tmp_path.with_name("moved"))
    new = add(log, 2)
    assert new[0] > old[-1]
    assert pd.read_csv(path)["id"].tolist() == new
    assert log.feedback(new[1], 7.0).outcome == "recorded"
    assert list(log.labeled().ids) == [new[1]]
    with pytest.raises(UnknownPrediction):
        log.feedback(old[1], 5.0)
    if way == "whole directory":
        tmp_path.with_name("moved").rename(tmp_path.with_name("moved-away"))


def test_an_interrupted_write_is_taken_back(
    log: PredictionLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = add(log, 2)
    real = os.write

    def torn(fd: int, data: bytes) -> int:
        real(fd, data[: len(data) // 2])
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "write", torn)
    with pytest.raises(LogUnavailable, match="Input/output"):
        add(log, 4)
    monkeypatch.undo()
    assert pd.read_csv(tmp_path / "predictions.csv")["id"].tolist() == ids
    assert len(add(log, 4)) == 4


@contextmanager
def _file_size_limit(size: int) -> Iterator[None]:
    """No file can grow beyond `size`: writes fall short, and then fail, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_batch_that_does_not_fit_leaves_nothing(log: PredictionLog, tmp_path: Path) -> None:
    ids = add(log, 10)
    path = tmp_path / "predictions.csv"
    before = path.read_bytes()
    with _file_size_limit(len(before) + 250):
        for _ in range(3):
            with pytest.raises(LogUnavailable, match="too large"):
                add(log, 5)
            assert path.read_bytes() == before
        (fits,) = add(log)
        with pytest.raises(LogUnavailable):
            add(log, 3)
    after = add(log, 5)
    assert pd.read_csv(path)["id"].tolist() == [*ids, fits, *after]


COLUMNS = ("id", "price")


@pytest.fixture
def file(tmp_path: Path) -> Iterator[AppendFile]:
    """A file of two columns that is not there yet."""
    opened = AppendFile(tmp_path / "logs" / "some.csv", COLUMNS)
    yield opened
    opened.close()


def test_the_first_lines_bring_folder_and_header(file: AppendFile) -> None:
    file.check()
    assert not file.path.parent.exists()
    for lines in (b"a,1\n", b"b,2\nc,3\n"):
        with file.locked():
            file.write(lines)
    assert file.path.read_bytes() == b"id,price\na,1\nb,2\nc,3\n"
    assert file.size == file.path.stat().st_size


def test_whoever_locks_is_told_whether_others_wrote(file: AppendFile) -> None:
    with file.locked() as changed:
        assert changed
        file.write(b"a,1\n")
    with file.locked() as changed:
        assert not changed
    with file.path.open("ab") as other:
        other.write(b"b,2\n")
    with file.locked() as changed:
        assert changed
        assert file.lines_since(len(b"id,price\na,1\n")) == [b"b,2"]
        assert file.last_lines(1 << 10) == [b"a,1", b"b,2"]
        assert file.last_lines(6) == [b"b,2"]  # the line that began before is left out
    with pytest.raises(ZeroDivisionError), file.locked():
        raise ZeroDivisionError
    with file.locked() as changed:  # after an error nothing is taken for known
        assert changed


def test_a_file_that_others_hold_is_busy_and_free_afterwards(file: AppendFile) -> None:
    with file.locked():
        file.write(b"a,1\n")
        with pytest.raises(LogBusy):  # threads of one process wait, too
            file.locked(0.01)
    with file.path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(LogBusy, match=r"some\.csv` cannot be used"):
            file.locked(0.01)
    with file.locked(0.01):
        file.write(b"b,2\n")
    assert file.path.read_bytes().endswith(b"a,1\nb,2\n")


@pytest.mark.parametrize(
    ("head", "start"),
    [
        (b"", 0),
        (b"id,pr", 5),
        (b"id,price\na,1\n", 9),
        (b'"id","price"\na,1\n', 13),
        (b"\xef\xbb\xbfid,price\r\na,1\r\n", 13),
        (b"id,price\ra,1\r", 9),
    ],
)
def test_rows_begin_behind_the_header_however_it_is_written(
    tmp_path: Path, head: bytes, start: int
) -> None:
    path = tmp_path / "some.csv"
    path.write_bytes(head)
    assert check_header(path, b"id,price\n", COLUMNS) == start


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"id,cost\n", "missing `price`; unknown `cost`"),
        (b"id\n", "missing `price`"),
        (b"id,price,note\n", "unknown `note`"),
        (b"price,id\n", "in another order"),
        (b"id,price,price\n", "one of them twice"),
    ],
)
def test_other_columns_are_refused_and_named(file: AppendFile, head: bytes, said: str) -> None:
    file.path.parent.mkdir()
    file.path.write_bytes(head)
    for use in (file.check, file.locked):
        with pytest.raises(LogSchemaMismatch, match=f"written for other columns \\({said}\\)"):
            use()
    assert file.path.read_bytes() == head


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"id;price\na;1,5\n", "semicolons"),
        (b"\xef\xbb\xbfid;price\r\na;1,5\r\n", "semicolons"),
        (b'"id"\t"price"\na\t1.5\n', "tabs"),
    ],
)
def test_a_log_that_a_spreadsheet_saved_anew_is_told_so(
    file: AppendFile, head: bytes, said: str
) -> None:
    file.path.parent.mkdir()
    file.path.write_bytes(head)
    for use in (file.check, file.locked):
        with pytest.raises(LogSchemaMismatch, match=f"has its columns parted by {said}") as raised:
            use()
        assert "save it with commas" in raised.value.hint
    assert file.path.read_bytes() == head


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("id,price\na,1.5\n".encode("utf-16"), "is no UTF-8 text"),
        ("id,price\na,1.5\n".encode("utf-16-be"), "is no UTF-8 text"),
        (b"id, price\na, 1.5\n", "does not begin with `id,price`"),
        (b"id,price,,\na,1.5,,\n", "does not begin with `id,price`"),
        (b",id,price\n0,a,1.5\n", "does not begin with `id,price`"),
    ],
)
def test_a_log_that_another_program_saved_anew_is_told_so(
    file: AppendFile, head: bytes, said: str
) -> None:
    file.path.parent.mkdir()
    file.path.write_bytes(head)
    for use in (file.check, file.locked):
        with pytest.raises(LogSchemaMismatch, match=f"{said}: a program saved it") as raised:
            use()
        assert "save it" in raised.value.hint
    assert file.path.read_bytes() == head


def test_what_is_no_file_is_refused_and_waited_for_by_nobody(file: AppendFile) -> None:
    file.path.parent.mkdir()
    os.mkfifo(file.path)
    for use in (file.check, file.locked, lambda: LineReader(file.path, COLUMNS)):
        with pytest.raises((LogUnavailable, OSError), match="a pipe or a device"):
            use()
    file.path.unlink()
    file.path.symlink_to(os.devnull)
    with pytest.raises(LogUnavailable, match="a pipe or a device"):
        file.locked()


def test_another_file_of_the_same_size_is_another_file(file: AppendFile) -> None:
    with file.locked():
        file.write(b"a,1\n")
    file.path.rename(file.path.with_name("old"))
    file.path.write_bytes(b"id,price\nb,22")  # torn, and as long as the old one
    with file.locked() as changed:
        assert changed
        file.write(b"c,3\n")
    assert file.path.read_bytes() == b"id,price\nc,3\n"


def test_a_file_that_is_made_anew_while_it_is_empty_gets_its_header(file: AppendFile) -> None:
    with file.locked():
        pass
    file.path.unlink()
    with file.locked():
        file.write(b"a,1\n")
    assert file.path.read_bytes() == b"id,price\na,1\n"
