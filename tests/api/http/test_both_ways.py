"""A body that msgspec reads and one that pydantic reads are answered alike."""

from __future__ import annotations

import json
from typing import Any

from fastapi.testclient import TestClient

from tests.api.serving import ROW

USUAL = {"content-type": "application/json"}
LEFT = {"content-type": "application/vnd.api+json"}
"""JSON, too, but for FastAPI to judge."""


def asked(client: TestClient, path: str, body: Any) -> list[dict[str, Any]]:
    """Return what is answered to a body of the usual type and to another."""
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
