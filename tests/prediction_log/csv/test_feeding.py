"""What DuckDB is given of a csv file: whole lines, and broken ones in a form that it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from housing_cli.errors import LogUnavailable
from housing_cli.prediction_log.csv.feeding import Feed, mended
from housing_cli.prediction_log.csv.reader import LineReader

COLUMNS = ("id", "price")


@pytest.mark.parametrize(
    "line",
    [b"a,1\n", b'"a","1"\n', b'"a, b",1\n', b'"a ""b""",1\n', b' "a" , 1\n', b",\n", b"\n",
     b"v1_2,1\n"],
)  # fmt: skip
def test_a_line_of_as_many_fields_is_left_as_it_is(line: bytes) -> None:
    assert mended(line, 2) == line


@pytest.mark.parametrize(
    "line",
    [b"a\n", b"a,1,\n", b'"a,1\n', b'a,"1\n', b'a,"1"2\n', b"a,1_0\n", b'a,"1_0"\n', b"a, -1_0.5\n",
     b"1_0,a\n", b"a" + b"," * 40_000 + b"\n", b'"' * 40_001 + b"\n"],
)  # fmt: skip
def test_any_other_line_breaks_alone(line: bytes) -> None:
    assert mended(b"b,2\n" + line + b"c,3\n", 2) == b"b,2\n?\nc,3\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of a header alone."""
    path = tmp_path / "some.csv"
    path.write_bytes(b"id,price\n")
    return path


def fed(path: Path, *, careful: bool) -> tuple[bytes, bool]:
    """Return what goes through the pipe, and whether it was odd."""
    with LineReader(path, COLUMNS) as reader:
        feed = Feed(reader, reader.start, 2, careful=careful)
        with feed as place, Path(place).open("rb") as pipe:
            data = pipe.read()
    return data, feed.odd


@pytest.mark.parametrize(
    ("lines", "odd"),
    [(b"a,1\n", False), (b"a,1_0\n", True), (b"a,1,\n", True), (b'a,1,""\n', True)],
)
def test_what_duckdb_takes_for_other_than_it_is_is_told(
    path: Path, lines: bytes, odd: bool
) -> None:
    with path.open("ab") as file:
        file.write(lines + b"b,2\n")
    assert fed(path, careful=False) == (lines + b"b,2\n", odd)
    assert fed(path, careful=True) == ((b"?\n" if odd else lines) + b"b,2\n", False)


@pytest.mark.parametrize("careful", [False, True])
def test_a_line_of_megabytes_is_never_held_whole(path: Path, careful: bool) -> None:
    """A disk may leave a hole of zeros of any length."""
    with path.open("ab") as file:
        file.write(b"a,1\n" + b"\0" * (9 << 20) + b"\nb,2\n")
    data, _ = fed(path, careful=careful)
    assert data.startswith(b"a,1\n?")
    assert data.endswith(b"\nb,2\n")
    assert len(data) < 4 << 20


def test_a_file_that_cannot_be_read_is_unavailable(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"a,1\n")
    reader = LineReader(path, COLUMNS)
    reader.close()
    with (
        pytest.raises(LogUnavailable),
        Feed(reader, reader.start, 2, careful=False) as place,
        Path(place).open("rb") as pipe,
    ):
        pipe.read()
