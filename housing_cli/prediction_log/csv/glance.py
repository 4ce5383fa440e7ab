"""A glance at the csv log: the ends of both files, read as they are.

`window` answers exactly, and for that reads back as far as labels are late, or has DuckDB read it
all where a backup was appended or a clock jumped. A glance reads `_TAIL` bytes of each file and
looks labeled predictions up: 10 ms at any length.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

import msgspec

from housing_cli.prediction_log.csv.query import Query
from housing_cli.prediction_log.csv.reader import LineReader, id_before
from housing_cli.prediction_log.csv.rows import (
    ID_BYTES,
    FeedbackRow,
    PredictionRow,
    feedback_row,
    prediction_row,
)
from housing_cli.prediction_log.csv.window import labeled_of, predictions_of
from housing_cli.prediction_log.glance import Glance
from housing_cli.prediction_log.ids import is_time_ordered

_TAIL = 1 << 18
"""Bytes at a file's end that are read: 4,000 real prices, or 1,700 predictions of 13 features."""
_WIDE_TAIL = 1 << 22
"""As many of predictions.csv where in `_TAIL` too few are, or what is looked up is not in place."""
_DENSE = 1 << 21
"""Bytes between the first and the last of the rows that are looked up, up to which reading all of
them takes less time than looking each up."""


def glance(query: Query, predictions: int, labeled: int) -> Glance:
    """Return the newest `predictions` and `labeled` rows that the ends of the files tell of."""
    prices = _last_prices(query.prices)
    newest = _newest(query, predictions)
    # Rows of an older tool, whose ids tell no time, cannot be looked up.
    wanted = sorted(filter(is_time_ordered, prices), reverse=True)[:labeled]
    found: dict[str, FeedbackRow] = {}
    for key in wanted:
        with suppress(ValueError):
            found[key] = feedback_row(prices[key])
    made = _look_up(query, sorted(found), newest)
    rows = labeled_of(sorted(made, key=_by_time), found, query.width)
    return Glance(
        predictions_of(sorted(newest.values(), key=_by_time), prices, query.width),
        msgspec.structs.replace(rows, features=rows.features[:, :0]),
    )


def _last_prices(prices: LineReader) -> dict[str, bytes]:
    """Return the last line of each id at the file's end."""
    found: dict[str, bytes] = {}
    for line in _last_lines(prices, _TAIL):
        found.setdefault(_key(line), line)
    return found


def _newest(query: Query, n: int) -> dict[str, PredictionRow]:
    """Return the last `n` predictions at the file's end by their ids."""
    found: dict[str, PredictionRow] = {}
    for tail in (_TAIL, _WIDE_TAIL):
        for line in _last_lines(query.rows, tail):
            if len(found) >= n:
                return found
            with suppress(ValueError):
                row = prediction_row(line, query.width)
                found.setdefault(row.id, row)
    return found


def _last_lines(reader: LineReader, size: int) -> Iterator[bytes]:
    """Return the whole lines among the last `size` bytes, from the end."""
    begin = max(reader.start, reader.size - size)
    lines = b"".join(reader.lines(begin)).split(b"\n")
    return reversed(lines[begin > reader.start : -1])


def _look_up(query: Query, keys: list[str], known: dict[str, PredictionRow]) -> list[PredictionRow]:
    """Return the predictions of ascending `keys` that are where the order of ids says."""
    found = {key: known[key] for key in keys if key in known}

    def take(lines: Iterable[bytes]) -> list[str]:
        """Take the rows that are wanted; return the keys that are still missing."""
        left = {key for key in keys if key not in found}
        for line in lines:
            if (key := _key(line)) in left:
                with suppress(ValueError):
                    found.setdefault(key, prediction_row(line, query.width))
        return [key for key in keys if key not in found]

    missing = take(())
    if missing and not query.rows.old_mac:  # such lines have no places
        missing = take(_between(query, missing))
    if missing:  # a backup was appended, say, and the newest rows are before it
        take(_last_lines(query.rows, _WIDE_TAIL))
    return list(found.values())


def _between(query: Query, keys: list[str]) -> Iterator[bytes]:
    """Yield the lines of ascending `keys`, and maybe others."""
    rows, ordered = query.rows, query.ordered
    places = [id_before(key.encode(), ordered=ordered) for key in keys]
    low, high = rows.narrow(places[0])[0], rows.narrow(places[-1])[1]
    if low <= high <= low + _DENSE:
        for block in rows.near(low, high):
            yield from block.split(b"\n")[:-1]
        return
    for key, place in zip(keys, places, strict=True):
        line = rows.find(*rows.narrow(place), key.encode())
        if line is not None:
            yield line


def _key(line: bytes) -> str:
    """Return the id that a line begins with, as this log writes ids."""
    return line.lstrip(b'"')[:ID_BYTES].decode("ascii", "replace").lower()


def _by_time(row: PredictionRow) -> tuple[float, str]:
    return row.predicted_at, row.id
