"""PostgreSQL as a place of the log: restarts, lost connections, dropped tables, secrets."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import psycopg
import pytest
import sqlalchemy as sa

from housing_cli.errors import LogUnavailable
from housing_cli.prediction_log import open_log
from housing_cli.prediction_log.sql import bounded
from housing_cli.prediction_log.sql.bounded import BoundedConnection
from housing_cli.prediction_log.sql.log import SqlLog
from housing_cli.prediction_log.sql.postgres import PostgresPlace, Row
from housing_cli.prediction_log.sql.tables import tables_for
from tests.postgres import PostgresServer
from tests.prediction_log.conftest import fresh_url
from tests.prediction_log.rows import BOSTON, ROW
from tests.system.faults.proxy import Proxy

NOWHERE = "postgresql+psycopg://housing:s3cret@127.0.0.1:1/none"


def test_a_server_that_is_not_there_is_unavailable_and_no_secret_is_shown() -> None:
    place = PostgresPlace(sa.make_url(NOWHERE), tables_for(BOSTON.features))
    for use in (
        place.check,
        place.migrate,
        lambda: place.read(lambda _: None),
        lambda: place.write(lambda _: None),
    ):
        with pytest.raises(LogUnavailable) as raised:
            use()
        assert "cannot be used: " in raised.value.message
        assert "\n" not in raised.value.message
        assert "s3cret" not in raised.value.message + raised.value.hint
        assert raised.value.hint == "check that the database runs and accepts this user"
    place.close()


def test_what_a_role_needs_that_only_writes_is_told() -> None:
    place = PostgresPlace(sa.make_url(NOWHERE), tables_for(BOSTON.features))
    assert place.to_grant() == [
        "GRANT SELECT, INSERT ON predictions, feedback, served TO ROLE",
        "GRANT SELECT ON log_schema TO ROLE",
    ]
    place.close()


def test_the_url_decides_over_our_own_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    url = sa.make_url(f"{NOWHERE}?connect_timeout=9&application_name=mine")
    place = PostgresPlace(url, tables_for(BOSTON.features))
    given: dict[str, Any] = {}

    def connect(**named: Any) -> NoReturn:
        given.update(named)
        raise psycopg.OperationalError("no")

    monkeypatch.setattr(BoundedConnection, "connect", connect)
    with pytest.raises(LogUnavailable):
        place.check()
    assert (given["connect_timeout"], given["application_name"]) == ("9", "mine")
    assert given["tcp_user_timeout"] == 5000  # what the URL does not say
    assert given["target_session_attrs"] == "read-write"
    place.close()


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


@pytest.fixture
def url(postgres: PostgresServer, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    return fresh_url("postgresql", tmp_path, request)


@pytest.fixture
def log(url: str) -> Iterator[SqlLog]:
    log = SqlLog(url, BOSTON)
    yield log
    log.close()


@pytest.mark.parametrize("rows", [1, 3])
def test_a_flow_that_went_silent_is_given_up_and_nothing_is_lost_or_doubled(
    rows: int, postgres: PostgresServer, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "SILENCE_S", 0.3)
    proxy = Proxy(postgres.port)
    log = open_log(url.replace(f":{postgres.port}", f":{proxy.port}"), BOSTON)
    try:
        ids = log.append("v1", [ROW], [1.0])
        for use in (
            lambda: ids.extend(log.append("v1", [ROW] * rows, [2.0] * rows)),
            lambda: log.feedback(ids[0], 2.0),
            log.check,
        ):
            proxy.lose_flows()
            began = time.monotonic()
            use()
            assert 0.3 <= time.monotonic() - began < 3
        assert list(log.predictions().ids) == ids
        proxy.silent.set()
        with pytest.raises(LogUnavailable, match=r"time|did not answer"):
            log.append("v1", [ROW], [1.0])
        proxy.silent.clear()
        ids += log.append("v1", [ROW], [1.0])
        found = log.predictions().ids
        assert set(ids) <= set(found)
        # The row that was refused may have come through after all, as its client was told: once.
        assert len(set(found)) == len(found) <= len(ids) + 1
    finally:
        log.close()
        proxy.close()


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("written", [True, False])
def test_an_insert_whose_fate_is_unknown_is_neither_lost_nor_doubled(
    written: bool, rows: int, log: SqlLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert, tries = PostgresPlace.insert, []

    def break_off(self: PostgresPlace, connection: Any, values: Sequence[Row]) -> None:
        tries.append(values)
        if written or len(tries) > 1:
            insert(self, connection, values)
        if len(tries) == 1:
            connection.connection.driver_connection.close()
            raise psycopg.OperationalError("the server did not answer")

    log.init()
    with monkeypatch.context() as patch:
        patch.setattr(PostgresPlace, "insert", break_off)
        ids = log.append("v1", [ROW] * rows, [1.0] * rows)
    assert len(tries) == 2
    assert list(log.predictions().ids) == ids


def test_a_connection_that_may_not_write_any_more_is_replaced(log: SqlLog) -> None:
    log.append("v1", [ROW], [1.0])
    read_only = "SET default_transaction_read_only = on"
    for use in (lambda: log.append("v1", [ROW], [1.0]), log.check):
        log._place.write(lambda connection: connection.exec_driver_sql(read_only))
        use()
    assert len(log.predictions()) == 2


def test_a_server_that_takes_no_rows_is_not_written_to_and_not_kept(
    postgres: PostgresServer,
) -> None:
    postgres.sql("CREATE DATABASE standby")
    log = open_log(postgres.url("standby"), BOSTON)
    try:
        log.append("v1", [ROW], [1.0])
        postgres.sql("ALTER DATABASE standby SET default_transaction_read_only = on")
        postgres.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'standby'"
        )
        for use in (lambda: log.append("v1", [ROW], [1.0]), log.check):
            with pytest.raises(LogUnavailable, match="read-only"):
                use()
        postgres.sql("ALTER DATABASE standby RESET default_transaction_read_only")
        log.check()
        assert len(log.append("v1", [ROW], [1.0])) == 1
    finally:
        log.close()
        postgres.sql("DROP DATABASE standby WITH (FORCE)")


@contextmanager
def changed(postgres: PostgresServer, statement: str, back: str) -> Iterator[None]:
    postgres.sql(statement)
    yield
    postgres.sql(back)


@contextmanager
def locked(url: str, table: str) -> Iterator[None]:
    """Hold a table's strongest lock, as `ALTER TABLE` does that waits for its disk."""
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"LOCK TABLE {table}")
        yield


