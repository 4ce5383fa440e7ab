"""The short cut behaves as FastAPI's own endpoint with the same models does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from housing_cli.api.http.bodies import Bodies, feedback
from housing_cli.api.http.models import FeedbackRequest, PredictionAnswer, row_model
from housing_cli.data.schema import FeatureSchema
from tests.api.serving import FEATURES, ROW
from tests.api.test_hostile import BODIES, JSON

SCHEMA = FeatureSchema(FEATURES, "MEDV", {"RM": (0.0, 50.0), "AGE": (None, 100.0)})
PLAIN = FeatureSchema(FEATURES, "MEDV")


@pytest.fixture(scope="module")
def plain() -> TestClient:
    """FastAPI alone, with the request model of the served version."""
    app = FastAPI()
    features = row_model(PLAIN)

    async def predict(body: Any) -> PredictionAnswer:
        return PredictionAnswer(predicted_price=1.0, id="x", model_version="v1")

    predict.__annotations__["body"] = features
    app.post("/predict")(predict)

    @app.post("/feedback")
    async def answer(body: FeedbackRequest) -> None:
        return None

    return TestClient(app, raise_server_exceptions=False)


LARGE = 64 * 1024  # of larger bodies only a part is echoed
INVALID = [n for n, (body, status) in BODIES.items() if status != 200 and len(body) <= LARGE]
# What FastAPI alone answers with 500 because it cannot write its echo of the body.
BREAKS_FASTAPI: set[str] = set()


@pytest.mark.parametrize("name", INVALID)
@pytest.mark.parametrize("path", ["/predict", "/feedback"])
def test_refusals_are_fastapis_to_the_byte(
    client: TestClient, plain: TestClient, path: str, name: str
) -> None:
    body = BODIES[name][0]
    ours = client.post(path, content=body, headers=JSON)
    theirs = plain.post(path, content=body, headers=JSON)
    if theirs.status_code == 500:
        assert ours.status_code == 422
        return
    assert (ours.status_code, ours.content) == (theirs.status_code, theirs.content)
    assert ours.headers["content-type"] == theirs.headers["content-type"]


@pytest.mark.parametrize("name", [name for name, (body, status) in BODIES.items() if status == 200])
def test_what_is_accepted_fastapi_accepts(plain: TestClient, name: str) -> None:
    assert plain.post("/predict", content=BODIES[name][0], headers=JSON).status_code == 200


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/xml", None, "application/json;x"]
)
def test_content_types_are_judged_alike(
    client: TestClient, plain: TestClient, content_type: str | None
) -> None:
    headers = {"content-type": content_type} if content_type else {}
    body = json.dumps({**ROW, "RM": "x"}).encode()
    ours = client.post("/predict", content=body, headers=headers)
    theirs = plain.post("/predict", content=body, headers=headers)
    assert (ours.status_code, ours.content) == (theirs.status_code, theirs.content)


def test_a_header_that_is_there_twice_is_judged_alike(
    client: TestClient, plain: TestClient
) -> None:
    body = json.dumps(ROW).encode()
    for types in (("text/plain", "application/json"), ("application/json", "text/plain")):
        headers = [("content-type", kind) for kind in types]
        ours = client.post("/predict", content=body, headers=headers)
        theirs = plain.post("/predict", content=body, headers=headers)
        assert ours.status_code == theirs.status_code


numbers = st.one_of(
    st.none(),
    st.floats(),
    st.integers(),
    st.integers(min_value=-(10**30), max_value=10**30),
    st.booleans(),
    st.text(max_size=3),
    st.lists(st.none(), max_size=1),
)
rows = st.fixed_dictionaries(dict.fromkeys(FEATURES, numbers)) | st.dictionaries(
    st.sampled_from([*FEATURES, "f0", "x"]), numbers
)
good_rows = st.fixed_dictionaries(
    dict.fromkeys(FEATURES, st.none() | st.floats(0, 50) | st.integers(0, 50))
)


def accepted(model: type[BaseModel], body: bytes) -> tuple[Any, ...] | None:
    """Return what the model reads from a body, as FastAPI gives it."""
    try:
        return tuple(model.model_validate(json.loads(body)).__dict__.values())
    except (ValidationError, ValueError, RecursionError):
        return None


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.one_of(rows, good_rows))
def test_the_quick_reader_accepts_what_the_model_accepts(row: dict[str, Any]) -> None:
    body = json.dumps(row).encode()
    quick = Bodies(SCHEMA).row(body)
    assert quick == accepted(row_model(SCHEMA), body)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_noise_is_left_to_the_framework(body: bytes) -> None:
    assert Bodies(SCHEMA).row(body) is None
    assert Bodies(SCHEMA).batch(body) is None


@settings(max_examples=300, deadline=None)
@given(
    st.fixed_dictionaries(
        {"id": st.text(max_size=5) | st.none(), "real_price": numbers}, optional={"x": st.none()}
    )
)
def test_the_quick_reader_of_feedback_accepts_only_what_the_model_accepts(
    content: dict[str, Any],
) -> None:
    body = json.dumps(content).encode()
    quick = feedback(body)
    expected = accepted(FeedbackRequest, body)
    if quick is not None:
        assert (quick.id, quick.real_price) == expected
