"""Marks and units are known before the first row is read, as at training."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from housing_cli.errors import DataError
from housing_cli.pricing.records import Records, RecordStream
from housing_cli.pricing.settling import Look, bare, first_look, settled, whole

PATH = Path("t.csv")


def blocks(text: str, separator: str = ",", width: int = 2) -> list[Records]:
    return list(RecordStream(io.BytesIO(text.encode()), PATH).blocks(separator, width))


def look(text: str, separator: str = ",") -> Look:
    return first_look(blocks(text, separator)[0], ["a", "b"], ["a", "b"], separator)


def marks(text: str, separator: str = ",") -> dict[str, str]:
    names = [] if separator == "," else ["a", "b"]
    seen = look(text, separator)
    place = "line {}".format
    rows = iter(blocks(text, separator))
    return settled(rows, ["a", "b"], separator, seen, names, names, PATH, place).marks


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("1;1.450.000 €\n", ","),
        ("1;2,5\n", ","),
        ("1,5;2.5\n", ","),
        ("1.5;2,5\n", "."),
        ("1;2\n", "."),
    ],
)
def test_prices_are_written_with_the_mark_that_the_file_shows(text: str, mark: str) -> None:
    rows = blocks(text, ";")
    seen = first_look(rows[0], ["a", "b"], ["a"], ";")
    found = settled(iter(rows), ["a", "b"], ";", seen, ["a", "b"], ["a"], PATH, "line {}".format)
    assert found.mark == mark


def test_a_unit_is_one_that_most_values_have() -> None:
    assert look("95 m2,1\n80 m²,2\nNA,3\n").units == {"a": "m²"}
    assert look("95 m2,1\n80,2\n70,3\n").units == {}
    assert look("1 m2,450 €\n2 m2,500 EUR\n").units == {"a": "m²", "b": "€"}
    assert first_look(None, ["a"], ["a"], ",") == Look()


def test_another_unit_is_no_number() -> None:
    assert [bare(text, "m²") for text in (" 95 m2", "95", "95 ft²", "x")] == [
        "95", "95", "95 ft²", "x",
    ]  # fmt: skip


def test_thousands_in_quotes_are_read_where_their_own_column_settles_it() -> None:
    assert look('"1,234,567",1\n').thousands == ("a",)
    assert marks('"1,234,567",1\n"1,234",2\n') == {"a": "."}
    assert marks('"1,234",1\n') == {}
    assert marks('"1,5",1\n') == {}


def test_numbers_with_units_settle_their_marks_among_themselves() -> None:
    text = "450.000 €;1.5\n1.250.000 €;2.5\n"
    assert marks(text, ";") == {"a": ",", "b": "."}
    assert marks(text.replace(";", ",")) == {"a": ","}
    with pytest.raises(DataError, match=r"`a` is `450.000`, which may be 450000 or 450.000"):
        marks("450.000 €;1.5\n", ";")


def test_rows_of_another_width_say_nothing() -> None:
    rows, lines = whole(blocks("1,2\n3\n4,5\n")[0], ",", 2)
    assert (rows, lines) == ([["1", "2"], ["4", "5"]], [1, 3])
    assert marks("1;2,5\n1.5\n", ";") == {"a": ".", "b": ","}
