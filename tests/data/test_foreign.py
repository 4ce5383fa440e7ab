"""A table that nobody described is opened whatever its format, and read column by column."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest

from housing_cli.data.foreign import open_foreign
from housing_cli.errors import DataError
from tests.conftest import parquet, workbook

TABLE = pd.DataFrame({"area": [95.5, 80.0], "word": ["a", "b"], "price": [3.0, 4.0]})


@pytest.mark.parametrize(
    "raw",
    [
        TABLE.to_csv(index=False).encode(),
        TABLE.to_csv(index=False, sep=";", decimal=",").encode("utf-8-sig"),
        gzip.compress(TABLE.to_csv(index=False, sep="\t").encode()),
        parquet(TABLE),
        workbook(TABLE),
    ],
    ids=["commas", "semicolons", "gzip", "Parquet", "Excel"],
)
def test_every_format_is_opened(raw: bytes, tmp_path: Path) -> None:
    file = tmp_path / "t"
    file.write_bytes(raw)
    opened = open_foreign(file)
    assert opened.header == ["area", "word", "price"]
    columns, unreadable = opened.readable("price")
    assert [float(value) for value in columns.columns["area"]] == [95.5, 80]
    assert columns.columns["word"].tolist() == ["a", "b"]
    assert unreadable == {}


def test_the_separator_is_the_one_that_parts_the_rows_too(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("area, in m2, or so;price\n95;3\n80;4\n")
    assert open_foreign(file).header == ["area, in m2, or so", "price"]


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("1,2,3\n4,5,6\n", "has no column names", "which holds `1`, `2`, `3`"),
        ("a|b|price\n1|2|3\n", "has one column, `a|b|price`", "parted by `|`"),
        ("Houses of May\n\na,b\n1,2\n", "line 1: `Houses of May` stands where", "remove what"),
        ("Houses of May,\na,b\n1,2\n", "line 1: `Houses of May` stands where", "remove what"),
    ],
)
def test_a_file_without_column_names_at_its_top_is_told(
    text: str, said: str, hint: str, tmp_path: Path
) -> None:
    file = tmp_path / "t.csv"
    file.write_text(text)
    with pytest.raises(DataError) as raised:
        open_foreign(file)
    assert said in raised.value.message and hint in raised.value.hint


@pytest.mark.parametrize("text", ['[{"a": 1, "price": 2}]', '{"a": [1], "price": [2]}'])
def test_json_is_told(text: str, tmp_path: Path) -> None:
    file = tmp_path / "t.json"
    file.write_text(text)
    with pytest.raises(DataError, match="is JSON, neither CSV nor Parquet"):
        open_foreign(file)


def test_a_title_in_a_workbook_is_told(tmp_path: Path) -> None:
    file = tmp_path / "t.xlsx"
    titled = pd.DataFrame({"Houses of May": ["area", 1, 2], "": ["price", 3, 4]})
    file.write_bytes(workbook(titled))
    with pytest.raises(DataError, match="row 1: `Houses of May` stands where"):
        open_foreign(file)


def test_the_sheet_is_the_one_that_holds_the_target(tmp_path: Path) -> None:
    file = tmp_path / "t.xlsx"
    file.write_bytes(workbook(TABLE, about=pd.DataFrame({"notes": ["hello"]})))
    assert open_foreign(file).header == ["notes"]
    opened = open_foreign(file, "price")
    assert opened.header == ["area", "word", "price"]
    assert opened.readable("price")[0].reading.sheet == "Sheet1"


def test_a_title_on_a_later_sheet_is_told_with_the_row_of_the_names(tmp_path: Path) -> None:
    file = tmp_path / "t.xlsx"
    titled = pd.DataFrame({"Houses of May": ["area", 1, 2], "": ["price", 3, 4]})
    file.write_bytes(workbook(titled, about=pd.DataFrame({"notes": ["hello"]})))
    with pytest.raises(DataError, match="they are in row 2") as raised:
        open_foreign(file, "price")
    assert raised.value.hint == "remove what stands above row 2"


def test_a_column_that_may_be_two_numbers_is_left_out_and_the_target_is_refused(
    tmp_path: Path,
) -> None:
    file = tmp_path / "t.csv"
    file.write_text("area;rent;price\n95;1.500;3\n80;1.200;4\n")
    opened = open_foreign(file)
    columns, unreadable = opened.readable("price")
    assert list(columns.columns) == ["area", "price"]
    assert unreadable["rent"].startswith("line 2: `1.500`, which may be 1500 or 1.500")
    with pytest.raises(DataError, match="may be 1500"):
        opened.readable("rent")
