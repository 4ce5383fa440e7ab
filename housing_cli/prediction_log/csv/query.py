"""What one question to a csv log asks, and of which files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from housing_cli.prediction_log.csv.rows import ID_BYTES

if TYPE_CHECKING:
    from housing_cli.prediction_log.csv.reader import LineReader
    from housing_cli.prediction_log.csv.rows import PredictionRow


ID_COLUMN = slice(0, ID_BYTES)
_TIME = slice(ID_BYTES + 1, ID_BYTES + 25)


class Query(msgspec.Struct, frozen=True):
    """The arguments of `PredictionLog.labeled` or `predictions`, and the files to read.

    rows, prices: predictions.csv and feedback.csv. width: how many features a row has. floor:
    the first epoch millisecond that is asked for, 0 for all. jumped: whether a clock stepped
    back while the log was written, so that later rows may have earlier times.
    """

    rows: LineReader
    prices: LineReader
    width: int
    version: str | None = None
    newest: int | None = None
    floor: int = 0
    features: bool = True
    jumped: bool = False

    @property
    def ordered(self) -> bool:
        """Whether the log has no rows of an older tool, whose ids tell no time."""
        return self.rows.ordered

    @property
    def sorted(self) -> bool:
        """Whether rows ascend by their ids; not where somebody appended a backup."""
        return self.ordered and self.rows.ascends(ID_COLUMN)

    @property
    def readable_from_end(self) -> bool:
        """Whether both files are as this log writes them: in the order of their times."""
        prices = self.prices
        return (
            not self.jumped
            and self.rows.plain
            and self.sorted
            and (not prices.size or (prices.plain and prices.ascends(_TIME)))
        )

    @property
    def torn(self) -> int:
        """How many last lines have no end; they are read by nobody."""
        return self.rows.torn + self.prices.torn

    def wants(self, row: PredictionRow) -> bool:
        """Return whether a row is of the version and the time that are asked for."""
        made = self.version is None or row.version == self.version
        return made and row.predicted_at * 1000 >= self.floor

    def cut(self, found: list[PredictionRow]) -> list[PredictionRow]:
        """Return as many of the newest rows as are asked for; `found` is ordered by time."""
        return found[-self.newest if self.newest else 0 :]
