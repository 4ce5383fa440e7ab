"""PostgreSQL as a place of the log: restarts, lost connections, dropped tables, secrets."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from housing_cli.errors import LogUnavailable
from housing_cli.prediction_log import open_log
from housing_cli.prediction_log.sql.postgres import PostgresPlace
from housing_cli.prediction_log.sql.tables import tables_for
from tests.postgres import PostgresServer
from tests.prediction_log.conftest import fresh_url
from tests.prediction_log.rows import BOSTON, ROW

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


def test_the_url_decides_over_our_own_limits() -> None:
    url = sa.make_url(f"{NOWHERE}?connect_timeout=9&application_name=mine")
    place = PostgresPlace(url, tables_for(BOSTON.features))
    given: dict[str, object] = {}
    sa.event.listen(place._engine, "do_connect", lambda *words: given.update(words[3]))
    sa.event.listen(place._readers, "do_connect", lambda *words: given.update(words[3]))
    with pytest.raises(LogUnavailable):
        place.check()
    assert (given["connect_timeout"], given["application_name"]) == ("9", "mine")
    assert given["tcp_user_timeout"] == 5000  # what the URL does not say
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
