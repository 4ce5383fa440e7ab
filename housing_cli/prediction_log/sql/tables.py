"""The tables of the SQL log.

`predictions` has a row a prediction. `feedback` has a row a real price: a correction is a further
row with the next `revision`, and the highest one counts; two servers that correct one price at
once collide on the primary key instead of losing one. `served` has a row an answer that carried
more than price and version. `log_schema` has one row: the log's numbers (see
`prediction_log.formats`) and features; a log of format 1 has no `served`, and no column `format`.
Ids are ordered by time, so the primary keys answer every question about the newest rows.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from housing_cli.errors import LogSchemaMismatch
from housing_cli.prediction_log import formats
from housing_cli.prediction_log.ids import ceil_ms, prefix_of
from housing_cli.prediction_log.records import SERVED_NUMBERS, Served

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Dialect

_MAX_NAME_BYTES = 63  # PostgreSQL cuts longer names
_FIXED = ("id", "timestamp", "model_version", "predicted_price")


@dataclass(frozen=True)
class Tables:
    """The tables for one list of features; `columns` are the features' column names."""

    features: tuple[str, ...]
    columns: tuple[str, ...]
    metadata: sa.MetaData
    predictions: sa.Table
    feedback: sa.Table
    served: sa.Table
    log_schema: sa.Table

    def names(self) -> list[str]:
        """Return the columns of `predictions` in the order in which rows are written."""
        return ["id", "timestamp", "model_version", *self.columns, "predicted_price"]


def column_names(features: Sequence[str]) -> tuple[str, ...]:
    """Return a column name for every feature: its own, unless no database would take it.

    Names that are empty, too long or differ in case alone from another get their position.
    """
    names: list[str] = []
    taken = set(_FIXED)
    for position, feature in enumerate(features):
        name = feature
        if (
            not name
            or "\0" in name
            or len(name.encode()) > _MAX_NAME_BYTES
            or name.lower() in taken
        ):
            name = f"feature_{position}"
        taken.add(name.lower())
        names.append(name)
    return tuple(names)


