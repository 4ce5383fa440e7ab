"""Read, check and fingerprint a table of houses.

CSV (comma, semicolon or tab; UTF-8 with or without BOM; any line ends) and Parquet. Missing feature
values are ordinary; rows without a target are left out and counted; everything else that is odd is
an error that names the place.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from housing_cli.data.schema import FeatureSchema
from housing_cli.errors import DataError

# What the tables of the world write for "no value"; compared without case.
MISSING = frozenset(
    {"", "na", "n/a", "nan", "-nan", "null", "none", "?", "-", ".", "<na>", "#n/a", "#na", "n.a."}
)
PARQUET_MAGIC = b"PAR1"
# Files that are given by mistake: how they begin, what they are, what to do.
FOREIGN = (
    (b"PK\x03\x04", "a spreadsheet or a ZIP archive", "save the sheet as `CSV UTF-8`"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save the sheet as `CSV UTF-8`"),
    (b"\x1f\x8b", "compressed with gzip", "unpack it with `gunzip`"),
    (b"\xff\xfe", "UTF-16 text", "save the file as UTF-8"),
    (b"\xfe\xff", "UTF-16 text", "save the file as UTF-8"),
)
MEND = "mend the value, or leave it empty where it is missing"
FLOAT32_MAX = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True)
class Table:
    """A checked table of n rows and k features.

    features: float64 (n, k) in the schema's order, NaN for missing. target: float64 (n,), all
    finite and above 0. dropped: what was left out and why. sha256: of the file's bytes.
    """

    features: NDArray[np.float64]
    target: NDArray[np.float64]
    path: str
    sha256: str
    dropped: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.target)


def read_table(path: Path | str, schema: FeatureSchema) -> Table:
    """Return the checked table in `path`. Raises `DataError`, naming line and column."""
    path = Path(path)
    raw = _read_bytes(path)
    if raw[:4] == PARQUET_MAGIC:
        columns, place = _parquet_columns(path, raw, schema)
    else:
        columns, place = _csv_columns(path, raw, schema)
    frame = {
        name: _numbers(columns[name], name, path, place)
        for name in (*schema.features, schema.target)
    }
    target = frame.pop(schema.target)
    features = np.column_stack([frame[name] for name in schema.features])
    _check_limits(features, schema, path, place)
    labeled = ~np.isnan(target)
    _check_target(target, labeled, schema, path, place)
    _check_columns(features[labeled], schema, path)
    dropped = {}
    if extra := [name for name in columns if name not in {*schema.features, schema.target}]:
        named = ", ".join(f"`{name}`" for name in extra)
        dropped[f"columns that are no feature ({named})"] = len(extra)
    if not labeled.all():
        dropped[f"rows without `{schema.target}`"] = int((~labeled).sum())
    digest = hashlib.sha256(raw).hexdigest()
    # A file name may be bytes that are no text; metadata is JSON.
    name = str(path).encode("utf-8", "backslashreplace").decode()
    return Table(features[labeled], target[labeled], name, digest, dropped)


def _read_bytes(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise DataError(
            f"`{path}` does not exist", "give the table with `--data-path FILE`"
        ) from None
    except IsADirectoryError:
        raise DataError(f"`{path}` is a directory", "give a CSV or Parquet file") from None
    except OSError as error:
        raise DataError(
            f"`{path}` cannot be read: {(error.strerror or str(error)).lower()}",
            "check its permissions",
        ) from error
    if not raw.removeprefix(codecs.BOM_UTF8).strip():
        raise DataError(f"`{path}` is empty", "give a table with a header line and rows")
    for magic, what, hint in FOREIGN:
        if raw.startswith(magic):
            raise DataError(f"`{path}` is {what}, neither CSV nor Parquet", hint)
    return raw


def _parquet_columns(
    path: Path, raw: bytes, schema: FeatureSchema
) -> tuple[dict[str, pd.Series], Callable[[int], str]]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise DataError(
            f"`{path}` is a Parquet file, and `pyarrow` is not installed to read it",
            "install it, or give a CSV file",
        ) from None
    try:
        # Through pyarrow: pandas would hide an index column, and fail on a column that is twice.
        table = pyarrow.parquet.read_table(io.BytesIO(raw))
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        reason = str(error).splitlines()[0].split("'<Buffer>': ")[-1].split(". ")[0].rstrip(".")
        raise DataError(
            f"`{path}` is not a readable Parquet file: {reason}", "write or copy the file again"
        ) from error
    _check_header(table.column_names, path, schema)
    if not table.num_rows:
        raise DataError(f"`{path}` has no rows", "give a table with rows")
    columns = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        needed = name in {*schema.features, schema.target}
        columns[name] = _parquet_column(column, name, path) if needed else pd.Series(dtype="str")
    return columns, lambda row: f"row {row + 1}"


def _parquet_column(column: Any, name: str, path: Path) -> pd.Series:
    """Return an Arrow column as numbers, or as text where it is text."""
    from pyarrow import compute, types

    if types.is_dictionary(column.type):
        column = compute.cast(column, column.type.value_type)
    kind = column.type
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return pd.Series(column.to_pylist(), dtype="str")
    plain = (types.is_integer, types.is_floating, types.is_decimal, types.is_boolean, types.is_null)
    if not any(check(kind) for check in plain):
        raise DataError(f"`{path}`: `{name}` holds {kind} values, not numbers", "store numbers")
    numbers = compute.cast(column, "float64", safe=False)
    return pd.Series(numbers.to_numpy(zero_copy_only=False), dtype="float64")


def _csv_columns(
    path: Path, raw: bytes, schema: FeatureSchema
) -> tuple[dict[str, pd.Series], Callable[[int], str]]:
    """Return the columns as text, and what to call the place of each row."""
    text = _text(path, raw)
    first = text.lstrip("\r\n").splitlines()[0]
    separator = max(",;\t", key=first.count)
    header: list[str] = []
    rows: list[list[str]] = []
    places: list[str] = []
    for place, row in _csv_rows(path, text, separator):
        if not header:
            header = [name.strip() for name in row]
            _check_header(header, path, schema)
        elif len(row) != len(header):
            raise DataError(
                f"`{path}`, {place}: {len(row)} values for {len(header)} columns",
                "give every line as many values as the header; a value that holds the separator "
                "stands in double quotes",
            )
        elif [value.strip() for value in row] == header:
            raise DataError(f"`{path}`, {place}: the header stands there again", "remove that line")
        else:
            rows.append(row)
            places.append(place)
    if not rows:
        raise DataError(f"`{path}` has a header but no rows", "give a table with rows")
    # Where something else parts the columns, a comma may be the decimal mark.
    columns = {}
    for name, values in zip(header, zip(*rows, strict=True), strict=True):
        numbers = values if separator == "," else [value.replace(",", ".") for value in values]
        columns[name] = pd.Series(numbers, dtype="str")
    return columns, places.__getitem__


def _text(path: Path, raw: bytes) -> str:
    if b"\0" in raw:
        raise DataError(
            f"`{path}`, line {raw[: raw.index(0)].count(10) + 1}: NUL bytes, which no CSV file has",
            "give UTF-8 text or a Parquet file",
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise DataError(
            f"`{path}`, line {line}: not UTF-8 text", "save the file as UTF-8"
        ) from None


def _csv_rows(path: Path, text: str, separator: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the rows that are not blank, each with the line that it begins on."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 0
    try:
        for row in reader:
            begins, line = line + 1, reader.line_num
            if len(row) > 1 or (row and row[0].strip()):
                yield f"line {begins}", row
    except csv.Error as error:
        unclosed = "unexpected end of data" in str(error)
        reason = "a quote is opened and never closed" if unclosed else str(error)
        raise DataError(
            f"`{path}`, line {line + 1}: not CSV: {reason}",
            "close every double quote, and write one inside a value twice",
        ) from None


def _check_header(header: Sequence[str], path: Path, schema: FeatureSchema) -> None:
    needed = [*schema.features, schema.target]
    twice = [name for name in needed if header.count(name) > 1]
    if twice:
        raise DataError(f"`{path}` has column `{twice[0]}` twice", "keep one of them")
    missing = [name for name in needed if name not in header]
    if missing:
        named = ", ".join(f"`{name}`" for name in missing)
        if len(missing) == len(needed):
            hint = "the first line must hold the column names"
        else:
            similar = [name for name in header if name.lower() == missing[0].lower()]
            hint = (
                f"rename `{similar[0]}` to `{missing[0]}`"
                if similar
                else "add the columns, or name the right ones under `[data]` in the settings"
            )
        plural = "s" if len(missing) > 1 else ""
        raise DataError(f"`{path}` lacks column{plural} {named}", hint)


def _numbers(
    column: pd.Series, name: str, path: Path, place: Callable[[int], str]
) -> NDArray[np.float64]:
    if pd.api.types.is_float_dtype(column):
        numbers = column.to_numpy(dtype="float64")
    else:
        text = column.fillna("").str.strip()
        missing = text.str.lower().isin(MISSING).to_numpy(dtype=bool)
        parsed = pd.to_numeric(text.mask(missing), errors="coerce")
        numbers = parsed.to_numpy(dtype="float64", na_value=np.nan)
        if (row := _first(np.isnan(numbers) & ~missing)) is not None:
            shown = "".join(c if c.isprintable() else " " for c in str(text.iloc[row])[:40])
            raise DataError(f"`{path}`, {place(row)}: `{name}` is `{shown}`, not a number", MEND)
    if (row := _first(np.isinf(numbers))) is not None:
        raise DataError(f"`{path}`, {place(row)}: `{name}` is infinite", MEND)
    if (row := _first(np.abs(numbers) > FLOAT32_MAX)) is not None:
        raise DataError(
            f"`{path}`, {place(row)}: `{name}` is {numbers[row]:g}, beyond what a model can take "
            f"({FLOAT32_MAX:.2g})",
            MEND,
        )
    return numbers


def _first(found: NDArray[np.bool_]) -> int | None:
    rows = np.flatnonzero(found)
    return int(rows[0]) if len(rows) else None


def _check_limits(
    features: NDArray[np.float64], schema: FeatureSchema, path: Path, place: Callable[[int], str]
) -> None:
    for name, (low, high) in schema.limits.items():
        values = features[:, schema.features.index(name)]
        outside = np.zeros(len(values), dtype=bool)
        if low is not None:
            outside |= values < low
        if high is not None:
            outside |= values > high
        if (row := _first(outside)) is not None:
            raise DataError(
                f"`{path}`, {place(row)}: `{name}` is {values[row]:g}, {_outside(low, high)}",
                "mend the value, or the limits under `[data.limits]` in the settings",
            )


def _outside(low: float | None, high: float | None) -> str:
    if low is None:
        return f"above {high:g}"
    return f"below {low:g}" if high is None else f"outside {low:g} to {high:g}"


def _check_target(
    target: NDArray[np.float64],
    labeled: NDArray[np.bool_],
    schema: FeatureSchema,
    path: Path,
    place: Callable[[int], str],
) -> None:
    if not labeled.any():
        raise DataError(
            f"`{path}` has no value in `{schema.target}`", "give rows whose price is known"
        )
    if (row := _first(np.asarray(labeled & ~(target > 0)))) is not None:
        raise DataError(
            f"`{path}`, {place(row)}: `{schema.target}` is {target[row]:g}, not above 0",
            "mend the value, or remove the row",
        )


def _check_columns(features: NDArray[np.float64], schema: FeatureSchema, path: Path) -> None:
    if (column := _first(np.asarray(np.isnan(features).all(axis=0)))) is not None:
        raise DataError(
            f"`{path}` has no value in `{schema.features[column]}`: it cannot be imputed",
            "fill the column, or take it out of `data.features` in the settings",
        )
