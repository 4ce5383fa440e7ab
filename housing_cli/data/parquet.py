"""Read the columns of a Parquet table, by DuckDB."""

from __future__ import annotations

import contextlib
import errno
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from housing_cli.data.header import check_header
from housing_cli.data.marks import with_points
from housing_cli.data.reading import Columns, Reading
from housing_cli.data.schema import FeatureSchema
from housing_cli.data.units import without_units
from housing_cli.errors import DataError

if TYPE_CHECKING:
    import duckdb

_NUMBERS = {
    "tinyint", "smallint", "integer", "bigint", "hugeint", "utinyint", "usmallint", "uinteger",
    "ubigint", "uhugeint", "float", "double", "decimal", "null",
}  # fmt: skip
_TEXTS = {"varchar", "enum", "boolean", "date", "timestamp", "timestamp_s", "timestamp_ms",
          "timestamp_ns", "timestamp with time zone"}  # fmt: skip
# A word that was stored as a number has no decimal point, see `kinds.word_of`.
_WORD = (
    "CASE WHEN {0} = trunc({0}) AND abs({0}) < 1e37 "
    "THEN CAST(CAST({0} AS HUGEINT) AS VARCHAR) ELSE CAST({0} AS VARCHAR) END"
)
TEXTS = "VARCHAR", "ENUM"
"""What `written_as_csv` calls the types of columns whose numbers may have any decimal mark."""


def parquet_columns(path: Path, raw: bytes, schema: FeatureSchema) -> Columns:
    """Return the columns as numbers or text, and what to call the place of each row.

    Columns that are not in `schema` are empty. Raises `DataError`.
    """
    with _copied(path, raw) as (database, copy):
        return _columns(database, copy, path, schema)


def parquet_header(path: Path, raw: bytes) -> list[str]:
    """Return the names of the columns. Raises `DataError`."""
    with _copied(path, raw) as (database, copy):
        return _header(database, copy)


@contextlib.contextmanager
def _copied(path: Path, raw: bytes) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    # A copy: of the bytes that were hashed, under a name that is no pattern.
    with tempfile.NamedTemporaryFile(suffix=".parquet") as copy:
        copy.write(raw)
        copy.flush()
        with _opened(path, copy.name) as database:
            yield database, copy.name