def tables_for(features: Sequence[str]) -> Tables:
    """Return the tables of a log with these features."""
    metadata = sa.MetaData()
    key = sa.Text().with_variant(postgresql.UUID(as_uuid=False), "postgresql")
    moment = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")
    number: sa.Double[float] = sa.Double()
    columns = column_names(features)
    predictions = sa.Table(
        "predictions",
        metadata,
        sa.Column("id", key, primary_key=True),
        sa.Column("timestamp", moment, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        *(sa.Column(name, number) for name in columns),
        sa.Column("predicted_price", number, nullable=False),
        sqlite_with_rowid=False,
    )
    feedback = sa.Table(
        "feedback",
        metadata,
        sa.Column("id", key, primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("timestamp", moment, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("real_price", number, nullable=False),
        sa.Index("feedback_by_version", "model_version", "id"),
        sqlite_with_rowid=False,
    )
    served = sa.Table(
        "served",
        metadata,
        sa.Column("id", key, primary_key=True),
        *(
            sa.Column(name, number if name in SERVED_NUMBERS else sa.Text)
            for name in Served.__struct_fields__[1:]
        ),
        sqlite_with_rowid=False,
    )
    log_schema = sa.Table(
        "log_schema",
        metadata,
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("features", sa.Text, nullable=False),
        sa.Column("format", sa.Integer, nullable=False, server_default="1"),
    )
    return Tables(tuple(features), columns, metadata, predictions, feedback, served, log_schema)


def format_of(connection: Connection, tables: Tables, where: str) -> int:
    """Return the log's format, 0 where there is none. Raises `LogSchemaMismatch`."""
    inspector = sa.inspect(connection)
    present = set(inspector.get_table_names())
    if "predictions" not in present:
        return 0
    hint = "use another database or schema: `HOUSING_LOG_URL=...`"
    found = 1
    if "log_schema" in present:
        # Whatever columns it has: those of an older or of a newer format.
        row = connection.exec_driver_sql("SELECT * FROM log_schema").mappings().first()
        if row is None:
            return 0
        formats.refuse_newer(where, row["version"])
        features = json.loads(row["features"])
        if features != list(tables.features):
            raise LogSchemaMismatch(
                f"the log in `{where}` was written for other features: {', '.join(features)}", hint
            )
        found = row.get("format", 1)
    else:
        columns = [column["name"] for column in inspector.get_columns("predictions")]
        if columns != tables.names():
            raise LogSchemaMismatch(
                f"`{where}` has a table `predictions` with other columns: {', '.join(columns)}",
                hint,
            )
    return found if "feedback" in present else 0


def create(connection: Connection, tables: Tables) -> None:
    """Create what is missing and number the log; nobody else creates tables at the moment."""
    tables.metadata.create_all(connection)
    table = tables.log_schema
    if "format" not in {
        column["name"] for column in sa.inspect(connection).get_columns(table.name)
    }:
        connection.exec_driver_sql(
            f"ALTER TABLE {table.name} ADD COLUMN format INTEGER NOT NULL DEFAULT 1"
        )
    numbers = {"version": formats.USABLE_FROM, "format": formats.FORMAT}
    if connection.execute(sa.update(table).values(numbers)).rowcount == 0:
        row = {**numbers, "features": json.dumps(tables.features)}
        connection.execute(sa.insert(table).values(row))


def served_since(connection: Connection, tables: Tables, since: datetime | None) -> list[Served]:
    """Return the rows of `served` in the order of their ids, none where there is no such table."""
    table = tables.served
    if not sa.inspect(connection).has_table(table.name):
        return []
    query = sa.select(table).order_by(table.c.id)
    if since is not None:
        query = query.where(table.c.id >= f"{prefix_of(ceil_ms(since))}-0000-0000-000000000000")
    return [Served(*row) for row in connection.execute(query)]


@dataclass(frozen=True)
class Statements:
    """The hot statements as driver SQL with positional parameters."""

    insert_prediction: str
    insert_nothing: str
    copy_predictions: str
    find: str
    insert_feedback: str
    insert_served: str


def statements_for(tables: Tables, dialect: Dialect) -> Statements:
    """Return the hot statements in a dialect's own words."""
    quote = dialect.identifier_preparer.quote_identifier
    mark = "%s" if dialect.name == "postgresql" else "?"
    names = ", ".join(quote(name) for name in tables.names())
    marks = ", ".join([mark] * len(tables.names()))
    keys = ", ".join(column.name for column in tables.feedback.columns)
    plain = names.replace("%%", "%")  # without parameters psycopg leaves percent signs alone
    return Statements(
        insert_prediction=f"INSERT INTO predictions ({names}) VALUES ({marks})",  # noqa: S608
        # What refuses these refuses a row, unless it is for the row's own sake.
        insert_nothing=(
            f"INSERT INTO predictions ({plain}) SELECT {plain} FROM predictions WHERE false; "  # noqa: S608
            f"INSERT INTO feedback ({keys}) SELECT {keys} FROM feedback WHERE false"
        ),
        copy_predictions=f"COPY predictions ({plain}) FROM STDIN",
        find=(
            "SELECT p.model_version, p.predicted_price, f.revision, f.real_price"  # noqa: S608
            " FROM predictions p LEFT JOIN feedback f ON f.id = p.id"
            f" WHERE p.id = {mark} ORDER BY f.revision DESC LIMIT 1"
        ),
        insert_feedback=(
            f"INSERT INTO feedback ({keys})"  # noqa: S608
            f" VALUES ({', '.join([mark] * 5)}) ON CONFLICT (id, revision) DO NOTHING"
        ),
        insert_served=(
            f"INSERT INTO served ({', '.join(Served.__struct_fields__)})"  # noqa: S608
            f" VALUES ({', '.join([mark] * len(Served.__struct_fields__))})"
            " ON CONFLICT (id) DO NOTHING"
        ),
    )


def insert_made_up(
    connection: Connection, tables: Tables, statements: Statements, row: Sequence[object]
) -> None:
    """Insert a prediction and its price that nobody made, for a transaction that is taken back.

    row: an id that is free, a time in ISO 8601, and the rest of a row that was taken before; where
    there is none, numbers that a careful owner's constraints allow.
    """
    key, at, *rest = row
    rest = rest or ["v0", *[1.0] * len(tables.columns), 1.0]
    connection.exec_driver_sql(statements.insert_prediction, (key, at, *rest))
    connection.exec_driver_sql(statements.insert_feedback, (key, 1, at, "v0", 1.0))
