"""Joins the newest rows of predictions.csv and feedback.csv, reading little more than they need.

An id carries the time of its prediction, and no real price is older than its prediction. So once
the feedback read backward is older than the oldest prediction of the window, no earlier line can
belong to it: the result is exact without reading the rest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from housing_cli.prediction_log.csv.query import Query
from housing_cli.prediction_log.csv.reader import LineReader, id_before
from housing_cli.prediction_log.csv.rows import (
    ID_BYTES,
    FeedbackRow,
    PredictionRow,
    feedback_row,
    prediction_row,
)
from housing_cli.prediction_log.ids import Clock, is_time_ordered, milliseconds, prefix_of
from housing_cli.prediction_log.records import HIGHEST_PRICE, Labeled, Predictions

# More rows than this, or more bytes, are read from start to end instead.
_NARROW_ROWS = 100_000
_NARROW_BYTES = 1 << 23
_FEWEST = 500
# Lines between two rows that are wanted, from which on single look-ups cost less than reading.
_SPARSE_BYTES = 1 << 14


def labeled(query: Query) -> Labeled | None:
    """Return the labeled rows of a narrow window, None for a wide one."""
    if _is_empty(query):
        return labeled_of([], {}, query.width)
    if not is_ordered(query.rows) or not _narrow(query, query.prices):
        return None
    newest = query.newest
    wanted = max(newest, _FEWEST) if newest else _NARROW_ROWS
    while wanted <= _NARROW_ROWS:
        latest = _Latest(query.prices, wanted, query.floor)
        found = list(_matching(query, latest))
        if latest.complete or (newest is not None and len(found) >= newest):
            found.sort(key=lambda row: row.predicted_at)
            return labeled_of(query.cut(found), latest.rows, query.width, latest.skipped)
        # The version made a part of them only: ask for as many more.
        wanted *= 4 + 2 * (newest or 0) // max(len(found), 1)
    return None


def predictions(query: Query) -> Predictions | None:
    """Return the predictions of a narrow window, None for a wide one."""
    if _is_empty(query):
        return predictions_of([], set(), query.width)
    if not is_ordered(query.rows) or not _narrow(query, query.rows):
        return None
    first = prefix_of(query.floor).encode()
    found: list[PredictionRow] = []
    skipped = 0
    for block in query.rows.backward():
        for line in reversed(block):
            try:
                row = prediction_row(line, query.width)
            except ValueError:
                skipped += 1
                continue
            if not is_time_ordered(row.id):
                skipped += 1
                continue
            if query.wants(row):
                found.append(row)
                if len(found) == query.newest:
                    break
        if len(found) == query.newest or (block and block[0] < first):
            break
        if len(found) > _NARROW_ROWS:
            return None
    found.reverse()
    if not found:
        return predictions_of([], set(), query.width, skipped)
    oldest = min(milliseconds(row.id) for row in found)
    latest = _Latest(query.prices, _NARROW_ROWS * 4, oldest)
    if not latest.complete:
        return None
    return predictions_of(found, latest.rows.keys(), query.width, skipped + latest.skipped)


class _Latest:
    """The last real price of the newest predictions that have one.

    rows: id to line. complete: whether older predictions with a price, but not before `floor_ms`,
    do not exist. skipped: broken lines.
    """

    def __init__(self, prices: LineReader, wanted: int, floor: int) -> None:
        self.rows: dict[str, FeedbackRow] = {}
        self.complete = True
        self.skipped = 0
        latest: dict[bytes, bytes] = {}
        cutoff = prefix_of(floor).encode() if floor else b""
        for block in prices.backward():
            self._take(block, latest, cutoff)
            if len(latest) > wanted:
                self.complete = False
                for key in sorted(latest)[:-wanted]:
                    del latest[key]
                cutoff = min(latest)
            if cutoff and _first_ms(block) < milliseconds(cutoff.decode()[:13]):
                break
        for line in latest.values():
            row = feedback_row(line)
            self.rows[row.id] = row

    def _take(self, block: list[bytes], latest: dict[bytes, bytes], cutoff: bytes) -> None:
        for line in reversed(block):
            key = line[:ID_BYTES].lower()
            if key >= cutoff:
                if key in latest:
                    continue
                try:
                    usual = line[61:62] == b"," == line[36:37]
                    if not (usual and 0 < float(line[62:]) <= HIGHEST_PRICE):
                        key = feedback_row(line).id.encode()
                except ValueError:
                    self.skipped += 1
                    continue
                if not is_time_ordered(key.decode("ascii", "replace")):
                    self.skipped += 1
                elif key > cutoff:
                    latest.setdefault(key, line)


def _first_ms(block: list[bytes]) -> float:
    """Return the time of the first whole row of a block of feedback."""
    for line in block:
        try:
            return feedback_row(line).labeled_at * 1000
        except ValueError:
            continue
    return math.inf


def _matching(query: Query, latest: _Latest) -> Iterator[PredictionRow]:
    """Yield the predictions of these prices that exist and that the asked version made."""
    rows, wanted = query.rows, latest.rows
    if not wanted:
        return
    low = rows.lower_bound(id_before(min(wanted).encode()))
    high = rows.lower_bound(id_before(max(wanted).encode() + b"~"))
    for line in _lines(rows, low, high, latest):
        try:
            row = prediction_row(line, query.width)
        except ValueError:
            latest.skipped += 1
            continue
        if query.version is None or row.version == query.version:
            yield row


def _lines(rows: LineReader, low: int, high: int, latest: _Latest) -> Iterator[bytes]:
    keys = {key.encode() for key in latest.rows}
    if high - low > len(keys) * _SPARSE_BYTES:
        for key in sorted(keys):
            line = rows.find(*rows.narrow(id_before(key)), key)
            if line is not None:
                yield line
        return
    for block in rows.near(low, high):
        for line in block.split(b"\n")[:-1]:
            if line[:ID_BYTES].lower() in keys:
                yield line
            elif line[ID_BYTES : ID_BYTES + 1] != b",":
                latest.skipped += 1


def is_ordered(rows: LineReader) -> bool:
    """Return whether the log has no rows of an older tool, whose ids tell no time."""
    _, line = rows.line_at(rows.start)
    return line[14:15] == b"7" and line[ID_BYTES : ID_BYTES + 1] == b","


def _is_empty(query: Query) -> bool:
    """Return whether no row can be found."""
    none_asked = query.newest is not None and query.newest <= 0
    return none_asked or query.rows.size == query.rows.start


def _narrow(query: Query, file: LineReader) -> bool:
    """Return whether few enough lines of `file` fall into the window."""
    if query.newest is not None and query.newest <= _NARROW_ROWS:
        return True
    low = file.start
    if query.floor:
        first = Clock().iso(query.floor).encode()
        times = slice(ID_BYTES + 1, ID_BYTES + 1 + len(first))
        low, _ = file.narrow(lambda line: line[times] < first if line else None)
    return file.size - low <= _NARROW_BYTES


def labeled_of(
    rows: list[PredictionRow], prices: dict[str, FeedbackRow], width: int, skipped: int = 0
) -> Labeled:
    """Return rows and their prices as arrays."""
    return Labeled(
        ids=[row.id for row in rows],
        timestamps=np.array([row.predicted_at for row in rows], dtype=np.float64),
        labeled_at=np.array([prices[row.id].labeled_at for row in rows], dtype=np.float64),
        versions=[row.version for row in rows],
        features=np.array([row.features for row in rows], dtype=np.float64).reshape(-1, width),
        predicted=np.array([row.predicted for row in rows], dtype=np.float64),
        real=np.array([prices[row.id].real for row in rows], dtype=np.float64),
        skipped=skipped,
    )


def predictions_of(
    rows: list[PredictionRow], prices: object, width: int, skipped: int = 0
) -> Predictions:
    """Return rows, and whether each has a price, as arrays."""
    known = set(prices)  # type: ignore[call-overload]
    return Predictions(
        ids=[row.id for row in rows],
        timestamps=np.array([row.predicted_at for row in rows], dtype=np.float64),
        versions=[row.version for row in rows],
        features=np.array([row.features for row in rows], dtype=np.float64).reshape(-1, width),
        predicted=np.array([row.predicted for row in rows], dtype=np.float64),
        labeled=np.array([row.id in known for row in rows], dtype=np.bool_),
        skipped=skipped,
    )
