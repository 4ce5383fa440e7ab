"""What a column is, is found out by looking; what cannot be, is refused by line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from housing_cli.data.columns import ONE_HOT_MOST
from housing_cli.data.kinds import Boolean, Category, Date, Kind, KindName
from housing_cli.data.schema import FeatureSchema, Limits
from housing_cli.data.table import Table, read_table
from housing_cli.errors import DataError

N = 120


def table_of(
    values: list[str],
    folder: Path,
    kinds: dict[str, Kind | KindName] | None = None,
    limits: Limits | None = None,
) -> Table:
    lines = [f"{value},{10 + row % 7}" for row, value in enumerate(values)]
    (folder / "t.csv").write_text("a,y\n" + "\n".join(lines) + "\n")
    return read_table(folder / "t.csv", FeatureSchema(("a",), "y", limits or {}), kinds)


def kind(values: list[str], folder: Path) -> Kind | None:
    return table_of(values, folder).kinds.get("a")


def test_numbers_are_numbers(tmp_path: Path) -> None:
    assert kind(["1", "2.5", "NA"] * 40, tmp_path) is None


def test_words_are_a_category_whose_missing_values_are_missing(tmp_path: Path) -> None:
    table = table_of(["Good", "Fair", "NA"] * 40, tmp_path)
    found = table.kinds["a"]
    assert isinstance(found, Category)
    assert (set(found.codes), found.encoding) == ({"Fair", "Good"}, "one-hot")
    assert table.features[0, 0] == found.codes["Good"]
    assert np.isnan(table.features[2, 0])


def test_many_words_are_read_by_the_mean_of_the_target(tmp_path: Path) -> None:
    words = [f"zone {number % (ONE_HOT_MOST + 1)}" for number in range(N)]
    found = kind(words, tmp_path)
    assert isinstance(found, Category)
    assert found.encoding == "target"


def test_yes_or_no_and_days(tmp_path: Path) -> None:
    assert kind(["yes", "No"] * 60, tmp_path) == Boolean()
    assert kind(["20141013T000000", "2015-01-02"] * 60, tmp_path) == Date("2015-01-02")


def test_a_typo_among_numbers_is_refused_by_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 5: `a` is `3x`, not a number"):
        kind(["1", "2", "3", "3x"] + ["4"] * 100, tmp_path)


def test_a_word_that_is_said_again_and_again_beside_numbers_is_no_typo(tmp_path: Path) -> None:
    found = kind(["1", "2", "3", "bajo"] * 30, tmp_path)
    assert isinstance(found, Category)
    assert set(found.codes) == {"1", "2", "3", "bajo"}


def test_names_are_no_category(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"`a` has 120 different words in 120 rows: names"):
        kind([f"{number} Main Street" for number in range(N)], tmp_path)


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%m/%d/%y", "%d.%m.%Y", "%Y/%m/%d"])
def test_days_that_are_not_read_are_not_called_names(form: str, tmp_path: Path) -> None:
    days = pd.date_range("2019-12-01", periods=200).strftime(form)
    with pytest.raises(DataError, match=f"has days like `{days[0]}`; only such as") as raised:
        kind(list(days), tmp_path)
    assert raised.value.hint.startswith("write them so")


def test_a_number_may_be_said_to_be_a_word_and_a_word_to_be_a_number(tmp_path: Path) -> None:
    found = table_of(["98103", "98104"] * 60, tmp_path, {"a": "category"}).kinds["a"]
    assert isinstance(found, Category)
    assert set(found.codes) == {"98103", "98104"}
    with pytest.raises(DataError, match="line 2: `a` is `Good`, not a number"):
        table_of(["Good", "Fair"] * 60, tmp_path, {"a": "number"})


def test_a_known_vocabulary_keeps_its_codes_and_learns(tmp_path: Path) -> None:
    known = Category({"Good": 5}, "target")
    found = table_of(["Good", "Fair"] * 60, tmp_path, {"a": known}).kinds["a"]
    assert isinstance(found, Category)
    assert (found.codes["Good"], set(found.codes)) == (5, {"Good", "Fair"})
    assert found.encoding == "target"


def test_what_is_no_value_of_a_declared_kind_is_refused_by_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 3: `a` is `13/10/2014`, not a day"):
        table_of(["2014-10-13", "13/10/2014"], tmp_path, {"a": "date"})
    with pytest.raises(DataError, match="line 3: `a` is `perhaps`, neither yes nor no"):
        table_of(["yes", "perhaps"], tmp_path, {"a": "boolean"})


def test_numbers_with_a_currency_are_no_words(tmp_path: Path) -> None:
    assert kind([f"{450 + row} €" for row in range(N)], tmp_path) is None
    with pytest.raises(DataError, match="line 2: `a` is `450 %`, not a number") as raised:
        kind([f"{450 + row} %" for row in range(N)], tmp_path)
    assert "percent" in raised.value.hint


def test_words_have_no_limits(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="`a` has limits and holds words"):
        table_of(["Good", "Fair"] * 60, tmp_path, limits={"a": (0.0, 1.0)})
