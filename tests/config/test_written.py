"""A settings file that is written can be read, whatever the columns are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from housing_cli.config import Settings, load_settings
from housing_cli.config.written import Described, Line, quoted, settings_text

NAMES = ["Year Remod/Add", "1st Flr SF", "a'b", "[x]", "#", "año", "=", "a.b", "日本"]


def described(names: Sequence[str], rows: int = 100) -> Described:
    return Described(
        ["Settings for\na.csv"], "da'ta/a.csv", Line("Sale Price", "in €"),
        [Line(name, "number\nand more") for name in names], [Line("PID", "an id")],
        {names[0]: "category"}, rows, "artifacts/a", "csv:logs/a",
    )  # fmt: skip


def settings(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "a.toml"
    file.write_text(text)
    return load_settings(file, environ={})


def test_names_of_any_kind_are_read_again(tmp_path: Path) -> None:
    read = settings(tmp_path, settings_text(described(NAMES)))
    assert read.data.features == tuple(NAMES)
    assert (read.data.path, read.data.target) == ("da'ta/a.csv", "Sale Price")
    assert read.data.kinds == {NAMES[0]: "category"}
    assert (read.registry.path, read.log.url) == ("artifacts/a", "csv:logs/a")


@pytest.mark.parametrize(
    ("rows", "regressor", "repeats"),
    [(100, "RandomForestRegressor", 5), (2_000, "RandomForestRegressor", 1),
     (20_000, "HistGradientBoostingRegressor", 1)],
)  # fmt: skip
def test_the_model_goes_by_the_number_of_rows(
    rows: int, regressor: str, repeats: int, tmp_path: Path
) -> None:
    read = settings(tmp_path, settings_text(described(NAMES, rows)))
    assert (read.model.regressor, read.train.repeats) == (regressor, repeats)


@pytest.mark.parametrize("rows", [100, 20_000])
def test_prices_that_spread_over_decades_are_learned_by_their_logarithm(
    rows: int, tmp_path: Path
) -> None:
    for spread, target in ((12.0, "price"), (150.0, "log")):
        table = replace(described(NAMES, rows), spread=spread)
        read = settings(tmp_path, settings_text(table))
        assert read.model.target == target
        assert read.model.regressor.startswith("Hist") == (rows > 5_000)


def test_units_are_a_comment_that_can_be_filled_in(tmp_path: Path) -> None:
    text = settings_text(described(NAMES))
    assert settings(tmp_path, text).data.units == {}
    filled = text.replace('# "Sale Price" = "EUR"', '"Sale Price" = "EUR"\n"1st Flr SF" = "sqft"')
    read = settings(tmp_path, filled).data.units
    assert read == {"Sale Price": "EUR", "1st Flr SF": "sqft"}
    told = {name: f"m² {number}" for number, name in enumerate(NAMES)}
    text = settings_text(replace(described(NAMES), units=told))
    assert settings(tmp_path, text).data.units == told
    assert '"EUR"' not in text


def test_what_is_left_out_is_a_comment_that_can_be_moved_up(tmp_path: Path) -> None:
    text = settings_text(described(["a"]))
    line = next(line for line in text.splitlines() if '"PID"' in line)
    moved = text.replace("features = [\n", f"features = [\n{line.removeprefix('#')}\n")
    assert settings(tmp_path, moved).data.features == ("PID", "a")


def test_text_is_quoted() -> None:
    assert quoted('a"b\\c\x7f') == '"a\\"b\\\\c\\u007f"'
