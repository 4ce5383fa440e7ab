from __future__ import annotations

import json

import pytest
from fastapi.testclient import TestClient

from housing_cli.api import failures
from housing_cli.api.failures import BodyRefused, BodyTooLarge, BodyTooSlow
from housing_cli.api.http import errors
from housing_cli.errors import HousingError, LogBusy, UnknownPrediction

REFUSALS = [
    kind for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, HousingError) and kind is not HousingError
]  # fmt: skip


@pytest.mark.parametrize("kind", REFUSALS, ids=lambda kind: kind.__name__)
def test_every_refusal_is_answered_on_purpose(kind: type[HousingError]) -> None:
    answer = errors.failure(kind("no"))
    assert 400 <= answer.status_code < 500 or answer.headers["retry-after"]


def test_a_client_that_is_gone_is_answered_by_nobody() -> None:
    assert not issubclass(failures.ClientGone, HousingError)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UnknownPrediction("no"), 404),
        (failures.BatchTooLarge("no"), 413),
        (failures.NoModel("no"), 503),
        (failures.BodyRefused("no"), 503),
        (HousingError("no"), 500),
    ],
)
def test_a_failure_has_its_status(error: HousingError, status: int) -> None:
    assert errors.failure(error).status_code == status


def test_a_kind_of_a_known_failure_is_answered_like_it() -> None:
    answer = errors.failure(LogBusy("the log is held", "try again later"))
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert json.loads(bytes(answer.body)) == {
        "detail": "the log is held",
        "hint": "try again later",
    }


@pytest.mark.parametrize("kind", [BodyTooLarge, BodyTooSlow, BodyRefused])
def test_a_body_that_is_not_read_to_its_end_closes_the_connection(kind: type[HousingError]) -> None:
    assert errors.failure(kind("no")).headers["connection"] == "close"


@pytest.mark.parametrize(
    "body", [b'{"RM": NaN}', b"[" * 5000 + b"]" * 5000, b'{"\\ud800": 1}', b"\xff\xfe{"]
)
def test_what_json_cannot_word_is_explained_without_it(client: TestClient, body: bytes) -> None:
    answer = client.post("/predict", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in {400, 422}
    assert answer.json()["detail"]


def test_a_long_wrong_body_is_explained_and_not_echoed(client: TestClient) -> None:
    answer = client.post("/predict", json={"x" * 100_000: 1})
    assert answer.status_code == 422
    assert len(answer.content) < 10_000
    assert {error["type"] for error in answer.json()["detail"]} >= {"missing", "extra_forbidden"}
