"""Open the table that is to be priced: csv or Parquet, a file or a pipe.

A Parquet table is written out as csv first, by DuckDB and as a stream, so that there is one way to
read rows and one memory that bounds them. Where commas do not part the columns they may be decimal
marks: then all of the table is looked at before its first row is read (see `data/marks.py`).
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import os
import shutil
import stat
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from housing_cli.data.delimited import check_begin, separated
from housing_cli.data.encodings import text_of
from housing_cli.data.header import check_header
from housing_cli.data.marks import COMMA, DOT, Marks
from housing_cli.data.parquet import TEXTS, written_as_csv
from housing_cli.data.schema import FeatureSchema
from housing_cli.data.table import FOREIGN, GZIP_MAGIC, PARQUET_MAGIC
from housing_cli.errors import DataError
from housing_cli.files import open_input, reason
from housing_cli.pricing.records import BLOCK_BYTES, Records, RecordStream, unreadable

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Source:
    """A table whose header was read, and whose rows come in blocks.

    header: the names of its columns; header_text: as they are written. separator: what parts them.
    marks: the decimal mark of each feature that may have another one than a dot. size: bytes, 0 for
    a pipe. types: DuckDB's types of the columns, where it is a Parquet table.
    """

    path: Path
    header: list[str]
    header_text: bytes
    separator: str
    stream: RecordStream
    marks: dict[str, str] = field(default_factory=dict)
    size: int = 0
    types: dict[str, str] = field(default_factory=dict)

    def blocks(self) -> Iterator[Records]:
        """Yield the rows; those of a Parquet table are numbered. Raises `DataError`."""
        number = 1
        for records in self.stream.blocks(self.separator, len(self.header)):
            if self.types:
                lines = range(number, number + len(records))
                number += len(records)
                yield replace(records, lines=lines)
            else:
                yield records

    def place(self, line: int) -> str:
        """Return what messages call the place of a row."""
        return f"{'row' if self.types else 'line'} {line}"

    @property
    def decimal_mark(self) -> str:
        """Return the mark that the table's numbers are written with."""
        return COMMA if self.separator != COMMA and COMMA in self.marks.values() else DOT


@contextlib.contextmanager
def open_source(name: str, schema: FeatureSchema) -> Iterator[Source]:
    """Open the table `name`, `-` for standard input, for rows of `schema`, target or none.

    Raises `DataError` where there is no such table, or a feature's column is missing.
    """
    with contextlib.ExitStack() as held:
        path = Path(name)
        file = _opened(name, path, held)
        try:
            first = file.read(len(PARQUET_MAGIC))
            if first.startswith(GZIP_MAGIC):
                file, first = _unpacked(file, first, path, held), b""
                first = file.read(len(PARQUET_MAGIC))
            make = _parquet if first == PARQUET_MAGIC else _csv
            source = make(file, first, path, schema, held)
        except OSError as error:
            raise unreadable(path, error) from error
        yield source


def _opened(name: str, path: Path, held: contextlib.ExitStack) -> BinaryIO:
    if name == STDIN:
        return sys.stdin.buffer
    try:
        return held.enter_context(open_input(path))
    except FileNotFoundError:
        raise DataError(
            f"`{path}` does not exist", "give a CSV or Parquet file, or `-` for standard input"
        ) from None
    except IsADirectoryError:
        raise DataError(f"`{path}` is a directory", "give a CSV or Parquet file") from None
    except OSError as error:
        raise unreadable(path, error) from error


def _is_file(file: BinaryIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(file.fileno()).st_mode)
    except OSError:  # a stream of no file
        return False


def _unpacked(file: BinaryIO, first: bytes, path: Path, held: contextlib.ExitStack) -> BinaryIO:
    """Return a file with what is packed in `file`, of which `first` was read."""
    packed = _copied(file, first, held)
    unpacked = held.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - `held` closes it
    try:
        with gzip.GzipFile(fileobj=packed) as reader:
            shutil.copyfileobj(reader, unpacked, BLOCK_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"`{path}` is not a readable gzip file: {reason(error)}", "write or copy the file again"
        ) from error
    unpacked.seek(0)
    return unpacked


