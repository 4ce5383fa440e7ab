"""Rows become bytes that any csv reader takes, and bytes rows again."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from housing_cli.prediction_log.csv.rows import (
    FeedbackRow,
    feedback_row,
    fields_of,
    header_line,
    id_of,
    milliseconds_of,
    number_texts,
    prediction_row,
    quoted,
)
from housing_cli.prediction_log.ids import IdSource

MS, (ID,) = IdSource().issue()
STAMP = "2026-01-31T12:00:00.250Z"
AT = 1769860800.25


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_text_is_one_field(text: str) -> None:
    line = f"{quoted(text)},1"
    assert (
        next(csv.reader([line], strict=True), None) == [text, "1"] or "\n" in text or "\r" in text
    )
    if not {"\n", "\r"} & set(text):
        assert fields_of(line.encode()) == [text, "1"]


def test_a_header_is_one_line() -> None:
    assert header_line(["id", "a,b", 'c"d']) == b'id,"a,b","c""d"\n'


@given(st.lists(st.lists(st.floats() | st.none(), min_size=2, max_size=2), max_size=5))
def test_numbers_come_back_to_the_last_digit(rows: list[list[float | None]]) -> None:
    finite = [[None if v is None or not math.isfinite(v) else v for v in row] for row in rows]
    texts = number_texts(finite)
    assert [[float(f) if f else None for f in text.split(",")] for text in texts if text] == finite


def test_many_rows_of_any_numbers_are_one_text_each() -> None:
    rows: list[list[float | None]] = [[np.float64(k / 2), float("nan"), k] for k in range(2500)]
    texts = number_texts(rows)
    assert len(texts) == 2500
    assert (texts[0], texts[999], texts[-1]) == ("0.0,,0", "499.5,,999", "1249.5,,2499")


def test_a_prediction_is_read_with_what_is_missing() -> None:
    row = prediction_row(f"{ID.upper()},{STAMP},v3,6.5,,NA,21.5".encode(), 3)
    assert (row.id, row.predicted_at, row.version, row.predicted) == (ID, AT, "v3", 21.5)
    assert row.features[0] == 6.5
    assert np.isnan(row.features[1:]).all()
    assert prediction_row(f'"order-7","{STAMP}","v 3",1'.encode(), 0).id == "order-7"


@pytest.mark.parametrize(
    "line",
    ["", "{id}", "{id},{at},v1,1.0", "{id},{at},v1,1.0,2.0,3.0", ",{at},v1,1.0,2.0",
     "{id},{at},,1.0,2.0", "{id},soon,v1,1.0,2.0", "{id},{at},v1,dear,2.0", "{id},{at},v1,1.0,",
     "{id},{at},v1,1.0,inf", "{id},{at},v1,1.0,nan", "{id},{at},v1,1_0,2.0",
     "{id},{at},v1,1.0,\uff12",
     '{id},{at},v1,"1.0,2.0', "{id},{at},v1,1\0,2"],
)  # fmt: skip
def test_a_broken_prediction_is_a_value_error(line: str) -> None:
    with pytest.raises(ValueError):
        prediction_row(line.format(id=ID, at=STAMP).encode(), 1)


def test_a_price_is_read_with_the_line_end_of_another_tool() -> None:
    assert feedback_row(f"{ID},{STAMP},24.5\r".encode()) == FeedbackRow(ID, AT, 24.5)


@pytest.mark.parametrize(
    "line",
    ["", "{id},{at}", "{id},{at},1,2", ",{at},1", "{id},{at},", "{id},{at},0", "{id},{at},-1",
     "{id},{at},nan", "{id},{at},inf", "{id},{at},2_5", "{id},{at},\uff12\uff15",
     "{id},{at},1e39", "{id},2026-13-45T12:00:00.000Z,1", "{id},20260131T120000Z,1"],
)  # fmt: skip
def test_a_broken_price_is_a_value_error(line: str) -> None:
    with pytest.raises(ValueError):
        feedback_row(line.format(id=ID, at=STAMP).encode())


def test_blanks_behind_commas_are_no_part_of_a_field() -> None:
    row = prediction_row(f'{ID}, "{STAMP}", v3, 6.5, , NA, 21.5'.encode(), 3)
    assert (row.predicted_at, row.version, row.predicted) == (AT, "v3", 21.5)
    assert np.isnan(row.features).tolist() == [False, True, True]
    assert feedback_row(f"{ID}, {STAMP}, 24.5".encode()) == FeedbackRow(ID, AT, 24.5)


def test_bytes_that_are_no_text_are_a_value_error() -> None:
    with pytest.raises(ValueError):
        fields_of(b"\xff,1")


def test_a_line_begins_with_an_id_and_its_time_or_with_none() -> None:
    line = f"{ID.upper()},rest".encode()
    assert (id_of(line), milliseconds_of(line)) == (ID, MS)
    for other in (b"", ID.encode(), b"17,rest", line.replace(b"-7", b"-4", 1)):
        assert (id_of(other), milliseconds_of(other)) == ("", -1)
