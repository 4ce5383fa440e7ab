"""Joins whole csv files column by column, for windows of millions of rows.

Both files are read once, block by block: feedback into compact sorted arrays (about 40 bytes a
row), predictions past them. Only rows of the window are kept.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from housing_cli.prediction_log.csv.columns import (
    BLOCK,
    Block,
    ahead,
    keys_of,
    prediction_blocks,
    price_columns,
)
from housing_cli.prediction_log.csv.query import Query
from housing_cli.prediction_log.csv.reader import LineReader
from housing_cli.prediction_log.id_columns import PackedIds
from housing_cli.prediction_log.records import Labeled, Predictions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from housing_cli.prediction_log.csv.columns import Floats, Keys
    from housing_cli.prediction_log.id_columns import Words


def labeled(query: Query) -> Labeled:
    """Return labeled rows of a log whose ids are ordered by time, oldest first."""
    index = _Prices(query.prices)
    window = _Window(query.width if query.features else 0, len(index), extra=2)
    skipped = index.skipped
    for block in ahead(prediction_blocks(query)):
        skipped += block.skipped
        at = index.find(block.ids)
        places = np.flatnonzero((at >= 0) & block.made_by(query.version))
        found = at[places]
        window.add(block, places, (index.times[found], index.prices[found]))
    window.cut(query.newest)
    return Labeled(
        ids=PackedIds(window.ids),
        timestamps=window.times,
        labeled_at=window.extra[0],
        versions=window.versions,
        features=window.features,
        predicted=window.predicted,
        real=window.extra[1],
        skipped=skipped,
    )


def predictions(query: Query) -> Predictions:
    """Return predictions of a log whose ids are ordered by time, oldest first."""
    index = _Prices(query.prices)
    window = _Window(query.width, 1 << 16, extra=1)
    skipped = index.skipped
    for block in ahead(prediction_blocks(query)):
        skipped += block.skipped
        places = np.flatnonzero(block.made_by(query.version))
        window.add(block, places, (index.find(block.ids)[places] >= 0,))
    window.cut(query.newest)
    return Predictions(
        ids=PackedIds(window.ids),
        timestamps=window.times,
        versions=window.versions,
        features=window.features,
        predicted=window.predicted,
        labeled=window.extra[0] > 0,
        skipped=skipped,
    )


class _Prices:
    """The last real price of every id, sorted by the id's time."""

    def __init__(self, reader: LineReader) -> None:
        parts: list[tuple[Keys, Keys, Floats, Floats]] = []
        self.skipped = 0
        for ids, times, prices, skipped in ahead(map(price_columns, reader.blocks(BLOCK))):
            self.skipped += skipped
            parts.append((*keys_of(ids), times, prices))
        columns: list[Any] = [
            np.concatenate([part[place] for part in parts]) if parts else np.empty(0)
            for place in range(4)
        ]
        parts.clear()
        order = _last_of_each(columns[0].astype(np.uint64), columns[1].astype(np.uint64))
        self._keys: Keys = columns[0][order].astype(np.uint64, copy=False)
        self._rest: Keys = columns[1][order].astype(np.uint64, copy=False)
        self.times: Floats = columns[2][order]
        self.prices: Floats = columns[3][order]

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, ids: Words) -> NDArray[np.intp]:
        """Return where each id stands, -1 for none."""
        keys, rest = keys_of(ids)
        found = np.full(len(keys), -1, dtype=np.intp)
        if not len(keys) or not len(self._keys):
            return found
        low = int(np.searchsorted(self._keys, keys.min()))
        high = int(np.searchsorted(self._keys, keys.max(), side="right"))
        place = low + np.searchsorted(self._keys[low:high], keys)
        open_ = np.flatnonzero(place < high)
        while len(open_):
            here = place[open_]
            same = self._keys[here] == keys[open_]
            hit = same & (self._rest[here] == rest[open_])
            found[open_[hit]] = here[hit]
            open_ = open_[same & ~hit]  # another id of the same key: look at the next
            place[open_] += 1
            open_ = open_[place[open_] < high]
        return found


class _Window:
    """Rows that are kept, in arrays that grow; only pages that are written take memory."""

    def __init__(self, width: int, capacity: int, extra: int) -> None:
        self._size = 0
        capacity = max(capacity, 1)
        self.ids = np.empty((capacity, 2), dtype=np.uint64)
        self.times = np.empty(capacity)
        self.predicted = np.empty(capacity)
        self.features = np.empty((capacity, width))
        self.extra = [np.empty(capacity) for _ in range(extra)]
        self.versions: list[str] = []

    def add(self, block: Block, places: NDArray[np.intp], extra: tuple[NDArray[Any], ...]) -> None:
        count = len(places)
        if not count:
            return
        begin, end = self._size, self._size + count
        if end > len(self.ids):
            self._resize(max(end, 2 * len(self.ids)))
        self.ids[begin:end] = block.ids[places]
        self.times[begin:end] = block.times[places]
        for place, column in enumerate(block.columns[: self.features.shape[1]]):
            self.features[begin:end, place] = column[places]
        self.predicted[begin:end] = block.columns[-1][places]
        for target, values in zip(self.extra, extra, strict=True):
            target[begin:end] = values
        names = [sys.intern(name) for name in block.names]
        if len(names) == 1:
            self.versions += names * count
        else:
            self.versions += [names[code] for code in block.codes[places].tolist()]
        self._size = end

    def cut(self, newest: int | None) -> None:
        """Keep the newest rows alone."""
        begin = 0 if newest is None else max(0, self._size - newest)
        window = slice(begin, self._size)
        self.ids, self.times = self.ids[window], self.times[window]
        self.predicted, self.features = self.predicted[window], self.features[window]
        self.extra = [values[window] for values in self.extra]
        self.versions = self.versions[window] if begin else self.versions

    def _resize(self, size: int) -> None:
        for array in (self.ids, self.times, self.predicted, self.features, *self.extra):
            array.resize((size, *array.shape[1:]), refcheck=False)


def _last_of_each(keys: Keys, rest: Keys) -> NDArray[np.intp]:
    """Return the places, sorted by key, of the last row of every id."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    equal = ordered[1:] == ordered[:-1]
    if not equal.any():
        return order
    shared = np.zeros(len(order), dtype=np.bool_)
    shared[1:] |= equal
    shared[:-1] |= equal
    places = np.flatnonzero(shared)
    rows = order[places]
    by_id = np.lexsort((rows, rest[rows], keys[rows]))
    rows = rows[by_id]
    repeated = (keys[rows][1:] == keys[rows][:-1]) & (rest[rows][1:] == rest[rows][:-1])
    order[places] = rows
    keep = np.ones(len(order), dtype=np.bool_)
    keep[places[:-1][repeated]] = False
    return order[keep]
