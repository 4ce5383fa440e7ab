"""Tables that are opened to be priced: files, pipes, Parquet; their marks and their columns."""

from __future__ import annotations

import gzip
import io
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from housing_cli.data.kinds import Category, vocabulary
from housing_cli.data.schema import FeatureSchema
from housing_cli.errors import DataError
from housing_cli.pricing import records, source
from housing_cli.pricing.source import open_source
from tests.conftest import parquet

SCHEMA = FeatureSchema(("a", "b"), "price")


def rows_of(name: str, schema: FeatureSchema = SCHEMA) -> list[list[str]]:
    with open_source(name, schema) as table:
        return [b.of(k, table.separator) for b in table.blocks() for k in range(len(b))]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[bytes], str]:
    def made(data: bytes) -> str:
        (tmp_path / "t.csv").write_bytes(data)
        return str(tmp_path / "t.csv")

    return made


def test_the_target_is_not_needed_and_columns_have_any_order(write: Callable[..., str]) -> None:
    assert rows_of(write(b"x,b,a\n7,2,1\n")) == [["7", "2", "1"]]


@pytest.mark.parametrize(
    ("data", "said", "hint"),
    [
        (b"a,c\n1,2\n", "lacks column `b`", "add the column"),
        (b"A,B\n1,2\n", "lacks columns `a`, `b`", "rename `A` to `a`, `B` to `b`"),
        (b"a,b,a\n1,2,3\n", "has column `a` twice", "keep one"),
        (b"", "is empty", "header line"),
        (b"\xef\xbb\xbf \n", "is empty", "header line"),
        (b"PK\x03\x04", "is a ZIP archive", "CSV UTF-8"),
        (b"\x1f\x8b no more", "not a readable gzip file", "write or copy"),
        (b"Houses of May\na,b\n1,2\n", "line 1: `Houses of May` stands where", "before line 2"),
    ],
)
def test_what_cannot_be_priced_is_said_with_a_hint(
    write: Callable[..., str], data: bytes, said: str, hint: str
) -> None:
    with pytest.raises(DataError, match=said) as caught:
        rows_of(write(data))
    assert hint in caught.value.hint


def test_files_that_are_none(tmp_path: Path) -> None:
    for name, said in ((tmp_path / "no.csv", "does not exist"), (tmp_path, "is a directory")):
        with pytest.raises(DataError, match=said):
            rows_of(str(name))


@pytest.mark.parametrize(
    ("data", "mark", "marks"),
    [
        (b"a;b\n1,5;2\n", ",", {"a": ",", "b": "."}),
        (b"a;b\n1.5;2.75\n1.255;3\n", ".", {"a": ".", "b": "."}),
        (b"a,b\n1.5,2\n", ".", {}),
        (b"\xef\xbb\xbfsep=;\r\na;b\r\n1,5;2\r\n", ",", {"a": ",", "b": "."}),
    ],
)
@pytest.mark.parametrize("piped", [False, True])
def test_decimal_marks_are_known_before_the_first_row(
    write: Callable[..., str], data: bytes, mark: str, marks: dict[str, str], piped: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    name = write(data)
    if piped:
        read, written = os.pipe()
        os.write(written, data)
        os.close(written)
        name = f"/dev/fd/{read}"
    with open_source(name, SCHEMA) as table:
        assert (table.decimal_mark, table.marks) == (mark, marks)
        assert sum(map(len, table.blocks())) == data.count(b"\n") - 1 - data.count(b"sep")


def test_a_number_that_may_be_two_is_refused(write: Callable[..., str]) -> None:
    with pytest.raises(DataError, match=r"line 2: `a` is `1.255`, which may be 1255 or 1.255"):
        rows_of(write(b"a;b\n1.255;2\n"))


def test_standard_input_is_read_as_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "BLOCK_BYTES", 16)
    monkeypatch.setattr(source, "BLOCK_BYTES", 16)
    read, written = os.pipe()
    data = b"a,b\n" + b"1,2\n" * 100

    def write() -> None:
        os.write(written, data)
        os.close(written)

    writer = threading.Thread(target=write)
    writer.start()

    class Stdin:
        buffer = os.fdopen(read, "rb")

    monkeypatch.setattr("sys.stdin", Stdin)
    assert rows_of("-") == [["1", "2"]] * 100
    writer.join()


def parquet_file(tmp_path: Path, columns: dict[str, Any]) -> str:
    (tmp_path / "t.parquet").write_bytes(parquet(pd.DataFrame(columns)))
    return str(tmp_path / "t.parquet")


