"""Questions to the SQL log: the database filters, and rows stream into arrays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import sqlalchemy as sa

from housing_cli.prediction_log import statements, tried_statements
from housing_cli.prediction_log.glance import Glance
from housing_cli.prediction_log.ids import ceil_ms, epoch, milliseconds, prefix_of
from housing_cli.prediction_log.records import (
    Arrivals,
    ArrivalsQuery,
    Labeled,
    Late,
    LateQuery,
    Predictions,
    Sums,
    SumsQuery,
)
from housing_cli.prediction_log.tried import Tried, TriedQuery

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sqlalchemy.engine import Connection

    from housing_cli.prediction_log.sql.tables import Tables

_CHUNK = 5000


class Question(NamedTuple):
    """What is asked of the tables: the arguments of `PredictionLog.labeled`."""

    tables: Tables
    version: str | None
    newest: int | None
    since: datetime | None

    def source(self) -> statements.Source:
        """Return the tables by the names of the features."""
        tables = self.tables
        columns = zip(tables.features, tables.columns, strict=True)
        return statements.Source(
            tables.predictions,
            tables.feedback,
            {feature: tables.predictions.c[name] for feature, name in columns},
        )

    def conditions(self, table: sa.Table) -> list[statements.Condition]:
        """Return what rows of `table` must fulfil; ids are ordered by time."""
        found = self.since_of(table)
        if self.version is not None:
            found.append(table.c.model_version == self.version)
        return found

    def since_of(self, table: sa.Table) -> list[statements.Condition]:
        """Return what ids of `table` must fulfil."""
        if self.since is None:
            return []
        return [table.c.id >= f"{prefix_of(ceil_ms(self.since))}-0000-0000-000000000000"]


def labeled(connection: Connection, question: Question, features: bool = True) -> Labeled:
    """Return labeled rows, oldest first, with or without their features."""
    names = question.tables.features if features else ()
    prices = question.tables.feedback
    statement = statements.labeled(
        question.source(), names, question.conditions(prices), [prices.c.id], question.newest
    )
    found = _Columns(connection, statement, question.newest is not None)
    width = len(names)
    return Labeled(
        ids=found.ids,
        timestamps=found.times(),
        versions=found.versions,
        features=found.numbers[:, :width],
        predicted=found.numbers[:, width],
        labeled_at=found.numbers[:, width + 1],
        real=found.numbers[:, width + 2],
    )


def predictions(connection: Connection, question: Question) -> Predictions:
    """Return predictions, oldest first."""
    rows = question.tables.predictions
    statement = statements.predictions(
        question.source(), question.conditions(rows), [rows.c.id], question.newest
    )
    found = _Columns(connection, statement, question.newest is not None)
    width = len(question.tables.features)
    return Predictions(
        ids=found.ids,
        timestamps=found.times(),
        versions=found.versions,
        features=found.numbers[:, :width],
        predicted=found.numbers[:, width],
        labeled=found.numbers[:, width + 1] > 0,
    )


def glance(connection: Connection, tables: Tables, newest: int, labeled_: int) -> Glance:
    """Return the newest predictions and labeled rows."""
    return Glance(
        predictions(connection, Question(tables, None, newest, None)),
        labeled(connection, Question(tables, None, labeled_, None), features=False),
    )


def sums(connection: Connection, question: Question, query: SumsQuery) -> Sums:
    """Return sums; the database adds up."""
    conditions = question.conditions(question.tables.predictions)
    statement = statements.sums(question.source(), query, conditions)
    return statements.sums_of(connection.execute(statement), query)


def arrivals(connection: Connection, question: Question, query: ArrivalsQuery) -> Arrivals:
    """Return counts of labels by the day of their arrival; the database counts."""
    conditions = question.conditions(question.tables.feedback)
    statement = statements.arrivals(question.source(), query, conditions)
    return statements.arrivals_of(connection.execute(statement))


def late(connection: Connection, question: Question, query: LateQuery) -> Late:
    """Return the late labels; of the version's labels from `floor` to `since`, by their index."""
    prices = question.tables.feedback
    last = f"{prefix_of(ceil_ms(query.since))}-0000-0000-000000000000"
    conditions = [*question.conditions(prices), prices.c.id < last]
    statement = statements.late(question.source(), query, conditions)
    return statements.late_of(connection.execute(statement))


