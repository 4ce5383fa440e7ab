"""The line of one prediction, by its id, however the file came to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from housing_cli.errors import LogUnavailable
from housing_cli.prediction_log.csv.query import ID_COLUMN
from housing_cli.prediction_log.csv.reader import id_before
from housing_cli.prediction_log.ids import is_time_ordered, milliseconds, prefix_of

if TYPE_CHECKING:
    from housing_cli.prediction_log.csv.reader import LineReader

# Ids of an older tool have no order. Only a row among this many bytes of them is found again.
UNORDERED_LIMIT = 1 << 24


def find(reader: LineReader, wanted: str) -> bytes | None:
    """Return the line of the prediction `wanted`, None if there is none.

    Raises `LogUnavailable` where lines end in a way that nothing can be looked up by.
    """
    if reader.old_mac:
        raise LogUnavailable(
            f"`{reader.path}` has lines that end with a carriage return alone",
            "save it with other line ends to look up its predictions",
        )
    ordered = reader.ordered
    key = wanted.encode(errors="replace")
    if not is_time_ordered(wanted):
        end = reader.lower_bound(id_before(b"", ordered=ordered))
        return reader.find(max(reader.start, end - UNORDERED_LIMIT), end, key)
    line = reader.find(*reader.narrow(id_before(key, ordered=ordered)), key)
    if line is None:
        # Ids of other writers may be out of order within a millisecond.
        ms = milliseconds(wanted)
        low, _ = reader.narrow(id_before(prefix_of(ms).encode(), ordered=ordered))
        _, high = reader.narrow(id_before(prefix_of(ms + 1).encode(), ordered=ordered))
        line = reader.find(low, min(high, low + UNORDERED_LIMIT), key)
    if line is None and not reader.ascends(ID_COLUMN):
        line = reader.find(reader.start, reader.size, key)  # somebody appended a backup
    return line