def _copied(file: BinaryIO, before: bytes, held: contextlib.ExitStack) -> BinaryIO:
    """Return a file from its beginning: `file`, or a copy of a pipe of which `before` was read."""
    if not _is_file(file):
        pipe, file = file, held.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        file.write(before)
        shutil.copyfileobj(pipe, file, BLOCK_BYTES)
    file.seek(0)
    return file


def _parquet(
    file: BinaryIO, first: bytes, path: Path, schema: FeatureSchema, held: contextlib.ExitStack
) -> Source:
    folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
    table = folder / "table.parquet"  # a name that is no pattern to DuckDB
    with table.open("wb") as copy:
        copy.write(first)
        shutil.copyfileobj(file, copy, BLOCK_BYTES)
    types = written_as_csv(table, folder / "table.csv", path, schema)
    header = list(types)
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(header)
    rows = held.enter_context((folder / "table.csv").open("rb"))
    texts = [name for name in schema.features if types[name] in TEXTS]
    source = Source(
        path,
        header,
        text.getvalue().encode(),
        COMMA,
        RecordStream(rows, path),
        size=os.fstat(rows.fileno()).st_size,
        types=types,
    )
    if not texts:
        return source
    marks = _marks(source, texts, texts)
    rows.seek(0)
    return replace(source, stream=RecordStream(rows, path), marks=marks)


def _csv(
    file: BinaryIO, first: bytes, path: Path, schema: FeatureSchema, held: contextlib.ExitStack
) -> Source:
    for magic, what, hint in FOREIGN:
        if first.startswith(magic):
            raise DataError(f"`{path}` is {what}, neither CSV nor Parquet", hint)
    before = first + file.read(BLOCK_BYTES)
    source = _started(RecordStream(file, path, before), path, schema)
    if source.separator == COMMA:
        return replace(source, size=os.fstat(file.fileno()).st_size if _is_file(file) else 0)
    file = _copied(file, before, held)
    source = _started(RecordStream(file, path), path, schema)
    marks = _marks(source, source.header, schema.features)
    file.seek(0)
    source = _started(RecordStream(file, path), path, schema)
    return replace(source, marks=marks, size=os.fstat(file.fileno()).st_size)


def _started(stream: RecordStream, path: Path, schema: FeatureSchema) -> Source:
    """Return the table after its header was read. Raises `DataError`."""
    raw = stream.take()
    if not raw.removeprefix(codecs.BOM_UTF8).strip():
        raise DataError(f"`{path}` is empty", "give a table with a header line")
    text, separator = separated(path, text_of(path, raw).text, schema)
    stream.put_back(text.encode())
    written, values = stream.header(separator)
    header = [name.strip() for name in values]
    check_begin(header, path, text, schema)
    check_header(header, path, schema, target=False)
    bom = codecs.BOM_UTF8 if raw.startswith(codecs.BOM_UTF8) else b""
    return Source(path, header, bom + written, separator, stream)


def _marks(source: Source, looked: Sequence[str], needed: Sequence[str]) -> dict[str, str]:
    """Return the decimal mark of each of the columns `needed`, out of what all `looked` at say."""
    marks = Marks(parted_by_commas=False)
    places = {name: source.header.index(name) for name in looked}
    for records in source.blocks():
        rows = [records.of(place, source.separator) for place in range(len(records))]
        whole = [row for row in rows if len(row) == len(source.header)]
        lines = [
            line
            for line, row in zip(records.lines, rows, strict=True)
            if len(row) == len(source.header)
        ]
        for name, place in places.items():
            marks.look(name, [row[place] for row in whole], lines)
    return marks.settle(needed, source.path, source.place)