@contextlib.contextmanager
def _opened(path: Path, copy: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a database to read `copy` with; its errors are about `path`. Raises `DataError`."""
    try:
        import duckdb
    except ImportError:
        raise DataError(
            f"`{path}` is a Parquet file, and `duckdb` is not installed to read it",
            "install it, or give a CSV file",
        ) from None
    try:
        with duckdb.connect() as database:
            yield database
    except duckdb.Error as error:
        reason = str(error).splitlines()[0].removeprefix("Invalid Input Error: ")
        reason = reason.replace(f" '{copy}'", "").rstrip(".")
        raise DataError(
            f"`{path}` is not a readable Parquet file: {reason}", "write or copy the file again"
        ) from error


def written_as_csv(copy: Path, target: Path, path: Path, schema: FeatureSchema) -> dict[str, str]:
    """Write the rows of a Parquet table, `path` in messages, as csv without a header.

    Return DuckDB's type of each column, in their order. What a feature of single precision is, is
    written as the double that it equals: that is the number which training reads. Raises
    `DataError`; the target is not needed.
    """
    with _opened(path, str(copy)) as database:
        table = database.read_parquet(str(copy))
        header = _header(database, str(copy))
        check_header(header, path, schema, target=False)
        texts = []
        for name, own, kind in zip(header, table.columns, table.types, strict=True):
            quoted = '"' + own.replace('"', '""') + '"'
            if name in schema.features:
                _check_kind(path, name, kind)
                if kind.id == "float":
                    quoted = f"CAST({quoted} AS DOUBLE)"
                if name in schema.kinds and kind.id not in _TEXTS:
                    quoted = _WORD.format(quoted)
            texts.append(f"CAST({quoted} AS VARCHAR)")
        # A line of nothing would be no row.
        nothing = "NA" if len(header) == 1 else ""
        table.project(", ".join(texts)).write_csv(str(target), header=False, na_rep=nothing)
        return dict(zip(header, map(str, table.types), strict=True))


def _columns(
    database: duckdb.DuckDBPyConnection, copy: str, path: Path, schema: FeatureSchema
) -> Columns:
    table = database.read_parquet(copy)
    header = _header(database, copy)
    check_header(header, path, schema)
    needed = {*schema.features, schema.target}
    columns = dict.fromkeys(header, pd.Series(dtype="str"))
    texts: dict[str, Sequence[str]] = {}
    # DuckDB renames columns that differ in case alone, or in nothing, but keeps their order.
    for name, own, kind in zip(header, table.columns, table.types, strict=True):
        if name not in needed:
            continue
        _check_kind(path, name, kind)
        quoted = own.replace('"', '""')
        wanted = "VARCHAR" if kind.id in _TEXTS else "DOUBLE"
        values = table.project(f'CAST("{quoted}" AS {wanted}) AS value').fetchnumpy()["value"]
        if wanted == "DOUBLE":
            columns[name] = pd.Series(np.ma.filled(values, np.nan), dtype="float64")
        else:
            texts[name] = ["" if value is None else value for value in np.ma.filled(values, None)]
            columns[name] = pd.Series(texts[name], dtype="str")
    if not len(columns[schema.target]):
        raise DataError(f"`{path}` has no rows", "give a table with rows")
    # Somebody made text of a table whose decimal mark he did not know.
    read, units = without_units(texts, list(texts), path, _place, parted_by_commas=False)
    others = {name: values for name, values in texts.items() if name not in read}
    read |= with_points(others, list(others), path, _place, parted_by_commas=False)
    columns |= {name: pd.Series(values, dtype="str") for name, values in read.items()}
    return Columns(columns, _place, Reading("parquet", units=units))


def _check_kind(path: Path, name: str, kind: Any) -> None:
    if kind.id not in _NUMBERS | _TEXTS:
        raise DataError(
            f"`{path}`: `{name}` holds {str(kind).lower()} values",
            "store numbers, text or dates",
            {"column": name},
        )


def _place(row: int) -> str:
    return f"row {row + 1}"


def _header(database: duckdb.DuckDBPyConnection, copy: str) -> list[str]:
    """Return the names of the columns as they are written, without those inside of others."""
    found = database.execute("SELECT name, num_children FROM parquet_schema(?)", [copy]).fetchall()
    names, inside = [], 0
    for name, children in found[1:]:  # the first is the table itself
        if not inside:
            names.append(name)
        inside = max(inside - 1, 0) + (children or 0)
    return names


def csv_to_parquet(
    source: Path, target: Path, columns: Sequence[tuple[str, str]], separator: str
) -> None:
    """Write a csv file with a header as a Parquet file, as a stream.

    columns: the name of each, and the SQL expression of its values, in which `{}` stands for the
    text. An empty text is null unless it is quoted. Raises `OSError`.
    """
    import duckdb

    texts = {f"c{place}": "VARCHAR" for place in range(len(columns))}
    values = [
        f'{value.format(text)} AS "{name.replace(chr(34), 2 * chr(34))}"'
        for text, (name, value) in zip(texts, columns, strict=True)
    ]
    try:
        with duckdb.connect() as database:
            rows = database.read_csv(
                str(source),
                header=False,
                skiprows=1,
                columns=texts,
                sep=separator,
                quotechar='"',
                escapechar='"',
                na_values="",
                allow_quoted_nulls=False,
                auto_detect=False,
            )
            rows.project(", ".join(values)).write_parquet(str(target))
    except duckdb.Error as error:
        raise OSError(errno.EIO, str(error).splitlines()[0]) from error
