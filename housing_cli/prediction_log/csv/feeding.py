"""Feeds the whole lines of a csv file to DuckDB through a pipe.

DuckDB reads some lines otherwise than the rest of the world does: it takes `2_5` for 25, and one
comma too many at the end for none; it reads a quote that is not closed on to the next one; and of a
line of thousands of commas it keeps a copy for each of them (40,000: 70 s). So a line that is no
line of a log becomes one that DuckDB, too, takes for broken.
"""

from __future__ import annotations

import os
import re
import threading
from functools import cache
from typing import TYPE_CHECKING

from housing_cli.prediction_log.csv.file import unavailable

if TYPE_CHECKING:
    from types import TracebackType

    from housing_cli.prediction_log.csv.reader import LineReader

_BROKEN = b"?\n"
# What a fast look finds of lines that DuckDB would not stop at.
_ODD = (b"_", b",\n", b',""\n')
_UNDERSCORE = re.compile(rb'(?:^|[,"\s])[-+.\d]*\d_\d', re.MULTILINE)
# A field and its quotes, which end where they began; possessive, so that it takes one pass.
_FIELD = rb' *+(?:"(?:[^"\n]++|"")*+" *+|[^",\n]*+)'


class Feed:
    """The lines of `reader` from `start` on, each of `fields` fields; within the block, a pipe.

    careful: lines with another number of fields, with a quote that does not end within them, or
    with an underscore within a number are broken lines. Else they go through as they are, and
    `odd` says afterwards that DuckDB may have taken one for a row. texts: fields may be text that
    looks like such a number.
    """

    def __init__(
        self, reader: LineReader, start: int, fields: int, *, careful: bool, texts: bool = False
    ) -> None:
        self.odd = False
        self._reader = reader
        self._start = start
        self._fields = fields
        self._careful = careful
        self._texts = texts
        self._failed: OSError | None = None
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._source = self._sink = -1

    def __enter__(self) -> str:
        """Return the name of the pipe."""
        self._source, self._sink = os.pipe()
        self._thread.start()
        return f"/dev/fd/{self._source}"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the pipe. Raises `LogUnavailable` where the file could not be read."""
        os.close(self._source)
        self._thread.join()
        if self._failed is not None:
            raise unavailable(self._reader.path, self._failed) from error

    def _write(self) -> None:
        with os.fdopen(self._sink, "wb") as file:
            try:
                for lines in self._reader.whole_lines(self._start):
                    if self._careful:
                        file.write(mended(lines, self._fields, texts=self._texts))
                    else:
                        self.odd = self.odd or any(mark in lines for mark in _ODD)
                        file.write(lines)
            except BrokenPipeError:
                pass  # nobody reads any more, and says why
            except OSError as error:
                self._failed = error


def mended(lines: bytes, fields: int, *, texts: bool = False) -> bytes:
    """Return lines, of which those that are no line of `fields` fields are broken ones."""
    many, one = _patterns(fields)
    if many.fullmatch(lines) and (texts or not _is_underscored(lines)):
        return lines
    return b"".join(
        line if one.fullmatch(line) and (texts or not _is_underscored(line)) else _BROKEN
        for line in lines.splitlines(keepends=True)
    )


def _is_underscored(text: bytes) -> bool:
    return b"_" in text and _UNDERSCORE.search(text) is not None


@cache
def _patterns(fields: int) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """Return what matches many lines of so many fields, and one; blank lines are nothing."""
    line = rb"(?:%s)?+\n" % b",".join([_FIELD] * fields)
    return re.compile(rb"(?:%s)*+" % line), re.compile(line)
