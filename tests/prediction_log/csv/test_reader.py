"""LineReader: the whole lines of a file at one moment, found by binary search and from the end."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from housing_cli.prediction_log.csv import reader as csv_reader
from housing_cli.prediction_log.csv.file import check_header
from housing_cli.prediction_log.csv.reader import LineReader, id_before
from housing_cli.prediction_log.ids import IdSource

COLUMNS = ("id", "timestamp", "real_price")
HEADER = b"id,timestamp,real_price\n"
STAMP = "2026-01-31T12:00:00.000Z"


def rows_of(n: int) -> tuple[list[str], list[bytes]]:
    """Return n ids in order, and a line for each."""
    ids = IdSource().issue(n)[1]
    return ids, [f"{one},{STAMP},{k}.5\n".encode() for k, one in enumerate(ids)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "feedback.csv"


def test_a_file_that_is_not_there_is_empty(file: Path) -> None:
    with LineReader(file, COLUMNS) as reader:
        assert (reader.start, reader.size, reader.torn, reader.plain) == (0, 0, 0, False)
        assert list(reader.backward()) == list(reader.lines(0)) == []
        assert reader.lower_bound(id_before(b"0")) == 0


def test_a_last_line_that_is_being_written_is_not_seen(file: Path) -> None:
    _, lines = rows_of(3)
    file.write_bytes(HEADER + b"".join(lines) + b"0198")
    with LineReader(file, COLUMNS) as reader:
        assert reader.plain
        assert (reader.start, reader.torn) == (len(HEADER), 0)
        assert b"".join(reader.lines(reader.start)) == b"".join(lines)
    os.utime(file, (time.time() - 60, time.time() - 60))
    with LineReader(file, COLUMNS) as reader:
        assert reader.torn == 1


def test_lines_that_come_later_are_seen_when_it_grows(file: Path) -> None:
    _, lines = rows_of(4)
    file.write_bytes(HEADER + lines[0])
    with LineReader(file, COLUMNS) as reader:
        file.write_bytes(HEADER + b"".join(lines))
        assert list(reader.lines(reader.start)) == [lines[0]]
        reader.grow(file.stat().st_size)
        assert b"".join(reader.lines(reader.start)) == b"".join(lines)


def test_every_line_is_found_where_it_begins(file: Path) -> None:
    ids, lines = rows_of(2000)
    file.write_bytes(HEADER + b"".join(lines))
    with LineReader(file, COLUMNS) as reader:
        begins = len(HEADER)
        for k, (one, line) in enumerate(zip(ids, lines, strict=True)):
            if k % 97 == 0 or k in {1, 1999}:
                key = one.encode()
                assert reader.lower_bound(id_before(key)) == begins
                assert reader.line_at(begins) == (begins, line[:-1])
                assert reader.line_at(begins - 1)[0] == begins
                assert reader.find(*reader.narrow(id_before(key)), key) == line[:-1]
            begins += len(line)
        assert reader.lower_bound(id_before(b"f" * 36)) == reader.size == begins
        stranger = IdSource().issue()[1][0].encode()
        assert reader.find(*reader.narrow(id_before(stranger)), stranger) is None
        assert reader.line_at(reader.size) == (reader.size, b"")


@pytest.mark.parametrize("junk", [b"\0" * 300 + b"\n", b"what is this\n", b"\n"])
def test_broken_lines_are_stepped_over(file: Path, junk: bytes) -> None:
    ids, lines = rows_of(600)
    file.write_bytes(HEADER + (junk * 20).join(lines))
    with LineReader(file, COLUMNS) as reader:
        for one, line in zip(ids[::50], lines[::50], strict=True):
            key = one.encode()
            assert reader.find(*reader.narrow(id_before(key)), key) == line[:-1]


@pytest.mark.parametrize("where", [300, 600])
def test_a_damaged_part_with_commas_leads_no_search_astray(file: Path, where: int) -> None:
    ids, lines = rows_of(600)
    junk = b"\x81,\xff,,\x03\n"
    file.write_bytes(b"".join([HEADER, *lines[:where], junk * 30_000, *lines[where:]]))
    content = file.read_bytes()
    with LineReader(file, COLUMNS) as reader:
        for one, line in zip(ids[::50], lines[::50], strict=True):
            begin = reader.lower_bound(id_before(one.encode()))
            assert content[begin:].replace(junk, b"").startswith(line)


def test_ids_in_capitals_and_in_quotes_are_found_too(file: Path) -> None:
    ids, lines = rows_of(3)
    quoted = lines[1].replace(ids[1].encode(), b'"%s"' % ids[1].encode())
    file.write_bytes(HEADER + lines[0].upper() + quoted + lines[2])
    with LineReader(file, COLUMNS) as reader:
        found = [reader.find(reader.start, reader.size, one.encode()) for one in ids]
    assert found == [lines[0].upper()[:-1], quoted[:-1], lines[2][:-1]]


@pytest.mark.parametrize("block", [100, 1000, 1 << 20])
def test_blocks_from_the_end_are_the_file(file: Path, block: int) -> None:
    _, lines = rows_of(500)
    file.write_bytes(HEADER + b"".join(lines))
    with LineReader(file, COLUMNS) as reader:
        blocks = list(reader.backward(block=block))
        assert b"".join(reversed(blocks)) == b"".join(lines)
        assert all(part.endswith(b"\n") for part in blocks)
        assert b"".join(reversed(list(reader.backward(len(HEADER + lines[0]))))) == lines[0]
        assert b"".join(reader.near(reader.start, reader.size, block)) == b"".join(lines)


@pytest.mark.parametrize("block", [1, 7, 1 << 20])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_line_ends_become_newlines_wherever_a_block_ends(
    file: Path, end: bytes, block: int
) -> None:
    _, lines = rows_of(4)
    text = HEADER + b"".join(lines)
    file.write_bytes(text.replace(b"\n", end))
    with LineReader(file, COLUMNS) as reader:
        assert reader.old_mac is (end == b"\r")
        assert reader.plain is (end == b"\n")
        assert b"".join(reader.lines(reader.start, block)) == b"".join(lines)


def test_a_line_is_before_an_id_after_it_or_cannot_be_compared() -> None:
    ids, lines = rows_of(2)
    before = id_before(ids[1].encode())
    assert [before(line) for line in lines] == [True, False]
    assert before(b'"%s",x,1' % ids[0].encode()) is True
    older = id_before(ids[1].encode(), ordered=False)
    for line in (b"17,2026-01-31,1.5", b"00000007-0000-4000-8000-000000000007,2026-01-31,1"):
        assert older(line) is True  # of an older tool, whose rows come first
        assert before(line) is None  # no row, where none of them came first
    assert (
        older(b"what is this")
        is before(b"what is this")
        is before(b"\0,\0,\0")
        is before(b"\xff,\xfe,\xfd")
        is None
    )
    assert id_before(b"")(lines[0]) is False


@pytest.mark.parametrize("begun", [b"", b"id,time"])
def test_a_header_that_is_written_while_a_reader_opens_is_no_row(
    begun: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "feedback.csv"
    header = b"id,timestamp,real_price\n"
    row = b"01a20957-bbb4-774f-9441-2bd733398362,2026-01-01T00:00:00.000Z,2.0\n"
    file.write_bytes(begun)

    def late(*arguments: Any) -> int:
        start = check_header(*arguments)
        file.write_bytes(header + row)
        return start

    monkeypatch.setattr(csv_reader, "check_header", late)
    with csv_reader.LineReader(file, ["id", "timestamp", "real_price"]) as reader:
        assert reader.size == reader.start
        monkeypatch.undo()
        reader.grow(len(header + row))
        assert (reader.start, reader.size) == (len(header), len(header + row))