def tried(connection: Connection, question: Question, query: TriedQuery) -> Tried | None:
    """Return the answers that a trial had a part in; None where there is no table of them."""
    served = question.tables.served
    if not sa.inspect(connection).has_table(served.name):
        return None
    source, conditions = question.source(), question.since_of(served)
    counts = connection.execute(tried_statements.made(source, served, query, conditions))
    made = tried_statements.made_of(counts)
    statement = tried_statements.tried(source, served, query, conditions, [served.c.id])
    texts = len(tried_statements.TEXTS)
    found = _Columns(connection, statement, query.newest is not None, texts)
    ids, versions, arms, shadows = found.texts
    width = len(question.tables.features) if query.features else 0
    predicted, shadow_prices, labeled_at, real = found.numbers[:, width:].T
    return Tried(
        ids=ids,
        timestamps=found.times(),
        versions=versions,
        arms=arms,
        shadows=shadows,
        features=found.numbers[:, :width],
        predicted=predicted,
        shadow_prices=shadow_prices,
        labeled_at=labeled_at,
        real=real,
        made=made,
    )


def no_tried(query: TriedQuery, width: int) -> Tried:
    """Return no rows."""
    none = np.empty(0)
    features = np.empty((0, width if query.features else 0))
    return Tried([], none, [], [], [], features, none, none, none, none)


def no_labeled(width: int) -> Labeled:
    """Return no rows."""
    none = np.empty(0)
    return Labeled([], none, none, [], np.empty((0, width)), none, none)


def no_predictions(width: int) -> Predictions:
    """Return no rows."""
    none = np.empty(0)
    return Predictions([], none, [], np.empty((0, width)), none, np.empty(0, dtype=np.bool_))


class _Columns:
    """The rows of a query: its first columns as lists of text, the others as float64 (n, k)."""

    def __init__(
        self, connection: Connection, query: statements.Rows, backward: bool, texts: int = 2
    ) -> None:
        self.texts: list[list[str]] = [[] for _ in range(texts)]
        width = len(query.selected_columns) - texts
        blocks: list[NDArray[np.float64]] = []
        names: dict[str, str] = {}
        result = connection.execution_options(stream_results=True).execute(query)
        for chunk in result.partitions(_CHUNK):
            columns = list(zip(*chunk, strict=True))
            self.texts[0] += columns[0]
            for kept, repeated in zip(self.texts[1:], columns[1:texts], strict=True):
                kept += [names.setdefault(name, name) for name in repeated]
            block = np.empty((len(chunk), width))
            for position, values in enumerate(columns[texts:]):
                block[:, position] = _floats(values)
            blocks.append(block)
        self.numbers = np.concatenate(blocks) if blocks else np.empty((0, width))
        if backward:
            for kept in self.texts:
                kept.reverse()
            self.numbers = self.numbers[::-1]
        self.ids, self.versions = self.texts[:2]

    def times(self) -> NDArray[np.float64]:
        """Return epoch seconds of the predictions, which their ids carry."""
        return np.array([milliseconds(text) for text in self.ids], dtype=np.float64) / 1000


def _floats(values: Sequence[Any]) -> Sequence[Any]:
    """Return times as epoch seconds, and numbers as they are (None becomes NaN)."""
    first = next((value for value in values if value is not None), None)
    if isinstance(first, str):  # SQLite's times are text
        return [value and epoch(value) for value in values]
    if isinstance(first, datetime):
        return [value and value.timestamp() for value in values]
    return values
