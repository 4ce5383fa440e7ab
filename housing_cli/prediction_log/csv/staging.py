"""The csv files as tables of a DuckDB database, which answers what SQLite and PostgreSQL answer.

Both files are read once, with the columns that are asked for, into a database of bounded memory.
It gets the lines through a pipe: those that were whole when the files were opened, however they
grow meanwhile. So it never takes a row that is being written for a shorter one.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from housing_cli.errors import LogUnavailable
from housing_cli.prediction_log import statements
from housing_cli.prediction_log.csv.file import unavailable
from housing_cli.prediction_log.csv.reader import LineReader, id_before
from housing_cli.prediction_log.csv.rows import MISSING
from housing_cli.prediction_log.ids import prefix_of
from housing_cli.prediction_log.records import HIGHEST_PRICE

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import NDArray

    from housing_cli.prediction_log.csv.query import Query

_MEMORY = 1 << 30
_CGROUP = Path("/sys/fs/cgroup/memory.max")
# DuckDB understands what SQLAlchemy writes for PostgreSQL, with numbered parameters.
_DIALECT = postgresql.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
_READ = """
    SELECT {columns} FROM read_csv(
        '{place}', columns = {types}, nullstr = {missing}, header = false, auto_detect = false,
        delim = ',', quote = '"', escape = '"', store_rejects = true
    )
"""
# Ids of an older tool are any text; in a log of this tool's ids, other lines are broken ones. The
# pattern does it for the dashes, the cast for the digits, in half the time of a regular expression.
_KEYS = {
    True: "CASE WHEN id LIKE '________-____-7___-____-____________' THEN TRY_CAST(id AS UUID) END",
    False: "CASE WHEN id LIKE '________-____-____-____-____________'"
    " AND TRY_CAST(id AS UUID) IS NOT NULL THEN lower(id) ELSE id END",
}
_MAKE = """
    CREATE TABLE {table} AS
    SELECT * FROM (SELECT *, coalesce({is_row}, false) AS is_row FROM ({read}))
    WHERE NOT is_row OR ({wanted})
"""
# Lines whose quotes end where they began; possessive, so that it takes one pass.
_QUOTED = re.compile(rb'(?:(?:"(?:[^"\n]++|"")*+"|[^",\n]*+)[,\n])*+')
_BROKEN = "SELECT count(*) FROM {table} WHERE NOT is_row"
_REJECTED = "SELECT count(DISTINCT (scan_id, file_id, line_byte_position)) FROM reject_errors"
_FORGET = "DROP TABLE {table}; DELETE FROM reject_errors"
_DROP_BROKEN = "DELETE FROM {table} WHERE NOT is_row"
_ASCENDS = """
    SELECT coalesce(bool_and(id > before), true)
    FROM (SELECT id, lag(id) OVER () AS before FROM {table}) WHERE before IS NOT NULL
