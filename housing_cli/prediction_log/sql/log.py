"""The prediction log in an SQL database: SQLite or PostgreSQL."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from housing_cli.errors import ConfigError, LogBusy, UnknownPrediction
from housing_cli.prediction_log import formats, redacted, urls
from housing_cli.prediction_log.glance import Glance
from housing_cli.prediction_log.ids import (
    Clock,
    IdSource,
    canonical,
    milliseconds,
)
from housing_cli.prediction_log.records import (
    Arrivals,
    ArrivalsQuery,
    Broken,
    Feedback,
    Group,
    Initialized,
    Labeled,
    Late,
    LateQuery,
    Predictions,
    Served,
    Sums,
    SumsQuery,
    checked_price,
)
from housing_cli.prediction_log.sql import tables as sql_tables
from housing_cli.prediction_log.tried import Tried, TriedQuery

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from housing_cli.data.schema import FeatureSchema
    from housing_cli.prediction_log.sql.postgres import PostgresPlace
    from housing_cli.prediction_log.sql.sqlite import SqlitePlace

_ATTEMPTS = 20


class SqlLog:
    """The log in the database that `url` names; its tables are made by the first row."""

    def __init__(self, url: str, schema: FeatureSchema, *, fsync: bool = False) -> None:
        self.url = redacted(url)
        try:
            address = sa.make_url(url)
        except (sa.exc.ArgumentError, ValueError) as error:
            raise ConfigError(
                f"`{self.url}` is not the URL of a database", f"use {urls.FORMS}"
            ) from error
        self.width = len(schema.features)
        tables = sql_tables.tables_for(schema.features)
        self._place: SqlitePlace | PostgresPlace
        if address.get_backend_name() == "sqlite":
            from housing_cli.prediction_log.sql.sqlite import SqlitePlace

            if not address.database or address.database == ":memory:":
                raise ConfigError(
                    f"`{self.url}` names no file", "use `sqlite:///logs/predictions.db`"
                )
            try:
                with warnings.catch_warnings():
                    # Of a setting that it does not know SQLAlchemy warns, and goes on without it.
                    warnings.simplefilter("error", sa.exc.SAWarning)
                    self._place = SqlitePlace(address, tables, fsync=fsync)
            except (sa.exc.ArgumentError, sa.exc.SAWarning, TypeError, ValueError) as error:
                names = ", ".join(f"`{name}`" for name in address.query)
                raise ConfigError(
                    f"`{self.url}` has a setting that SQLite does not take: see {names}",
                    "leave out what follows `?`",
                ) from error
        else:
            from housing_cli.prediction_log.sql.postgres import PostgresPlace

            # What follows the first `@` would be taken for the host, and be shown as such.
            if url.partition("://")[2].partition(":")[2].count("@") > 1:
                raise ConfigError(
                    f"`{self.url}` has an `@` in its password",
                    "write it as %40, or give the password as the variable PGPASSWORD",
                )
            self._place = PostgresPlace(address.set(drivername="postgresql+psycopg"), tables)
        self.blocking = self._place.blocking
        self._tables = tables
        self._has_room = False
        # Nothing is looked for in order of ids here: they say the time, also where a clock jumped.
        self._ids = IdSource(ordered=False)
        self._clock = Clock()

    @property
    def clock_jump_ms(self) -> int:
        """How far the clock was behind the last id, at most."""
        return self._ids.jump_ms

    def append(
        self,
        model_version: str,
        features: Sequence[Sequence[float | None]],
        predicted: Sequence[float],
        *,
        wait: bool = True,
    ) -> list[str]:
        """Record predictions in one transaction; return their ids."""
        return self.append_groups([(model_version, features, predicted)], wait=wait)[0]

    def append_groups(self, groups: Iterable[Group], *, wait: bool = True) -> list[list[str]]:
        """Record several calls of `append` in one transaction; return the ids of each."""
        issued, rows = [], []
        for version, features, predicted in groups:
            ms, ids = self._ids.issue(len(predicted))
            at = self._clock.iso(ms)
            for key, row, price in zip(ids, features, predicted, strict=True):
                if len(row) != self.width:
                    raise ValueError(f"{self.width} features are needed, not {len(row)}")
                rows.append((key, at, version, *_numbers(row), float(price)))
            issued.append(ids)
        if rows:
            self._place.write(lambda c: self._place.insert(c, rows), wait=wait)
        return issued

    def feedback(self, prediction_id: str, real_price: float, *, wait: bool = True) -> Feedback:
        """Record the real price of one prediction; to find it may wait for the disk."""
        if not wait:
            raise LogBusy("a prediction is looked for", "let it wait")
        real = checked_price(real_price)
        key = canonical(prediction_id)
        if key is None:
            raise UnknownPrediction(f"no prediction has the id `{prediction_id[:64]}`")
        return self._place.write(lambda connection: self._record(connection, key, real))

    def broken(self) -> list[Broken]:
        """Return nothing: a database has no lines."""
        return []

    def append_served(self, rows: Sequence[Served]) -> None:
        """Record what answers carried in one transaction."""
        self._insert_served([row.columns() for row in rows])

    def append_shadow(
        self, version: str, ids: Sequence[str], prices: Sequence[float | None]
    ) -> None:
        """Record what a shadow said of answers in one transaction."""
        self._insert_served(
            [
                (key, None, None, None, version, price, None, None)
                for key, price in zip(ids, prices, strict=True)
            ]
        )

    def _insert_served(self, values: Sequence[tuple[str | float | None, ...]]) -> None:
        def insert(connection: Connection) -> None:
            if not self._has_room and not sa.inspect(connection).has_table("served"):
                raise formats.no_room(self.url)
            self._has_room = True
            with self._place.transaction(connection):
                connection.exec_driver_sql(self._place.statements.insert_served, values)

        if values:
            self._place.write(insert)

    def served(self, *, since: datetime | None = None) -> list[Served]:
        """Return what answers carried."""
        return self._place.read(lambda c: sql_tables.served_since(c, self._tables, since)) or []

    def init(self, *, migrate: bool = False) -> Initialized:
        """Make the tables, or bring older ones to this format; each in one transaction."""

        def ask(connection: Connection) -> int:
            return sql_tables.format_of(connection, self._tables, self.url)

        before = self._place.read(ask) or 0
        self._place.write(lambda _: None)
        older = 0 < before < formats.FORMAT
        granted = self._place.migrate() if migrate and older else []
        to_grant = [] if before else self._place.to_grant()
        return Initialized(before, self._place.read(ask) or 0, granted, to_grant)

    def labeled(
        self,
        *,
        version: str | None = None,
        newest: int | None = None,
        since: datetime | None = None,
        features: bool = True,
    ) -> Labeled:
        """Return labeled rows; the database filters."""
        from housing_cli.prediction_log.sql import query as sql_query

        question = sql_query.Question(self._tables, version, newest, since)
        found = self._place.read(
            lambda connection: sql_query.labeled(connection, question, features)
        )
        return sql_query.no_labeled(self.width) if found is None else found

    def predictions(
        self,
        *,
        version: str | None = None,
        newest: int | None = None,
        since: datetime | None = None,
    ) -> Predictions:
        """Return predictions; the database filters."""
        from housing_cli.prediction_log.sql import query as sql_query

        question = sql_query.Question(self._tables, version, newest, since)
        found = self._place.read(lambda connection: sql_query.predictions(connection, question))
        return sql_query.no_predictions(self.width) if found is None else found

    def glance(self, *, predictions: int, labeled: int) -> Glance:
        """Return the newest rows, which the primary keys give, in a short transaction."""
        from housing_cli.prediction_log.sql import query as sql_query

        found = self._place.read(
            lambda c: sql_query.glance(c, self._tables, predictions, labeled), briefly=True
        )
        if found is not None:
            return found
        return Glance(sql_query.no_predictions(self.width), sql_query.no_labeled(0))

    def sums(self, query: SumsQuery) -> Sums:
        """Return sums; the database adds up."""
        from housing_cli.prediction_log import statements
        from housing_cli.prediction_log.sql import query as sql_query

        question = sql_query.Question(self._tables, query.version, None, query.since)
        found = self._place.read(lambda connection: sql_query.sums(connection, question, query))
        return statements.sums_of((), query) if found is None else found

    def arrivals(self, query: ArrivalsQuery) -> Arrivals:
        """Return counts of labels by day of arrival; the database counts."""
        from housing_cli.prediction_log import statements
        from housing_cli.prediction_log.sql import query as sql_query

        question = sql_query.Question(self._tables, query.version, None, query.since)
        found = self._place.read(lambda connection: sql_query.arrivals(connection, question, query))
        return statements.arrivals_of(()) if found is None else found

    def late(self, query: LateQuery) -> Late:
        """Return the labels that came too late for a window; the database counts."""
        from housing_cli.prediction_log.sql import query as sql_query

        question = sql_query.Question(self._tables, query.version, None, query.floor)
        found = self._place.read(lambda connection: sql_query.late(connection, question, query))
        return Late() if found is None else found

    def tried(self, query: TriedQuery) -> Tried:
        """Return the answers that a trial had a part in; the database joins."""
        from housing_cli.prediction_log.sql import query as sql_query

        question = sql_query.Question(self._tables, None, None, query.since)
        found = self._place.read(lambda connection: sql_query.tried(connection, question, query))
        return sql_query.no_tried(query, self.width) if found is None else found

    def check(self) -> None:
        """Raise when rows cannot be written now."""
        self._place.check()

    def close(self) -> None:
        """Close the connections."""
        self._place.close()

    def _record(self, connection: Connection, key: str, real: float) -> Feedback:
        statements = self._place.statements
        predicted_ms = milliseconds(key)
        for _ in range(_ATTEMPTS):
            found = connection.exec_driver_sql(statements.find, (key,)).first()
            if found is None:
                raise UnknownPrediction(f"no prediction has the id `{key}`")
            version, predicted, revision, before = found
            at = predicted_ms / 1000
            if before == real:
                return Feedback("unchanged", version, predicted, at)
            now = self._clock.iso(time.time_ns() // 1_000_000)
            added = connection.exec_driver_sql(
                statements.insert_feedback, (key, (revision or 0) + 1, now, version, real)
            )
            if added.rowcount == 1:
                return Feedback("corrected" if revision else "recorded", version, predicted, at)
            # Another server was faster with this revision: look again.
        raise AssertionError("unreachable: every attempt lost to another server")


def _numbers(row: Sequence[float | None]) -> Iterator[float | None]:
    """Return a row with `None` for NaN, which alone differs from itself."""
    return (None if x is None or x != x else float(x) for x in row)  # noqa: PLR0124
