"""Refusals of the server: each known one has a status of its own, which is never a 500."""

from __future__ import annotations

import pytest

from housing_cli.api.app import STATUS, respond
from housing_cli.api.http import errors
from housing_cli.errors import HousingError

REFUSALS = [
    kind for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, HousingError) and kind is not HousingError
]  # fmt: skip


@pytest.mark.parametrize("kind", REFUSALS, ids=lambda kind: kind.__name__)
def test_every_refusal_is_answered_on_purpose(kind: type[HousingError]) -> None:
    assert kind in STATUS
    status, _, headers = respond(kind("no"))
    assert 400 <= status < 500 or (status == 503 and headers)


def test_a_client_that_is_gone_is_answered_by_nobody() -> None:
    assert not issubclass(errors.ClientGone, HousingError)
