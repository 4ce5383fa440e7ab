"""`configs/housing.toml` documents every setting, with its true default."""

import tomllib
from pathlib import Path

import msgspec
import pytest

from housing_cli.config import SECTIONS, Settings, load_settings

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
