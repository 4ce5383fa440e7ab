"""Read the columns of a Parquet table, by DuckDB."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

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


def parquet_columns(path: Path, raw: bytes, schema: FeatureSchema) -> Columns:
    """Return the columns as numbers or text, and what to call the place of each row.

    Columns that are not in `schema` are empty. Raises `DataError`.
    """
    try:
        import duckdb
    except ImportError:
        raise DataError(
            f"`{path}` is a Parquet file, and `duckdb` is not installed to read it",
            "install it, or give a CSV file",
        ) from None
    # A copy: of the bytes that were hashed, under a name that is no pattern.
    with tempfile.NamedTemporaryFile(suffix=".parquet") as copy:
        copy.write(raw)
        copy.flush()
        try:
            with duckdb.connect() as database:
                return _columns(database, copy.name, path, schema)
        except duckdb.Error as error:
            reason = str(error).splitlines()[0].removeprefix("Invalid Input Error: ")
            reason = reason.replace(f" '{copy.name}'", "").rstrip(".")
            raise DataError(
                f"`{path}` is not a readable Parquet file: {reason}", "write or copy the file again"
            ) from error


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
        if kind.id not in _NUMBERS | _TEXTS:
            raise DataError(
                f"`{path}`: `{name}` holds {str(kind).lower()} values",
                "store numbers, text or dates",
            )
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
