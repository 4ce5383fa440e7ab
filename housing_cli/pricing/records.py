"""The records of a csv stream, a block at a time, each with its text and its place.

A block without quotation marks, whose lines all have as many values as the header, is taken as it
is: a record is a line, and nobody looks at its values one by one. Everything else goes through
Python's csv reader, which knows what a quoted line end is.
"""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from housing_cli.data.encodings import WINDOWS, text_of
from housing_cli.data.reading import UTF8
from housing_cli.errors import DataError
from housing_cli.files import reason

BLOCK_BYTES = 1 << 20
"""About 12,000 rows of the shipped table."""
LONGEST = 1 << 24
"""No line has more bytes: a file without line ends is not read into memory."""
_NEWLINE, _RETURN = b"\n", b"\r"


@dataclass(frozen=True, slots=True)
class Records:
    """n records: their texts without line ends, and the number of the line that each begins on.

    plain: the texts as one, each with its newline, where a record is a line with as many values as
    the header and no quotes. values: what each record holds, where it is not plain.
    """

    texts: Sequence[bytes]
    lines: Sequence[int]
    plain: bytes | None
    values: Sequence[list[str]]

    def __len__(self) -> int:
        return len(self.texts)

    def of(self, place: int, separator: str) -> list[str]:
        """Return the values of one record."""
        if self.plain is None:
            return self.values[place]
        return self.texts[place].decode().split(separator)


