"""The tables of the SQL log, their numbers, and the statements that write them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from housing_cli.errors import LogSchemaMismatch
from housing_cli.prediction_log import formats, open_log
from housing_cli.prediction_log.ids import prefix_of
from housing_cli.prediction_log.records import Served
from housing_cli.prediction_log.sql.tables import (
    column_names,
    create,
    format_of,
    served_since,
    statements_for,
    tables_for,
)
from tests.prediction_log.conftest import fresh_url
from tests.prediction_log.rows import BOSTON, ROW

TABLES = tables_for(("a", "b"))


@pytest.fixture
def connection() -> Iterator[sa.Connection]:
    """An empty database in memory."""
    engine = sa.create_engine("sqlite://")
    with engine.begin() as opened:
        yield opened
    engine.dispose()


def test_the_columns_stand_in_the_order_of_the_csv_file() -> None:
    assert TABLES.names() == ["id", "timestamp", "model_version", "a", "b", "predicted_price"]
    assert list(TABLES.predictions.columns.keys()) == TABLES.names()
    assert tuple(TABLES.served.columns.keys()) == Served.__struct_fields__


def test_a_database_without_tables_has_no_format(connection: sa.Connection) -> None:
    assert format_of(connection, TABLES, "here") == 0


def test_made_tables_carry_the_numbers_and_may_be_made_again(connection: sa.Connection) -> None:
    for _ in range(2):
        create(connection, TABLES)
        assert format_of(connection, TABLES, "here") == formats.FORMAT
    rows = connection.execute(sa.select(TABLES.log_schema)).all()
    assert [tuple(row) for row in rows] == [(formats.USABLE_FROM, '["a", "b"]', formats.FORMAT)]


def test_a_log_of_format_1_gets_room_and_its_number(connection: sa.Connection) -> None:
    for table in (TABLES.predictions, TABLES.feedback):
        table.create(connection)
    for words in (
        "CREATE TABLE log_schema (version INTEGER PRIMARY KEY, features TEXT NOT NULL)",
        """INSERT INTO log_schema VALUES (1, '["a", "b"]')""",
    ):
        connection.exec_driver_sql(words)
    assert format_of(connection, TABLES, "here") == 1
    assert served_since(connection, TABLES, None) == []
    create(connection, TABLES)
    assert format_of(connection, TABLES, "here") == formats.FORMAT
    assert sa.inspect(connection).has_table("served")


def test_tables_for_other_features_are_refused_and_named(connection: sa.Connection) -> None:
    create(connection, tables_for(("a", "c")))
    with pytest.raises(LogSchemaMismatch, match="`here` was written for other features: a, c"):
        format_of(connection, TABLES, "here")
    # Without numbers the columns tell it.
    connection.exec_driver_sql("DROP TABLE log_schema")
    with pytest.raises(LogSchemaMismatch, match="`here` has a table `predictions` with other"):
        format_of(connection, TABLES, "here")


def test_rows_of_served_come_in_the_order_of_their_ids(connection: sa.Connection) -> None:
    create(connection, TABLES)
    moments = [datetime(2026, 1, day, tzinfo=UTC) for day in (3, 1, 2)]
    rows = [
        Served(f"{prefix_of(int(moment.timestamp() * 1000))}-7000-8000-000000000000", lower=1.5)
        for moment in moments
    ]
    statement = statements_for(TABLES, connection.dialect).insert_served
    for row in [*rows, Served(rows[0].id, lower=9.0)]:  # the first row of an id counts
        connection.exec_driver_sql(statement, row.columns())
    assert served_since(connection, TABLES, None) == [rows[1], rows[2], rows[0]]
    assert served_since(connection, TABLES, moments[2]) == [rows[2], rows[0]]


@pytest.mark.parametrize(
    ("dialect", "mark", "column"),
    [("sqlite", "?", '"a%"'), ("postgresql+psycopg", "%s", '"a%%"')],
)
def test_statements_are_in_the_words_of_a_dialect(dialect: str, mark: str, column: str) -> None:
    engine = sa.create_engine(f"{dialect}://")
    made = statements_for(tables_for(("a%", 'b"')), engine.dialect)
    assert made.insert_prediction == (
        f'INSERT INTO predictions ("id", "timestamp", "model_version", {column}, "b""", '
        f'"predicted_price") VALUES ({", ".join([mark] * 6)})'
    )
    assert '"a%", "b"""' in made.copy_predictions
    for statement in (made.find, made.insert_feedback, made.insert_served):
        assert mark in statement


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
