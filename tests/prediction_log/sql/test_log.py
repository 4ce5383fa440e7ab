"""What only the databases do: restarts, locks, files that move, secrets."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from housing_cli.errors import ConfigError, LogSchemaMismatch, LogUnavailable
from housing_cli.prediction_log import open_log, redacted
from housing_cli.prediction_log.sql import sqlite as sql_sqlite
from housing_cli.prediction_log.sql.tables import column_names
from tests.postgres import PostgresServer
from tests.prediction_log.conftest import fresh_url
from tests.prediction_log.rows import BOSTON, ROW


def test_a_restart_of_postgresql_is_survived(
    postgres: PostgresServer, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = fresh_url("postgresql", tmp_path, request)
    log = open_log(url, BOSTON)
    ids = log.append("v1", [ROW], [1.0])
    postgres.stop()
    try:
        for use in (
            log.check,
            lambda: log.append("v1", [ROW], [1.0]),
            lambda: log.append("v1", [ROW] * 3, [1.0] * 3),
            lambda: log.feedback(ids[0], 2.0),
            log.labeled,
        ):
            began = time.monotonic()
            with pytest.raises(LogUnavailable) as caught:
                use()
            assert "cannot be used" in caught.value.message
            assert time.monotonic() - began < 5
    finally:
        postgres.start()
    assert log.feedback(ids[0], 2.0).outcome == "recorded"
    ids += log.append("v1", [ROW] * 3, [1.0] * 3)
    # A quick restart while nobody asks is not even noticed.
    postgres.stop("fast")
    postgres.start()
    ids += log.append("v1", [ROW] * 3, [1.0] * 3)
    postgres.stop("fast")
    postgres.start()
    ids += log.append("v1", [ROW], [1.0])
    assert list(log.predictions().ids) == ids
    log.close()


def test_nothing_acknowledged_is_lost_while_postgresql_restarts(
    postgres: PostgresServer, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    log = open_log(fresh_url("postgresql", tmp_path, request), BOSTON)
    acknowledged: list[str] = []
    refused: list[LogUnavailable] = []
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            try:
                acknowledged.extend(log.append("v1", [ROW], [1.0]))
            except LogUnavailable as error:
                refused.append(error)
                time.sleep(0.005)

    threads = [threading.Thread(target=serve) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(0.2)
        postgres.stop("immediate")
        time.sleep(0.2)
        postgres.start()
        time.sleep(0.3)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert refused
    assert set(acknowledged) <= set(log.predictions().ids)
    log.close()


def test_tables_that_were_dropped_are_made_again(
    postgres: PostgresServer, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = fresh_url("postgresql", tmp_path, request)
    log = open_log(url, BOSTON)
    log.append("v1", [ROW], [1.0])
    schema = url.rpartition("%3D")[2]
    postgres.sql(f"DROP SCHEMA {schema} CASCADE; CREATE SCHEMA {schema}")
    with pytest.raises(LogUnavailable, match="predictions"):
        log.append("v1", [ROW], [1.0])
    assert len(log.append("v1", [ROW], [1.0])) == 1
    log.close()


def test_no_message_shows_a_password() -> None:
    url = "postgresql://housing:s3cret@127.0.0.1:1/none"
    log = open_log(url, BOSTON)
    assert "s3cret" not in log.url
    for use in (log.check, log.labeled, lambda: log.append("v1", [ROW], [1.0])):
        with pytest.raises(LogUnavailable) as caught:
            use()
        assert "s3cret" not in caught.value.message + caught.value.hint
    for shown in (url, "postgresql://h/db?password=s3cret&x=1", "postgresql://u:s3@cret@h/db"):
        assert "s3cret" not in redacted(shown)
        assert "cret" not in redacted(shown)


@pytest.mark.parametrize("secret", ["p@ss/w#rd", "a:b@c", "x?y@z"])
def test_a_password_with_an_at_sign_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_log(f"postgresql+psycopg://housing:{secret}@127.0.0.1:1/housing", BOSTON)
    shown = caught.value.message + caught.value.hint
    assert not any(part in shown for part in (secret, secret.rpartition("@")[2] + "@"))
    assert "PGPASSWORD" in caught.value.hint


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "postgresql://h:port/x", "csv:"]
)
def test_a_url_that_names_nothing_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        open_log(url, BOSTON)


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


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_newer_schema_is_refused_and_a_missing_one_is_version_1(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = fresh_url(kind, tmp_path, request)
    log = open_log(url, BOSTON)
    ids = log.append("v1", [ROW], [1.0])
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE log_schema SET version = 99")
    with pytest.raises(LogSchemaMismatch, match="99"):
        open_log(url, BOSTON).labeled()
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE log_schema")
    older = open_log(url, BOSTON)
    assert list(older.predictions().ids) == ids
    older.append("v1", [ROW], [1.0])
    older.close()
    log.close()


def test_column_names_are_the_features_where_a_database_takes_them() -> None:
    assert column_names(BOSTON.features) == BOSTON.features
    assert column_names(("B", "b", "id", "", "x" * 64, "ok")) == (
        "B", "feature_1", "feature_2", "feature_3", "feature_4", "ok",
    )  # fmt: skip
