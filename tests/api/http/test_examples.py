"""The example of a request: a usual house, in numbers and words, which is answered."""

from __future__ import annotations

from fastapi.testclient import TestClient

from housing_cli.api.http.examples import usual_row
from housing_cli.data.kinds import Boolean, Category, Date
from housing_cli.data.schema import FeatureSchema

SCHEMA = FeatureSchema(
    ("area", "rooms", "zone", "lift", "built", "empty"),
    "price",
    {},
    {"zone": Category({"north": 7, "south": 9}), "lift": Boolean(), "built": Date("2026-01-01")},
)
ROWS = [
    [81.23456, 3.0, 9.0, 1.0, 0.0, None],
    [60.5, 2.0, 9.0, 1.0, 20000.0, None],
    [120.0, 5.0, 7.0, None, 10000.0, None],
    [None, 4.0, 123.0, 0.0, 10000.0, None],
]


def test_numbers_have_their_median_and_words_the_commonest() -> None:
    assert usual_row(SCHEMA, ROWS) == {
        "area": 81.23, "rooms": 3, "zone": "south", "lift": True, "built": "1997-05-19",
        "empty": None,
    }  # fmt: skip
    assert usual_row(SCHEMA, []) is None


def test_openapi_has_an_example_that_is_answered(client: TestClient) -> None:
    openapi = client.get("/openapi.json").json()
    row = openapi["components"]["schemas"]["Features"]["examples"][0]
    assert any(isinstance(value, float) and value > 0 for value in row.values())
    for path, body in (("/predict", row), ("/predict/batch", {"rows": [row]})):
        answer = client.post(path, json=body)
        assert answer.status_code == 200, answer.text
    batch = openapi["components"]["schemas"]["Batch"]["examples"][0]
    assert batch == {"rows": [row]}
