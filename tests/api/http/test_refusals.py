"""What is wrong with a body is said in FastAPI's words, to the byte."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from housing_cli.api.http.models import FeedbackRequest, PredictionAnswer, row_model
from housing_cli.data.schema import FeatureSchema
from tests.api.serving import FEATURES, ROW
from tests.api.test_hostile import BODIES, JSON

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
