"""What a form asks for, and what is made of what somebody typed."""

from __future__ import annotations

import pytest

from housing_cli.api.dashboard.form import fields, number, parse, read_row
from housing_cli.data.kinds import Boolean, Category, Date
from housing_cli.data.schema import FeatureSchema

SCHEMA = FeatureSchema(
    ("RM", "ocean", "built", "pool", "street"),
    "price",
    {"RM": (0.0, 20.0)},
    {
        "ocean": Category({"INLAND": 1, "NEAR BAY": 2}),
        "built": Date(),
        "pool": Boolean(),
        "street": Category({f"s{k}": k for k in range(100)}),
    },
    {"RM": "rooms"},
)


def test_each_feature_has_the_field_of_its_kind() -> None:
    example = {"RM": 6.5, "ocean": "INLAND", "built": "1999-01-02", "pool": True, "street": None}
    found = fields(SCHEMA, example, {"RM": (3.0, 9.0)})
    assert [one.control for one in found] == ["number", "choice", "date", "boolean", "proposals"]
    assert [one.example for one in found] == ["6.5", "INLAND", "1999-01-02", "true", ""]
    assert (found[0].unit, found[0].low, found[0].high) == ("rooms", "0", "20")
    assert found[0].learned == "3 - 9"
    assert found[1].words == ["INLAND", "NEAR BAY"]


def test_without_limits_none_are_said() -> None:
    (field,) = fields(FeatureSchema(("a",), "b"), None, {})
    assert (field.low, field.high, field.learned, field.example) == ("", "", "", "")


def test_a_house_is_read() -> None:
    typed = {"RM": " 6,5 ", "ocean": "NEAR BAY", "built": "2001-02-03", "pool": "false", "x": "y"}
    assert read_row(SCHEMA, typed) == ([6.5, "NEAR BAY", "2001-02-03", "false", None], {})


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [("RM", "six", "number"), ("RM", "nan()", "number"), ("RM", "1e999", "number"),
     ("RM", "20.1", "limits"), ("RM", "1,000,5", "number"), ("built", "yesterday", "date"),
     ("pool", "perhaps", "boolean")],
)  # fmt: skip
def test_what_is_wrong_is_said_of_its_field(name: str, text: str, why: str) -> None:
    assert read_row(SCHEMA, {name: text})[1] == {name: why}


def test_a_new_word_is_wrong_only_where_words_are_refused() -> None:
    assert read_row(SCHEMA, {"ocean": "ISLAND"})[1] == {}
    assert read_row(SCHEMA, {"ocean": "ISLAND"}, refuse=True)[1] == {"ocean": "word"}


def test_bodies_of_forms() -> None:
    assert parse(b"RM=6.5&a+b=%C3%B1&empty=") == {"RM": "6.5", "a b": "ñ", "empty": ""}
    assert parse(b"") == {}
    for broken in (b"\xff=1", b"%ff=1", b"&".join(b"a=1" for _ in range(6000)), b"nonsense"):
        assert parse(broken) is None


def test_numbers() -> None:
    assert [number(text) for text in ("1.5", "1,5", "1e3", "", "inf", "x")] == [
        1.5, 1.5, 1000.0, None, None, None
    ]  # fmt: skip
