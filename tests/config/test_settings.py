"""Every setting has a range and a true default, which `configs/housing.toml` documents."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from housing_cli.config import SECTIONS, Data, Settings, load_settings
from housing_cli.config.settings import hints
from housing_cli.data.schema import FeatureSchema
from housing_cli.data.shipped import UNITS

ROOT = Path(__file__).parents[2]
FILE = ROOT / "configs" / "housing.toml"


def test_the_shipped_file_holds_the_built_in_defaults() -> None:
    assert load_settings(FILE, environ={}) == Settings()


@pytest.mark.parametrize("section", SECTIONS)
def test_every_setting_is_named_in_the_shipped_file(section: str) -> None:
    text = FILE.read_text()
    block = text.partition(f"\n[{section}]\n")[2].partition("\n[")[0]
    tables = tomllib.loads(text)[section]
    for key in SECTIONS[section].__struct_fields__:
        assert key in tables or f"# {key} = " in block, f"{section}.{key} is not documented"


def test_settings_survive_a_round_trip_through_json() -> None:
    settings = load_settings(FILE, {"evaluate.window": "24h"}, ["model.params.max_depth=3"], {})
    assert msgspec.json.decode(msgspec.json.encode(settings), type=Settings) == settings


@pytest.mark.parametrize(
    ("section", "key", "good", "bad"),
    [
        ("data", "path", "a.csv", ""),
        ("data", "features", ["RM"], []),
        ("model", "imputer", "mean", "guess"),
        ("train", "seed", 2**31 - 1, 2**31),
        ("train", "folds", 2, 1),
        ("train", "jobs", -1, 0),
        ("evaluate", "threshold", 0, -0.1),
        ("evaluate", "window", "24h", "soon"),
        ("evaluate", "metric", "mae", "mse"),
        ("evaluate", "confidence", None, 1),
        ("evaluate", "unlabeled", 1, 0),
        ("evaluate", "unlabeled", 0.01, 1.01),
        ("retrain", "holdout", 0.5, 0),
        ("retrain", "max_level", 1.5, 1),
        ("retrain", "max_unexplained", 0, 1.1),
        ("registry", "lock_timeout", 0.1, 0),
        ("log", "fsync", True, 1),
        ("serve", "port", 65535, 65536),
        ("serve", "log_level", "debug", "trace"),
        ("api", "keys", ["k"], [""]),
        ("api", "max_body_bytes", 1, 0),
    ],
)
def test_a_range_ends_where_it_says(section: str, key: str, good: object, bad: object) -> None:
    def made(value: object) -> Any:
        return getattr(getattr(msgspec.convert({section: {key: value}}, Settings), section), key)

    assert made(good) == (tuple(good) if isinstance(good, list) else good)
    with pytest.raises(msgspec.ValidationError):
        made(bad)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"features": ("RM", "RM")}, "`RM` is named twice"),
        ({"features": ("RM",), "target": "RM"}, "`RM` is named twice"),
        ({"features": ("RM", "timestamp")}, "`timestamp` is a column of the prediction log"),
        ({"target": "predicted_price"}, "`predicted_price` is a column of the prediction log"),
        ({"features": (" RM",)}, "begins or ends with a blank"),
        ({"features": ("R\nM",)}, "breaks the line"),
        ({"features": ('R"M',)}, "requests cannot carry: rename it in the table"),
        ({"target": "M\\V"}, "requests cannot carry"),
        ({"features": ()}, "no feature at all"),
        ({"limits": {"POOL": (0, 1)}}, "`POOL`, which is not a feature"),
        ({"limits": {"RM": (9, 1)}}, "exclude every value: 9 to 1"),
        ({"units": {"POOL": "m²"}}, "`POOL`, which is neither a feature nor the target"),
        ({"units": {"MEDV": ""}}, "the unit of `MEDV` is '', not 1 to 40 printable characters"),
    ],
)
def test_columns_that_would_collide_are_refused(data: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Data(**data)


def test_limits_may_be_one_value_or_open_to_a_side() -> None:
    limits = {"RM": (5.0, 5.0), "AGE": (None, 100.0), "TAX": (0.0, None)}
    assert Data(limits=limits).limits == limits


def test_settings_are_frozen() -> None:
    with pytest.raises(AttributeError):
        Settings().train.seed = 1  # type: ignore[misc]


def test_no_two_settings_share_what_may_be_changed() -> None:
    assert Settings().model.params is not Settings().model.params


def test_the_schema_is_that_of_the_configured_table() -> None:
    data = Data(features=("a", "b"), target="y", limits={"a": (0, None)})
    assert Settings(data=data).schema() == FeatureSchema(("a", "b"), "y", {"a": (0, None)})


def test_the_shipped_table_has_its_units_and_another_has_none() -> None:
    assert Settings().schema().units == UNITS
    assert UNITS.keys() < {*Data().features, "MEDV"}
    assert UNITS["MEDV"] == "1000 USD"
    # Columns may be called the same: AGE is a share there, and years elsewhere.
    assert Data(features=("AGE", "rooms"), target="price").units == {}
    own = {"AGE": "years", "price": "EUR"}
    assert Data(features=("AGE", "rooms"), target="price", units=own).units == own


@pytest.mark.parametrize("columns", [("RM", "AGE"), ("RM", "AGE", "area")])
def test_other_features_of_the_shipped_table_keep_its_units(columns: tuple[str, ...]) -> None:
    expected = {"RM": "rooms", "AGE": "%", "MEDV": "1000 USD"}
    assert Data(features=columns).units == expected
    sets = [f"data.features=[{', '.join(map(repr, columns))}]"]
    for file in (FILE, None):
        assert load_settings(file, sets=sets, environ={}).data.units == expected


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_of_a_section_has_a_type(section: str) -> None:
    assert tuple(hints(section)) == SECTIONS[section].__struct_fields__
