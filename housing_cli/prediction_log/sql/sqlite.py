"""SQLite as a place of the log: one file in WAL mode, one writing connection a process."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa

from housing_cli.errors import LogBusy, LogUnavailable
from housing_cli.files import check_growable
from housing_cli.prediction_log.sql import tables as sql_tables

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection
    from sqlalchemy.engine.interfaces import DBAPIConnection

    from housing_cli.prediction_log.sql.tables import Tables

T = TypeVar("T")
Row = Sequence[object]

_DRIVER_ERRORS = (sa.exc.DBAPIError, sqlite3.Error)
_BUSY_TIMEOUT_S = 2.0
_PROBE_PATIENCE_S = 0.5
_BUSY_POLL_S = 0.0003
_CHECKPOINT_ROWS = 10_000
"""Rows between two moves of the write-ahead log into the database file, which wait for the disk:
who writes waits 50 ms, and the log grows to 70 MB at most, where each row came alone."""


class SqlitePlace:
    """The database file that a URL names.

    A killed process loses nothing; after a power loss the last transactions may be missing unless
    `fsync` makes every commit wait for the disk.

    A commit alone is written to memory, in 40 us, so that an event loop may do it. What waits, a
    checkpoint, a lock that is taken, the first connection, is left to `write` with `wait`.
    """

    def __init__(self, url: URL, tables: Tables, *, fsync: bool) -> None:
        self.blocking = fsync
        self.path = Path(url.database or "")
        self._wal = self.path.with_name(f"{self.path.name}-wal")
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
        self._identity = (0, 0, 0, 0)
        self._since_checkpoint = 0
        self._doubted = False

    def write(self, work: Callable[[Connection], T], *, wait: bool = True) -> T:
        """Return what `work` returns on the writing connection, waiting while others write.

        Raises `LogBusy` instead of waiting unless `wait`.
        """
        if wait:
            return self._write_patiently(work)
        if not self._lock.acquire(blocking=False):
            raise _busy()
        try:
            connection = self._connection
            waits = self._doubted or self._since_checkpoint > _CHECKPOINT_ROWS
            if waits or not self._is_connected():
                raise _busy()
            return work(connection)  # type: ignore[arg-type]
        except (*_DRIVER_ERRORS, OSError) as error:
            if _is_busy(error):
                raise _busy() from error
            self._drop()
            raise self._unavailable(error) from error
        finally:
            self._lock.release()

    def _write_patiently(self, work: Callable[[Connection], T]) -> T:
        if self._doubted:
            self.check()
        deadline = 0.0
        with self._lock:
            while True:
                try:
                    result = work(self._writer())
                    self._checkpoint_now_and_then()
                    return result
                except _DRIVER_ERRORS as error:
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

    def read(
        self,
        work: Callable[[Connection], T],
        *,
        briefly: bool = False,  # noqa: ARG002 - nobody waits here
    ) -> T | None:
        """Return what `work` returns on a connection of its own, None if there are no tables."""
        try:
            if not self.path.exists():
                return None
            with self._reader() as connection:
                if not sql_tables.format_of(connection, self.tables, str(self.path)):
                    return None
                return work(connection)
        except (*_DRIVER_ERRORS, OSError) as error:
            raise self._unavailable(error) from error

    @contextmanager
    def _reader(self) -> Iterator[Connection]:
        """Open the file to read it, with no more than permission to read.

        Who may not write cannot make the index of the write-ahead log, without which SQLite opens
        nothing. So where there is none, there is nobody who writes: then the file is taken as it
        is, or, where its newest rows are still in the write-ahead log, read as a copy.
        """
        both = self.path.parent, self.path
        if all(os.access(path, os.W_OK, effective_ids=True) for path in both):
            with self._engine.connect() as connection:
                yield connection
            return
        with ExitStack() as stack:
            path, options = self.path.absolute(), "mode=ro"
            log, index = (path.with_name(path.name + end) for end in ("-wal", "-shm"))
            if not index.exists() and log.exists() and log.stat().st_size:
                folder = stack.enter_context(TemporaryDirectory(prefix="housing-log-"))
                for one in (path, log):
                    shutil.copyfile(one, Path(folder, one.name))
                path, options = Path(folder, path.name), "mode=rw"
            elif not index.exists():
                options = "mode=ro&immutable=1"
            where = f"{path.as_uri()}?{options}"
            engine = sa.create_engine(
                "sqlite://",
                isolation_level="AUTOCOMMIT",
                poolclass=sa.pool.NullPool,
                creator=lambda: sqlite3.connect(where, uri=True, timeout=_BUSY_TIMEOUT_S),
                hide_parameters=True,
            )
            stack.callback(engine.dispose)
            yield stack.enter_context(engine.connect())

    def insert(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Insert rows, all or none.

        Through the driver: SQLAlchemy's way to it costs 60 us, a row 15.
        """
        driver: Any = connection.connection.driver_connection
        if len(rows) == 1:
            driver.execute(self.statements.insert_prediction, rows[0])
        else:
            with self.transaction(connection):
                driver.executemany(self.statements.insert_prediction, rows)
        self._since_checkpoint += len(rows)

    @contextmanager
    def transaction(self, connection: Connection) -> Iterator[None]:
        """Keep all or none of what is written meanwhile; nobody else writes."""
        driver: Any = connection.connection.driver_connection
        driver.execute("BEGIN IMMEDIATE")
        try:
            yield
            driver.execute("COMMIT")
        except BaseException:
            if driver.in_transaction:
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
        """Raise `LogUnavailable` or `LogSchemaMismatch` if nothing could be written now.

        Writes on a connection of its own, and takes it back: what this process has open may go on
        where another's next connection would not. Where this one fails, nothing is written until
        it passes; the connection stays: to close it moves the write-ahead log into the file, and
        SQLite does not look whether that was spoiled.
        """
        self._give_up_lost()
        try:
            check_growable(self.path)
            if not self.path.exists():
                self._refuse_left_wal()
            else:
                with self._engine.connect() as connection:
                    # The tables are made by the first row, not by a probe.
                    if sql_tables.format_of(connection, self.tables, str(self.path)):
                        self._probe(connection)
        except (*_DRIVER_ERRORS, OSError) as error:
            self._doubted = self._doubted or not _is_busy(error)
            raise self._unavailable(error) from error
        self._doubted = False

    def _give_up_lost(self) -> None:
        """Give up a writing connection to files that were removed; who writes looks himself."""
        if self._lock.acquire(timeout=_PROBE_PATIENCE_S / 5):
            try:
                if self._connection is not None and not self._is_connected():
                    self._drop()
            finally:
                self._lock.release()

    def _probe(self, connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={round(_PROBE_PATIENCE_S * 1000)}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            sql_tables.insert_made_up(connection, self.tables, self.statements, ("probe", ""))
        finally:
            connection.exec_driver_sql("ROLLBACK")

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._drop()
            self._engine.dispose()

    def _writer(self) -> Connection:
        """Return the writing connection, made anew if the file was moved away or after a fork."""
        if self._connection is not None:
            if self._is_connected():
                return self._connection
            self._drop()
        self._refuse_left_wal()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = self._engine.connect()
        try:
            with self.transaction(connection):
                if not sql_tables.format_of(connection, self.tables, str(self.path)):
                    sql_tables.create(connection, self.tables)
            connection.exec_driver_sql("PRAGMA busy_timeout=0")  # `write` waits more finely
            connection.exec_driver_sql("PRAGMA wal_autocheckpoint=0")  # and sees to this, too
            self._identity = self._identity_now()
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _is_connected(self) -> bool:
        """Return whether the writing connection is to the files that the path names now.

        Who goes on with a write-ahead log that was removed writes what nobody else will ever see.
        """
        try:
            return self._connection is not None and self._identity == self._identity_now()
        except FileNotFoundError:
            return False

    def _checkpoint_now_and_then(self) -> None:
        self._since_checkpoint += 1
        if self._since_checkpoint > _CHECKPOINT_ROWS and self._connection is not None:
            self._since_checkpoint = 0
            # What readers still need stays where it is, until the next time.
            self._connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    def _refuse_left_wal(self) -> None:
        """Raise `LogUnavailable` where the file is gone and its newest rows are not.

        SQLite would take them for those of a new file, and delete them.
        """
        if self._wal.exists() and not self.path.exists():
            raise LogUnavailable(
                f"the prediction log `{self.path}` was moved away without `{self._wal.name}`, "
                "which holds its newest rows",
                f"move `{self._wal.name}` and `{self.path.name}-shm` to where the log is now",
            )

    def _identity_now(self) -> tuple[int, int, int, int]:
        status = os.stat(self.path)  # noqa: PTH116 - the hot path
        try:
            wal = os.stat(self._wal).st_ino  # noqa: PTH116
        except FileNotFoundError:
            wal = 0
        return status.st_ino, status.st_dev, wal, os.getpid()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and self._identity[3] == os.getpid():
            # To close does so, too, but not where another connection is open at the moment.
            with suppress(*_DRIVER_ERRORS):
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")
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


def _busy() -> LogBusy:
    return LogBusy("the prediction log is being written by others", "try again later")


def _is_busy(error: Exception) -> bool:
    reason = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    return (getattr(reason, "sqlite_errorcode", 0) & 0xFF) in {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    }
