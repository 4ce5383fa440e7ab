"""What can be read is answered at once, as FastAPI's routes would; the rest goes to them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from housing_cli.api.http.direct import Direct
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


async def call(app: Any, **scope: Any) -> list[Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("the body was read before")

    await app({"type": "http", **scope}, receive, send)
    return sent


def test_only_what_was_read_in_the_usual_type_and_is_understood_is_answered_here() -> None:
    async def routes(*_: Any) -> None:
        passed.append(True)

    async def upper(body: bytes, route: bytes | None) -> bytes | None:
        return body.upper() + (route or b"") if body.isalpha() else None

    passed: list[bool] = []
    answers: dict[str, Any] = {}
    app = Direct(routes, answers)
    answers["/predict"] = upper  # as a new schema brings it
    usual = [(b"content-type", b"application/json")]
    twice = [(b"content-type", b"text/plain"), *usual]

    def ask(body: bytes | None, headers: list[tuple[bytes, bytes]]) -> list[Any]:
        scope: dict[str, Any] = {"housing.path": "/predict"}
        scope |= {"housing.headers": dict(headers), "headers": headers}
        if body is not None:
            scope["housing.body"] = body
        return asyncio.run(call(app, **scope))

    start, rest = ask(b"abc", usual)
    assert (start["status"], rest["body"]) == (200, b"ABC")
    assert (b"content-length", b"3") in start["headers"]
    assert ask(b"1", usual) == ask(b"abc", twice) == ask(b"abc", []) == ask(None, usual) == []
    assert passed == [True] * 4
    _, routed = ask(b"abc", [*usual, (b"x-housing-route", b"me")])
    assert routed["body"] == b"ABCme"


SPANISH, ENGLISH = "Valor real actualizado correctamente", "Real price updated"


@pytest.mark.parametrize(
    ("languages", "message"),
    [
        (None, SPANISH),
        ("", SPANISH),
        ("*", SPANISH),
        ("en", ENGLISH),
        ("en-GB,en;q=0.9", ENGLISH),
        ("ES-mx, en;q=0.8", SPANISH),
        ("es;q=0.3, en;q=0.8", ENGLISH),
        ("fr, en;q=0.5", ENGLISH),
        ("fr", SPANISH),
        ("en;q=0", SPANISH),
        ("en;q=x;;,=", SPANISH),
        ("en;q=1e9", SPANISH),
    ],
)
def test_feedback_answers_in_the_language_that_is_asked_for(
    client: TestClient, languages: str | None, message: str
) -> None:
    key = client.post("/predict", json=ROW).json()["id"]
    headers = {} if languages is None else {"accept-language": languages}
    if languages is None:
        client.headers.pop("accept-language", None)
    answer = client.post("/feedback", json={"id": key, "real_price": 24.5}, headers=headers)
    assert answer.json()["message"] == message
    answer = client.post("/feedback", json={"prediction_id": key, "real_price": 0}, headers=headers)
    assert answer.status_code == 422
