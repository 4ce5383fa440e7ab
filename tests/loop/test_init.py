"""A settings file is written once the table was read by it, and nothing else is touched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from housing_cli.config import load_settings
from housing_cli.errors import ConfigError, DataError, UsageError
from housing_cli.loop.init import init
from tests.tables import ames_csv, california, king_county, madrid_csv


@pytest.fixture
def houses(workshop: Path) -> Path:
    file = workshop / "houses.csv"
    california(120, 1).to_csv(file, index=False)
    return Path("houses.csv")


TARGET = "median_house_value"


def test_in_an_empty_directory_it_writes_what_every_command_reads(houses: Path) -> None:
    found = init(houses, TARGET)
    assert (found.file, found.config) == (Path("configs/housing.toml"), None)
    own = load_settings()
    assert own.data.target == TARGET
    assert (own.registry.path, own.log.url) == ("artifacts/houses", "csv:logs/houses")
    assert [file.name for file in Path("configs").iterdir()] == ["housing.toml"]


def test_beside_other_settings_or_another_model_it_writes_its_own(
    houses: Path, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert init(houses, TARGET).config == Path("configs/houses.toml")
    assert init(houses, TARGET, name="mine").config == Path("configs/mine.toml")
    Path("elsewhere.toml").touch()
    monkeypatch.setenv("HOUSING_CONFIG", "elsewhere.toml")
    assert init(houses, TARGET, name="third").config == Path("configs/third.toml")


def test_a_place_that_is_named_is_taken(houses: Path) -> None:
    found = init(houses, TARGET, file=Path("deep/er/own.toml"))
    assert found.config == Path("deep/er/own.toml")
    assert load_settings("deep/er/own.toml").registry.path == "artifacts/houses"


def test_nothing_is_replaced_without_force(houses: Path) -> None:
    init(houses, TARGET, name="a")
    file = Path("configs/a.toml")
    file.write_text("# mine")
    with pytest.raises(ConfigError, match="is there already") as raised:
        init(houses, TARGET, name="a")
    assert "--force" in raised.value.hint
    assert file.read_text() == "# mine"
    init(houses, TARGET, name="a", force=True)
    assert TARGET in file.read_text()


def test_settings_that_it_wrote_for_the_same_table_are_there_already(houses: Path) -> None:
    init(houses, TARGET)
    with pytest.raises(ConfigError, match=r"`configs/housing\.toml` is there already"):
        init(houses, TARGET)
    assert init(houses, TARGET, force=True).config is None
    california(120, 2).to_csv("others.csv", index=False)
    assert init(Path("others.csv"), TARGET).config == Path("configs/others.toml")


def test_the_target_that_is_missing_or_misspelled_is_named(houses: Path) -> None:
    with pytest.raises(UsageError) as raised:
        init(houses, None)
    assert raised.value.hint == (f"likely `{TARGET}`: `housing init houses.csv --target {TARGET}`")
    assert raised.value.evidence["likely_targets"] == [TARGET]
    with pytest.raises(UsageError) as raised:
        init(houses, "Median House Value")
    assert raised.value.hint == f"did you mean `{TARGET}`?"
    with pytest.raises(UsageError) as raised:
        init(houses, "xyz")
    assert raised.value.hint == f"it has `{TARGET}`"
    assert not Path("configs").exists()


@pytest.mark.parametrize("name", ["a/b", "..", "", "a b", ".hidden"])
def test_a_name_that_is_no_folder_is_refused(name: str, houses: Path) -> None:
    with pytest.raises(UsageError, match="cannot be a folder"):
        init(houses, TARGET, name=name)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,price\n1,0\n2,5\n", "not above 0"),
        ("a,price\n1,2\n1,3\n", "no column left to learn from"),
        ("a,price\n1,six\n2,3\n", "`price` is `six`, not a number"),
        ("", "is empty"),
    ],
)
def test_a_table_that_cannot_be_used_leaves_nothing(text: str, said: str, workshop: Path) -> None:
    Path("t.csv").write_text(text)
    with pytest.raises(DataError, match=said):
        init(Path("t.csv"), "price")
    assert not Path("configs").exists()


def test_what_is_no_file_is_said(workshop: Path) -> None:
    with pytest.raises(DataError, match=r"`t\.csv` does not exist") as raised:
        init(Path("t.csv"), "price")
    assert raised.value.hint == "give a CSV, Parquet or Excel file"
    with pytest.raises(DataError, match="is a directory"):
        init(Path(), "price")
    with pytest.raises(DataError, match="is a pipe or a device"):
        init(Path("/dev/null"), "price")


def test_a_file_that_cannot_be_written_leaves_nothing(houses: Path) -> None:
    Path("configs").write_text("a file")
    with pytest.raises(ConfigError, match="cannot be written"):
        init(houses, TARGET, name="a")
    assert sorted(file.name for file in Path().iterdir()) == ["configs", "houses.csv"]


def test_ids_days_and_codes_of_king_county(workshop: Path) -> None:
    king_county(300, 1).to_csv("kc.csv", index=False)
    found = init(Path("kc.csv"), "price")
    assert {column.name for column in found.columns if column.left_out} == {"id", "date"}
    assert load_settings().data.kinds == {"zipcode": "category"}
    assert len(found.features) == 18


def test_odd_names_and_words_of_ames(workshop: Path) -> None:
    Path("AmesHousing.csv").write_bytes(ames_csv(300, 1))
    found = init(Path("AmesHousing.csv"), "SalePrice")
    assert found.name == "ames-housing"
    assert {c.name for c in found.columns if c.left_out} == {"Order", "PID", "Utilities"}
    assert {"Year Remod/Add", "1st Flr SF", "Lot Area"} <= set(load_settings().data.features)


def test_an_index_without_a_name_names_and_a_leak_of_madrid(workshop: Path) -> None:
    Path("m.csv").write_bytes(madrid_csv(400, 1))
    found = init(Path("m.csv"), "precio")
    left_out = {column.name: column.left_out for column in found.columns if column.left_out}
    assert left_out.keys() == {"", "título", "precio_m2"}
    assert found.reading.encoding == "Windows-1252"
    assert {"superficie": "m²", "precio": "€"}.items() <= found.reading.units.items()
    assert load_settings().data.units == {"superficie": "m²", "precio": "€"}


def test_rows_that_say_nothing_new_are_counted(workshop: Path) -> None:
    table = california(100, 1)
    table.loc[:4, TARGET] = np.nan
    table.loc[10:12] = table.loc[20:22].to_numpy()
    table.to_csv("t.csv")
    found = init(Path("t.csv"), TARGET)
    assert (found.rows, found.unpriced, found.repeated) == (100, 5, 3)
    assert found.columns[0].left_out == "a column without a name: an index"


def test_a_column_that_is_there_twice_is_left_out(workshop: Path) -> None:
    Path("t.csv").write_text(
        "a,b,b,price\n" + "\n".join(f"{i % 7},1,{i},{i % 5 + 1}" for i in range(40))
    )
    found = init(Path("t.csv"), "price")
    assert found.features == ["a"]
    assert [c.left_out for c in found.columns if c.name == "b"] == [
        "stands there more than once"
    ] * 2
