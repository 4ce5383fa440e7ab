"""All labeled rows of one version, without their features: windows of millions of rows.

The database joins and orders; rows come as arrays, because a tuple and a few objects for each would
take several times as long as the join. Which revision of a price is the last is seen here, where
its neighbors are: to ask the database for it would cost a look-up for every row.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from housing_cli.prediction_log import HIGHEST_PRICE, Labeled
from housing_cli.prediction_log.csv_rows import ID_BYTES
from housing_cli.prediction_log.id_columns import PackedIds, time_ordered, words_of
from housing_cli.prediction_log.ids import ceil_ms, epoch, prefix_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sqlalchemy.engine import Connection

    from housing_cli.prediction_log.id_columns import Words
    from housing_cli.prediction_log.sql_tables import Tables

    Floats = NDArray[np.float64]
    Columns = tuple[Words, Floats, Floats, Floats]
    """Ids, predicted prices, epoch seconds of the real prices, real prices."""

_CHUNK = 20_000
_BUFFER = 1 << 23
# PostgreSQL's binary COPY: a signature, and two numbers that are 0.
_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
# A row of four columns of fixed width; each has its length before it.
_ROW = np.dtype(
    [
        ("columns", ">i2"),
        ("id_bytes", ">i4"), ("id", "u1", 16),
        ("predicted_bytes", ">i4"), ("predicted", ">f8"),
        ("time_bytes", ">i4"), ("time", ">i8"),
        ("real_bytes", ">i4"), ("real", ">f8"),
    ]
)  # fmt: skip
_POSTGRES_EPOCH_US = 946_684_800_000_000
_ISO = 24
"""Characters of `2026-01-31T12:00:00.123Z`."""


def labeled(
    connection: Connection, tables: Tables, version: str, since: datetime | None
) -> Labeled:
    """Return the labeled rows of `version` predicted at or after `since`, oldest first."""
    rows, prices = tables.predictions, tables.feedback
    query = (
        sa.select(prices.c.id, rows.c.predicted_price, prices.c.timestamp, prices.c.real_price)
        .select_from(prices.join(rows, rows.c.id == prices.c.id))
        .where(prices.c.model_version == version)
        .order_by(prices.c.id, prices.c.revision)
    )
    if since is not None:
        first = f"{prefix_of(ceil_ms(since))}-0000-0000-000000000000"
        query = query.where(prices.c.id >= first)
    text = str(query.compile(connection.engine, compile_kwargs={"literal_binds": True}))
    read = _copied if connection.dialect.name == "postgresql" else _fetched
    ids, predicted, labeled_at, real = _joined(list(read(connection, text)))
    kept = real <= HIGHEST_PRICE
    kept[:-1] &= (ids[1:] != ids[:-1]).any(axis=1)  # the next row corrects this one
    if not kept.all():
        ids, predicted, labeled_at, real = ids[kept], predicted[kept], labeled_at[kept], real[kept]
    return Labeled(
        ids=PackedIds(ids),
        timestamps=(ids[:, 0] >> np.uint64(16)) / 1000,
        labeled_at=labeled_at,
        versions=[version] * len(ids),
        features=np.empty((len(ids), 0)),
        predicted=predicted,
        real=real,
    )


def _joined(parts: list[Columns]) -> Columns:
    none = np.empty(0)
    ids, predicted, labeled_at, real = zip(
        (np.empty((0, 2), dtype=np.uint64), none, none, none), *parts, strict=True
    )
    return (
        np.concatenate(ids),
        np.concatenate(predicted),
        np.concatenate(labeled_at),
        np.concatenate(real),
    )


def _copied(connection: Connection, text: str) -> Iterator[Columns]:
    driver: Any = connection.connection.driver_connection
    text = text.replace("%%", "%")  # SQLAlchemy doubles what psycopg would read as a parameter
    buffer = bytearray()
    with driver.cursor() as cursor, cursor.copy(f"COPY ({text}) TO STDOUT (FORMAT binary)") as copy:
        head = _HEAD
        for data in copy:
            buffer += data
            if len(buffer) > _BUFFER:
                yield _rows_of(buffer, head)
                head = b""
        yield _rows_of(buffer, head)


def _rows_of(buffer: bytearray, head: bytes) -> Columns:
    """Take the whole rows out of the buffer."""
    if not buffer.startswith(head):
        raise ValueError("PostgreSQL sent something other than a binary COPY")
    count = (len(buffer) - len(head)) // _ROW.itemsize
    end = len(head) + count * _ROW.itemsize
    found = np.frombuffer(bytes(buffer[len(head) : end]), dtype=_ROW)
    del buffer[:end]
    if (found["columns"] != 4).any() or (found["time_bytes"] != 8).any():  # noqa: PLR2004
        raise ValueError("PostgreSQL sent rows of another shape")
    return (
        words_of(found["id"].tobytes()),
        found["predicted"].astype(np.float64),
        (found["time"] + _POSTGRES_EPOCH_US) / 1e6,
        found["real"].astype(np.float64),
    )


def _fetched(connection: Connection, text: str) -> Iterator[Columns]:
    driver: Any = connection.connection.driver_connection
    cursor = driver.execute(text)
    while rows := cursor.fetchmany(_CHUNK):
        ids, predicted, times, real = zip(*rows, strict=True)
        yield (
            time_ordered(np.array(ids, dtype=f"S{ID_BYTES}"))[0],
            np.array(predicted, dtype=np.float64),
            _epochs(times),
            np.array(real, dtype=np.float64),
        )


def _epochs(texts: tuple[str, ...]) -> Floats:
    """Return epoch seconds of ISO 8601 times; those that this log writes are read together."""
    marks = np.array(texts, dtype=f"S{_ISO + 1}")
    ends = marks.view(np.uint8).reshape(-1, _ISO + 1)[:, _ISO - 1 :]
    if (ends == (ord("Z"), 0)).all():
        try:
            moments = marks.astype(f"S{_ISO - 1}").astype("datetime64[ms]")
        except ValueError:
            pass
        else:
            return moments.astype(np.int64) / 1000.0
    return np.array([epoch(text) for text in texts])
