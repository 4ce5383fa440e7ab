"""A workbook is read as the table that people see in it."""

from __future__ import annotations

import io
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from housing_cli.data.kinds import Boolean, Category, Date
from housing_cli.data.schema import FeatureSchema
from housing_cli.data.table import Table, read_table
from housing_cli.errors import DataError
from tests.conftest import workbook

SCHEMA = FeatureSchema(("a", "b"), "y")


def book(*rows: Any) -> bytes:
    made = openpyxl.Workbook()
    for row in rows:
        made.active.append(row)
    buffer = io.BytesIO()
    made.save(buffer)
    return buffer.getvalue()


def read(raw: bytes, tmp_path: Path, schema: FeatureSchema = SCHEMA) -> Table:
    file = tmp_path / "t.xlsx"
    file.write_bytes(raw)
    return read_table(file, schema)


def refused(raw: bytes, tmp_path: Path) -> tuple[str, str]:
    with pytest.raises(DataError) as raised:
        read(raw, tmp_path)
    return raised.value.message.replace(str(tmp_path / "t.xlsx"), "t"), raised.value.hint


def test_cells_are_what_they_hold(tmp_path: Path) -> None:
    rows: list[list[Any]] = [[1, 2.5, 10], [None, "", 11], [3, 4, None]]
    table = read(book(["a", "b", "y", "note"], *[[*row, "x"] for row in rows]), tmp_path)
    assert table.features.tolist()[0] == [1, 2.5]
    assert pd.isna(table.features[1]).all()
    assert table.target.tolist() == [10, 11]
    assert table.dropped == {"columns that are no feature (`note`)": 1, "rows without `y`": 1}
    assert table.reading.format == "excel"


def test_words_flags_and_days_are_kinds(tmp_path: Path) -> None:
    schema = FeatureSchema(("word", "flag", "day", "time", "floor"), "y")
    rows: list[list[Any]] = [
        ["one" if i % 2 else "two", i % 2 == 0, date(2020, 1, 1 + i), datetime(2020, 1, 1 + i, 7),
         "low" if i % 2 else 3, i + 1]
        for i in range(20)
    ]  # fmt: skip
    rows += [[*row[:-1], row[-1] + 20] for row in rows]
    table = read(book([*schema.features, "y"], *rows), tmp_path, schema)
    found = [type(table.kinds[name]) for name in schema.features]
    assert found == [Category, Boolean, Date, Date, Category]
    floor = table.kinds["floor"]
    assert isinstance(floor, Category)
    assert set(floor.codes) == {"3", "low"}


def test_numbers_that_are_text_are_read_as_in_csv(tmp_path: Path) -> None:
    table = read(
        book(["a", "b", "y"], ["54,5", "95 m²", 1], ["1.234,5", "1.234,5 m²", 2]), tmp_path
    )
    assert table.features.tolist() == [[54.5, 95], [1234.5, 1234.5]]
    assert table.reading.units == {"b": "m²"}


def test_text_that_may_be_two_numbers_is_not_settled_by_cells_that_are_numbers(
    tmp_path: Path,
) -> None:
    message, _ = refused(book(["a", "b", "y"], [54.5, 1, 1], ["144.993", 1, 2]), tmp_path)
    assert message.startswith("`t`, row 3: `a` is `144.993`, which may be 144993 or 144.993")


def test_of_several_sheets_the_one_that_fits_is_read_and_named(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": [1, 2], "b": [1, 2], "y": [3, 4]})
    other = pd.DataFrame({"about": ["this"]})
    read_back = read(workbook(table, About=other), tmp_path)
    assert (len(read_back), read_back.reading.sheet) == (2, "Sheet1")
    assert not read(workbook(table), tmp_path).reading.sheet


def test_a_formula_without_its_result_is_refused_by_row(tmp_path: Path) -> None:
    message, hint = refused(book(["a", "b", "y"], [1, 2, 3], [4, "=A2+1", 5]), tmp_path)
    assert message == "`t`, row 3: `b` is a formula whose result is not in the file"
    assert "save it there" in hint


def test_rows_have_the_numbers_of_the_sheet(tmp_path: Path) -> None:
    raw = book([], ["a", "b", "y"], [], [1, 2, 3], [1, "six", 3])
    assert refused(raw, tmp_path)[0] == "`t`, row 5: `b` is `six`, not a number"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([["Houses of 2020"], ["a", "b", "y"], [1, 2, 3]], "row 1: `Houses of 2020` stands where"),
        ([["a", "b", "y"]], "has a header but no rows"),
        ([["a", "y"], [1, 2]], "lacks column `b`"),
        ([], "is an empty workbook"),
    ],
)
def test_what_is_no_table_is_refused(rows: list[list[Any]], said: str, tmp_path: Path) -> None:
    message, hint = refused(book(*rows), tmp_path)
    assert said in message and hint


def test_without_openpyxl_it_is_said_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = book(["a", "b", "y"], [1, 2, 3])
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    assert refused(raw, tmp_path) == (
        "`t` is an Excel workbook, and `openpyxl` is not installed to read it",
        "install the extra `excel`, or save the sheet as `CSV UTF-8`",
    )


def test_every_damaged_workbook_is_refused(tmp_path: Path) -> None:
    raw = book(["a", "b", "y"], *[[i, i, i + 1] for i in range(20)])
    for end in range(100, len(raw) - 1, 311):
        refused(raw[:end], tmp_path)