def test_parquet_is_read_to_the_last_digit_and_its_rows_are_numbered(tmp_path: Path) -> None:
    words = ['x, "y"', "two\nlines", None]
    name = parquet_file(tmp_path, {"b": [0.1, None, 3e300], "a": [1, 2, 3], "text": words})
    assert rows_of(name) == [
        ["0.1", "1", 'x, "y"'], ["", "2", "two\nlines"], ["3e+300", "3", ""],
    ]  # fmt: skip
    with open_source(name, SCHEMA) as table:
        (block,) = table.blocks()
        assert list(block.lines) == [1, 2, 3]
        assert table.place(2) == "row 2"
        assert table.types == {"b": "DOUBLE", "a": "BIGINT", "text": "VARCHAR"}


def test_features_of_single_precision_are_the_doubles_that_training_reads(tmp_path: Path) -> None:
    name = parquet_file(tmp_path, {"a": pd.Series([0.1], dtype="float32"), "b": [1]})
    assert rows_of(name) == [["0.10000000149011612", "1"]]


def test_words_that_were_stored_as_numbers_are_words(tmp_path: Path) -> None:
    schema = FeatureSchema(("a", "b"), "price", {}, {"a": Category(vocabulary(["98001"]))})
    name = parquet_file(tmp_path, {"a": [98001.0, None, 1.5, 1e300], "b": [1.0, 2, 3, 4]})
    assert rows_of(name, schema) == [
        ["98001", "1.0"], ["", "2.0"], ["1.5", "3.0"], ["1e+300", "4.0"],
    ]  # fmt: skip


def test_a_closed_standard_input_is_no_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(DataError, match="standard input is closed"):
        rows_of("-")


def test_text_in_parquet_has_its_decimal_mark_too(tmp_path: Path) -> None:
    with open_source(parquet_file(tmp_path, {"a": ["1,5", "2"], "b": [1, 2]}), SCHEMA) as table:
        assert (table.marks, table.decimal_mark) == ({"a": ","}, ".")


def test_parquet_of_one_column_keeps_its_missing_rows(tmp_path: Path) -> None:
    name = parquet_file(tmp_path, {"a": [1.5, None, 2.5]})
    assert rows_of(name, FeatureSchema(("a",), "price")) == [["1.5"], ["NA"], ["2.5"]]


def test_parquet_may_come_through_a_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = Path(parquet_file(tmp_path, {"a": [1, 2], "b": [3, 4]})).read_bytes()
    read, written = os.pipe()
    os.write(written, data)
    os.close(written)
    assert rows_of(f"/dev/fd/{read}") == [["1", "3"], ["2", "4"]]


@pytest.mark.parametrize("piped", [False, True])
def test_gzip_is_unpacked(write: Callable[..., str], tmp_path: Path, piped: bool) -> None:
    for data in (b"a,b\n1,2\n", Path(parquet_file(tmp_path, {"a": [1], "b": [2]})).read_bytes()):
        name = write(gzip.compress(data))
        if piped:
            read, written = os.pipe()
            os.write(written, gzip.compress(data))
            os.close(written)
            name = f"/dev/fd/{read}"
        assert rows_of(name) == [["1", "2"]]


def test_parquet_without_a_column_or_with_lists(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="lacks column `b`"):
        rows_of(parquet_file(tmp_path, {"a": [1]}))
    with pytest.raises(DataError, match="`b` holds"):
        rows_of(parquet_file(tmp_path, {"a": [1], "b": [[1, 2]]}))
    (tmp_path / "t.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match="not a readable Parquet file"):
        rows_of(str(tmp_path / "t.parquet"))


def test_a_disk_that_fails_in_the_middle_is_no_bug(write: Callable[..., str]) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    stream = records.RecordStream(Failing(), Path("t.csv"), b"1,2\n")
    with pytest.raises(DataError, match=r"`t.csv` cannot be read: input/output error"):
        list(stream.blocks(",", 2))


def test_a_source_of_no_file_has_no_size() -> None:
    made = source._csv(io.BytesIO(b""), b"a,b\n1,2\n", Path("-"), SCHEMA, None)  # type: ignore[arg-type]
    assert made.size == 0


def test_a_long_pipe_with_semicolons_loses_no_row() -> None:
    read, write = os.pipe()
    count = 600_000

    def fill() -> None:
        with os.fdopen(write, "wb") as pipe:
            pipe.write(b"a;b\n" + b"1,5;2\n" * count)

    writer = threading.Thread(target=fill, daemon=True)
    writer.start()
    with os.fdopen(read), open_source(f"/dev/fd/{read}", SCHEMA) as table:
        assert sum(map(len, table.blocks())) == count
    writer.join()
