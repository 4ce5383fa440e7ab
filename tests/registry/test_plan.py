"""A plan that was written by `commit` is taken at every point where a crash may leave it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from housing_cli.errors import RegistryError
from housing_cli.registry import Event
from housing_cli.registry.digests import GENESIS, chain, line_hash
from housing_cli.registry.plan import Plan, parse_plan
from tests.registry.signing import Keys

JOURNAL = Path("artifacts/.journal.json")
FIRST = chain([Event(when="", who="", event="registered", to="v1")], GENESIS)
HISTORY = f"{FIRST[0]}\n".encode()
EVENTS = [
    Event(when="", who="", event="registered", to="v2"),
    Event(when="", who="", event="promoted", alias="production", from_="v1", to="v2"),
]
LINES = chain(EVENTS, line_hash(FIRST[0].encode()))
PLAN = Plan(
    [("versions/.building-v2", "versions/v2")],
    len(HISTORY),
    LINES,
    {"production": "v2", "previous": "v1"},
)
RAW = msgspec.json.encode(PLAN)


def test_a_plan_is_read_as_it_was_written_however_much_of_it_was_done() -> None:
    added = "".join(f"{line}\n" for line in LINES).encode()
    for done in range(len(added) + 1):
        assert parse_plan(RAW, HISTORY + added[:done], JOURNAL) == PLAN


def test_the_first_plan_of_a_registry_begins_its_history() -> None:
    plan = Plan([("versions/.building-v1", "versions/v1")], 0, FIRST, {})
    assert parse_plan(msgspec.json.encode(plan), b"", JOURNAL) == plan


def test_removals_are_taken() -> None:
    lines = chain(
        [Event(when="", who="", event="removed", from_="v1")], line_hash(FIRST[0].encode())
    )
    plan = Plan([("versions/v1", "versions/.removed-v1")], len(HISTORY), lines, {})
    assert parse_plan(msgspec.json.encode(plan), HISTORY, JOURNAL) == plan


def test_an_alias_that_ends_is_taken_and_no_other() -> None:
    for alias in ("canary", "production"):
        event = Event(when="", who="", event="aborted", alias=alias, from_="v1", format=2)
        lines = chain([event], line_hash(FIRST[0].encode()))
        raw = msgspec.json.encode(Plan([], len(HISTORY), lines, ended=[alias]))
        if alias == "canary":
            assert parse_plan(raw, HISTORY, JOURNAL).ended == ["canary"]
            untold = msgspec.json.encode(Plan([], len(HISTORY), lines))
            with pytest.raises(RegistryError, match="do not tell of"):
                parse_plan(untold, HISTORY, JOURNAL)
        else:
            with pytest.raises(RegistryError, match="removes an alias that does not end"):
                parse_plan(raw, HISTORY, JOURNAL)


@pytest.mark.parametrize("history", [b"", b"x" * 400, HISTORY * 2, HISTORY[:-1] + b" "])
def test_a_plan_for_another_history_is_refused(history: bytes) -> None:
    with pytest.raises(RegistryError, match=r"`artifacts/.journal.json` is no plan that"):
        parse_plan(RAW, history, JOURNAL)


def test_a_plan_may_sign_what_it_points_and_nothing_else() -> None:
    signed = Keys().signer().alias("production", "v2", b"{}", 3).decode()
    plan = msgspec.structs.replace(PLAN, statements={"production": signed})
    assert parse_plan(msgspec.json.encode(plan), HISTORY, JOURNAL) == plan
    for statements, why in (
        ({"staging": signed}, "signs an alias that it does not point"),
        ({"../production": signed}, "signs an alias that it does not point"),
        ({"production": "* * * * * root sh"}, "was damaged"),
    ):
        planted = msgspec.structs.replace(PLAN, statements=statements)
        with pytest.raises(RegistryError, match=why):
            parse_plan(msgspec.json.encode(planted), HISTORY, JOURNAL)
