"""SQLite as a place of the log: one file, its locks, where it went, and its disk."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa

from housing_cli.errors import LogBusy, LogUnavailable
from housing_cli.prediction_log import open_log
from housing_cli.prediction_log.sql import sqlite as sql_sqlite
from housing_cli.prediction_log.sql.sqlite import SqlitePlace
from housing_cli.prediction_log.sql.tables import tables_for
from tests.conftest import as_nobody
from tests.prediction_log.rows import BOSTON, ROW

KEY = "01981b0e-7f3c-7c9a-a3a1-4f2c3d5e6f7"
AT = "2026-01-31T12:00:00.000Z"


def row(last: int) -> tuple[object, ...]:
    return (f"{KEY}{last}", AT, "v1", *ROW, 24.0)


def count(connection: sa.Connection) -> int:
    return int(connection.exec_driver_sql("SELECT count(*) FROM predictions").scalar_one())


@pytest.fixture
def place(tmp_path: Path) -> Iterator[SqlitePlace]:
    """A file that is not there yet."""
    url = sa.make_url(f"sqlite:///{tmp_path / 'a' / 'log.db'}")
    made = SqlitePlace(url, tables_for(BOSTON.features), fsync=False)
    yield made
    made.close()


def test_looking_makes_nothing_and_writing_makes_the_tables(place: SqlitePlace) -> None:
    place.check()
    assert place.read(count) is None
    assert not place.path.parent.exists()
    place.write(lambda connection: place.insert(connection, [row(0)]))
    assert place.read(count) == 1
    place.check()


def test_rows_are_inserted_all_or_none(place: SqlitePlace) -> None:
    for rows in ([row(1), row(2)], [row(3)]):
        place.write(lambda connection, rows=rows: place.insert(connection, rows))  # type: ignore[misc]
    with pytest.raises(LogUnavailable, match="UNIQUE"):
        place.write(lambda connection: place.insert(connection, [row(4), row(1)]))
    assert place.read(count) == 3


def test_what_fails_within_a_transaction_is_taken_back(place: SqlitePlace) -> None:
    def half(connection: sa.Connection) -> None:
        with place.transaction(connection):
            connection.exec_driver_sql(place.statements.insert_prediction, row(5))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        place.write(half)
    assert place.read(count) == 0
    place.write(lambda connection: place.insert(connection, [row(6)]))  # and the lock is free
    assert place.read(count) == 1


def test_there_is_nobody_to_grant_anything_to(place: SqlitePlace) -> None:
    assert place.migrate() == place.to_grant() == []
    assert place.read(count) == 0


@pytest.mark.parametrize(("fsync", "level"), [(False, 1), (True, 2)])
def test_a_commit_waits_for_the_disk_where_that_was_asked_for(
    tmp_path: Path, fsync: bool, level: int
) -> None:
    url = sa.make_url(f"sqlite:///{tmp_path / 'log.db'}")
    place = SqlitePlace(url, tables_for(BOSTON.features), fsync=fsync)
    asked = place.write(lambda one: one.exec_driver_sql("PRAGMA synchronous").scalar_one())
    assert asked == level
    place.close()


def test_a_locked_sqlite_file_is_unavailable_for_the_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_sqlite, "_BUSY_TIMEOUT_S", 0.1)
    path = tmp_path / "log.db"
    log = open_log(f"sqlite:///{path}", BOSTON)
    ids = log.append("v1", [ROW], [1.0])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert len(log.predictions()) == 1
    for use in (
        log.check,
        lambda: log.append("v1", [ROW], [1.0]),
        lambda: log.append("v1", [ROW] * 2, [1.0] * 2),
        lambda: log.feedback(ids[0], 2.0),
    ):
        with pytest.raises(LogUnavailable, match="locked"):
            use()
    other.execute("ROLLBACK")
    other.close()
    ids += log.append("v1", [ROW] * 2, [1.0] * 2)
    assert list(log.predictions().ids) == ids
    log.close()


def test_whoever_will_not_wait_is_told_at_once_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    log = open_log(f"sqlite:///{path}", BOSTON)
    with pytest.raises(LogBusy):  # the first connection would wait for the disk
        log.append("v1", [ROW], [1.0], wait=False)
    assert not path.exists()
    ids = log.append("v1", [ROW], [1.0])
    ids += log.append("v1", [ROW], [1.0], wait=False)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for rows in (1, 2):
        with pytest.raises(LogBusy):
            log.append("v1", [ROW] * rows, [1.0] * rows, wait=False)
    other.execute("ROLLBACK")
    other.close()
    with pytest.raises(LogBusy):
        log.feedback(ids[0], 2.0, wait=False)
    ids += log.append("v1", [ROW] * 2, [1.0] * 2, wait=False)
    assert list(log.predictions().ids) == ids
    path.rename(tmp_path / "moved.db")
    with pytest.raises(LogBusy):
        log.append("v1", [ROW], [1.0], wait=False)
    log.close()


def test_the_thread_that_writes_a_batch_holds_nobody_who_will_not_wait(
    place: SqlitePlace,
) -> None:
    place.write(lambda connection: place.insert(connection, [row(1)]))
    begun, ended = threading.Event(), threading.Event()

    def slow(_: sa.Connection) -> None:
        begun.set()
        ended.wait(10)

    writing = threading.Thread(target=place.write, args=(slow,))
    writing.start()
    begun.wait(10)
    with pytest.raises(LogBusy):
        place.write(count, wait=False)
    ended.set()
    writing.join(10)
    assert place.write(count, wait=False) == 1


def test_the_write_ahead_log_stays_small_and_only_who_waits_empties_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_sqlite, "_CHECKPOINT_ROWS", 100)
    path = tmp_path / "log.db"
    log = open_log(f"sqlite:///{path}", BOSTON)
    log.append("v1", [ROW], [1.0])
    refused = 0
    for _ in range(2000):
        try:
            log.append("v1", [ROW], [1.0], wait=False)
        except LogBusy:
            refused += 1
            log.append("v1", [ROW], [1.0])
    assert 15 <= refused <= 20
    assert path.with_name("log.db-wal").stat().st_size < 2_000_000
    assert len(log.predictions()) == 2001
    log.close()


def test_a_sqlite_file_that_is_moved_away_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    log = open_log(f"sqlite:///{path}", BOSTON)
    log.append("v1", [ROW], [1.0])
    for name in ("log.db", "log.db-wal", "log.db-shm"):
        (tmp_path / name).rename(tmp_path / f"old-{name}")
    log.check()
    new = log.append("v2", [ROW], [1.0])
    assert list(log.predictions().ids) == new
    log.close()


def test_a_sqlite_file_that_is_moved_away_without_its_newest_rows_is_unavailable(
    tmp_path: Path,
) -> None:
    path = tmp_path / "log.db"
    log = open_log(f"sqlite:///{path}", BOSTON)
    ids = log.append("v1", [ROW], [1.0])
    path.rename(tmp_path / "old.db")
    for use in (log.check, lambda: log.append("v1", [ROW], [1.0])):
        with pytest.raises(LogUnavailable, match=r"moved away without `log\.db-wal`"):
            use()
    for end in ("-wal", "-shm"):
        (tmp_path / f"log.db{end}").rename(tmp_path / f"old.db{end}")
    log.check()
    assert len(log.append("v1", [ROW], [1.0])) == 1
    log.close()
    old = open_log(f"sqlite:///{tmp_path / 'old.db'}", BOSTON)
    assert list(old.predictions().ids) == ids
    old.close()


@pytest.mark.parametrize("wait", [False, True])
@pytest.mark.parametrize("ends", [("-wal",), ("-wal", "-shm")])
def test_rows_do_not_go_on_into_a_write_ahead_log_that_was_removed(
    place: SqlitePlace, ends: tuple[str, ...], wait: bool
) -> None:
    place.write(lambda connection: place.insert(connection, [row(0)]))
    for end in ends:
        place.path.with_name(place.path.name + end).unlink()
    if not wait:
        with pytest.raises(LogBusy):  # to mend that takes too long for an event loop
            place.write(lambda connection: place.insert(connection, [row(1)]), wait=False)
    place.write(lambda connection: place.insert(connection, [row(1)]))
    place.write(lambda connection: place.insert(connection, [row(2)]), wait=False)
    place.check()
    with TemporaryDirectory() as folder:  # what a process that is killed now leaves behind
        for file in place.path.parent.iterdir():
            shutil.copy(file, folder)
        left = sqlite3.connect(Path(folder, place.path.name))
        assert left.execute("SELECT count(*) FROM predictions").fetchone() == (3,)
        left.close()


def test_a_probe_saves_the_rows_of_a_write_ahead_log_that_was_removed(place: SqlitePlace) -> None:
    place.write(lambda connection: place.insert(connection, [row(0)]))
    place.path.with_name(f"{place.path.name}-wal").unlink()
    place.check()
    assert place.read(count) == 1


def test_no_row_goes_on_into_files_that_a_probe_found_spoiled(place: SqlitePlace) -> None:
    place.write(lambda connection: place.insert(connection, [row(0)]))
    before = place.path.read_bytes()
    with place.path.with_name(f"{place.path.name}-wal").open("r+b") as file:
        file.truncate(0)
    with pytest.raises(LogUnavailable):
        place.check()
    with pytest.raises(LogBusy):
        place.write(lambda connection: place.insert(connection, [row(1)]), wait=False)
    with pytest.raises(LogUnavailable):
        place.write(lambda connection: place.insert(connection, [row(1)]))
    assert place.path.read_bytes() == before
    for end in ("", "-wal", "-shm"):
        place.path.with_name(place.path.name + end).unlink()
    place.write(lambda connection: place.insert(connection, [row(1)]))
    place.check()
    assert place.read(count) == 1


def test_a_full_sqlite_disk_is_unavailable_and_recovers(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or os.system(f"mount -t tmpfs -o size=300k tmpfs {disk} 2>/dev/null"):
        pytest.skip("no right to mount a small disk")
    try:
        log = open_log(f"sqlite:///{disk}/log.db", BOSTON)
        ids: list[str] = []
        with pytest.raises(LogUnavailable, match=r"full|disk"):
            while True:
                ids += log.append("v1", [ROW] * 20, [1.0] * 20)
        os.system(f"mount -o remount,size=30m {disk}")
        ids += log.append("v1", [ROW] * 20, [1.0] * 20)
        assert list(log.predictions().ids) == ids
        log.close()
    finally:
        os.system(f"umount {disk}")


def test_a_sqlite_file_that_is_none_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    path.write_text("this is no database, and long enough to be read as one " * 50)
    log = open_log(f"sqlite:///{path}", BOSTON)
    for use in (log.check, log.labeled, lambda: log.append("v1", [ROW], [1.0])):
        with pytest.raises(LogUnavailable, match="not a database"):
            use()
    assert path.read_text().startswith("this is no database")


def test_sqlite_writes_ahead(tmp_path: Path) -> None:
    log = open_log(f"sqlite:///{tmp_path / 'a' / 'log.db'}", BOSTON)
    log.check()
    assert not (tmp_path / "a").exists()
    log.append("v1", [ROW], [1.0])
    with sqlite3.connect(tmp_path / "a" / "log.db") as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert other.execute("SELECT version FROM log_schema").fetchone() == (1,)
    other.close()
    log.close()


BROKEN = {
    "renamed": (
        "ALTER TABLE {} RENAME timestamp TO t",
        "ALTER TABLE {} RENAME t TO timestamp",
    ),
    "refused": (
        "CREATE TRIGGER no BEFORE INSERT ON {} BEGIN SELECT RAISE(ABORT, 'no'); END",
        "DROP TRIGGER no",
    ),
    "locked": ("BEGIN IMMEDIATE", "ROLLBACK"),
}


@pytest.mark.parametrize("table", ["predictions", "feedback"])
@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("connected", [True, False])
def test_a_probe_finds_what_a_write_would_meet_and_leaves_no_row(
    connected: bool, how: str, table: str, place: SqlitePlace
) -> None:
    place.write(lambda connection: place.insert(connection, [row(0)]))
    if not connected:
        place.close()
    other = sqlite3.connect(place.path, isolation_level=None)
    before, after = BROKEN[how]
    other.execute(before.format(table))
    began = time.monotonic()
    with pytest.raises(LogUnavailable):
        place.check()
    assert time.monotonic() - began < 1
    other.execute(after.format(table))
    other.close()
    place.check()
    assert place.read(count) == 1


def test_a_path_that_may_not_be_looked_at_is_unavailable_without_waiting_too(
    place: SqlitePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(last: int, wait: bool) -> None:
        place.write(lambda connection: place.insert(connection, [row(last)]), wait=wait)

    write(0, wait=True)
    stat = os.stat

    def denied(path: object, *words: object, **named: object) -> object:
        if str(path) == str(place.path):
            raise PermissionError(errno.EACCES, "Permission denied")
        return stat(path, *words, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", denied)
        for wait in (False, True):
            with pytest.raises(LogUnavailable, match="Permission denied") as caught:
                write(1, wait)
            assert not isinstance(caught.value, LogBusy)
        with pytest.raises(LogUnavailable, match="Permission denied"):
            place.check()
    write(1, wait=True)
    assert place.read(count) == 2


@pytest.mark.parametrize("left", ["closed", "open", "killed"])
def test_who_may_only_read_reads_the_newest_rows_too(left: str) -> None:
    with TemporaryDirectory() as made, ExitStack() as stack:
        Path(made).chmod(0o755)  # pytest's own are for their owner alone
        folder = Path(made, "log")
        url = sa.make_url(f"sqlite:///{folder / 'log.db'}")
        place = SqlitePlace(url, tables_for(BOSTON.features), fsync=False)
        stack.callback(place.close)
        for number in range(5):
            place.write(lambda connection, number=number: place.insert(connection, [row(number)]))  # type: ignore[misc]
        if left == "closed":
            place.close()
            assert not (folder / "log.db-wal").exists()
        if left == "killed":  # and the index of the write-ahead log is gone with the machine
            Path(made, "copy").mkdir()
            for name in ("log.db", "log.db-wal"):
                shutil.copy(folder / name, Path(made, "copy"))
            folder = Path(made, "copy")
        before = sorted(path.name for path in folder.iterdir())
        folder.chmod(0o555)
        stack.callback(folder.chmod, 0o755)
        with as_nobody():
            url = sa.make_url(f"sqlite:///{folder / 'log.db'}")
            other = SqlitePlace(url, tables_for(BOSTON.features), fsync=False)
            assert other.read(count) == 5
            with pytest.raises(LogUnavailable):
                other.write(lambda connection: other.insert(connection, [row(7)]))
            other.close()
        assert sorted(path.name for path in folder.iterdir()) == before