"""
_REPEATS = "SELECT count(*) - count(DISTINCT id) FROM {table}"
_KEEP_LAST = "DELETE FROM {table} WHERE rowid NOT IN (SELECT max(rowid) FROM {table} GROUP BY id)"


class Staged:
    """The rows of a query's files as tables, each id once, until the block ends.

    source: what the statements select from; its features are named by their places, `f0`.
    order: by time, then id. skipped: lines that are no rows.
    repeated: lines of predictions whose id has a later one.
    """

    def __init__(self, query: Query, places: Sequence[int]) -> None:
        names = [f"f{place}" for place in places]
        rows = sa.table(
            "predictions",
            *map(sa.column, ("id", "timestamp", "model_version", *names, "predicted_price")),
        )
        prices = sa.table(
            "feedback", *map(sa.column, ("id", "revision", "timestamp", "real_price"))
        )
        self.source = statements.Source(rows, prices, {name: rows.c[name] for name in names})
        self.order = (rows.c.timestamp, rows.c.id)
        self.skipped = query.torn
        self.repeated = 0
        self._query = query
        self._open = ExitStack()

    def __enter__(self) -> Staged:
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="housing-log-"))
            self._database = stack.enter_context(
                duckdb.connect(config={"memory_limit": f"{_memory()}B", "temp_directory": folder})
            )
            with self._refusing():
                self._stage_predictions()
                self._stage_feedback()
            self._open = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def rows(self, statement: statements.Rows) -> list[tuple[Any, ...]]:
        """Return what `statement` selects."""
        with self._refusing():
            return self._execute(statement).fetchall()

    def columns(self, statement: statements.Rows) -> dict[str, NDArray[Any]]:
        """Return what `statement` selects as arrays by name."""
        with self._refusing():
            found: dict[str, Any] = self._execute(statement).fetchnumpy()
            return found

    def _execute(self, statement: statements.Rows) -> duckdb.DuckDBPyConnection:
        compiled = statement.compile(dialect=_DIALECT)
        values = [compiled.params[name] for name in compiled.positiontup or ()]
        return self._database.execute(str(compiled), values)

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except duckdb.Error as error:
            text = str(error).partition("\n")[0]
            raise LogUnavailable(
                f"the prediction log `{self._query.rows.path.parent}` cannot be read: {text}",
                "check the csv files, the free memory and the space for temporary files",
            ) from error

    def _stage_predictions(self) -> None:
        query, rows = self._query, self._query.rows
        start = rows.start
        if query.floor and rows.plain and query.sorted:
            start = rows.begin_near(rows.lower_bound(id_before(prefix_of(query.floor).encode())))
        features = [f"f{place}" for place in range(query.width)]
        shown = self.source.features
        numbers = dict.fromkeys([*features, "predicted_price"], "DOUBLE")
        self.repeated = self._load(
            "predictions",
            rows,
            start,
            {"id": "VARCHAR", "timestamp": "TIMESTAMP", "model_version": "VARCHAR", **numbers},
            (
                "timestamp",
                "model_version",
                *(f"CASE WHEN NOT isnan({name}) THEN {name} END AS {name}" for name in shown),
                "predicted_price",
            ),
            "model_version <> '' AND isfinite(predicted_price)",
            "timestamp >= make_timestamp($1) AND ($2 IS NULL OR model_version = $2)",
            (query.floor * 1000, query.version),
        )

    def _stage_feedback(self) -> None:
        self._load(
            "feedback",
            self._query.prices,
            self._query.prices.start,
            {"id": "VARCHAR", "timestamp": "TIMESTAMP", "real_price": "DOUBLE"},
            ("1 AS revision", "timestamp", "real_price"),
            f"real_price > 0 AND real_price <= {HIGHEST_PRICE!r}",
            "true",
            (),
        )

    def _load(
        self,
        table: str,
        reader: LineReader,
        start: int,
        types: dict[str, str],
        columns: Sequence[str],
        is_row: str,
        wanted: str,
        values: Sequence[Any],
    ) -> int:
        """Make `table` of the lines from `start`; leave out, and count, those that are no rows.

        Of rows with one id the last counts; return how many others there are. A file that this tool
        wrote has no words for a missing number and no quotes: to look for them takes as long as all
        the rest, and is done where a line was no row.
        """
        is_row = f"id IS NOT NULL AND timestamp IS NOT NULL AND {is_row}"
        for careful in (False, True):
            with _piped(reader, start, careful=careful) as place:
                read = _READ.format(
                    columns=", ".join((f"{_KEYS[self._query.ordered]} AS id", *columns)),
                    place=place,
                    types=types,
                    missing=list(MISSING) if careful else [""],
                )
                make = _MAKE.format(table=table, is_row=is_row, read=read, wanted=wanted)
                self._database.execute(make, values)
            broken = self._ask(_REJECTED) + self._ask(_BROKEN, table)
            if not broken or careful:
                break
            self._database.execute(_FORGET.format(table=table))
        self.skipped += broken
        self._ask(_DROP_BROKEN, table)
        repeats = 0 if self._ask(_ASCENDS, table) else self._ask(_REPEATS, table)
        if repeats:
            self._ask(_KEEP_LAST, table)
        return repeats

    def _ask(self, question: str, table: str = "") -> int:
        """Return the one number that a question to `table` is answered with."""
        found = self._database.execute(question.format(table=table)).fetchone()
        return int(found[0]) if found else 0


@contextmanager
def _piped(reader: LineReader, start: int, *, careful: bool) -> Iterator[str]:
    """Yield the name of a pipe with the lines from `start`. Raises `LogUnavailable`.

    careful: a quote that does not end within its line breaks that line alone.
    """
    source, sink = os.pipe()
    failed: list[OSError] = []

    def feed() -> None:
        with os.fdopen(sink, "wb") as file:
            try:
                lines = reader.lines(start)
                for data in _parted(lines) if careful else lines:
                    file.write(data)
            except BrokenPipeError:
                pass  # nobody reads any more, and says why
            except OSError as error:
                failed.append(error)

    thread = threading.Thread(target=feed, daemon=True)
    thread.start()
    try:
        yield f"/dev/fd/{source}"
    finally:
        os.close(source)
        thread.join()
    if failed:
        raise unavailable(reader.path, failed[0])


def _parted(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield whole lines; one with a quote that does not end within it becomes a broken one.

    No field of a log goes over lines, but DuckDB would read on to the next quote, or to the end.
    """
    rest = b""
    for block in blocks:
        lines, end, rest = (rest + block).rpartition(b"\n")
        data = lines + end
        if b'"' in data and _QUOTED.fullmatch(data) is None:
            kept = [line if _QUOTED.fullmatch(line) else b"?\n" for line in data.splitlines(True)]
            data = b"".join(kept)
        yield data
    yield rest


def _memory() -> int:
    """Return how many bytes DuckDB may hold; what is more goes to temporary files."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):  # a container's limit, if there is one
        machine = min(machine, int(_CGROUP.read_text()))
    return min(_MEMORY, machine // 2)