class RecordStream:
    """Reads records from `file`, from where it stands; `line` lines came before.

    before: bytes that were read already. path: what to call the file in messages.
    """

    def __init__(self, file: BinaryIO, path: Path, before: bytes = b"", line: int = 0) -> None:
        self._file = file
        self._path = path
        self._rest = before
        self._again = b""
        self._line = line
        self._ended = False
        self._utf8 = False
        self.bytes_read = len(before)
        self.encoding = UTF8
        """Of what was read; `sample`: a word that shows whether that is right, with its place."""
        self.sample = ""

    def blocks(self, separator: str, width: int) -> Iterator[Records]:
        """Yield all records, in blocks. Raises `DataError` for what is no csv, with its line."""
        while data := self._lines():
            plain = _plain(data, separator, width)
            if plain is None:
                yield self._careful(data, separator)
                continue
            texts = plain.split(_NEWLINE)
            texts.pop()
            first = self._line + 1
            self._line += len(texts)
            yield Records(texts, range(first, first + len(texts)), plain, ())

    def take(self) -> bytes:
        """Return the first lines; they are read, until they are put back."""
        return self._lines()

    def put_back(self, data: bytes) -> None:
        """Let lines be read again, as they are here."""
        self._again = data + self._again

    def header(self, separator: str) -> tuple[bytes, list[str]]:
        """Return the first record that is not blank, as text and as values; empty at the end."""
        data = self._lines()
        lines = self._decoded(data, 0)
        reader = csv.reader(lines, delimiter=separator, strict=True)
        before = 0
        try:
            for row in reader:
                text = "".join(lines[before : reader.line_num])
                before = reader.line_num
                if len(row) > 1 or (row and row[0].strip()):
                    self.put_back("".join(lines[before:]).encode())
                    self._line += before
                    return text.rstrip("\r\n").encode(), row
        except csv.Error as error:
            raise self._no_csv(error) from None
        return b"", []

    def _lines(self) -> bytes:
        """Return whole lines of about `BLOCK_BYTES`; nothing at the end."""
        if self._again:
            again, self._again = self._again, b""
            return again
        parts, size = [self._rest], len(self._rest)
        enough = size >= BLOCK_BYTES and _NEWLINE in self._rest
        while not (self._ended or enough):
            try:
                more = self._file.read(BLOCK_BYTES)
            except OSError as error:
                raise unreadable(self._path, error) from error
            self.bytes_read += len(more)
            self._ended = not more
            if _NEWLINE not in more and _RETURN in more:
                more = more.replace(_RETURN, _NEWLINE)  # line ends as of an old Macintosh
            parts.append(more)
            size += len(more)
            if _NEWLINE in more:
                break
            if size > LONGEST:
                raise DataError(
                    f"`{self._path}`, line {self._line + 1}: longer than {LONGEST >> 20} MiB",
                    "end every row with a line end",
                )
        data = b"".join(parts)
        end = len(data) if self._ended else data.rfind(_NEWLINE) + 1
        self._rest = data[end:]
        return self._as_utf8(data[:end])

    def _as_utf8(self, data: bytes) -> bytes:
        """Return lines as UTF-8; all that are not ASCII must have one encoding."""
        if data.isascii():
            return data
        found = text_of(self._path, data, self._line) if not _is_text(data) else None
        western = found is not None
        if (western and self._utf8) or (not western and self.encoding != UTF8):
            raise DataError(
                f"`{self._path}`, after line {self._line}: in another encoding than before",
                "save the file as UTF-8",
            )
        if found is None:
            self._utf8 = True
            return data
        # Windows-1252 has all signs of Latin-1 that text has, and some more.
        if self.encoding != WINDOWS:
            self.encoding = found.encoding
        self.sample = self.sample or found.sample
        return found.text.encode()

    def _careful(self, data: bytes, separator: str) -> Records:
        """Return the records of these lines, and of those behind them that the last goes on to."""
        waiting = deque(self._decoded(data, 0))
        taken: list[str] = []

        def lines() -> Iterator[str]:
            while True:
                if not waiting:
                    more = self._lines()
                    if not more:
                        return
                    waiting.extend(self._decoded(more, len(taken)))
                taken.append(waiting.popleft())
                yield taken[-1]

        reader = csv.reader(lines(), delimiter=separator, strict=True)
        texts, begins, values = [], [], []
        try:
            for row in reader:
                if len(row) > 1 or (row and row[0].strip()):
                    texts.append("".join(taken).rstrip("\r\n").encode())
                    begins.append(self._line + 1)
                    values.append(row)
                self._line += len(taken)
                taken.clear()
                if not waiting:
                    break
        except csv.Error as error:
            raise self._no_csv(error) from None
        return Records(texts, begins, None, values)

    def _decoded(self, data: bytes, ahead: int) -> list[str]:
        if b"\0" in data:
            line = self._line + ahead + data[: data.index(0)].count(_NEWLINE) + 1
            raise DataError(
                f"`{self._path}`, line {line}: NUL bytes, which no CSV file has",
                "give UTF-8 text or a Parquet file",
            )
        return list(io.StringIO(data.decode(), newline=""))

    def _no_csv(self, error: csv.Error) -> DataError:
        unclosed = "unexpected end of data" in str(error) or "field limit" in str(error)
        reason = "a quote is opened and never closed" if unclosed else str(error)
        return DataError(
            f"`{self._path}`, line {self._line + 1}: not CSV: {reason}",
            "close every double quote, and write one inside a value twice",
        )


def unreadable(path: Path, error: OSError) -> DataError:
    """Return what to raise where a table cannot be opened, or read any further."""
    return DataError(
        f"`{path}` cannot be read: {reason(error)}", "give a CSV or Parquet file that you may read"
    )


def _plain(data: bytes, separator: str, width: int) -> bytes | None:
    """Return lines with plain line ends if each is a record of `width` values, else `None`."""
    if b'"' in data or b"\0" in data or width == 1:  # of one column a blank line is no record
        return None
    if _RETURN in data:
        data = data.replace(b"\r\n", _NEWLINE)
    if not data.endswith(_NEWLINE):
        data = data.removesuffix(_RETURN) + _NEWLINE
    if _RETURN in data:
        return None
    found = np.frombuffer(data, dtype=np.uint8)
    ends = np.flatnonzero(found == ord(_NEWLINE))
    marks = np.cumsum(found == ord(separator), dtype=np.int64)[ends]
    counts = np.diff(marks, prepend=0)
    return data if bool((counts == width - 1).all()) else None


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
