"""Parses blocks of the csv files into arrays, for windows of millions of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

from housing_cli.prediction_log.csv.query import Query
from housing_cli.prediction_log.csv.reader import id_before
from housing_cli.prediction_log.csv.rows import ID_BYTES, feedback_row, prediction_row
from housing_cli.prediction_log.id_columns import time_ordered
from housing_cli.prediction_log.ids import prefix_of
from housing_cli.prediction_log.records import HIGHEST_PRICE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from housing_cli.prediction_log.id_columns import Words

    Floats = NDArray[np.float64]
    Keys = NDArray[np.uint64]

T = TypeVar("T")
BLOCK = 1 << 24


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows of predictions.csv; the last of `columns` is the predicted price."""

    ids: Words
    times: Floats
    codes: NDArray[np.int32]
    names: list[str]
    columns: list[Floats]
    skipped: int

    def made_by(self, version: str | None) -> NDArray[np.bool_]:
        """Return which rows `version` made; None: all."""
        if version is None:
            return np.ones(len(self.ids), dtype=np.bool_)
        code = self.names.index(version) if version in self.names else -1
        made: NDArray[np.bool_] = self.codes == code
        return made


def ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield `items`; a thread makes the next one meanwhile. pyarrow needs no interpreter lock."""
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(next, items, None)
        while (item := waiting.result()) is not None:
            waiting = thread.submit(next, items, None)
            yield item


def prediction_blocks(query: Query) -> Iterator[Block]:
    """Yield the rows of the time that is asked for; without `features` only the prices.

    Numbers that nobody asked for are not read: that takes half of the time, and a line with text
    in one of them is no broken line then.
    """
    rows, start = query.rows, query.rows.start
    if query.floor:
        start = rows.lower_bound(id_before(prefix_of(query.floor).encode()))
    names = [f"f{place}" for place in range(query.width)]
    for data in rows.blocks(BLOCK, start):
        columns = ["id", "timestamp", "model_version", *names, "price"]
        table = _read(data, columns, names, leave_out=() if query.features else names)
        if table is not None:
            version = table[2]
            ids, good = time_ordered(_texts(table[0]))
            block = Block(
                ids,
                _times(table[1]),
                version.indices.to_numpy(),
                version.dictionary.to_pylist(),
                [_floats(column) for column in table[3:]],
                0,
            )
        else:
            block, good = _slow_block(data, query.width)
            if not query.features:
                block = replace(block, columns=block.columns[-1:])
        good &= np.isfinite(block.columns[-1])
        if not good.all():
            block = Block(
                block.ids[good],
                block.times[good],
                block.codes[good],
                block.names,
                [column[good] for column in block.columns],
                block.skipped + int((~good).sum()),
            )
        yield block


def _slow_block(data: memoryview, width: int) -> tuple[Block, NDArray[np.bool_]]:
    """Return the rows of a block that has broken lines, and which have ids that are ordered."""
    rows, skipped = [], 0
    for line in data.tobytes().split(b"\n")[:-1]:
        try:
            row = prediction_row(line, width)
        except ValueError:
            skipped += 1
            continue
        rows.append(row)
    names = sorted({row.version for row in rows})
    features = np.array([row.features for row in rows], dtype=np.float64).reshape(-1, width)
    predicted = np.array([row.predicted for row in rows], dtype=np.float64)
    ids, good = _ordered([row.id for row in rows])
    block = Block(
        ids,
        np.array([row.predicted_at for row in rows], dtype=np.float64),
        np.array([names.index(row.version) for row in rows], dtype=np.int32),
        names,
        [*features.T, predicted],
        skipped,
    )
    return block, good


def _ordered(ids: list[str]) -> tuple[Words, NDArray[np.bool_]]:
    # One byte more, so that a text which is too long is not taken for what it begins with.
    texts = np.array([text.encode() for text in ids], dtype=f"S{ID_BYTES + 1}")
    words, good = time_ordered(texts.astype(f"S{ID_BYTES}"))
    return words, good & (np.char.str_len(texts) <= ID_BYTES)


def _read(
    data: memoryview, names: list[str], nullable: list[str], leave_out: Sequence[str] = ()
) -> list[Any] | None:
    """Return the columns of a block of lines, None if a line is not as this log writes them."""
    wanted = [name for name in names if name not in leave_out]
    types: dict[str, Any] = dict.fromkeys(names, pa.float64())
    types["id"] = pa.binary(ID_BYTES)
    types["timestamp"] = pa.timestamp("ms", tz="UTC")
    if "model_version" in types:
        types["model_version"] = pa.dictionary(pa.int32(), pa.string())
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(pa.py_buffer(data)),
            read_options=arrow_csv.ReadOptions(column_names=names, block_size=1 << 21),
            parse_options=arrow_csv.ParseOptions(ignore_empty_lines=False),
            convert_options=arrow_csv.ConvertOptions(
                column_types=types, null_values=[""], include_columns=wanted
            ),
        ).combine_chunks()
    except pa.ArrowInvalid:
        return None
    columns = []
    for name in wanted:
        column = table.column(name)
        column = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
        if name not in nullable and column.null_count:
            return None
        columns.append(column)
    return columns


def _texts(column: Any) -> NDArray[np.bytes_]:
    data = np.frombuffer(column.buffers()[1], dtype=f"S{ID_BYTES}")
    return data[column.offset : column.offset + len(column)]


def _times(column: Any) -> Floats:
    ms: NDArray[np.int64] = column.cast(pa.int64()).to_numpy()
    return ms / 1000.0


def _floats(column: Any) -> Floats:
    values: Floats = column.to_numpy(zero_copy_only=False)
    return values


def keys_of(ids: Words) -> tuple[Keys, Keys]:
    """Return a sorting key of each id, its time and a few random bits, and the rest of its bits."""
    # Behind the time go 16 bits that mix the others, so that even within one batch, whose ids
    # differ in the last group alone, few keys are equal. The pair still determines the id.
    high, low = ids[:, 0], ids[:, 1]
    mixed = (high << np.uint64(4)) ^ low ^ (low >> np.uint64(16)) ^ (low >> np.uint64(32))
    last = np.uint64(0xFFFF)
    return (high & ~last) | (mixed & last), low


def price_columns(data: memoryview) -> tuple[Words, Floats, Floats, int]:
    """Return ids, times and prices of a block of feedback, and how many lines are broken."""
    skipped = 0
    table = _read(data, ["id", "timestamp", "real_price"], [])
    if table is not None:
        ids, good = time_ordered(_texts(table[0]))
        times, prices = _times(table[1]), _floats(table[2])
    else:
        rows = []
        for line in data.tobytes().split(b"\n")[:-1]:
            try:
                rows.append(feedback_row(line))
            except ValueError:
                skipped += 1
        ids, good = _ordered([row.id for row in rows])
        times = np.array([row.labeled_at for row in rows], dtype=np.float64)
        prices = np.array([row.real for row in rows], dtype=np.float64)
    good &= (prices > 0) & (prices <= HIGHEST_PRICE)
    if not good.all():
        skipped += int((~good).sum())
        ids, times, prices = ids[good], times[good], prices[good]
    return ids, times, prices, skipped
