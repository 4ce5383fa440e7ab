"""PostgreSQL as a place of the log: a small pool of connections that outlives restarts.

It outlives also what nobody tells it of: flows that went silent, and a server that became a
standby. Whatever is odd about a connection gives up the pool, and a new one is to do better.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar, cast

import psycopg
import sqlalchemy as sa

from housing_cli.errors import LogUnavailable
from housing_cli.prediction_log.ids import Clock, IdSource
from housing_cli.prediction_log.sql import tables as sql_tables
from housing_cli.prediction_log.sql.bounded import BoundedConnection, is_lost
from housing_cli.prediction_log.urls import HIDDEN, is_secret, redacted

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection
    from sqlalchemy.engine.interfaces import DBAPIConnection

    from housing_cli.prediction_log.sql.tables import Tables

T = TypeVar("T")
Row = Sequence[object]

_CONNECT_TIMEOUT_S = 3
_STATEMENT_TIMEOUT_MS = 3000
# A peer that is gone is noticed within five seconds, also by who waits and has nothing to send.
_GONE = {
    "tcp_user_timeout": 5000,
    "keepalives": 1,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 3,
}
_POOL = 4
# "housing" as a number: whoever creates the tables holds this lock.
_CREATE_LOCK = 0x686F7573696E67
_COPY_FROM_ROWS = 2
# A migration waits for whoever reads `log_schema`, and others for it: not for long.
_LOCK_TIMEOUT_MS = 2000
# A probe finds the table locked sooner than its asker loses patience.
_PROBE_LOCK_TIMEOUT_MS = 500
_PROVEN_S = 3.0
"""So long a row that was written proves that rows can be."""
_HINTS = {
    psycopg.errors.InsufficientPrivilege.sqlstate: (
        "`housing log init --url URL`, as a role that may change the tables, makes them"
    ),
    psycopg.errors.LockNotAvailable.sqlstate: "somebody reads the log: run it again later",
}
# What others may do with `predictions`, its owner included, said of `served`.
_AS_ON_PREDICTIONS = """
    SELECT 'GRANT ' || string_agg(right_.privilege_type, ', ' ORDER BY right_.privilege_type)
        || ' ON served TO '
        || CASE right_.grantee WHEN 0 THEN 'PUBLIC' ELSE right_.grantee::regrole::text END
    FROM pg_class, aclexplode(coalesce(relacl, acldefault('r', relowner))) AS right_
    WHERE pg_class.oid = 'predictions'::regclass AND right_.privilege_type IN ('SELECT', 'INSERT')
        AND right_.grantee NOT IN (SELECT oid FROM pg_roles WHERE rolname = current_user)
    GROUP BY right_.grantee
