"""What only a server can fail at, and that each of it has a status."""

from __future__ import annotations

import pytest

from housing_cli.api import failures
from housing_cli.api.http.errors import STATUS
from housing_cli.errors import HousingError

KINDS = [
    kind
    for kind in vars(failures).values()
    if isinstance(kind, type) and issubclass(kind, HousingError) and kind is not HousingError
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_failure_of_the_server_is_answered_with_a_status_of_its_own(
    kind: type[HousingError],
) -> None:
    assert next(STATUS[one] for one in kind.__mro__ if one in STATUS) in {408, 413, 422, 503}


def test_there_are_failures() -> None:
    assert len(KINDS) >= 7
