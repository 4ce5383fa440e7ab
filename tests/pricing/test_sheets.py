"""An Excel sheet is priced as the csv that it could have been."""

from __future__ import annotations

import io
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from housing_cli.data.schema import FeatureSchema
from housing_cli.errors import DataError
from housing_cli.pricing.sheets import written_as_csv
from housing_cli.pricing.source import open_source


def excel(rows: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


SCHEMA = FeatureSchema(("a", "b"), "price")


def test_cells_become_text_and_rows_keep_their_numbers(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["b", "name", "a"],
        [1.5, 'x, "y"', "80 m2"],
        [None] * 3,
        [2, None, "95 m2"],
    ]
    target = tmp_path / "t.csv"
    sheet = written_as_csv(excel(rows), target, Path("t.xlsx"), SCHEMA)
    assert target.read_text() == '1.5,"x, ""y""",80\n2,,95\n'
    assert (sheet.header, sheet.rows) == (["b", "name", "a"], [2, 4])
    assert sheet.reading.units == {"a": "m²"}
    assert sheet.types["b"] == "DOUBLE"
    assert sheet.types["name"] == "VARCHAR"


def test_days_and_truth_are_written_as_requests_have_them(tmp_path: Path) -> None:
    target = tmp_path / "t.csv"
    written_as_csv(excel([["a", "b"], [datetime(2014, 10, 13), True]]), target, Path("t"), SCHEMA)
    assert target.read_text() == "2014-10-13,true\n"


def test_a_sheet_of_one_column_keeps_its_missing_rows(tmp_path: Path) -> None:
    target = tmp_path / "t.csv"
    written_as_csv(excel([["a"], [1], [2]]), target, Path("t"), FeatureSchema(("a",), "price"))
    assert target.read_text() == "1\n2\n"


def test_a_workbook_is_opened_as_a_table(tmp_path: Path) -> None:
    (tmp_path / "t.xlsx").write_bytes(excel([["a", "b"], [1, 2], [None] * 2, [3, "x"]]))
    with open_source(str(tmp_path / "t.xlsx"), SCHEMA) as source:
        (block,) = source.blocks()
        assert [block.of(k, ",") for k in (0, 1)] == [["1", "2"], ["3", "x"]]
        assert list(block.lines) == [2, 4]
        assert source.place(4) == "row 4"
        assert source.reading.format == "excel"
    (tmp_path / "t.xlsx").write_bytes(excel([["a"], [1]]))
    with (
        pytest.raises(DataError, match="lacks column `b`"),
        open_source(str(tmp_path / "t.xlsx"), SCHEMA),
    ):
        pass
