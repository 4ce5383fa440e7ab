"""Joins the newest rows of predictions.csv and feedback.csv, reading little more than they need.

An id carries the time of its prediction, and no real price is older than its prediction. So once
the feedback read backward is older than the oldest prediction of the window, no earlier line can
belong to it: the result is exact without reading the rest.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import numpy as np

from housing_cli.prediction_log.csv.query import Query
from housing_cli.prediction_log.csv.reader import LineReader, id_before
from housing_cli.prediction_log.csv.rows import (
    ID_BYTES,
    FeedbackRow,
    PredictionRow,
    feedback_row,
    id_of,
    prediction_row,
)
from housing_cli.prediction_log.ids import (
    TOLERATED_MS,
    Clock,
    is_time_ordered,
    milliseconds,
    prefix_of,
)
from housing_cli.prediction_log.records import HIGHEST_PRICE, Labeled, Predictions

# More rows than this, or more bytes, are read from start to end instead.
_NARROW_ROWS = 100_000
_NARROW_BYTES = 1 << 23
_FEWEST = 500
# Lines between two rows that are wanted, from which on single look-ups cost less than reading.
_SPARSE_BYTES = 1 << 14


# How this log writes a line. What is written otherwise, and has as many fields, may still be a row
# that another tool wrote: then the wide reader reads it all, and one judge decides what is broken.
# Possessive, for speed: no part of a line can be given back to the part before.
_TIME = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
# Of these characters alone, what is a number to `float` is the same number to DuckDB.
_ROW = re.compile(rb"[^,\"\0]++,%s,[^,\"\0]++,[-\d.,e]++" % _TIME)
_PRICE = re.compile(rb"[^,\"\0]++,%s,-?\d++(?:\.\d*+)?+(?:[eE][-+]?\d++)?+" % _TIME)
# Whole blocks of feedback are compared by their marks: a tenth of the time of line by line.
_PRICES = re.compile(
    rb"(?:.{8}-.{4}-7.{3}-.{4}-.{12},.{4}-..-..T..:..:..\....Z,(?!0+\.0*\n)\d{1,38}\.\d++\n)*+"
)
_HEX, _MARKS = b"0123456789abcdef", b"----,--T::.Z,.\n"


class Foreign(Exception):
    """A line that another tool may have written."""


def labeled(query: Query) -> Labeled | None:
    """Return the labeled rows of a narrow window, None for the wide reader to answer."""
    if _is_empty(query):
        return labeled_of([], {}, query.width, query.torn)
    if not _is_narrow(query, query.prices):
        return None
    if _everything(query) and not _is_narrow(query, query.rows):
        return None
    newest = query.newest
    wanted = max(newest, _FEWEST) if newest else _NARROW_ROWS
    try:
        while wanted <= _NARROW_ROWS:
            latest = Latest(query.prices, wanted, query.floor)
            latest.skipped += query.torn
            found = matching(query, latest)
            if latest.complete or (newest is not None and len(found) >= newest):
                found.sort(key=_by_time)
                return labeled_of(
                    query.cut(found), latest.rows, query.width, latest.skipped, latest.repeated
                )
            # The version made a part of them only: ask for as many more.
            wanted *= 4 + 2 * (newest or 0) // max(len(found), 1)
    except Foreign:
        pass
    return None


def predictions(query: Query) -> Predictions | None:
    """Return the predictions of a narrow window, None for the wide reader to answer."""
    if _is_empty(query):
        return predictions_of([], set(), query.width, query.torn)
    if not _is_narrow(query, query.rows):
        return None
    try:
        return _newest(query)
    except Foreign:
        return None


def _newest(query: Query) -> Predictions | None:
    first = prefix_of(query.floor).encode()
    found: dict[str, PredictionRow] = {}
    skipped, repeated = query.torn, 0
    for block in query.rows.backward():
        for line in reversed(block.split(b"\n")[:-1]):
            row = _row(line, query.width)
            if row is None or not is_time_ordered(row.id):
                skipped += line != b""
                continue
            if query.wants(row):
                repeated += row.id in found
                found.setdefault(row.id, row)
                if len(found) == query.newest:
                    break
        if len(found) == query.newest or _begins_before(block, first):
            break
        if len(found) > _NARROW_ROWS:
            return None
    rows = sorted(found.values(), key=_by_time)
    if not rows and not _everything(query):
        return predictions_of([], set(), query.width, skipped)
    oldest = 0 if _everything(query) else min(milliseconds(row.id) for row in rows)
    latest = Latest(query.prices, _NARROW_ROWS * 4, oldest)
    if not latest.complete:
        return None
    return predictions_of(rows, latest.rows.keys(), query.width, skipped + latest.skipped, repeated)


def _begins_before(block: bytes, first: bytes) -> bool:
    """Return whether the first row of a block is older than `first`, whatever stands before it."""
    ids = (id_of(found[0]) for found in re.finditer(rb".+", block))
    return next(filter(None, ids), "~").encode() < first


class Latest:
    """The last real price of the newest predictions that have one.

    rows: id to line. complete: whether older predictions with a price, but not before `floor_ms`,
    do not exist. skipped: broken lines. With `before` (ms) prices of later predictions do not
    count, and with `arrived` (ms) those that came before it may be missing.
    """

    def __init__(
        self, prices: LineReader, wanted: int, floor: int, *, arrived: int = 0, before: int = 0
    ) -> None:
        self.rows: dict[str, FeedbackRow] = {}
        self.complete = True
        self.skipped = self.repeated = 0
        latest: dict[bytes, bytes] = {}
        cutoff = prefix_of(floor).encode() if floor else b""
        self._before = prefix_of(before).encode() if before else b"~"
        for block in prices.backward():
            self._take(block, latest, cutoff)
            if len(latest) > wanted:
                self.complete = False
                for key in sorted(latest)[:-wanted]:
                    del latest[key]
                cutoff = min(latest)
            if cutoff:
                oldest = max(milliseconds(cutoff.decode()[:13]), arrived)
                if _first_ms(block) < oldest - TOLERATED_MS:  # a clock may have been set right
                    break
        for line in latest.values():
            try:
                row = feedback_row(line)
            except ValueError:  # a day that no calendar has
                raise Foreign from None
            self.rows[row.id] = row

    def _take(self, block: bytes, latest: dict[bytes, bytes], cutoff: bytes) -> None:
        lines = block.split(b"\n")[:-1]
        if _are_prices(block, len(lines)):
            for line in reversed([line for line in lines if cutoff <= line < self._before]):
                latest.setdefault(line[:ID_BYTES], line)
            return
        for line in reversed(lines):
            key = line[:ID_BYTES].lower()
            if key in latest:
                continue
            if _PRICE.fullmatch(line) is None:
                _refuse_foreign(line, 2)
                self.skipped += line != b""
            elif not _is_price(line):
                self.skipped += 1
            elif cutoff <= key < self._before:
                latest[key] = line


def _are_prices(block: bytes, lines: int) -> bool:
    """Return whether every line of a block of feedback is a row, written as this log does."""
    # With its marks in their places and nothing else but digits, an id is one.
    return block.translate(None, _HEX) == _MARKS * lines and _PRICES.fullmatch(block) is not None


def _is_price(line: bytes) -> bool:
    return id_of(line) != "" and 0 < float(line[line.rindex(b",") + 1 :]) <= HIGHEST_PRICE


def _by_time(row: PredictionRow) -> tuple[float, str]:
    return row.predicted_at, row.id


def _row(line: bytes, width: int) -> PredictionRow | None:
    """Return the row of a line, None for a broken one. Raises `Foreign`."""
    if _ROW.fullmatch(line) is None:
        _refuse_foreign(line, width + 3)
        return None
    try:
        return prediction_row(line, width)
    except ValueError:
        return None


def _refuse_foreign(line: bytes, commas: int) -> None:
    """Raise `Foreign` unless a line is broken by its number of fields alone."""
    if line.count(b",") == commas or b'"' in line or b"\r" in line:
        raise Foreign


def _first_ms(block: bytes) -> float:
    """Return the time of the first whole row of a block of feedback."""
    for found in re.finditer(rb".+", block):
        try:
            return feedback_row(found[0]).labeled_at * 1000
        except ValueError:
            continue
    return math.inf


def matching(query: Query, latest: Latest) -> list[PredictionRow]:
    """Return the predictions of these prices that exist and that the asked version made."""
    wanted = latest.rows
    if not wanted and not _everything(query):
        return []
    found: dict[str, PredictionRow] = {}
    for line in _lines(query, {key.encode() for key in wanted}):
        row = _row(line, query.width)
        if row is None or not is_time_ordered(row.id):
            latest.skipped += line != b""
        elif row.id in wanted and query.version in {None, row.version}:
            latest.repeated += row.id in found
            found[row.id] = row
    return list(found.values())


def _lines(query: Query, keys: set[bytes]) -> Iterator[bytes]:
    """Yield the lines of these prices, and those between them that are not as the log's own."""
    rows = query.rows
    low, high = rows.start, rows.size
    if not _everything(query):
        low = rows.lower_bound(id_before(min(keys)))
        high = rows.lower_bound(id_before(max(keys) + b"~"))
        if high - low > len(keys) * _SPARSE_BYTES:
            for key in sorted(keys):
                line = rows.find(*rows.narrow(id_before(key)), key)
                if line is not None:
                    yield line
            return
    for block in rows.near(low, high):
        for line in block.split(b"\n")[:-1]:
            if line[:ID_BYTES].lower() in keys or not (id_of(line) and _ROW.fullmatch(line)):
                yield line


def _is_empty(query: Query) -> bool:
    """Return whether no row can be found."""
    none_asked = query.newest is not None and query.newest <= 0
    return none_asked or query.rows.size == query.rows.start


def _everything(query: Query) -> bool:
    return query.newest is None and not query.floor


def _is_narrow(query: Query, file: LineReader) -> bool:
    """Return whether few enough lines of `file`, which is as this log writes it, are asked for."""
    if not query.readable_from_end:
        return False
    if query.newest is not None and query.newest <= _NARROW_ROWS:
        return True
    low = file.start
    if query.floor:
        first = Clock().iso(query.floor).encode()
        times = slice(ID_BYTES + 1, ID_BYTES + 1 + len(first))
        low, _ = file.narrow(lambda line: line[times] < first if line else None)
    return file.size - low <= _NARROW_BYTES


def labeled_of(
    rows: list[PredictionRow],
    prices: dict[str, FeedbackRow],
    width: int,
    skipped: int = 0,
    repeated: int = 0,
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
        repeated=repeated,
    )


def predictions_of(
    rows: list[PredictionRow], prices: object, width: int, skipped: int = 0, repeated: int = 0
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
        repeated=repeated,
    )
