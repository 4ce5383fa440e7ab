"""`housing promote`: which words may stand together."""

from __future__ import annotations

import pytest

from housing_cli.commands.promote import require_ref
from housing_cli.errors import UsageError
from tests.conftest import Housing


def asked(
    ref: str | None = None,
    to: str | None = None,
    *,
    rollback: bool = False,
    abort: bool = False,
    weight: float | None = None,
) -> None:
    require_ref(ref, to, rollback=rollback, abort=abort, weight=weight)


def test_a_rollback_moves_production_alone() -> None:
    with pytest.raises(UsageError, match="`--rollback` moves `production` alone, not `canary`"):
        asked(to="canary", rollback=True)


def test_what_ends_is_what_is_tried_or_waits() -> None:
    for alias in (None, "canary", "shadow", "candidate"):
        asked(to=alias, abort=True)
    with pytest.raises(UsageError, match=r"`--abort` gives up .*, not `production`"):
        asked(to="production", abort=True)


def test_a_weight_is_of_a_canary() -> None:
    asked(weight=50)
    asked("v3", "canary", weight=0.1)
    asked(to="canary", weight=100)
    for ref, to in (("v3", None), ("v3", "shadow"), ("canary", None), (None, "production")):
        with pytest.raises(UsageError, match="`--weight` is what a canary answers"):
            asked(ref, to, weight=10)
    for weight in (0, -1, 100.5, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="is no percent of the rows"):
            asked(weight=weight)
    with pytest.raises(UsageError, match="`--weight` and `--abort` exclude each other"):
        asked(abort=True, weight=10)


def test_one_thing_is_asked_for() -> None:
    for words in ({"ref": "v1", "abort": True}, {"abort": True, "rollback": True}):
        with pytest.raises(UsageError, match="exclude each other"):
            asked(**words)


@pytest.mark.parametrize("words", [(), ("v1", "--rollback"), ("--to", "canary")])
def test_one_of_ref_and_rollback_is_needed(words: tuple[str, ...], housing: Housing) -> None:
    ran = housing("promote", *words)
    assert ran.code == 64
    assert "`--rollback`" in ran.stderr
