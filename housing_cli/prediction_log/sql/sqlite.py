"""SQLite as a place of the log: one file in WAL mode, one writing connection a process."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import sqlalchemy as sa

from housing_cli.errors import LogUnavailable
from housing_cli.files import check_growable
from housing_cli.prediction_log.sql import tables as sql_tables

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection
    from sqlalchemy.engine.interfaces import DBAPIConnection

    from housing_cli.prediction_log.sql.tables import Tables

T = TypeVar("T")
Row = Sequence[object]

_BUSY_TIMEOUT_S = 2.0
_BUSY_POLL_S = 0.0003


class SqlitePlace:
    """The database file that a URL names.

    A killed process loses nothing; after a power loss the last transactions may be missing unless
    `fsync` makes every commit wait for the disk.
    """

    def __init__(self, url: URL, tables: Tables, *, fsync: bool) -> None:
        self.path = Path(url.database or "")
        self.tables = tables
        self._synchronous = "FULL" if fsync else "NORMAL"
        self._engine = sa.create_engine(
            url,
            isolation_level="AUTOCOMMIT",
            poolclass=sa.pool.NullPool,
            connect_args={"timeout": _BUSY_TIMEOUT_S, "check_same_thread": False},
            hide_parameters=True,
        )
        sa.event.listen(self._engine, "connect", self._set_up)
        self.statements = sql_tables.statements_for(tables, self._engine.dialect)
        self._lock = threading.RLock()
        self._connection: Connection | None = None
        self._identity = (0, 0, 0)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` returns on the writing connection, waiting while others write."""
        deadline = 0.0
        with self._lock:
            while True:
                try:
                    return work(self._writer())
                except sa.exc.DBAPIError as error:
                    if not _is_busy(error):
                        self._drop()
                        raise self._unavailable(error) from error
                    now = time.monotonic()
                    deadline = deadline or now + _BUSY_TIMEOUT_S
                    if now > deadline:
                        raise self._unavailable(error) from error
                except OSError as error:
                    self._drop()
                    raise self._unavailable(error) from error
                time.sleep(_BUSY_POLL_S)

    def read(self, work: Callable[[Connection], T]) -> T | None:
        """Return what `work` returns on a connection of its own, None if there are no tables."""
        try:
            if not self.path.exists():
                return None
            with self._engine.connect() as connection:
                if not sql_tables.format_of(connection, self.tables, str(self.path)):
                    return None
                return work(connection)
        except (sa.exc.DBAPIError, sqlite3.Error, OSError) as error:
            raise self._unavailable(error) from error

    def insert(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Insert rows, all or none."""
        if len(rows) == 1:
            connection.exec_driver_sql(self.statements.insert_prediction, tuple(rows[0]))
            return
        with self.transaction(connection):
            connection.exec_driver_sql(self.statements.insert_prediction, [tuple(r) for r in rows])

    @contextmanager
    def transaction(self, connection: Connection) -> Iterator[None]:
        """Keep all or none of what is written meanwhile; nobody else writes."""
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            yield
            connection.exec_driver_sql("COMMIT")
        except BaseException:
            driver = connection.connection.driver_connection
            if isinstance(driver, sqlite3.Connection) and driver.in_transaction:
                driver.execute("ROLLBACK")
            raise

    def migrate(self) -> list[str]:
        """Bring an older log to this format; there is nobody to grant anything to."""

        def create(connection: Connection) -> None:
            with self.transaction(connection):
                sql_tables.create(connection, self.tables)

        self.write(create)
        return []

    def to_grant(self) -> list[str]:
        """Return no statement: whoever may write the file may write the log."""
        return []

    def check(self) -> None:
        """Raise `LogUnavailable` or `LogSchemaMismatch` if nothing could be written now."""
        try:
            check_growable(self.path)
            if not self.path.exists():
                self._refuse_left_wal()
                return
            # The tables are made by the first row, not by a probe; other replicas may migrate them.
            self.read(lambda _: None)
            with self._lock:
                if self._connection is None or self._identity != self._identity_now():
                    return
        except OSError as error:
            raise self._unavailable(error) from error
        self.write(_touch)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._drop()
            self._engine.dispose()

    def _writer(self) -> Connection:
        """Return the writing connection, made anew if the file was moved away or after a fork."""
        if self._connection is not None:
            try:
                if self._identity == self._identity_now():
                    return self._connection
            except FileNotFoundError:
                pass
            self._drop()
        self._refuse_left_wal()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = self._engine.connect()
        try:
            with self.transaction(connection):
                if not sql_tables.format_of(connection, self.tables, str(self.path)):
                    sql_tables.create(connection, self.tables)
            connection.exec_driver_sql("PRAGMA busy_timeout=0")  # `write` waits more finely
            self._identity = self._identity_now()
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _refuse_left_wal(self) -> None:
        """Raise `LogUnavailable` where the file is gone and its newest rows are not.

        SQLite would take them for those of a new file, and delete them.
        """
        wal = self.path.with_name(f"{self.path.name}-wal")
        if wal.exists() and not self.path.exists():
            raise LogUnavailable(
                f"the prediction log `{self.path}` was moved away without `{wal.name}`, which "
                "holds its newest rows",
                f"move `{wal.name}` and `{self.path.name}-shm` to where the log is now",
            )

    def _identity_now(self) -> tuple[int, int, int]:
        status = os.stat(self.path)  # noqa: PTH116 - the hot path
        return status.st_ino, status.st_dev, os.getpid()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and self._identity[2] == os.getpid():
            connection.close()

    def _set_up(self, connection: DBAPIConnection, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute(f"PRAGMA synchronous={self._synchronous}")
        cursor.close()

    def _unavailable(self, error: Exception) -> LogUnavailable:
        reason = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        text = getattr(reason, "strerror", None) or str(reason)
        return LogUnavailable(
            f"the prediction log `{self.path}` cannot be used: {text}",
            "check the file, its directory, their permissions and the free space",
        )


def _touch(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    connection.exec_driver_sql("ROLLBACK")


def _is_busy(error: sa.exc.DBAPIError) -> bool:
    code = getattr(error.orig, "sqlite_errorcode", 0)
    return (code & 0xFF) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
