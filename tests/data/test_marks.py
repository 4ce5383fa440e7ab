"""A number of a table is read in the one way that its file allows, or refused by its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housing_cli.data.marks import readings, with_points
from housing_cli.data.schema import FeatureSchema
from housing_cli.data.table import read_table
from housing_cli.errors import DataError

PATH = Path("t.csv")
MAYBE = "and no other value of the column tells which"


def place(row: int) -> str:
    return f"line {row + 2}"


def read(*, commas: bool = False, extra: str = "", **columns: str) -> dict[str, list[str]]:
    """The columns, given as values with blanks between, as they are read."""
    table = {name: values.split() for name, values in columns.items()}
    found = with_points(
        {**table, "extra": extra.split()}, list(table), PATH, place, parted_by_commas=commas
    )
    return {name: list(values) for name, values in found.items()}


def refused(*, commas: bool = False, extra: str = "", **columns: str) -> tuple[str, str]:
    with pytest.raises(DataError) as raised:
        read(commas=commas, extra=extra, **columns)
    return raised.value.message, raised.value.hint


@pytest.mark.parametrize(
    ("text", "point", "comma"),
    [
        ("54", "54", "54"),
        ("1e5", "1e5", "1e5"),
        ("54.5", "54.5", None),
        ("54,5", None, "54.5"),
        ("144.993", "144.993", "144993"),
        ("-144,993", "-144993", "-144.993"),
        ("0.993", "0.993", None),
        ("-0,993", None, "-0.993"),
        ("1234.567", "1234.567", None),
        ("1.234.567", None, "1234567"),
        ("1,234,567", "1234567", None),
        ("1.234,5", None, "1234.5"),
        ("1,234.567", "1234.567", None),
        ("1.234e5", "1.234e5", None),
        ("5.", "5.", None),
        (",5", None, ".5"),
        ("1,23,456", None, None),
        ("1.234.56", None, None),
        ("1.234,567.8", None, None),
        ("1'234", None, None),
        ("12 %", None, None),
        (".", None, None),
        ("", None, None),
    ],
)
def test_a_number_has_a_reading_for_each_decimal_mark_it_may_have(
    text: str, point: str | None, comma: str | None
) -> None:
    assert (readings(text).get("."), readings(text).get(",")) == (point, comma)


@given(st.integers(1000, 10**12), st.integers(0, 99), st.sampled_from([("", "."), (".", ",")]))
def test_every_number_with_a_fraction_of_two_digits_is_read_as_it_was_written(
    whole: int, cents: int, marks: tuple[str, str]
) -> None:
    thousands, decimal = marks
    text = f"{whole:,}".replace(",", thousands) + f"{decimal}{cents:02}"
    assert readings(text) == {decimal: f"{whole}.{cents:02}"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("144.993 54,5", ["144993", "54.5"]),
        ("144.993 1.234.567", ["144993", "1234567"]),
        ("144.993 1.234,5 NA", ["144993", "1234.5", "NA"]),
        ("144.993 54.5", ["144.993", "54.5"]),
        ("144.993 0.125", ["144.993", "0.125"]),
        ("301,747 54.5", ["301747", "54.5"]),
        ("301,747 1,301,747", ["301747", "1301747"]),
        ("301,747 54,5", ["301.747", "54.5"]),
        ("12 13", ["12", "13"]),
    ],
)
def test_one_value_settles_its_column(values: str, expected: list[str]) -> None:
    assert read(a=values, b="1 2")["a"] == expected


@pytest.mark.parametrize(
    ("values", "said", "hint"),
    [
        ("7 144.993", "line 3: `a` is `144.993`, which may be 144993 or 144.993", "(`144993`)"),
        ("7 301,747", "line 3: `a` is `301,747`, which may be 301747 or 301.747", "`301,7470`"),
        ("-1.500", "line 2: `a` is `-1.500`, which may be -1500 or -1.500", "`-1.5000`"),
    ],
)
def test_a_column_that_no_value_settles_is_refused(values: str, said: str, hint: str) -> None:
    message, mend = refused(a=values)
    assert message == f"`t.csv`, {said}, {MAYBE}" and hint in mend


def test_what_the_hint_says_is_read() -> None:
    assert read(a="144993 7")["a"] == ["144993", "7"]
    assert read(a="144.993 144.9930")["a"] == ["144.993", "144.9930"]
    assert "`144,9930`" in refused(a="144.993", b="54,5")[1]
    assert read(a="144.993 144,9930", b="54,5 1")["a"] == ["144993", "144.9930"]


def test_other_columns_settle_one_that_is_written_with_their_decimal_mark() -> None:
    assert read(a="144.993", b="54.5")["a"] == ["144.993"]
    assert read(a="144,993", b="54,5")["a"] == ["144.993"]
    assert read(a="6.575", b="0.538", extra="x")["a"] == ["6.575"]


@pytest.mark.parametrize(("a", "b"), [("144.993", "54,5"), ("301,747", "54.5")])
def test_other_columns_do_not_settle_one_that_is_written_with_the_other_mark(
    a: str, b: str
) -> None:
    assert MAYBE in refused(a=a, b=b)[0]
    assert MAYBE in refused(a=a, extra=b)[0]


@pytest.mark.parametrize("extra", ["31.12", "1.10", "12,5"])
def test_a_column_that_is_not_asked_for_settles_no_other(extra: str) -> None:
    """It may hold days, versions or streets: prices of 144.993 became 145 by them."""
    assert MAYBE in refused(a="144.993", extra=extra)[0]
    assert read(a="144.993", b="54.5", extra="31.12")["a"] == ["144.993"]


def test_a_column_that_is_not_asked_for_may_have_any_mark_where_the_others_are_settled() -> None:
    assert read(a="54.5", extra="54,5")["a"] == ["54.5"]
    assert MAYBE in refused(a="144.993", b="54.5", extra="54,5")[0]


def test_a_file_has_one_decimal_mark() -> None:
    assert refused(a="1 2,5", b="4 5 6.5") == (
        "`t.csv`, line 4: `b` is `6.5`, with a decimal point, but `a` is `2,5` on line 3",
        "write every number of the file with one decimal mark",
    )
    assert "line 3: `a` is `1.234.567`, with a decimal comma" in refused(a="54.5 1.234.567")[0]


def test_where_commas_part_the_columns_the_decimal_mark_is_a_point() -> None:
    assert read(commas=True, a="144.993 7") == {"a": ["144.993", "7"]}
    assert read(commas=True, a="1 2", b="301,747 1,5")["b"] == ["301,747", "1,5"]
    assert MAYBE in refused(commas=True, a="144.993", extra="54,5")[0]


def table(text: str, tmp_path: Path) -> tuple[list[float], list[float]]:
    """Feature `m2` and target `precio` of a file."""
    file = tmp_path / "t.csv"
    file.write_text(text, encoding="utf-8")
    found = read_table(file, FeatureSchema(("m2",), "precio"))
    return found.features[:, 0].tolist(), found.target.tolist()


def test_an_export_with_thousands_is_read_or_refused_and_never_read_as_another(
    tmp_path: Path,
) -> None:
    with pytest.raises(DataError, match=r"line 2: `precio` is `144.993`, which may be 144993 or"):
        table("precio;m2\n144.993;54,5\n251.100;80\n", tmp_path)
    with pytest.raises(DataError, match=r"line 2: `precio` is `301,747`, which may be 301747 or"):
        table('precio\tm2\n"301,747"\t54.5\n"251,100"\t80\n', tmp_path)
    read = table("precio;m2\n144.993;54,5\n1.251.100,50;80\n", tmp_path)
    assert read == ([54.5, 80.0], [144993.0, 1251100.5])


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize(
    "value",
    ["1'234", "1\u2019234", "1 234", "1\u00a0234", "1\u2009234", "1\u202f234", "12%", "12 %",
     "$144", "144 €", "€ 144", "£1", "1_234", "1.23.4", "(5)", "\u22125", "1.234 €", "\uff15"],
)  # fmt: skip
def test_a_number_with_more_than_its_digits_is_refused_by_line(
    separator: str, value: str, tmp_path: Path
) -> None:
    lines = (("precio", "m2"), ("1", "2"), (value, "54"), ("3", "4"))
    text = "\n".join(separator.join(line) for line in lines)
    with pytest.raises(DataError, match=r"line 3: `precio` is `.*`, not a number") as raised:
        table(text, tmp_path)
    assert raised.value.hint.startswith("mend the value")
