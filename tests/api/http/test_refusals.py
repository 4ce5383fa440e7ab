"""What is wrong with a body is said in FastAPI's words, to the byte."""

from __future__ import annotations

import gzip
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


@pytest.mark.parametrize("content_type", ["application/json;x", "application/vnd.api+json"])
def test_content_types_are_judged_alike(
    client: TestClient, plain: TestClient, content_type: str
) -> None:
    headers = {"content-type": content_type}
    body = json.dumps({**ROW, "RM": "x"}).encode()
    ours = client.post("/predict", content=body, headers=headers)
    theirs = plain.post("/predict", content=body, headers=headers)
    assert (ours.status_code, ours.content) == (theirs.status_code, theirs.content)


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "text/json", None]
)
def test_json_that_is_not_said_to_be_json_is_415_and_names_the_header(
    client: TestClient, content_type: str | None
) -> None:
    headers = {"content-type": content_type} if content_type else {}
    for path, body in (("/predict", ROW), ("/predict/batch", {"rows": [ROW]}), ("/feedback", {})):
        answer = client.post(path, content=json.dumps(body), headers=headers)
        assert (answer.status_code, answer.headers["accept"]) == (415, "application/json")
        detail = answer.json()["detail"]
        assert "`Content-Type: application/json`" in detail
        assert (content_type or "not said") in detail


def test_a_compressed_body_is_415_and_its_encoding_is_named(client: TestClient) -> None:
    body = gzip.compress(json.dumps(ROW).encode())
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    answer = client.post("/predict", content=body, headers=headers)
    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "identity")
    assert "`gzip`" in answer.json()["detail"]
    twice = [("content-type", "application/json"), ("content-encoding", "gzip")]
    twice.append(("content-encoding", "identity"))
    assert client.post("/predict", content=body, headers=twice).status_code == 415
    for plain in ("identity", "Identity", "", "identity, identity"):
        headers["content-encoding"] = plain
        answer = client.post("/predict", content=json.dumps(ROW), headers=headers)
        assert answer.status_code == 200, plain


@pytest.mark.parametrize("path", ["/predict/", "/feedback/", "/healthz/", "/docs/"])
def test_a_path_with_a_slash_too_many_leads_nowhere(client: TestClient, path: str) -> None:
    for method in ("GET", "POST"):
        answer = client.request(
            method, path, json=ROW, headers={"host": "evil.example"}, follow_redirects=False
        )
        assert answer.status_code == 404
        assert "location" not in answer.headers


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/version", "/metrics", "/openapi.json"])
def test_head_is_as_get_without_the_body(client: TestClient, path: str) -> None:
    head, get = client.head(path), client.get(path)
    assert head.status_code == get.status_code == 200
    assert head.headers["content-type"] == get.headers["content-type"]
    assert head.content == b""
    assert client.head("/predict").status_code == 405


def test_a_header_that_is_there_twice_is_judged_alike(
    client: TestClient, plain: TestClient
) -> None:
    body = json.dumps(ROW).encode()
    for types in (("text/plain", "application/json"), ("application/json", "text/plain")):
        headers = [("content-type", kind) for kind in types]
        ours = client.post("/predict", content=body, headers=headers)
        theirs = plain.post("/predict", content=body, headers=headers)
        accepted = types[0] == "application/json"
        assert (ours.status_code, theirs.status_code) == ((200, 200) if accepted else (415, 422))
