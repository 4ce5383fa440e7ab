"""The models that FastAPI enforces and OpenAPI documents."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from pydantic import BaseModel, ValidationError

from housing_cli.api.http.bodies import Bodies
from housing_cli.api.http.models import FeedbackRequest, batch_model, row_model
from housing_cli.data.kinds import Boolean
from housing_cli.data.schema import FeatureSchema

SCHEMA = FeatureSchema(("Med Inc", "class"), "y", {"class": (0.0, 9.0)})
ROW = row_model(SCHEMA)
GOOD = {"Med Inc": 1.5, "class": 9}


def refused(model: type[BaseModel], body: Any) -> list[str]:
    """Return the kinds of errors."""
    with pytest.raises(ValidationError) as raised:
        model.model_validate(body)
    return [error["type"] for error in raised.value.errors()]


def test_a_row_is_made_of_the_schemas_own_names() -> None:
    read = ROW.model_validate({"class": None, "Med Inc": 2})
    assert list(read.__dict__.values()) == [2.0, None, None]
    described = ROW.model_json_schema()
    assert list(described["properties"]) == ["Med Inc", "class", "house_id"]
    assert described["required"] == ["Med Inc", "class"]


def test_each_field_tells_its_unit() -> None:
    units = {"class": "stars", "sea": "1 yes, 0 no", "y": "EUR"}
    schema = FeatureSchema(("Med Inc", "class", "sea"), "y", {}, {"sea": Boolean()}, units)
    told = row_model(schema).model_json_schema()["properties"]
    assert [told[name].get("description") for name in schema.features] == [
        None, "Unit: stars.", "Unit: 1 yes, 0 no.",
    ]  # fmt: skip
    plain = row_model(msgspec.structs.replace(schema, units={})).model_json_schema()["properties"]
    for name in units.keys() - {"y"}:
        del told[name]["description"]
    assert told == plain


@pytest.mark.parametrize("house", ["Calle Mayor, 3", "x" * 64, "a\nb", 7, -(2**53) + 1, 0])
def test_a_row_may_say_which_house_it_is(house: str | int) -> None:
    read = ROW.model_validate({"class": 1, "Med Inc": 2, "house_id": house})
    assert list(read.__dict__.values())[-1] == house
    if isinstance(house, int):
        again = ROW.model_validate({"class": 1, "Med Inc": 2, "house_id": float(house)})
        assert repr(list(again.__dict__.values())[-1]) == repr(house)


@pytest.mark.parametrize("house", ["", "x" * 65, 1.5, True, [], 2**53, "\ud800"])
def test_what_is_no_name_of_a_house_is_refused(house: object) -> None:
    with pytest.raises(ValidationError):
        ROW.model_validate({"class": 1, "Med Inc": 2, "house_id": house})
    body = json.dumps({"class": 1, "Med Inc": 2, "house_id": house}).encode()
    assert Bodies(SCHEMA).row(body) is None


def test_a_feature_of_that_name_is_a_feature() -> None:
    schema = FeatureSchema(("house_id", "b"), "y")
    assert list(row_model(schema).model_json_schema()["properties"]) == ["house_id", "b"]
    assert Bodies(schema).row(b'{"house_id": 3, "b": 4}') == ((3.0, 4.0), None)
    assert Bodies(schema).row(b'{"house_id": "x", "b": 4}') is None


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"class": 9.5}, "less_than_equal"),
        ({"class": -1}, "greater_than_equal"),
        ({"class": "3"}, "float_type"),
        ({"class": True}, "float_type"),
        ({"class": float("nan")}, "finite_number"),
        ({"class": float("inf")}, "finite_number"),
        ({"Med Inc": 1e39}, "less_than_equal"),
        ({"Med Inc": -1e39}, "greater_than_equal"),
        ({"f1": 3}, "extra_forbidden"),
    ],
)
def test_a_wrong_value_is_an_error_of_its_kind(change: dict[str, Any], kind: str) -> None:
    assert kind in refused(ROW, {**GOOD, **change})


def test_an_absent_feature_is_an_error_and_null_is_none() -> None:
    assert refused(ROW, {"class": 1}) == ["missing"]
    ROW.model_validate({"Med Inc": None, "class": None})


def test_a_batch_stops_at_its_first_wrong_row_and_documents_its_limit() -> None:
    batch = batch_model(ROW, 3)
    assert len(batch.model_validate({"rows": [GOOD] * 5}).rows) == 5  # type: ignore[attr-defined]
    assert len(refused(batch, {"rows": [GOOD, {}, {}, {}]})) == 2  # both features of one row
    assert batch.model_json_schema()["properties"]["rows"]["maxItems"] == 3


@pytest.mark.parametrize("name", ["id", "prediction_id"])
def test_feedback_takes_the_id_under_both_names(name: str) -> None:
    read = FeedbackRequest.model_validate({name: "x", "real_price": 24})
    assert (read.id, read.real_price) == ("x", 24.0)


@pytest.mark.parametrize("price", [0, -1, 1e39, float("nan"), float("inf"), "24", True, None])
def test_a_real_price_is_a_number_above_0(price: Any) -> None:
    assert refused(FeedbackRequest, {"id": "x", "real_price": price})


def test_openapi_says_that_one_of_both_names_is_needed() -> None:
    described = FeedbackRequest.model_json_schema()
    assert described["required"] == ["real_price"]
    assert described["oneOf"] == [{"required": ["id"]}, {"required": ["prediction_id"]}]
