"""Answers that a trial had a part in: DuckDB joins served.csv with the two other files.

Each file is read from where its rows may be as new as what is asked for, so that a trial of some
days costs what these days hold.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import sqlalchemy as sa

from housing_cli.prediction_log import tried_statements
from housing_cli.prediction_log.csv.query import Query
from housing_cli.prediction_log.csv.reader import LineReader, id_before
from housing_cli.prediction_log.csv.served import COLUMNS
from housing_cli.prediction_log.csv.staging import FileTable, Staged
from housing_cli.prediction_log.csv.wide import columns_of, matrix_of, seconds_of
from housing_cli.prediction_log.ids import TOLERATED_MS, Clock, prefix_of
from housing_cli.prediction_log.records import SERVED_NUMBERS
from housing_cli.prediction_log.tried import Tried, TriedQuery

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LATE_MS = 3_600_000
"""No row of served.csv is written as late after its answer."""
_COARSE = slice(0, 7)
"""What of an id says its time to 17 minutes: rows that several servers write late are in order."""
_TIMED = re.compile(rb"[^,\"\0]{36},(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z),")
# Numbers are read as text: DuckDB would read `2_5` as 25, and no answer carried an infinite price.
# Other tools put a space behind each comma.
_NUMBER = "TRY_CAST(nullif(trim({name}), '') AS DOUBLE)"
_WHOLE = " AND ".join(
    f"(trim(coalesce({name}, '')) = '' OR "
    f"(isfinite({_NUMBER.format(name=name)}) AND NOT contains({name}, '_')))"
    for name in SERVED_NUMBERS
)
_SELECTED = (
    "nullif(trim(arm), '') AS arm",
    "nullif(trim(shadow_version), '') AS shadow_version",
    f"{_NUMBER.format(name='shadow_price')} AS shadow_price",
    f"{_WHOLE} AS whole",
)
_IS_ROW = "whole AND CAST(id AS VARCHAR) LIKE '________-____-____-____-____________'"


class _StagedTrial(Staged):
    """The tables of `Staged` from the query's time on, and `served`."""

    def __init__(self, query: Query, served: LineReader, asked: TriedQuery) -> None:
        super().__init__(query, range(query.width if asked.features else 0))
        self.skipped += served.torn
        self._reader = served
        names = ("id", "arm", "shadow_version", "shadow_price")
        self.served = sa.table("served", *map(sa.column, names))

    def stage(self) -> None:
        """Make the three tables."""
        self.stage_predictions()
        self.stage_feedback(_first_price(self.query))
        served = FileTable(
            "served",
            self._reader,
            _first_served(self.query, self._reader),
            dict.fromkeys(COLUMNS, "VARCHAR"),
            _SELECTED,
            _IS_ROW,
            texts=True,
            keeps="min",
        )
        self.load(served)


def tried(query: Query, served: LineReader, asked: TriedQuery) -> Tried:
    """Return the answers that `asked` is about. Raises `LogUnavailable`."""
    trial = _StagedTrial(query, served, asked)
    with trial as staged:
        source = staged.source
        counts = staged.rows(tried_statements.made(source, trial.served, asked, ()))
        statement = tried_statements.tried(source, trial.served, asked, (), staged.order)
        found = columns_of(staged, statement.add_columns(source.rows.c.timestamp), query)
        return Tried(
            ids=found["key"].tolist(),
            timestamps=seconds_of(found["timestamp"]),
            versions=found["model_version"].tolist(),
            arms=found["arm"].tolist(),
            shadows=found["shadow_version"].tolist(),
            features=matrix_of(found, source.features),
            predicted=found["predicted_price"],
            shadow_prices=_numbers(found["shadow_price"]),
            labeled_at=_times(found["labeled_at"]),
            real=_numbers(found["real_price"]),
            made=tried_statements.made_of(counts),
            skipped=staged.skipped,
            repeated=staged.repeated,
        )


def _first_price(query: Query) -> int:
    """Return from where on prices of the asked predictions may stand: none is older than these."""
    prices = query.prices
    if not query.floor or not query.readable_from_end or prices.size == prices.start:
        return prices.start
    first = Clock().iso(max(query.floor - TOLERATED_MS, 0)).encode()

    def is_before(line: bytes) -> bool | None:
        found = _TIMED.match(line)
        return None if found is None else found[1] < first

    return prices.narrow(is_before)[0]


def _first_served(query: Query, served: LineReader) -> int:
    """Return from where on rows of the asked predictions may stand in served.csv.

    Several servers write it, each some time after its answers. So it is in order to within that
    time, unless somebody appended a backup.
    """
    if not query.floor or query.jumped or not served.plain or not served.ascends(_COARSE):
        return served.start
    return served.narrow(id_before(prefix_of(query.floor - _LATE_MS).encode()))[0]


def _numbers(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.ma.filled(values.astype(np.float64), np.nan)


def _times(values: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Return epoch seconds, NaN for none."""
    seconds = seconds_of(np.ma.filled(values, np.datetime64(0, "us")))
    return np.where(np.ma.getmaskarray(values), np.nan, seconds)
