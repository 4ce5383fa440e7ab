"""A number is read with its unit where the whole column has it, and never as another number."""

from __future__ import annotations

from pathlib import Path

import pytest

from housing_cli.data.schema import FeatureSchema
from housing_cli.data.table import Table, read_table
from housing_cli.data.units import unit_of
from housing_cli.errors import DataError


def read(values: list[str], tmp_path: Path, other: str = "1", separator: str = ";") -> Table:
    """Read prices beside a feature that is `other` in each row."""
    lines = [f'"{value}"{separator}"{other}"' for value in values]
    file = tmp_path / "t.csv"
    file.write_text("\n".join([f"precio{separator}m2", *lines]))
    return read_table(file, FeatureSchema(("m2",), "precio"))


@pytest.mark.parametrize(
    ("text", "number", "unit"),
    [
        ("95 m²", "95", "m²"),
        ("95m2", "95", "m²"),
        ("1,200 sq. ft.", "1,200", "ft²"),
        ("1.450.000 €", "1.450.000", "€"),
        ("€1,450,000", "1,450,000", "€"),
        ("EUR 450", "450", "€"),
        ("US$ 450", "450", "US$"),
        ("450 usd", "450", "US$"),
        ("-450\u00a0€", "-450", "€"),
        ("3.450 €/m²", "3.450", "€/m²"),
    ],
)
def test_number_and_unit(text: str, number: str, unit: str) -> None:
    assert unit_of(text) == (number, unit)


@pytest.mark.parametrize(
    "text",
    ["95", "450k €", "1,2 M€", "12 %", "3ª", "Bajo", "€", "450 € 3", "2 rooms", "1e5", "450 €/x",
     "about 450 €", "12 m", ""],
)  # fmt: skip
def test_what_is_no_number_with_a_unit_that_is_known(text: str) -> None:
    assert unit_of(text) is None


@pytest.mark.parametrize("separator", [";", ",", "\t"])
@pytest.mark.parametrize(
    ("values", "prices"),
    [
        (["1.450.000 €", "450.000 €", "450.000,50 €"], [1450000, 450000, 450000.5]),
        (["€ 1,450,000", "€ 450,000"], [1450000, 450000]),
        (["$450.5", "$1,450.00", "$12"], [450.5, 1450, 12]),
        (["95 €", "96€"], [95, 96]),
    ],
)
def test_a_column_of_one_unit_is_read(
    separator: str, values: list[str], prices: list[float], tmp_path: Path
) -> None:
    table = read([*values, ""], tmp_path, separator=separator)
    assert table.target.tolist() == prices
    assert list(table.reading.units) == ["precio"]


def test_a_latitude_does_not_settle_what_people_wrote(tmp_path: Path) -> None:
    for separator in ";,":
        with pytest.raises(DataError, match=r"may be 450000 or 450\.000"):
            read(["450.000 €", "320.000 €"], tmp_path, "40.4168", separator)
        table = read(["1.450.000 €", "320.000 €"], tmp_path, "40.4168", separator)
        assert (table.target[1], table.features[1, 0]) == (320000, 40.4168)


def test_two_units_in_a_column_are_refused_by_line(tmp_path: Path) -> None:
    with pytest.raises(DataError) as raised:
        read(["95 €", "96 €", "97 $"], tmp_path)
    assert raised.value.message.endswith(
        "line 4: `precio` is `97 $`, in $, but `95 €` on line 2, in €"
    )


@pytest.mark.parametrize("values", [["95 €", "96"], ["95", "96 €"], ["95 €", "96 €", "450k €"]])
def test_a_number_without_the_unit_of_the_others_is_refused_by_line(
    values: list[str], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="not a number"):
        read(values, tmp_path)


def test_words_beside_prices_are_no_prices(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 4: `precio` is `A consultar`, not a number"):
        read(["95 €", "96 €", "A consultar"], tmp_path)


@pytest.mark.parametrize(
    ("values", "prices"),
    [(["1,234,567", "301,747"], [1234567, 301747]), (["301,747", "54.5"], [301747, 54.5])],
)
def test_thousands_in_quotes_are_read_where_their_column_settles_them(
    values: list[str], prices: list[float], tmp_path: Path
) -> None:
    assert read(values, tmp_path, separator=",").target.tolist() == prices


@pytest.mark.parametrize("values", [["301,747", "54"], ["301,747", "54,5"]])
def test_a_comma_in_quotes_that_nothing_settles_is_refused_by_line(
    values: list[str], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="line 2: `precio` is `301,747`, not a number"):
        read(values, tmp_path, separator=",")
