"""Labeled rows from SQLite as arrays, from one statement and so from one snapshot."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from housing_cli.prediction_log.csv.rows import ID_BYTES
from housing_cli.prediction_log.id_columns import time_ordered
from housing_cli.prediction_log.ids import epoch

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sqlalchemy.engine import Connection

    from housing_cli.prediction_log.sql.wide import Columns

# Few enough rows that they are freed before Python's garbage collector counts them (from 700 new
# objects on) and that they stay in the processor's cache: 20,000 at once take up to twice as long.
_CHUNK = 500
_BLOCK = 100_000
_LOOKED_AT = 1000
_ISO = len("2026-01-31T12:00:00.123Z")

_QUERY = """
    SELECT f.id, f.timestamp, p.predicted_price, f.real_price
    FROM feedback f CROSS JOIN predictions p ON p.id = f.id
    WHERE {made_by} = :version AND f.id >= (
        SELECT min(id) FROM feedback WHERE model_version = :version AND id >= :first
    )
    ORDER BY f.id, f.revision
"""
_SHARE = """
    SELECT avg(model_version = :version)
    FROM (SELECT model_version FROM feedback WHERE id >= :first ORDER BY id DESC LIMIT :looked_at)
"""


def columns(connection: Connection, version: str, first: str) -> Iterator[Columns]:
    """Yield the labeled rows of `version` from the id `first` on, by id and revision."""
    driver: Any = connection.connection.driver_connection
    asked = {"version": version, "first": first, "looked_at": _LOOKED_AT}
    (share,) = driver.execute(_SHARE, asked).fetchone()
    # The index by version costs a look-up a row. Where most rows are of this version it is faster
    # to walk through all of them; the plus keeps SQLite from the index.
    made_by = "+f.model_version" if (share or 0) > 1 / 2 else "f.model_version"
    cursor = driver.execute(_QUERY.format(made_by=made_by), asked)
    block = _Block()
    while rows := cursor.fetchmany(_CHUNK):
        ids, times, predicted, real = zip(*rows, strict=True)
        usual = block.add(ids, times, predicted, real)
        if usual and len(block.real) < _BLOCK:
            continue
        yield block.taken()
        block = _Block()
        if not usual:
            yield (
                time_ordered(np.array(ids, dtype=f"S{ID_BYTES}"))[0],
                np.array(predicted, dtype=np.float64),
                np.array([epoch(text) for text in times]),
                np.array(real, dtype=np.float64),
            )
    yield block.taken()


class _Block:
    """Rows that this log wrote: ids and times of fixed width, one after the other."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.times: list[str] = []
        self.predicted = array("d")
        self.real = array("d")

    def add(
        self,
        ids: Sequence[str],
        times: Sequence[str],
        predicted: Sequence[float],
        real: Sequence[float],
    ) -> bool:
        """Add rows; return False, and add none, if some are of another form."""
        n = len(ids)
        id_text, time_text = "".join(ids), "".join(times)
        if len(id_text) != n * ID_BYTES or id_text[8::ID_BYTES] != "-" * n:
            return False
        # A longer or shorter time moves the `Z` of some row away from its place.
        if len(time_text) != n * _ISO or time_text[_ISO - 1 :: _ISO] != "Z" * n:
            return False
        if not (id_text.isascii() and time_text.isascii()):
            return False
        self.ids.append(id_text)
        self.times.append(time_text)
        self.predicted.extend(predicted)
        self.real.extend(real)
        return True

    def taken(self) -> Columns:
        """Return the rows as arrays."""
        ids = _texts(self.ids, ID_BYTES)
        moments = _texts(self.times, _ISO).astype(f"S{_ISO - 1}").astype("datetime64[ms]")
        return (
            time_ordered(ids)[0],
            np.array(self.predicted),
            moments.astype(np.int64) / 1000.0,
            np.array(self.real),
        )


def _texts(parts: list[str], width: int) -> NDArray[np.bytes_]:
    return np.frombuffer("".join(parts).encode(), dtype=f"S{width}")
