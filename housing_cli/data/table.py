"""Read, check and fingerprint a table of houses.

CSV (comma, semicolon or tab; UTF-8 with or without BOM, or Latin-1, see `encodings`; any line ends;
with the decimal mark that its numbers settle, see `marks`, and their units, see `units`), Parquet
and Excel, and each of them compressed with gzip. Missing feature values are ordinary; rows without
a target are left out and counted; everything else that is odd is an error that names the place.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from housing_cli.data.checks import check_columns, check_limits, check_target, numbers_of
from housing_cli.data.columns import matrix_of
from housing_cli.data.delimited import csv_columns
from housing_cli.data.excel import excel_columns, is_excel
from housing_cli.data.kinds import Kind, KindName
from housing_cli.data.parquet import parquet_columns
from housing_cli.data.reading import Columns, Reading
from housing_cli.data.schema import FeatureSchema
from housing_cli.errors import DataError
from housing_cli.files import read_input

PARQUET_MAGIC, GZIP_MAGIC, ZIP_MAGIC = b"PAR1", b"\x1f\x8b", b"PK\x03\x04"
# Files that are given by mistake: how they begin, what they are, what to do.
FOREIGN = (
    (b"PK\x03\x04", "a ZIP archive", "unpack it, or save the sheet as `CSV UTF-8` or `.xlsx`"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save the sheet as `CSV UTF-8`"),
    (b"\x1f\x8b", "compressed with gzip twice", "unpack it with `gunzip`"),
    (b"\xff\xfe", "UTF-16 text", "save the file as UTF-8"),
    (b"\xfe\xff", "UTF-16 text", "save the file as UTF-8"),
    (b"[{", "JSON", "save it as CSV: `pandas.read_json` and `to_csv` do"),
    (b'{"', "JSON", "save it as CSV: `pandas.read_json` and `to_csv` do"),
)


@dataclass(frozen=True, slots=True)
class Table:
    """A checked table of n rows and k features.

    features: float64 (n, k) in the schema's order, NaN for missing. target: float64 (n,), all
    finite and above 0. dropped: what was left out and why. sha256: of the file's bytes. kinds: what
    of the features is no number, with the words that were met. reading: how the file was read.
    """

    features: NDArray[np.float64]
    target: NDArray[np.float64]
    path: str
    sha256: str
    dropped: Mapping[str, int] = field(default_factory=dict)
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    reading: Reading = field(default_factory=Reading)

    def __len__(self) -> int:
        return len(self.target)


def read_table(
    path: Path | str,
    schema: FeatureSchema,
    kinds: Mapping[str, Kind | KindName] | None = None,
) -> Table:
    """Return the checked table in `path`. Raises `DataError`, naming line and column.

    kinds: what is known of the features, by default what `schema` says; the rest is looked at.
    """
    path = Path(path)
    raw = read_bytes(path)
    columns, place, reading = columns_in(path, raw, schema)
    declared = schema.kinds if kinds is None else kinds
    features, found = matrix_of(columns, schema, declared, path, place)
    target = numbers_of(columns[schema.target], schema.target, path, place)
    check_limits(features, schema, path, place)
    labeled = ~np.isnan(target)
    check_target(target, labeled, schema, path, place)
    check_columns(features[labeled], schema, path)
    dropped = {}
    if extra := [name for name in columns if name not in {*schema.features, schema.target}]:
        named = ", ".join(f"`{name}`" if name else "one without a name" for name in extra)
        dropped[f"columns that are no feature ({named})"] = len(extra)
    if not labeled.all():
        dropped[f"rows without `{schema.target}`"] = int((~labeled).sum())
    digest = hashlib.sha256(raw).hexdigest()
    # A file name may be bytes that are no text; metadata is JSON.
    name = str(path).encode("utf-8", "backslashreplace").decode()
    return Table(features[labeled], target[labeled], name, digest, dropped, found, reading)


def columns_in(path: Path, raw: bytes, schema: FeatureSchema) -> Columns:
    """Return the columns of a file, whatever its format. Raises `DataError`."""
    raw, packed = unpacked(path, raw)
    columns, place, reading = reader_of(path, raw)(path, raw, schema)
    return Columns(columns, place, replace(reading, gzip=packed))


def unpacked(path: Path, raw: bytes) -> tuple[bytes, bool]:
    """Return the bytes of a table, and whether they were compressed. Raises `DataError`."""
    if not raw.startswith(GZIP_MAGIC):
        return raw, False
    try:
        return gzip.decompress(raw), True
    except (OSError, EOFError, zlib.error) as error:
        why = str(error)[:1].lower() + str(error)[1:]
        raise DataError(
            f"`{path}` is not a readable gzip file: {why}", "write or copy the file again"
        ) from error


def reader_of(path: Path, raw: bytes) -> Callable[[Path, bytes, FeatureSchema], Columns]:
    """Return what reads a file that begins like this. Raises `DataError` for what is no table."""
    if raw[:4] == PARQUET_MAGIC:
        return parquet_columns
    if raw.startswith(ZIP_MAGIC) and is_excel(raw):
        return excel_columns
    if not raw.removeprefix(codecs.BOM_UTF8).strip():
        raise DataError(f"`{path}` is empty", "give a table with a header line and rows")
    for magic, what, hint in FOREIGN:
        if raw.startswith(magic):
            raise DataError(f"`{path}` is {what}, neither CSV nor Parquet", hint)
    return csv_columns


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a table's file. Raises `DataError`."""
    try:
        return read_input(path)
    except FileNotFoundError:
        raise DataError(
            f"`{path}` does not exist", "give the table with `--data-path FILE`"
        ) from None
    except IsADirectoryError:
        raise DataError(f"`{path}` is a directory", "give a CSV, Parquet or Excel file") from None
    except OSError as error:
        raise DataError(
            f"`{path}` cannot be read: {(error.strerror or str(error)).lower()}",
            "give a CSV, Parquet or Excel file that you may read",
        ) from error
