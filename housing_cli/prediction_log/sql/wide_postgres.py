"""Labeled rows from PostgreSQL as arrays: packed pages, over a few connections on one snapshot.

A message and a Python object for every row keep a client busy for as long as the join takes.
Packing costs the server as much as sending rows does, but a client can await several servers'
processes at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import sqlalchemy as sa

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from housing_cli.prediction_log.sql.wide import Columns

    Bounds = tuple[UUID, int, UUID]
    """An id and a revision, all after which is meant, and the last id."""

_PAGE = 100_000
_CONNECTIONS = 3
"""As many processes as PostgreSQL's own joins take, unless told otherwise."""
_RANGES = 32
_EPOCH_US = 946_684_800_000_000
"""PostgreSQL counts microseconds from the year 2000 on."""
_MAX_REVISION = 2**31 - 1
_MAX_ID = UUID(int=2**128 - 1)
# The bounds on `p.id` follow from the join, but PostgreSQL does not see it: it would read the
# predictions from their beginning for every page.
_QUERY = """
    SELECT string_agg(
        uuid_send(id) || int4send(revision) || float8send(predicted_price)
            || timestamptz_send(timestamp) || float8send(real_price),
        ''::bytea
    )
    FROM (
        SELECT f.id, f.revision, p.predicted_price, f.timestamp, f.real_price
        FROM feedback f JOIN predictions p ON p.id = f.id
        WHERE f.model_version = %(version)s AND (f.id, f.revision) > (%(id)s, %(revision)s)
            AND f.id <= %(last)s AND p.id >= %(id)s AND p.id <= %(last)s
        ORDER BY f.id, f.revision LIMIT %(page)s
    ) AS page
"""
# A page walks along the primary keys, as no plan that hashes or sorts can: that would join what is
# left of the range for every page. The connections take the place of parallel workers.
_PLAN = """
    SET LOCAL enable_hashjoin = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off;
    SET LOCAL max_parallel_workers_per_gather = 0
"""
_NEWEST = "SELECT id FROM feedback WHERE model_version = %s ORDER BY id DESC LIMIT 1"
_ROW = np.dtype(
    [("id", ">u8", 2), ("revision", ">i4"), ("predicted", ">f8"), ("time", ">i8"), ("real", ">f8")]
)


def columns(connection: Connection, version: str, first: str) -> Iterator[Columns]:
    """Yield the labeled rows of `version` from the id `first` on, by id and revision.

    The connection's transaction must have one snapshot (repeatable read).
    """
    pages = _Pages(connection, version)
    found = pages.read((UUID(first), -1, _MAX_ID))
    yield _columns(found)
    if len(found) < _PAGE:
        return
    (newest,) = pages.driver.execute(_NEWEST, (version,)).fetchone()
    (snapshot,) = pages.driver.execute("SELECT pg_export_snapshot()").fetchone()
    idle: SimpleQueue[_Pages] = SimpleQueue()
    idle.put(pages)

    def work(bounds: Bounds) -> list[Columns]:
        mine = idle.get()
        try:
            return list(mine.within(bounds))
        finally:
            idle.put(mine)

    with ExitStack() as stack:
        for _ in range(_CONNECTIONS - 1):
            try:
                other = stack.enter_context(connection.engine.connect())
            except sa.exc.OperationalError:
                break  # the server takes no more connections: fewer take longer
            other.execution_options(isolation_level="REPEATABLE READ")
            other.exec_driver_sql(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
            idle.put(_Pages(other, version))
        threads = ThreadPoolExecutor(_CONNECTIONS)
        stack.callback(threads.shutdown, cancel_futures=True)
        for parts in threads.map(work, _ranges(_end_of(found), newest)):
            yield from parts


def _ranges(after: tuple[UUID, int], newest: UUID) -> Iterator[Bounds]:
    """Yield equal ranges of time; whichever connection is idle takes the next."""
    low, high = after[0].int, newest.int
    for number in range(1, _RANGES + 1):
        last = UUID(int=low + (high - low) * number // _RANGES)
        yield (*after, last)
        after = last, _MAX_REVISION


class _Pages:
    """One connection's reading."""

    def __init__(self, connection: Connection, version: str) -> None:
        driver: Any = connection.connection.driver_connection
        driver.execute(_PLAN)
        self.driver = driver
        self._version = version

    def read(self, bounds: Bounds) -> Any:
        """Return the first rows within the bounds, at most a page of them."""
        after, revision, last = bounds
        asked = {
            "version": self._version,
            "page": _PAGE,
            "id": after,
            "revision": revision,
            "last": last,
        }
        # Planned anew each time: a plan for any bounds may be a bad one for these.
        done = self.driver.cursor(binary=True).execute(_QUERY, asked, prepare=False)
        (packed,) = done.fetchone()
        return np.frombuffer(packed or b"", dtype=_ROW)

    def within(self, bounds: Bounds) -> Iterator[Columns]:
        """Yield the rows within the bounds."""
        while True:
            found = self.read(bounds)
            yield _columns(found)
            if len(found) < _PAGE:
                return
            bounds = (*_end_of(found), bounds[2])


def _end_of(found: Any) -> tuple[UUID, int]:
    last = found[-1]
    return UUID(bytes=last["id"].tobytes()), int(last["revision"])


def _columns(found: Any) -> Columns:
    return (
        found["id"].astype(np.uint64),
        found["predicted"].astype(np.float64),
        (found["time"] + _EPOCH_US) / 1e6,
        found["real"].astype(np.float64),
    )
