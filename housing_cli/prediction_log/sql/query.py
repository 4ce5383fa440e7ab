"""Questions to the SQL log: the database filters, and rows stream into arrays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from housing_cli.prediction_log.ids import ceil_ms, epoch, milliseconds, prefix_of
from housing_cli.prediction_log.records import HIGHEST_PRICE, Labeled, Predictions

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sqlalchemy.engine import Connection

    from housing_cli.prediction_log.sql.tables import Tables

Rows = sa.Select[*tuple[Any, ...]]

_CHUNK = 5000


def labeled(
    connection: Connection,
    tables: Tables,
    version: str | None,
    newest: int | None,
    since: datetime | None,
    features: bool = True,
) -> Labeled:
    """Return labeled rows, oldest first, with or without their features."""
    rows, prices = tables.predictions, tables.feedback
    names = tables.columns if features else ()
    other = prices.alias()
    last = (
        sa.select(sa.func.max(other.c.revision)).where(other.c.id == prices.c.id).scalar_subquery()
    )
    query = (
        sa.select(
            *_columns(connection, tables, names),
            _epoch(connection, prices.c.timestamp),
            prices.c.real_price,
        )
        .select_from(prices.join(rows, rows.c.id == prices.c.id))
        .where(prices.c.revision == last, prices.c.real_price <= HIGHEST_PRICE)
    )
    if version is not None:
        query = query.where(prices.c.model_version == version)
    found = _Columns(connection, _window(query, prices.c.id, newest, since), newest is not None)
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


def predictions(
    connection: Connection,
    tables: Tables,
    version: str | None,
    newest: int | None,
    since: datetime | None,
) -> Predictions:
    """Return predictions, oldest first."""
    rows, prices = tables.predictions, tables.feedback
    known = sa.select(prices.c.id).where(prices.c.id == rows.c.id).exists()
    query = sa.select(*_columns(connection, tables, tables.columns), sa.case((known, 1), else_=0))
    if version is not None:
        query = query.where(rows.c.model_version == version)
    found = _Columns(connection, _window(query, rows.c.id, newest, since), newest is not None)
    width = len(tables.columns)
    return Predictions(
        ids=found.ids,
        timestamps=found.times(),
        versions=found.versions,
        features=found.numbers[:, :width],
        predicted=found.numbers[:, width],
        labeled=found.numbers[:, width + 1] > 0,
    )


def no_labeled(width: int) -> Labeled:
    """Return no rows."""
    none = np.empty(0)
    return Labeled([], none, none, [], np.empty((0, width)), none, none)


def no_predictions(width: int) -> Predictions:
    """Return no rows."""
    none = np.empty(0)
    return Predictions([], none, [], np.empty((0, width)), none, np.empty(0, dtype=np.bool_))


def _columns(
    connection: Connection, tables: Tables, names: Sequence[str]
) -> list[sa.ColumnElement[Any]]:
    rows = tables.predictions
    key = sa.cast(rows.c.id, sa.Text) if connection.dialect.name == "postgresql" else rows.c.id
    features = [rows.c[name] for name in names]
    return [key, rows.c.model_version, *features, rows.c.predicted_price]


def _epoch(connection: Connection, moment: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    if connection.dialect.name == "postgresql":
        return sa.cast(sa.extract("epoch", moment), sa.Double)
    return moment


def _window(
    query: Rows,
    key: sa.ColumnElement[Any],
    newest: int | None,
    since: datetime | None,
) -> Rows:
    if since is not None:
        query = query.where(key >= f"{prefix_of(ceil_ms(since))}-0000-0000-000000000000")
    if newest is None:
        return query.order_by(key)
    return query.order_by(key.desc()).limit(max(newest, 0))


class _Columns:
    """The rows of a query: ids, versions, and the other columns as float64 (n, k)."""

    def __init__(self, connection: Connection, query: Rows, backward: bool) -> None:
        self.ids: list[str] = []
        self.versions: list[str] = []
        width = len(query.selected_columns) - 2
        blocks: list[NDArray[np.float64]] = []
        names: dict[str, str] = {}
        result = connection.execution_options(stream_results=True).execute(query)
        for chunk in result.partitions(_CHUNK):
            ids, versions, *numbers = zip(*chunk, strict=True)
            self.ids += ids
            self.versions += [names.setdefault(name, name) for name in versions]
            block = np.empty((len(ids), width))
            for position, values in enumerate(numbers):
                is_time = isinstance(values[0], str)
                # None becomes NaN
                block[:, position] = [epoch(value) for value in values] if is_time else values
            blocks.append(block)
        self.numbers = np.concatenate(blocks) if blocks else np.empty((0, width))
        if backward:
            self.ids.reverse()
            self.versions.reverse()
            self.numbers = self.numbers[::-1]

    def times(self) -> NDArray[np.float64]:
        """Return epoch seconds of the predictions, which their ids carry."""
        return np.array([milliseconds(text) for text in self.ids], dtype=np.float64) / 1000
