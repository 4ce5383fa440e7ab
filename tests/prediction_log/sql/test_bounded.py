"""BoundedConnection: no answer is waited for without an end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import psycopg
import pytest
import sqlalchemy as sa

from housing_cli.prediction_log.sql import bounded
from housing_cli.prediction_log.sql.bounded import BoundedConnection, is_lost
from tests.postgres import PostgresServer
from tests.system.faults.proxy import Proxy


@pytest.fixture
def proxy(postgres: PostgresServer) -> Iterator[Proxy]:
    proxy = Proxy(postgres.port)
    yield proxy
    proxy.close()


@pytest.fixture
def connection(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[BoundedConnection]:
    monkeypatch.setattr(bounded, "SILENCE_S", 0.3)
    address = f"host=127.0.0.1 port={proxy.port} user=housing dbname=postgres"
    with BoundedConnection.connect(address, autocommit=True) as connection:
        yield connection


def copy_much(connection: BoundedConnection) -> None:
    with connection.cursor().copy("COPY pg_temp.t FROM STDIN") as copy:
        for _ in range(100_000):
            copy.write_row(["x" * 1000])


@pytest.mark.parametrize(
    "use",
    [
        lambda connection: connection.execute("SELECT 1"),
        lambda connection: connection.transaction().__enter__(),
        copy_much,
    ],
)
def test_a_flow_that_went_silent_ends_with_an_error_and_closed(
    use: Callable[[BoundedConnection], object], proxy: Proxy, connection: BoundedConnection
) -> None:
    connection.execute("CREATE TEMPORARY TABLE t (x text)")
    proxy.lose_flows()
    began = time.monotonic()
    with pytest.raises(psycopg.OperationalError, match=r"did not answer within 0\.3 s"):
        use(connection)
    assert 0.3 <= time.monotonic() - began < 2
    assert connection.closed


def test_who_answers_bit_by_bit_is_waited_for(connection: BoundedConnection) -> None:
    # Each part comes in time, the whole does not.
    with connection.cursor().copy(
        "COPY (SELECT repeat('x', 9000), pg_sleep(0.1) FROM generate_series(1, 6)) TO STDOUT"
    ) as copy:
        assert sum(1 for _ in copy) >= 6
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_what_the_server_says_is_raised_as_it_is(connection: BoundedConnection) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        connection.execute("SELECT 1 / 0")
    assert not connection.closed


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (psycopg.OperationalError("the server did not answer"), True),
        (psycopg.errors.ReadOnlySqlTransaction(), True),
        (psycopg.errors.AdminShutdown(), True),
        (psycopg.errors.ConnectionFailure(), True),
        (psycopg.errors.DiskFull(), False),
        (psycopg.errors.LockNotAvailable(), False),
        (psycopg.errors.QueryCanceled(), False),
        (psycopg.errors.InsufficientPrivilege(), False),
        (psycopg.ProgrammingError("ours"), False),
        (sa.exc.TimeoutError("no connection is free"), False),
    ],
)
def test_a_connection_is_given_up_where_another_may_do_better(error: Exception, lost: bool) -> None:
    assert is_lost(error) is lost
    assert is_lost(sa.exc.DBAPIError("INSERT", None, error)) is lost
    assert is_lost(sa.exc.DBAPIError("INSERT", None, error, connection_invalidated=True))