BROKEN = {
    "revoked": ("REVOKE INSERT ON {} FROM app", "GRANT INSERT ON {} TO app"),
    "renamed": ("ALTER TABLE {} RENAME timestamp TO t", "ALTER TABLE {} RENAME t TO timestamp"),
    "not null": (
        "ALTER TABLE {0} ADD more int NOT NULL DEFAULT 1; ALTER TABLE {0} ALTER more DROP DEFAULT",
        "ALTER TABLE {} DROP more",
    ),
    "check": (
        "ALTER TABLE {} ADD CONSTRAINT c CHECK (false) NOT VALID",
        "ALTER TABLE {} DROP CONSTRAINT c",
    ),
}


@pytest.mark.parametrize("table", ["predictions", "feedback"])
@pytest.mark.parametrize("how", [*BROKEN, "locked"])
def test_a_probe_finds_what_a_write_would_meet_and_leaves_no_row(
    how: str, table: str, postgres: PostgresServer, url: str
) -> None:
    owner = open_log(url, BOSTON)
    granted = owner.init().to_grant
    schema = url.rpartition("%3D")[2]
    postgres.sql("DROP ROLE IF EXISTS app; CREATE ROLE app LOGIN")
    rights = [f"GRANT USAGE ON SCHEMA {schema} TO ROLE", f"SET search_path TO {schema}", *granted]
    postgres.sql("; ".join(rights).replace("ROLE", "app"))
    log = open_log(url.replace("housing@", "app@"), BOSTON)
    try:
        ids = log.append("v1", [ROW], [1.0])
        log.check()
        words = (word.format(f"{schema}.{table}") for word in BROKEN.get(how, ()))
        with locked(url, table) if how == "locked" else changed(postgres, *words):

            def write() -> object:
                if table == "predictions":
                    return log.append("v1", [ROW], [1.0])
                return log.feedback(ids[0], 2.0)

            for use in (write, log.check):
                began = time.monotonic()
                with pytest.raises(LogUnavailable):
                    use()
            assert time.monotonic() - began < 1.5
        log.check()
        assert log.feedback(ids[0], 2.0).outcome == "recorded"
        assert (len(owner.predictions()), len(owner.labeled())) == (1, 1)
    finally:
        log.close()
        owner.close()
        postgres.sql("DROP OWNED BY app; DROP ROLE app")


