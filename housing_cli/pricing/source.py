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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from housing_cli.data.delimited import check_begin, separated
from housing_cli.data.encodings import text_of
from housing_cli.data.excel import is_excel
from housing_cli.data.header import check_header
from housing_cli.data.marks import COMMA, DOT
from housing_cli.data.parquet import TEXTS
from housing_cli.data.parquet import written_as_csv as parquet_as_csv
from housing_cli.data.reading import Reading
from housing_cli.data.schema import FeatureSchema
from housing_cli.data.table import FOREIGN, GZIP_MAGIC, PARQUET_MAGIC, ZIP_MAGIC
from housing_cli.errors import DataError
from housing_cli.files import open_input, reason
from housing_cli.pricing.records import BLOCK_BYTES, Records, RecordStream, unreadable
from housing_cli.pricing.settling import first_look, settled
from housing_cli.pricing.sheets import written_as_csv

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Source:
    """A table whose header was read, and whose rows come in blocks.

    header: the names of its columns; header_text: as they are written. separator: what parts them.
    marks: the decimal mark of each feature that may have another one than a dot. units: what stands
    at the numbers of features. decimal_mark: what the numbers of the file are written with. size:
    bytes, 0 for a pipe. types: DuckDB's types of the columns, of a table that is no csv. rows: the
    numbers of its rows, where it has some of its own.
    """

    path: Path
    header: list[str]
    header_text: bytes
    separator: str
    stream: RecordStream
    marks: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    decimal_mark: str = DOT
    size: int = 0
    types: Mapping[str, str] = field(default_factory=dict)
    rows: Sequence[int] = ()
    read_as: Reading = field(default_factory=Reading)

    def blocks(self) -> Iterator[Records]:
        """Yield the rows; those of a table that is no csv are numbered. Raises `DataError`."""
        done = 0
        for records in self.stream.blocks(self.separator, len(self.header)):
            if self.types:
                lines: Sequence[int] = range(done + 1, done + len(records) + 1)
                if self.rows:
                    lines = self.rows[done : done + len(records)]
                done += len(records)
                yield replace(records, lines=lines)
            else:
                yield records

    def place(self, line: int) -> str:
        """Return what messages call the place of a row."""
        return f"{'row' if self.types else 'line'} {line}"

    @property
    def reading(self) -> Reading:
        """Return how the table was read, as far as it was."""
        encoding = "" if self.types else self.stream.encoding
        return replace(
            self.read_as,
            encoding=encoding,
            sample=self.stream.sample,
            units={**self.read_as.units, **self.units},
        )


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
            if packed := first.startswith(GZIP_MAGIC):
                file, first = _unpacked(file, first, path, held), b""
                first = file.read(len(PARQUET_MAGIC))
            make = {PARQUET_MAGIC: _parquet, ZIP_MAGIC: _excel}.get(first, _csv)
            source = make(file, first, path, schema, held)
        except OSError as error:
            raise unreadable(path, error) from error
        yield replace(source, read_as=replace(source.read_as, gzip=packed))


def _opened(name: str, path: Path, held: contextlib.ExitStack) -> BinaryIO:
    if name == STDIN:
        if sys.stdin is None:
            raise DataError("standard input is closed", "give a file, or pipe a table in")
        return sys.stdin.buffer
    try:
        return held.enter_context(open_input(path))
    except FileNotFoundError:
        raise DataError(
            f"`{path}` does not exist",
            "give a CSV, Parquet or Excel file, or `-` for standard input",
        ) from None
    except IsADirectoryError:
        raise DataError(f"`{path}` is a directory", "give a CSV, Parquet or Excel file") from None
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
    types = parquet_as_csv(table, folder / "table.csv", path, schema)
    table.unlink()
    source = _written(folder / "table.csv", path, list(types), types, held)
    texts = [name for name in schema.features if types[name] in TEXTS]
    numbers = [name for name in texts if name not in schema.kinds]
    if not texts:
        return source
    look = first_look(next(source.blocks(), None), source.header, numbers, COMMA)
    look = replace(look, thousands=())
    again = _written(folder / "table.csv", path, list(types), types, held)
    known = settled(again.blocks(), source.header, COMMA, look, texts, texts, path, source.place)
    source = _written(folder / "table.csv", path, list(types), types, held)
    return replace(source, marks=known.marks, units=look.units)


def _excel(
    file: BinaryIO, first: bytes, path: Path, schema: FeatureSchema, held: contextlib.ExitStack
) -> Source:
    raw = first + file.read()
    if not is_excel(raw):
        raise _foreign(path, first)
    target = Path(held.enter_context(tempfile.TemporaryDirectory())) / "table.csv"
    sheet = written_as_csv(raw, target, path, schema)
    source = _written(target, path, sheet.header, sheet.types, held)
    return replace(source, rows=sheet.rows, read_as=sheet.reading)


def _written(
    text: Path,
    path: Path,
    header: list[str],
    types: Mapping[str, str],
    held: contextlib.ExitStack,
) -> Source:
    """Return a table that was written as csv, without its header."""
    rows = held.enter_context(text.open("rb"))
    names = io.StringIO()
    csv.writer(names, lineterminator="").writerow(header)
    return Source(
        path,
        header,
        names.getvalue().encode(),
        COMMA,
        RecordStream(rows, path),
        size=os.fstat(rows.fileno()).st_size,
        types=types,
        read_as=Reading("parquet"),
    )


def _csv(
    file: BinaryIO, first: bytes, path: Path, schema: FeatureSchema, held: contextlib.ExitStack
) -> Source:
    if any(first.startswith(magic) for magic, *_ in FOREIGN):
        raise _foreign(path, first)
    before = first + file.read(BLOCK_BYTES)
    # A stream of `file` itself would read on, and what it reads of a pipe nobody reads again.
    source = _started(RecordStream(io.BytesIO(before), path), path, schema)
    numbers = [name for name in schema.features if name not in schema.kinds]
    look = first_look(_first_block(before, source), source.header, numbers, source.separator)
    if source.separator == COMMA and not (look.units or look.thousands):
        source = _started(RecordStream(file, path, before), path, schema)
        return replace(source, size=os.fstat(file.fileno()).st_size if _is_file(file) else 0)
    file = _copied(file, before, held)
    # Where commas part the columns, only what stands out is looked at.
    looked, needed = ([], []) if source.separator == COMMA else (source.header, schema.features)
    rows = _started(RecordStream(file, path), path, schema).blocks()
    header, separator, place = source.header, source.separator, source.place
    known = settled(rows, header, separator, look, looked, needed, path, place)
    file.seek(0)
    source = _started(RecordStream(file, path), path, schema)
    size = os.fstat(file.fileno()).st_size
    mark = DOT if separator == COMMA else known.mark
    return replace(source, marks=known.marks, units=look.units, decimal_mark=mark, size=size)


def _first_block(before: bytes, source: Source) -> Records | None:
    """Return the first rows, of what was read already; `None` where they are no csv by themselves.

    What cannot be read is said when it is read.
    """
    data = before[: before.rfind(b"\n") + 1] or before
    with contextlib.suppress(DataError):
        stream = RecordStream(io.BytesIO(data), source.path)
        stream.header(source.separator)
        return next(stream.blocks(source.separator, len(source.header)), None)
    return None


def _foreign(path: Path, first: bytes) -> DataError:
    what, hint = next((what, hint) for magic, what, hint in FOREIGN if first.startswith(magic))
    return DataError(f"`{path}` is {what}, neither CSV nor Parquet", hint)


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
