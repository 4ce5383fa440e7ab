"""The csv files as tables of a DuckDB database, which answers what SQLite and PostgreSQL answer.

Both files are read once, with the columns that are asked for, into a database of bounded memory.
It gets the lines through a pipe: those that were whole when the files were opened, however they
grow meanwhile. So it never takes a row that is being written for a shorter one.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from housing_cli.errors import LogUnavailable
from housing_cli.prediction_log import statements
from housing_cli.prediction_log.csv.feeding import Feed
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
        delim = ',', quote = '"', escape = '"', store_rejects = {lenient}
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
_UTC = "timestamp::TIMESTAMP AS timestamp"  # without an offset it is in the session's zone, UTC
# A clock cannot say more, nor can a datetime; DuckDB knows `infinity`, too.
_IN_TIME = "timestamp BETWEEN TIMESTAMP '0001-01-01' AND TIMESTAMP '9999-12-31 23:59:59.999999'"
# Other tools put a space behind each comma.
_MISSING = (*MISSING, *(f" {word}" for word in MISSING))
_BROKEN = "SELECT count(*) FROM {table} WHERE NOT is_row"
_REJECTED = "SELECT count(DISTINCT (scan_id, file_id, line_byte_position)) FROM reject_errors"
_DROP_BROKEN = "DELETE FROM {table} WHERE NOT is_row"
_ASCENDS = """
    SELECT coalesce(bool_and(id > before), true)
    FROM (SELECT id, lag(id) OVER () AS before FROM {table}) WHERE before IS NOT NULL
"""
_REPEATS = "SELECT count(*) - count(DISTINCT id) FROM {table}"
_KEEP = "DELETE FROM {table} WHERE rowid NOT IN (SELECT {which}(rowid) FROM {table} GROUP BY id)"


class FileTable(NamedTuple):
    """A table to make of the lines of a file from `start` on.

    types: of the file's columns. columns: what is selected of them beside the id. is_row: when a
    line is a row. wanted: which rows are asked for, with `values` for what is numbered in it.
    texts: all columns are read as text. keeps: which row of one id counts, `max` the last.
    """

    name: str
    reader: LineReader
    start: int
    types: dict[str, str]
    columns: Sequence[str]
    is_row: str
    wanted: str = "true"
    values: Sequence[Any] = ()
    texts: bool = False
    keeps: str = "max"


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
        self.query = query
        self._open = ExitStack()

    def __enter__(self) -> Staged:
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="housing-log-"))
            self._database = stack.enter_context(
                duckdb.connect(config={"memory_limit": f"{_memory()}B", "temp_directory": folder})
            )
            with self._refusing():
                self._database.execute("SET TimeZone = 'UTC'")
                # In a notebook or `python -c` it draws one on stdout, in the middle of our output.
                self._database.execute("SET enable_progress_bar = false")
                self.stage()
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
                f"the prediction log `{self.query.rows.path.parent}` cannot be read: {text}",
                "check the csv files, the free memory and the space for temporary files",
            ) from error

    def stage(self) -> None:
        """Make the tables."""
        self.stage_predictions()
        self.stage_feedback(self.query.prices.start)

    def stage_predictions(self) -> None:
        """Make the table of the predictions that are asked for."""
        query, rows = self.query, self.query.rows
        start = rows.start
        if query.floor and rows.plain and query.sorted:
            start = rows.begin_near(rows.lower_bound(id_before(prefix_of(query.floor).encode())))
        features = [f"f{place}" for place in range(query.width)]
        shown = self.source.features
        numbers = dict.fromkeys([*features, "predicted_price"], "DOUBLE")
        predictions = FileTable(
            "predictions",
            rows,
            start,
            {"id": "VARCHAR", "timestamp": "TIMESTAMPTZ", "model_version": "VARCHAR", **numbers},
            (
                _UTC,
                "trim(model_version) AS model_version",
                *(f"CASE WHEN NOT isnan({name}) THEN {name} END AS {name}" for name in shown),
                "predicted_price",
            ),
            "model_version <> '' AND isfinite(predicted_price)",
            "timestamp >= make_timestamp($1) AND ($2 IS NULL OR model_version = $2)",
            (query.floor * 1000, query.version),
        )
        self.repeated = self.load(predictions)

    def stage_feedback(self, start: int) -> None:
        """Make the table of the prices from `start` on."""
        feedback = FileTable(
            "feedback",
            self.query.prices,
            start,
            {"id": "VARCHAR", "timestamp": "TIMESTAMPTZ", "real_price": "DOUBLE"},
            ("1 AS revision", _UTC, "real_price"),
            f"real_price > 0 AND real_price <= {HIGHEST_PRICE!r}",
        )
        self.load(feedback)

    def load(self, table: FileTable) -> int:
        """Make a table of lines; leave out, and count, those that are no rows.

        Of rows with one id one counts; return how many others there are. A file that this tool
        wrote has no words for a missing number, no quotes and no broken line: to look for them
        takes longer, and is done where DuckDB stopped at a line, or a line was no row.
        """
        # Text may be empty at a line's end, which is odd.
        broken = 1 if table.texts else self._make(table)
        if broken:
            broken = self._make(table, careful=True)
        self.skipped += broken
        self._ask(_DROP_BROKEN, table.name)
        repeats = 0 if self._ask(_ASCENDS, table.name) else self._ask(_REPEATS, table.name)
        if repeats:
            self._database.execute(_KEEP.format(table=table.name, which=table.keeps))
        return repeats

    def _make(self, table: FileTable, *, careful: bool = False) -> int:
        """Make a table, anew where there is one; return how many lines are no rows.

        With `careful` that many, else at least one where there are some.
        """
        self._database.execute(f"DROP TABLE IF EXISTS {table.name}")
        fields, texts = len(table.types), table.texts
        feed = Feed(table.reader, table.start, fields, careful=careful, texts=texts)
        try:
            with feed as place:
                read = _READ.format(
                    columns=", ".join((f"{_KEYS[self.query.ordered]} AS id", *table.columns)),
                    place=place,
                    types=table.types,
                    missing=list(_MISSING) if careful else [""],
                    lenient=careful,
                )
                timed = f" AND {_IN_TIME}" if "timestamp" in table.types else ""
                is_row = f"id IS NOT NULL{timed} AND {table.is_row}"
                make = _MAKE.format(table=table.name, is_row=is_row, read=read, wanted=table.wanted)
                self._database.execute(make, table.values)
        except duckdb.Error:
            if careful:
                raise
            return 1
        if not careful:
            return int(feed.odd) or self._ask(_BROKEN, table.name)
        broken = self._ask(_REJECTED) + self._ask(_BROKEN, table.name)
        self._database.execute("DELETE FROM reject_errors")
        return broken

    def _ask(self, question: str, table: str = "") -> int:
        """Return the one number that a question to `table` is answered with."""
        found = self._database.execute(question.format(table=table)).fetchone()
        return int(found[0]) if found else 0


def _memory() -> int:
    """Return how many bytes DuckDB may hold; what is more goes to temporary files."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):  # a container's limit, if there is one
        machine = min(machine, int(_CGROUP.read_text()))
    return min(_MEMORY, machine // 2)
