"""Reads a csv file of time-ordered lines without a lock, while others append to it.

A reader sees the file as long as it was when it was opened, without a torn last line. Lines are
ordered by id, so a row is found by binary search and a window by reading backward from the end.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType

from housing_cli.files import open_file
from housing_cli.prediction_log.csv.file import check_header
from housing_cli.prediction_log.csv.pending import Pending
from housing_cli.prediction_log.csv.rows import ID_BYTES, header_line, id_of

_BLOCK = 1 << 20
_PROBE = 1 << 10
_NEAR = 1 << 13
_SAMPLES, _NEAREST = 64, 1 << 8
_WHOLE = 1 << 25
"""Bytes that a search holds at once."""
# Hand-edited logs may be slightly out of order: a row is looked for this far around its place.
_DISORDER = 1 << 16
_SETTLED_S = 1.0
# How a row of any tool begins; bytes of a damaged disk have commas, too.
_ID_AND_DAY = re.compile(rb'[^,\0]+,"?\d{4}-\d\d-\d\d')

Comparison = Callable[[bytes], bool | None]


class LineReader:
    """The whole lines of one file at one moment; empty if there is no file.

    torn: how many lines behind them have no end: 1 where nobody is writing it any more, else 0.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path = path
        self._columns = columns
        self._headed = False
        self.plain = False
        """Whether the file begins as this log writes it. Other tools' csv may have quoted fields
        and other line ends."""
        self.old_mac = False
        """Whether lines end with a carriage return alone. Only `lines` reads them."""
        self._fd = -1
        self.start = self.size = self.torn = 0
        self.identity = (0, 0)
        try:
            self._fd = open_file(path)
        except FileNotFoundError:
            return
        try:
            status, whole = self._whole()
            self.identity = (status.st_ino, status.st_dev)
            self.grow(whole)
            settled = time.time() - status.st_mtime > _SETTLED_S
            self.torn = int(settled and status.st_size > self.size)
        except BaseException:
            self.close()
            raise

    def _whole(self) -> tuple[os.stat_result, int]:
        """Return what the file is now, and up to where all rows of each write are there."""
        pending = Pending(self.path)
        try:
            while True:
                status = os.fstat(self._fd)
                whole = pending.unfinished(status.st_ino, status.st_size)
                if os.fstat(self._fd).st_size == status.st_size:  # else the note may be younger
                    return status, whole
        finally:
            pending.close()

    def __enter__(self) -> LineReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def grow(self, size: int) -> None:
        """See the file up to the end of its last whole line before `size`."""
        if not self._headed:
            # After the size was taken: a header that is written in between is no row.
            header = header_line(self._columns)
            self.start = check_header(self.path, header, self._columns)
            end = os.pread(self._fd, 1, self.start - 1) if self.start else b""
            self._headed, self.old_mac = end in {b"\n", b"\r"}, end == b"\r"
            self.plain = os.pread(self._fd, len(header), 0) == header
        step = _PROBE
        while True:
            begin = max(self.start, size - step)
            if begin >= size:
                self.size = self.start
                return
            data = os.pread(self._fd, size - begin, begin)
            newline = max(data.rfind(b"\n"), data.rfind(b"\r"))
            if newline >= 0 or begin == self.start:
                self.size = begin + newline + 1
                return
            step *= 8

    def line_at(self, position: int) -> tuple[int, bytes]:
        """Return the first whole line that begins at or after `position`, and where it begins.

        At the end: the size and an empty line.
        """
        begin = position
        if position > self.start:
            position -= 1  # the newline before decides whether a line begins here
        data = b""
        step = _PROBE
        while position + len(data) < self.size:
            at = position + len(data)
            more = os.pread(self._fd, min(step, self.size - at), at)
            if not more:
                break  # cut short meanwhile
            data += more
            first = 0 if begin == self.start else data.find(b"\n") + 1
            if begin == self.start or first:
                end = data.find(b"\n", first)
                if end >= 0:
                    return position + first, data[first:end]
                if position + first >= self.size:
                    break
            step *= 4
        return self.size, b""

    def narrow(self, is_before: Comparison) -> tuple[int, int]:
        """Return two near positions between which the first line begins that is not before.

        `is_before` answers None for a line that cannot be compared; it is stepped over. Whatever
        stands of them before that first line lies between the two positions.
        """
        low, high, begin = self._narrowed(is_before)
        return low, max(high, begin)

    def _narrowed(self, is_before: Comparison) -> tuple[int, int, int]:
        """Return what `narrow` does without lines that cannot be compared, and where they end."""
        low, high, after = self.start, self.size, 0
        while high - low > _NEAR:
            middle = (low + high) // 2
            begin, line = self.line_at(middle)
            answer = is_before(line) if begin < high else False
            while answer is None:
                begin, line = self.line_at(begin + len(line) + 1)
                answer = is_before(line) if begin < high else False
            if answer:
                low = begin + len(line) + 1
            else:
                after = begin if begin < high else after
                high = middle
        return low, max(low, high), after

    @property
    def ordered(self) -> bool:
        """Whether the file begins with an id of this tool, and not with an older tool's row."""
        data = next(self.lines(self.start, 1 << 13), b"").lstrip(b"\n")
        return id_of(data.replace(b'"', b"", 2)) != ""

    def ascends(self, key: slice) -> bool:
        """Return whether lines looked at here and there are in the order of these bytes of them.

        They are in the whole file, and closer and closer before its end: what was appended in
        another order, and is no more than a sixtieth of the file, may be overlooked elsewhere.
        """
        length = self.size - self.start
        places = {self.start + length * part // _SAMPLES for part in range(_SAMPLES)}
        places |= {self.size - (_NEAREST << step) for step in range(40)}
        last = b""
        for place in sorted(place for place in places if place >= self.start):
            line = self.line_at(place)[1]
            if id_of(line):
                found = line[key].lower()
                if found < last:
                    return False
                last = found
        return True

    def lower_bound(self, is_before: Comparison) -> int:
        """Return where the first line begins that is not before what is looked for."""
        position, high, _ = self._narrowed(is_before)
        while position < high:
            begin, line = self.line_at(position)
            if begin >= high or is_before(line) is False:
                return begin
            position = begin + len(line) + 1
        return position

    def find(self, start: int, end: int, prediction_id: bytes) -> bytes | None:
        """Return the line of an id between two positions (and a little around them)."""
        begin = max(self.start - 1, start - _DISORDER)
        end = min(end + _DISORDER, self.size)
        overlap = len(prediction_id) + 4  # with what stands around it
        while begin < end:
            data = os.pread(self._fd, min(end - begin, _WHOLE), begin)
            # Other tools write ids in capitals, or in quotes.
            plain, within = b"\n%s," % prediction_id, b'\n"%s",' % prediction_id
            at = data.find(plain)
            if at < 0:
                lower = data.lower()
                at = max(lower.find(plain.lower()), lower.find(within.lower()))
            if at >= 0:
                stop = data.find(b"\n", at + 1)
                return data[at + 1 : stop] if stop >= 0 else self.line_at(begin + at + 1)[1]
            if len(data) <= overlap:
                break
            begin += len(data) - overlap
        return None

    def backward(self, end: int = -1, block: int = _BLOCK) -> Iterator[bytes]:
        """Yield the lines as blocks of bytes from the end to the start, each in file order."""
        end = self.size if end < 0 else end
        step = min(block, 1 << 16)
        while end > self.start:
            begin, data = max(self.start, end - step), b""
            while True:
                data = os.pread(self._fd, end - begin, begin)
                if begin == self.start:
                    break
                cut = data.find(b"\n") + 1
                if 0 < cut < len(data):
                    begin, data = begin + cut, data[cut:]
                    break
                begin = max(self.start, begin - step)
            yield data
            if not data:
                return  # cut short meanwhile
            end = begin
            step = min(step * 4, block)

    def begin_near(self, position: int) -> int:
        """Return where a line begins, so long before `position` that none belongs after it."""
        return self.line_at(max(self.start, position - _DISORDER))[0]

    def near(self, low: int, high: int, block: int = _BLOCK) -> Iterator[bytes]:
        """Yield the lines between two positions, and a little around them, as blocks of bytes."""
        position, end = self.begin_near(low), min(self.size, high + _DISORDER)
        step = block
        while position < end:
            data = os.pread(self._fd, min(step, end - position), position)
            cut = data.rfind(b"\n") + 1
            if cut:
                yield data[:cut]
                position += cut
                step = block
            elif len(data) < step:
                return  # cut short meanwhile
            else:
                step *= 2

    def first_broken(self, parse: Callable[[bytes], object]) -> int:
        """Return the number of the first line that `parse` raises ValueError for, 0 if none.

        The header has the number 1. A last line without an end that nobody writes is one, too.
        """
        number = 1
        for block in self.whole_lines(self.start):
            for line in block.split(b"\n")[:-1]:
                number += 1
                try:
                    if line:
                        parse(line)
                except ValueError:
                    return number
        return number + 1 if self.torn else 0

    def lines(self, start: int, block: int = _BLOCK) -> Iterator[bytes]:
        """Yield the bytes of all lines from `start`, whose ends become newlines, in blocks."""
        position = start
        while position < self.size:
            data = os.pread(self._fd, min(block, self.size - position), position)
            if not data:
                return  # cut short meanwhile
            position += len(data)
            if b"\r" in data:
                if data.endswith(b"\r"):  # both bytes of a line's end in one block
                    more = os.pread(self._fd, min(1, self.size - position), position)
                    data, position = data + more, position + len(more)
                data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            yield data

    def whole_lines(self, start: int) -> Iterator[bytes]:
        """Yield what `lines` yields in blocks that end with a line; none is longer than two blocks.

        What is longer is no row (a disk lost it, or zeros are in its place), and loses its begin.
        """
        parts: list[bytes] = []
        for block in self.lines(start):
            cut = block.rfind(b"\n") + 1
            parts.append(block[:cut] if cut else block)
            if cut:
                yield b"".join(parts)
                parts = [block[cut:]]
            elif len(parts) > 2:  # noqa: PLR2004
                parts = [b"?", parts[-1]]


def id_before(prediction_id: bytes, *, ordered: bool = True) -> Comparison:
    """Return the comparison that finds the place of an id (or of how it begins) among lines.

    ordered: the file begins with an id of this tool, so that what has another is no row.
    """

    def is_before(line: bytes) -> bool | None:
        if line.startswith(b'"'):
            line = line.replace(b'"', b"", 2)
        if line[14:15] == b"7" and line[ID_BYTES : ID_BYTES + 1] == b",":
            return line[:ID_BYTES].lower() < prediction_id
        # Ids of an older tool, which are no version 7 UUIDs, stand before all of this tool's.
        return True if not ordered and _ID_AND_DAY.match(line) else None

    return is_before
