"""Batches: many rows scored in chunks, by the versions that answer them, into one body."""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from housing_cli.api.failures import NotFinite
from housing_cli.api.served import NOT_FINITE, Answer, Served
from housing_cli.model.compiled import CHUNK_ROWS, prepared, shortest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from housing_cli.api.arms import CanaryArm
    from housing_cli.api.gatherer import Mark, Row
    from housing_cli.prediction_log import Group

    Scored = tuple[NDArray[np.float32], NDArray[np.float64]]


class Bulk(msgspec.Struct):
    """What one version answers of a batch.

    places: of its rows in the batch, `None` where it answers all. routed: whose part they are in,
    where they are a canary's. prices, spreads, outside (the features outside of their ranges by
    row) and ids: what is found.
    """

    served: Served
    rows: Sequence[Row]
    places: Sequence[int] | None = None
    routed: CanaryArm | None = None
    prices: list[float] = []
    spreads: list[float] = []
    outside: dict[int, list[str]] = {}
    ids: list[str] = []

    @property
    def group(self) -> Group:
        """Return what the log records."""
        return self.served.name, self.rows, self.prices


def planned(
    served: Served, arm: CanaryArm | None, rows: Sequence[Row], marks: Sequence[Mark]
) -> list[Bulk]:
    """Return who answers which of the rows; those of the canary are priced already."""
    if arm is None:
        return [Bulk(served, rows)]
    picked = [at for at, row in enumerate(rows) if arm.picks(row, marks[at])]
    prices, spreads = arm.prices([rows[at] for at in picked])
    own, failed = Bulk(arm.served, [], [], arm), Bulk(served, [], [], arm)
    for at, price, spread in zip(picked, prices, spreads, strict=True):
        bulk = own if math.isfinite(price) else failed
        bulk.rows.append(rows[at])  # type: ignore[attr-defined]
        bulk.places.append(at)  # type: ignore[union-attr]
        if bulk is own:
            bulk.prices.append(price)
            bulk.spreads.append(spread)
    if own.rows:
        own.outside = arm.served.outside_of(np.array(own.rows, dtype=np.float64))
    left = sorted(set(range(len(rows))) - set(picked))
    others = Bulk(served, [rows[at] for at in left], left)
    return [bulk for bulk in (own, failed, others) if bulk.rows]


def scored(bulk: Bulk, pool: ThreadPoolExecutor, ahead_of: int) -> Iterator[Group]:
    """Score in chunks; yield each for the log, and add what is found to `bulk`.

    Between two chunks the interpreter lock is free for the event loop. ONNX Runtime works ahead in
    the `ahead_of` threads of `pool`, while this one makes arrays of rows, and the log its lines.
    Raises `NotFinite`.
    """
    served, rows = bulk.served, bulk.rows
    if bulk.prices:
        yield bulk.group
        return
    ahead: deque[tuple[Sequence[Row], Future[Scored]]] = deque()
    starts = iter(range(0, len(rows), CHUNK_ROWS))
    while True:
        for start in itertools.islice(starts, ahead_of + 1 - len(ahead)):
            chunk = rows[start : start + CHUNK_ROWS]
            array = np.array(chunk, dtype=np.float64)
            ahead.append((chunk, pool.submit(served.model.run, prepared(array))))
            beyond = served.outside_of(array)
            bulk.outside |= {start + row: names for row, names in beyond.items()}
        if not ahead:
            return
        chunk, scoring = ahead.popleft()
        prices, spread = scoring.result()
        finite = np.isfinite(prices)
        if not finite.all():
            at = len(bulk.prices) + int(np.argmin(finite))
            raise NotFinite(f"{NOT_FINITE} row {bulk.places[at] if bulk.places else at}")
        found = shortest(prices)
        bulk.prices += found
        bulk.spreads += spread.tolist()
        yield served.name, chunk, found


def identified(bulks: Sequence[Bulk], issued: Sequence[Sequence[str]]) -> None:
    """Give the rows of `bulks` the ids that the log issued for their groups, in their order."""
    ids = itertools.chain.from_iterable(issued)
    for bulk in bulks:
        bulk.ids = list(itertools.islice(ids, len(bulk.rows)))


def body_of(bulks: Sequence[Bulk]) -> bytes:
    """Return the body that answers a batch, in the order of its rows."""
    if len(bulks) == 1 and bulks[0].places is None:
        (bulk,) = bulks
        answers = bulk.served.answers(bulk.prices, bulk.spreads, bulk.ids, bulk.outside)
        return msgspec.json.encode({"predictions": answers})
    merged: dict[int, Answer] = {}
    for bulk in bulks:
        found = bulk.served.answers(bulk.prices, bulk.spreads, bulk.ids, bulk.outside)
        merged |= zip(bulk.places or range(len(found)), found, strict=True)
    return msgspec.json.encode({"predictions": [merged[at] for at in range(len(merged))]})
