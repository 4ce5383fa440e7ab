"""The feature schema: what a version carries of its table."""

from __future__ import annotations

import msgspec
import pytest

from housing_cli.data.kinds import Boolean
from housing_cli.data.schema import LONGEST_UNIT, FeatureSchema, check_units

SCHEMA = FeatureSchema(("RM", "CHAS"), "MEDV", {"RM": (1.0, 9.0), "CHAS": (0.0, None)})


def test_it_is_written_and_read_again() -> None:
    raw = msgspec.json.encode(SCHEMA)
    assert msgspec.json.decode(raw) == {
        "features": ["RM", "CHAS"],
        "target": "MEDV",
        "limits": {"RM": [1.0, 9.0], "CHAS": [0.0, None]},
        "kinds": {},
        "units": {},
    }
    assert msgspec.json.decode(raw, type=FeatureSchema) == SCHEMA


def test_a_table_without_limits_is_one_without_the_key() -> None:
    raw = b'{"features":["RM"],"target":"MEDV"}'
    assert msgspec.json.decode(raw, type=FeatureSchema).limits == {}


def test_the_order_of_the_features_is_part_of_it() -> None:
    assert FeatureSchema(("a", "b"), "y") != FeatureSchema(("b", "a"), "y")


def test_it_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        SCHEMA.target = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    "raw", [b'{"features":["RM"]}', b'{"features":"RM","target":"y"}',
            b'{"features":["RM"],"target":"y","limits":{"RM":[1]}}']
)  # fmt: skip
def test_what_is_no_schema_is_refused(raw: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(raw, type=FeatureSchema)


def test_units_say_nothing_of_which_rows_fit() -> None:
    rooms, feet = (FeatureSchema(("a", "b"), "y", {}, {}, {"a": unit}) for unit in ("rooms", "ft²"))
    assert rooms != feet
    assert rooms.fits(feet) and rooms.fits(FeatureSchema(("a", "b"), "y"))
    assert not rooms.fits(FeatureSchema(("b", "a"), "y", {}, {}, {"a": "rooms"}))
    assert not rooms.fits(FeatureSchema(("a", "b"), "y", {"a": (0, 1)}))
    assert not rooms.fits(FeatureSchema(("a", "b"), "y", {}, {"a": Boolean()}))


def test_other_units_are_those_of_which_both_say_one() -> None:
    one = FeatureSchema(("a", "b", "c"), "y", {}, {}, {"a": "m²", "b": "%", "y": "USD"})
    other = FeatureSchema(("a", "c", "b"), "y", {}, {}, {"a": "ft²", "c": "m", "y": "USD"})
    assert one.other_units(other) == other.other_units(one) == ("a",)
    assert one.other_units(one) == one.other_units(FeatureSchema(("a",), "y")) == ()


@pytest.mark.parametrize("unit", ["%", "m²", "1000 USD", "€/m²", "間", "x" * LONGEST_UNIT])
def test_a_unit_is_of_a_feature_or_of_the_target(unit: str) -> None:
    check_units(("a",), "y", {"a": unit, "y": unit})
    with pytest.raises(ValueError, match="a unit for `b`, which is neither a feature nor the targ"):
        check_units(("a",), "y", {"b": unit})


@pytest.mark.parametrize("unit", ["", " ", "m ", " m", "a\nb", "a\x1b[1m", "a\xa0b", "x" * 41])
def test_what_cannot_stand_beside_a_name_is_no_unit(unit: str) -> None:
    with pytest.raises(ValueError, match=r"the unit of `y` is '.*', not 1 to 40 printable ch"):
        check_units(("a",), "y", {"y": unit})
