"""CSV text becomes columns of text, and each row keeps the line that it begins on."""

from __future__ import annotations

from pathlib import Path

import pytest

from housing_cli.data.delimited import csv_columns
from housing_cli.data.schema import FeatureSchema
from housing_cli.errors import DataError

PATH = Path("t.csv")
SCHEMA = FeatureSchema(("a", "b"), "y")


def columns(raw: bytes) -> dict[str, list[str]]:
    found = csv_columns(PATH, raw, SCHEMA).columns
    return {name: values.tolist() for name, values in found.items()}


@pytest.mark.parametrize(
    "raw",
    [
        b"a,b,y\n1.5,,3\n",
        b"\xef\xbb\xbfa,b,y\n1.5,,3",
        b"a;b;y\r\n1,5;;3\r\n",
        b"a;b;y\r\n1.5;;3\r\n",
        b"a\tb\ty\r1.5\t\t3\r",
        b"\n\n a , b ,y\n\n1.5,,3\n  \n",
        b'"a","b","y"\n"1.5","","3"\n',
    ],
    ids=["plain", "BOM", "semicolons", "points", "tabs", "blanks", "quotes"],
)
def test_the_usual_kinds_of_csv_are_one(raw: bytes) -> None:
    assert columns(raw) == {"a": ["1.5"], "b": [""], "y": ["3"]}


def test_a_comma_stays_one_where_it_parts_the_columns() -> None:
    assert columns(b'a,b,y\n"1,5",2,3\n')["a"] == ["1,5"]


def test_a_row_is_found_on_the_line_that_it_begins_on() -> None:
    raw = b'a,b,y,note\n1,2,3,"two\nlines"\n\n4,5,6,x\n'
    place = csv_columns(PATH, raw, SCHEMA).place
    assert [place(0), place(1)] == ["line 2", "line 5"]


def test_columns_that_are_no_features_come_too_in_the_order_of_the_file() -> None:
    assert list(columns(b"y,note,b,a\n1,n,2,3\n")) == ["y", "note", "b", "a"]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"a,b,y\n1,2,3\n1,2\n", ", line 3: 2 values for 3 columns"),
        (b"a,b,y\n1,2,3,4\n", ", line 2: 4 values for 3 columns"),
        (b"a,b,y\n1,2,3\na, b,y\n", ", line 3: the header stands there again"),
        (b"a,b,y\n\n", " has a header but no rows"),
        (b"a,y\n1,2\n", " lacks column `b`"),
        (b"a,b,y\n1,\0,3\n", ", line 2: NUL bytes, which no CSV file has"),
        (b"a,b,y\n1,2,3\n\x81,2,3\n", ", line 3: not UTF-8 text"),
        (b'a,b,y\n1,"2,3\n', ", line 2: not CSV: a quote is opened and never closed"),
        (b'a,b,y\n1,"2"x,3\n', ", line 2: not CSV: ',' expected after '\"'"),
    ],
)
def test_what_is_not_csv_is_refused_by_line(raw: bytes, said: str) -> None:
    with pytest.raises(DataError) as raised:
        csv_columns(PATH, raw, SCHEMA)
    assert raised.value.message == f"`t.csv`{said}"
    assert raised.value.hint
