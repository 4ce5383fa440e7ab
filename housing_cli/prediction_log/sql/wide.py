"""All labeled rows of one version, without their features: windows of millions of rows.

The database joins and orders; rows come as arrays, because a tuple and a few objects for each would
take several times as long as the join. Which revision of a price is the last is seen here, where
its neighbors are: to ask the database for it would cost a look-up for every row.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from housing_cli.prediction_log.id_columns import PackedIds
from housing_cli.prediction_log.ids import ceil_ms, prefix_of
from housing_cli.prediction_log.records import HIGHEST_PRICE, Labeled
from housing_cli.prediction_log.sql import wide_postgres as sql_wide_postgres
from housing_cli.prediction_log.sql import wide_sqlite as sql_wide_sqlite

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sqlalchemy.engine import Connection

    from housing_cli.prediction_log.id_columns import Words

    Floats = NDArray[np.float64]
    Columns = tuple[Words, Floats, Floats, Floats]
    """Ids, predicted prices, epoch seconds of the real prices, real prices; by id and revision."""


def labeled(connection: Connection, version: str, since: datetime | None) -> Labeled:
    """Return the labeled rows of `version` predicted at or after `since`, oldest first."""
    place = sql_wide_postgres if connection.dialect.name == "postgresql" else sql_wide_sqlite
    first = f"{prefix_of(ceil_ms(since))}-0000-0000-000000000000"
    parts = list(place.columns(connection, version, first))
    ids, predicted, labeled_at, real = _joined(parts)
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
