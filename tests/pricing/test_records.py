"""Records of csv: as Python's reader reads them, whether or not a block is plain."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from housing_cli.errors import DataError
from housing_cli.pricing import records
from housing_cli.pricing.records import Records, RecordStream

PATH = Path("t.csv")


def read(data: bytes, width: int = 2, before: bytes = b"") -> list[Records]:
    return list(RecordStream(io.BytesIO(data), PATH, before).blocks(",", width))


def values(blocks: list[Records]) -> list[list[str]]:
    return [block.of(k, ",") for block in blocks for k in range(len(block))]


def lines(blocks: list[Records]) -> list[int]:
    return [line for block in blocks for line in block.lines]


def texts(blocks: list[Records]) -> list[bytes]:
    return [text for block in blocks for text in block.texts]


def test_a_plain_block_is_taken_as_it_is() -> None:
    (block,) = read(b"1,2\n3,4\n")
    assert block.plain == b"1,2\n3,4\n"
    assert values([block]) == [["1", "2"], ["3", "4"]]
    assert lines([block]) == [1, 2]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends_are_no_part_of_a_record(end: bytes, last: bool) -> None:
    found = read(end.join([b"1,2", b"3,4"]) + end * last)
    assert texts(found) == [b"1,2", b"3,4"]
    assert all(block.plain for block in found)


@pytest.mark.parametrize(
    ("data", "found", "begin"),
    [
        (b'1,"a\nb"\n2,c\n', [["1", "a\nb"], ["2", "c"]], [1, 3]),
        (b"1,2\n\n3,4\n", [["1", "2"], ["3", "4"]], [1, 3]),
        (b"1,2\n3\n5,6,7\n", [["1", "2"], ["3"], ["5", "6", "7"]], [1, 2, 3]),
        (b'1,"say ""x"""\n', [["1", 'say "x"']], [1]),
    ],
    ids=["a quoted line end", "a blank line", "other widths", "a quote in quotes"],
)
def test_what_is_not_plain_is_read_with_its_lines(
    data: bytes, found: list[list[str]], begin: list[int]
) -> None:
    blocks = read(data)
    assert (values(blocks), lines(blocks)) == (found, begin)
    assert blocks[0].plain is None


def test_a_record_keeps_its_text_whole() -> None:
    assert texts(read(b'1,"a\r\nb"\r\n2,c\r\n')) == [b'1,"a\r\nb"', b"2,c"]


def test_a_record_may_go_on_into_the_next_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "BLOCK_BYTES", 8)
    data = b'1,"aaaa\nbbbb\ncccc"\n2,d\n3,e\n4,f\n'
    blocks = read(data)
    assert len(blocks) > 1
    assert values(blocks) == list(csv.reader(io.StringIO(data.decode())))
    assert lines(blocks) == [1, 4, 5, 6]


@given(st.lists(st.lists(st.text('a1",\n é', max_size=4), min_size=2, max_size=3), max_size=8))
@settings(max_examples=200, deadline=None)
def test_all_is_read_as_one_block_would_be(rows: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    data = text.getvalue().encode()
    stream = RecordStream(io.BytesIO(data), PATH, data[:5])
    stream._file.seek(5)
    assert values(list(stream.blocks(",", 2))) == rows


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'1,2\n3,"4\n5,6\n', "line 2: not CSV: a quote is opened and never closed"),
        (b"1,2\n3,\xe9\n4,\xc3\xa9\n", "line 2: not UTF-8 text, which the file is elsewhere"),
        (b"1,2\n\x00,1\n", "line 2: NUL bytes"),
        (b'1,2\n3,"' + b"x" * 200_000 + b"\n", "line 2: not CSV: a quote is opened"),
    ],
)
def test_what_is_no_csv_is_named_by_its_line(data: bytes, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read(data)


def test_a_file_without_line_ends_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "BLOCK_BYTES", 10)
    monkeypatch.setattr(records, "LONGEST", 50)
    with pytest.raises(DataError, match="line 1: longer than"):
        read(b"1" * 1000)


def test_the_header_is_the_first_record_that_is_not_blank() -> None:
    stream = RecordStream(io.BytesIO(b'\n"a\nb",c\r\n1,2\n'), PATH)
    assert stream.header(",") == (b'"a\nb",c', ["a\nb", "c"])
    (block,) = stream.blocks(",", 2)
    assert (list(block.texts), list(block.lines)) == ([b"1,2"], [4])


def stream_of(data: bytes) -> tuple[RecordStream, list[list[str]]]:
    stream = RecordStream(io.BytesIO(data), PATH)
    return stream, values(list(stream.blocks(",", 2)))


@pytest.mark.parametrize("quote", [b"", b'"'])
def test_latin_1_becomes_utf_8_and_is_said(quote: bytes) -> None:
    stream, found = stream_of(b"1,2\n3," + quote + b"Legan\xe9s" + quote + b"\n")
    assert found == [["1", "2"], ["3", "Legan\xe9s"]]
    assert (stream.encoding, stream.sample) == ("Latin-1", "`Legan\xe9s` on line 2")
    assert stream_of(b"1,\x80\n")[0].encoding == "Windows-1252"
    assert stream_of("1,\u20ac\n".encode())[0].encoding == "UTF-8"


@pytest.mark.parametrize("first", [b"1,\xc3\xa9\n", b"1,\xe9\n"])
def test_blocks_in_two_encodings_are_refused(first: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "BLOCK_BYTES", 4)
    other = b"2,\xe9\n" if first.endswith(b"\xa9\n") else b"2,\xc3\xa9\n"
    assert len(stream_of(first + b"3,4\n" + first)[1]) == 3
    with pytest.raises(DataError, match="after line 2: in another encoding than before"):
        stream_of(first + b"3,4\n" + other)
