"""A header that does not do: what was found is named, and what was likely meant."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from housing_cli.config import Settings
from housing_cli.data.delimited import csv_columns
from housing_cli.data.header import check_header, hits, look, meaning, printable
from housing_cli.data.parquet import parquet_columns
from housing_cli.data.schema import FeatureSchema
from housing_cli.errors import DataError
from tests.conftest import FEATURES, parquet

PATH = Path("t.csv")
SCHEMA = FeatureSchema(("a", "b"), "y")
COMPOSED, DECOMPOSED = "a\u00f1o", "an\u0303o"
BOSTON = Settings().schema()


def refused(header: list[str], schema: FeatureSchema = SCHEMA) -> tuple[str, str]:
    """Return message, without the name of the file, and hint."""
    with pytest.raises(DataError) as raised:
        check_header(header, PATH, schema)
    return raised.value.message.removeprefix("`t.csv`").strip(", "), raised.value.hint


def of_text(text: str, schema: FeatureSchema = SCHEMA) -> tuple[str, str]:
    with pytest.raises(DataError) as raised:
        csv_columns(PATH, text.encode(), schema)
    return raised.value.message.removeprefix("`t.csv`").strip(", "), raised.value.hint


@pytest.mark.parametrize("header", [["a", "b", "y"], ["y", "other", "b", "a"]])
def test_a_header_may_have_any_order_and_more_columns(header: list[str]) -> None:
    check_header(header, PATH, SCHEMA)


def test_a_column_that_is_not_asked_for_may_stand_there_twice() -> None:
    check_header(["a", "note", "note", "b", "y", "n\u0303", "\u00f1", ""], PATH, SCHEMA)


@pytest.mark.parametrize(
    ("header", "message", "hint"),
    [
        (["a", "b", "a", "y"], "has column `a` twice", "keep one"),
        (["a", "y"], "lacks column `b`", "add the columns, or name the right ones"),
        (
            ["a", "B", "y"],
            "lacks column `b`",
            'write `"B"` in `data.features`, or rename `B` to `b`',
        ),
        (["A", "B", "Y"], "lacks columns `a`, `b`, `y`", "rename `A` to `a`, `B` to `b`, `Y` to"),
        (
            ["a"],
            "lacks columns `b`, `y`",
            "it has `a`: `housing init t.csv --target COLUMN` writes",
        ),
        (
            ["1", "2"],
            "lacks columns `a`, `b`, `y`",
            "hold the column names; it holds `1`, `2`",
        ),
        (
            ["p", "q"],
            "lacks columns `a`, `b`, `y`",
            "it has `p`, `q`: `housing init t.csv --target COLUMN`",
        ),
        (["p", "q"], "lacks columns `a`, `b`, `y`", "`--config FILE` names those"),
        (["a|b|y"], "lacks columns `a`, `b`, `y`", "parted by `|`; part the columns by"),
    ],
)
def test_a_header_that_does_not_do_is_refused(header: list[str], message: str, hint: str) -> None:
    said = refused(header)
    assert said[0] == message and hint in said[1]


def test_a_header_in_lower_case_is_told_apart_from_none() -> None:
    message, hint = refused([name.lower() for name in [*FEATURES, "MEDV"]], BOSTON)
    assert message.startswith("lacks columns `CRIM`, `ZN`")
    assert hint == (
        "write the file's names in `data.target` and `data.features`, or "
        "rename `crim` to `CRIM`, `zn` to `ZN`, `indus` to `INDUS`, `chas` to `CHAS`, `nox` to "
        "`NOX` and 9 more: they differ in upper and lower case"
    )


def test_the_table_of_other_settings_is_told_by_its_columns() -> None:
    header = ["MedInc", "HouseAge", "AveRooms", "AveBedrms", "Population", "AveOccup", "price"]
    _, hint = refused(header, BOSTON)
    assert hint == (
        "it has `MedInc`, `HouseAge`, `AveRooms`, `AveBedrms`, `Population`, `AveOccup`, `price`: "
        "`housing init t.csv --target price` writes settings for it; `--config FILE` names those "
        "that there are"
    )


@pytest.mark.parametrize(
    ("written", "wanted", "said"),
    [
        (DECOMPOSED, COMPOSED, r"rename 'an\u0303o' to 'a\xf1o' (they differ in Unicode form)"),
        (COMPOSED, DECOMPOSED, r"rename 'a\xf1o' to 'an\u0303o' (they differ in Unicode form)"),
        ("m\u00a02", "m 2", r"rename 'm\xa02' to 'm 2' (they differ in spaces)"),
        ("m  2", "m 2", "rename 'm  2' to 'm 2' (they differ in spaces)"),
        ("m2", "m 2", "rename `m2` to `m 2`"),
        ("M_2", "m 2", "rename `M_2` to `m 2`"),
        ("a\u200b", "a", r"rename 'a\u200b' to 'a' (they differ in Unicode form)"),
    ],
)
def test_a_name_that_is_written_in_another_way_is_shown_with_its_code(
    written: str, wanted: str, said: str
) -> None:
    shown = json.dumps(written, ensure_ascii=look(written) == look(wanted))
    hint = refused([written, "y"], FeatureSchema((wanted,), "y"))[1]
    assert hint == f"write `{shown}` in `data.features`, or {said}"


SALES = FeatureSchema(("Lot Area", "Full Bath"), "SalePrice")


@pytest.mark.parametrize(
    ("header", "hint"),
    [
        (["Lot Area", "Full Bath", "Saleprice"],
         'write `data.target = "Saleprice"`, or rename `Saleprice` to `SalePrice`'),
        (["LotArea", "full_bath", "sale price"],
         'write `data.target = "sale price"` and `"LotArea"`, `"full_bath"` in `data.features`, or '
         "rename `LotArea` to `Lot Area`, `full_bath` to `Full Bath`, `sale price` to `SalePrice`"),
        (["Lot Area", "Full Bath", "SalesPrice"],
         'did you mean `SalesPrice`? write `data.target = "SalesPrice"`'),
        (["Lot/Area", "Full Baths", "SalePrice"],
         'did you mean `Lot/Area`, `Full Baths`? write `"Lot/Area"`, `"Full Baths"` in '
         "`data.features`"),
        (["Lot/Area", "Garage", "SalePrice"],
         "it has `Lot/Area`, `Garage`, `SalePrice`: `housing init t.csv --target SalePrice` writes "
         "settings for it; `--config FILE` names those that there are"),
        (["Lot Area", "SalePrice", "Price"],
         "add the columns, or name the right ones under `[data]` in the settings"),
    ],
)  # fmt: skip
def test_the_setting_that_has_another_name_than_the_file_is_named(
    header: list[str], hint: str
) -> None:
    assert refused(header, SALES)[1] == hint


def test_a_table_that_a_version_prices_must_follow_it() -> None:
    """No setting would change what was learned."""
    with pytest.raises(DataError) as raised:
        check_header(["lot area", "Full Baths"], PATH, SALES, target=False)
    assert raised.value.hint == "rename `lot area` to `Lot Area`"


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (COMPOSED, DECOMPOSED, r"only in Unicode form ('a\xf1o' and 'an\u0303o')"),
        ("m 2", "m\u00a02", r"only in spaces ('m 2' and 'm\xa02')"),
        ("m 2", "m  2", "only in spaces ('m 2' and 'm  2')"),
        ("a", "a\u2060", r"only in Unicode form ('a' and 'a\u2060')"),
    ],
)
def test_two_columns_that_look_the_same_are_refused(one: str, other: str, said: str) -> None:
    for header in ([one, other, "y"], [other, "x", one, "y"]):
        message, hint = refused(header, FeatureSchema((one,), "y"))
        assert message.startswith(f"has two columns `{look(one)}`, which differ ") and hint
    assert said in refused([one, other, "y"], FeatureSchema((other,), "y"))[0]


def test_parquet_says_the_same() -> None:
    table = parquet(pd.DataFrame({"a": [1.0], "A": [2.0], "B": [3.0], "y": [4.0]}))
    with pytest.raises(DataError) as raised:
        parquet_columns(PATH, table, SCHEMA)
    assert raised.value.hint == 'write `"B"` in `data.features`, or rename `B` to `b`'


@pytest.mark.parametrize("told", ["sep=;", "SEP=;", '"sep=;"', "sep=;\r", "\ufeffsep=;", "\nsep=;"])
def test_the_first_line_that_tells_excel_the_separator_is_followed(told: str) -> None:
    found, place, _ = csv_columns(PATH, f"{told}\na;b;y\n1,5;2;3\n".encode(), SCHEMA)
    assert {name: list(values) for name, values in found.items()} == {
        "a": ["1.5"], "b": ["2"], "y": ["3"],
    }  # fmt: skip
    assert place(0) == ("line 4" if told.startswith("\n") else "line 3")


def test_a_separator_that_no_table_may_use_is_named() -> None:
    assert of_text("sep=|\na|b|y\n1|2|3\n") == (
        "line 1: the columns are parted by `|`",
        "part the columns by commas, semicolons or tabs",
    )


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize(
    "before", ["# made in 2026", "Prices of houses", "Prices, in thousands; 2026", '"Prices"', "1"]
)
def test_a_title_or_a_comment_before_the_names_is_named_with_their_line(
    before: str, separator: str
) -> None:
    for blank in ("", "\n"):
        text = f"{before}\n{blank}{separator.join('aby')}\n{separator.join('123')}\n"
        line = 3 if blank else 2
        assert of_text(text) == (
            f"line 1: `{before}` stands where the column names should; they are on line {line}",
            f"remove what stands before line {line}",
        )


def test_a_title_with_the_separators_of_the_table_is_named_too() -> None:
    assert "they are on line 3" in of_text("Prices;;\n;;\na;b;y\n1;2;3\n")[0]
    assert "they are on line 2" in of_text("Prices;;\nA;B;Y\n1;2;3\n")[0]


def test_the_separator_is_the_one_that_parts_the_names() -> None:
    schema = FeatureSchema(("a, in m2, or b",), "y")
    found, *_ = csv_columns(PATH, b'"a, in m2, or b";y\n1;2\n', schema)
    assert list(found) == ["a, in m2, or b", "y"]


def test_settings_refuse_two_columns_that_look_the_same(tmp_path: Path) -> None:
    from housing_cli.config import load_settings
    from housing_cli.errors import ConfigError

    file = tmp_path / "s.toml"
    file.write_text(f'[data]\nfeatures = ["{COMPOSED}", "{DECOMPOSED}"]\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="two columns look the same"):
        load_settings(file)


def test_names_are_compared_by_what_they_look_like_and_by_what_they_mean() -> None:
    assert look(DECOMPOSED) == COMPOSED and look(" m \u00a0 2\u200b") == "m 2"
    assert meaning("Living_Area") == meaning("living  area") == meaning("LIVING-AREA")
    assert hits(["A", "x", "y"], SCHEMA) == 2
    assert printable("a\nb" + "c" * 99) == "a b" + "c" * 37


def test_a_table_of_pandas_with_its_index_is_no_other() -> None:
    csv_columns(PATH, pd.DataFrame({"a": [1], "b": [2], "y": [3]}).to_csv().encode(), SCHEMA)


def test_a_column_without_a_name_is_not_shown() -> None:
    assert "it has `p`, `q`: " in refused(["", "p", "q"])[1]
