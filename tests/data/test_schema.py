"""The feature schema: what a version carries of its table."""

from __future__ import annotations

import msgspec
import pytest

from housing_cli.data.schema import FeatureSchema

SCHEMA = FeatureSchema(("RM", "CHAS"), "MEDV", {"RM": (1.0, 9.0), "CHAS": (0.0, None)})


def test_it_is_written_and_read_again() -> None:
    raw = msgspec.json.encode(SCHEMA)
    assert msgspec.json.decode(raw) == {
        "features": ["RM", "CHAS"],
        "target": "MEDV",
        "limits": {"RM": [1.0, 9.0], "CHAS": [0.0, None]},
        "kinds": {},
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