"""


# A connection that broke is told as `LogUnavailable`; the pool's own trace of it adds nothing.
logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)


class NoConnection(LogUnavailable):
    """The server gives no connection, or no more of them."""


class PostgresPlace:
    """The database that a URL names.

    Every write is one statement in autocommit: one round trip, all or none. A write whose
    connection broke is sent once more; its ids make that harmless.
    """

    blocking = True

    def __init__(self, url: URL, tables: Tables) -> None:
        self.tables = tables
        secrets = [url.password, *(url.query[name] for name in url.query if is_secret(name))]
        self._secrets = [str(secret) for secret in secrets if secret]
        self._shown = redacted(url.render_as_string(hide_password=True))
        arguments = {
            "connect_timeout": _CONNECT_TIMEOUT_S,
            "application_name": "housing",
            **_GONE,
        }
        # A standby takes no row, and one that was the primary until now takes none any more.
        writing = {**arguments, "target_session_attrs": "read-write"}
        for name in url.query:
            arguments.pop(name, None)
            writing.pop(name, None)
        self._engine = sa.create_engine(
            url,
            isolation_level="AUTOCOMMIT",
            pool_size=_POOL,
            max_overflow=_POOL,
            pool_timeout=_CONNECT_TIMEOUT_S,
            connect_args=writing,
            hide_parameters=True,
        )
        sa.event.listen(self._engine, "do_connect", _bounded)
        sa.event.listen(self._engine, "connect", _limit_statements)
        # Long questions get a connection of their own, in a transaction and without a limit.
        self._readers = sa.create_engine(
            url, poolclass=sa.pool.NullPool, connect_args=arguments, hide_parameters=True
        )
        self._brief = sa.create_engine(
            url, poolclass=sa.pool.NullPool, connect_args=arguments, hide_parameters=True
        )
        sa.event.listen(self._brief, "do_connect", _bounded)
        sa.event.listen(self._brief, "connect", _limit_statements)
        for readers in (self._readers, self._brief):
            sa.event.listen(readers, "connect", _set_up_reader)
        self.statements = sql_tables.statements_for(tables, self._engine.dialect)
        self._creating = threading.Lock()
        self._ready = False
        self._proven = -math.inf
        self._doubted = False
        self._good: Row = ()
        self._ids = IdSource()
        self._clock = Clock()

    def write(self, work: Callable[[Connection], T], *, wait: bool = True) -> T:  # noqa: ARG002
        """Return what `work` returns; it always waits. A lost connection is replaced once."""
        for attempt in (1, 2):
            try:
                self._prepare()
                with self._connect() as connection:
                    return work(connection)
            except NoConnection as error:
                if attempt == 1:
                    raise
                raise LogUnavailable(error.message, error.hint) from error  # and lost what it had
            except (sa.exc.SQLAlchemyError, psycopg.Error) as error:
                self._proven, self._doubted = -math.inf, True
                if not is_lost(error):
                    self._ready = self._ready and not _is_of_tables(error)
                    raise self._unavailable(error) from error
                self._engine.dispose()
                if attempt == 2:  # noqa: PLR2004
                    raise self._unavailable(error) from error
        raise AssertionError

    def _connect(self) -> Connection:
        """Return a connection. Raises `NoConnection` where there is no other to be had.

        Those that the pool holds stay: they may be the last that a crowded server gives.
        """
        try:
            return self._engine.connect()
        except (sa.exc.SQLAlchemyError, psycopg.Error) as error:
            self._proven = -math.inf
            told = self._unavailable(error)
            raise NoConnection(told.message, told.hint) from error

    def read(self, work: Callable[[Connection], T], *, briefly: bool = False) -> T | None:
        """Return what `work` returns in one snapshot, None if there are no tables.

        briefly: raise rather than wait for longer than a write may.
        """
        try:
            with (self._brief if briefly else self._readers).connect() as connection:
                connection.execution_options(isolation_level="REPEATABLE READ")
                if not sql_tables.format_of(connection, self.tables, self._shown):
                    return None
                return work(connection)
        except (sa.exc.SQLAlchemyError, psycopg.Error) as error:
            raise self._unavailable(error) from error

    def insert(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Insert rows, all or none; rows that are there already were sent before."""
        try:
            if len(rows) < _COPY_FROM_ROWS:
                connection.exec_driver_sql(self.statements.insert_prediction, tuple(rows[0]))
            else:
                self._copy(connection, rows)
        except (sa.exc.IntegrityError, psycopg.errors.UniqueViolation):
            found = connection.exec_driver_sql(
                "SELECT 1 FROM predictions WHERE id = %s", (rows[0][0],)
            ).first()
            if found is None:
                raise
        self._good = rows[0]
        if not self._doubted:  # a price may have failed, and this proves nothing of prices
            self._proven = time.monotonic()

    def check(self) -> None:
        """Raise `LogUnavailable` or `LogSchemaMismatch` if nothing could be written now.

        Does what a write does, and takes it back: the statement without a row sees rights, columns
        and locks. A row, which sees full disks and NOT NULL columns too, leaves garbage to the
        vacuum, and so it is tried only where none was written lately.
        """

        def ask(connection: Connection) -> None:
            driver = _driver(connection)
            with driver.transaction(force_rollback=True):
                driver.execute(f"SET LOCAL lock_timeout = {_PROBE_LOCK_TIMEOUT_MS}".encode())
                sql_tables.format_of(connection, self.tables, self._shown)  # others may migrate it
                driver.execute(self.statements.insert_nothing.encode())
                proven = self._is_proven()
                if not proven:
                    ms, (key,) = self._ids.issue()
                    at = self._clock.iso(ms)
                    sql_tables.insert_made_up(
                        connection, self.tables, self.statements, (key, at, *self._good[2:])
                    )
            if not proven:
                self._proven, self._doubted = time.monotonic(), False

        written = self._is_proven()
        try:
            self.write(ask)
        except NoConnection:
            if not written:
                raise  # else those who write have one

    def _is_proven(self) -> bool:
        return time.monotonic() - self._proven < _PROVEN_S

    def transaction(self, connection: Connection) -> AbstractContextManager[object]:
        """Keep all or none of what is written meanwhile."""
        return _driver(connection).transaction()

    def migrate(self) -> list[str]:
        """Bring an older log to this format in one transaction; return what was granted.

        Whoever may read or append to `predictions`, server roles as a rule, may do so with
        `served`; a grant on `log_schema` covers its new column.
        """
        try:
            with self._readers.begin() as connection:
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_LOCK_TIMEOUT_MS}")
                _lock(connection)
                sql_tables.create(connection, self.tables)
                granted = connection.exec_driver_sql(_AS_ON_PREDICTIONS).scalars().all()
                for statement in granted:
                    connection.exec_driver_sql(statement)
                return list(granted)
        except (sa.exc.SQLAlchemyError, psycopg.Error) as error:
            raise self._unavailable(error) from error

    def to_grant(self) -> list[str]:
        """Return what a role needs that is to write the log and not to change its tables."""
        return [
            "GRANT SELECT, INSERT ON predictions, feedback, served TO ROLE",
            "GRANT SELECT ON log_schema TO ROLE",
        ]

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()
        self._readers.dispose()
        self._brief.dispose()

    def _prepare(self) -> None:
        """See once that the tables are there, and create them if not."""
        if self._ready:
            return
        with self._creating:
            if self._ready:
                return
            with self._connect() as connection, self.transaction(connection):
                if not sql_tables.format_of(connection, self.tables, self._shown):
                    _lock(connection)
                    if not sql_tables.format_of(connection, self.tables, self._shown):
                        sql_tables.create(connection, self.tables)
            self._ready = True

    def _copy(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Insert rows by COPY; psycopg words a row in half the time that Python takes for it."""
        with (
            _driver(connection).cursor() as cursor,
            cursor.copy(self.statements.copy_predictions) as copy,
        ):
            for row in rows:
                copy.write_row(row)

    def _unavailable(self, error: Exception) -> LogUnavailable:
        reason = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        lines = str(reason).strip().splitlines() or [type(reason).__name__]
        text = lines[0]
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return LogUnavailable(
            f"the prediction log `{self._shown}` cannot be used: {text}",
            _HINTS.get(
                getattr(reason, "sqlstate", None),
                "check that the database runs and accepts this user",
            ),
        )


def _lock(connection: Connection) -> None:
    """Wait until nobody else creates or migrates tables, and keep others from it until the end."""
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s::bigint)", (_CREATE_LOCK,))


def _is_of_tables(error: Exception) -> bool:
    """Return whether an error may mean that tables are gone, and not that they are locked, say."""
    reason = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    state = getattr(reason, "sqlstate", None)
    return state is None or state.startswith(("42", "3"))  # names, and what they stand in


def _driver(connection: Connection) -> psycopg.Connection:
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError("not a connection of psycopg")
    return driver


def _bounded(_: object, __: object, words: list[Any], named: dict[str, Any]) -> DBAPIConnection:
    return cast("DBAPIConnection", BoundedConnection.connect(*words, **named))


def _limit_statements(connection: DBAPIConnection, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute(f"SET statement_timeout = {_STATEMENT_TIMEOUT_MS}")
    cursor.close()


def _set_up_reader(connection: DBAPIConnection, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute("SET TIME ZONE 'UTC'; SET datestyle = ISO")  # days are how times' texts begin
    cursor.execute("SET jit = off")  # costs half a second where the question takes milliseconds
    cursor.close()
    connection.commit()
