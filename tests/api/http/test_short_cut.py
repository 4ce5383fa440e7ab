"""The short cut takes what is plainly right, and says the same as the framework's own routes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from housing_cli.api.http.short_cut import ShortCut
from tests.api.serving import ROW

USUAL = {"content-type": "application/json"}
LEFT = {"content-type": "application/vnd.api+json"}
"""JSON, too, but nothing that the short cut takes."""


def asked(client: TestClient, path: str, body: Any) -> list[dict[str, Any]]:
    """Return what the short cut and what the routes answer."""
    content = json.dumps(body)
    return [client.post(path, content=content, headers=headers).json() for headers in (USUAL, LEFT)]


def test_both_ways_answer_a_row_alike(client: TestClient) -> None:
    quick, slow = asked(client, "/predict", ROW)
    assert quick.pop("id") != slow.pop("id")
    assert quick == slow


def test_both_ways_answer_a_batch_alike(client: TestClient) -> None:
    quick, slow = asked(client, "/predict/batch", {"rows": [ROW, dict.fromkeys(ROW)]})
    assert len({one.pop("id") for found in (quick, slow) for one in found["predictions"]}) == 4
    assert quick == slow


def test_both_ways_answer_feedback_alike(client: TestClient) -> None:
    key = client.post("/predict", json=ROW).json()["id"].upper()
    quick, slow = asked(client, "/feedback", {"id": key, "real_price": 24.5})
    assert (quick.pop("status"), slow.pop("status")) == ("recorded", "unchanged")
    assert quick == slow
    assert quick["id"] == key.lower()


def test_what_is_not_plainly_right_is_left_to_the_routes(client: TestClient) -> None:
    cut = ShortCut(client.app.predictor)  # type: ignore[attr-defined]
    assert cut.predict(b"{}") is None
    assert cut.feedback(b'{"prediction_id": "x", "real_price": 1}') is None


@pytest.mark.parametrize("body", [b"{}", json.dumps(ROW).encode()])
def test_nothing_is_answered_without_a_version(serve: Any, body: bytes) -> None:
    cut = ShortCut(serve().app.predictor)
    assert cut.predict(body) is cut.predict_batch(body) is None