def test_a_server_that_gives_no_further_connection_takes_none_away(
    log: SqlLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def backend() -> int:
        return log._place.write(  # type: ignore[no-any-return]
            lambda connection: connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        )

    def connect(*_: object, **__: object) -> NoReturn:
        raise psycopg.OperationalError("sorry, too many clients already")

    log.append("v1", [ROW], [1.0])
    before = backend()
    monkeypatch.setattr(BoundedConnection, "connect", connect)
    assert isinstance(log._place, PostgresPlace)
    with log._place._engine.connect():  # the only one, at work
        log.check()  # a row was written just now
        with pytest.raises(LogUnavailable, match="too many"):
            log.append("v1", [ROW], [1.0])
        with pytest.raises(LogUnavailable, match="too many"):
            log.check()
    log.append("v1", [ROW], [1.0])
    assert backend() == before


def test_a_probe_that_met_a_lock_keeps_no_row_away(url: str, log: SqlLog) -> None:
    log.append("v1", [ROW], [1.0])
    with locked(url, "log_schema"):
        with pytest.raises(LogUnavailable, match="lock timeout"):
            log.check()
        log.append("v1", [ROW], [1.0])


def test_a_glance_waits_for_no_lock_and_no_silent_server(
    url: str, log: SqlLog, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.append("v1", [ROW], [1.0])
    with locked(url, "log_schema"), pytest.raises(LogUnavailable, match="statement timeout"):
        log.glance(predictions=1, labeled=1)
    monkeypatch.setattr(bounded, "SILENCE_S", 0.3)
    proxy = Proxy(postgres.port)
    other = open_log(url.replace(f":{postgres.port}", f":{proxy.port}"), BOSTON)
    try:
        assert len(other.glance(predictions=1, labeled=1).predictions) == 1
        proxy.silent.set()
        with pytest.raises(LogUnavailable, match=r"time|did not answer"):
            other.glance(predictions=1, labeled=1)
    finally:
        other.close()
        proxy.close()


def test_predictions_prove_nothing_of_prices_once_one_failed(
    url: str, log: SqlLog, postgres: PostgresServer
) -> None:
    (key,) = log.append("v1", [ROW], [1.0])
    words = (word.format(f"{url.rpartition('%3D')[2]}.feedback") for word in BROKEN["not null"])
    with changed(postgres, *words):
        with pytest.raises(LogUnavailable, match="not-null"):
            log.feedback(key, 2.0)
        log.append("v1", [ROW], [1.0])
        for _ in range(2):
            with pytest.raises(LogUnavailable, match="not-null"):
                log.check()
    log.check()


@pytest.mark.parametrize(
    ("rule", "passes"), [("predicted_price > 0", True), ("model_version <> 'v1'", False)]
)
def test_a_probe_judges_by_rows_as_they_are(
    rule: str, passes: bool, url: str, log: SqlLog, postgres: PostgresServer
) -> None:
    table = f"{url.rpartition('%3D')[2]}.predictions"
    other = open_log(url, BOSTON)
    log.append("v1", [ROW], [1.0])
    add = f"ALTER TABLE {table} ADD CONSTRAINT c CHECK ({rule}) NOT VALID"
    with changed(postgres, add, f"ALTER TABLE {table} DROP CONSTRAINT c"):
        other.check()  # never wrote
        if passes:
            log.append("v1", [ROW], [1.0])
            log.check()
        else:
            for use in (lambda: log.append("v1", [ROW], [1.0]), log.check):
                with pytest.raises(LogUnavailable, match="check constraint"):
                    use()
    other.close()
