"""With `promote.require_approval` nothing becomes production unless a person says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from housing_cli.errors import GateRefused
from housing_cli.loop.approval import Approve, Asked, approved, refuse_unattended
from housing_cli.loop.promote import promote, rollback
from housing_cli.loop.retrain import retrain
from housing_cli.loop.train import train
from housing_cli.loop.trials import abort
from tests.in_process import RIDGE, Loop, shuffled

HELD = "promote.require_approval=true"


def answering(asked: list[Asked], name: str) -> Approve:
    """Return one who says `name`, and keeps what was asked."""

    def answer(one: Asked) -> str:
        asked.append(one)
        return name

    return answer


@pytest.fixture
def held(tmp_path: Path) -> Loop:
    """A loop that needs approval, whose first version waits."""
    return Loop(tmp_path, shuffled(0)[:200], (*RIDGE, HELD))


def test_the_first_version_waits_for_a_person(held: Loop) -> None:
    assert held.registry.aliases() == {"candidate": "v1"}
    assert held.registry.history()[-1].why == "first version"
    again = train(held.settings())
    assert (again.waits, again.production) == (True, False)
    assert held.registry.aliases() == {"candidate": "v2"}
    moved = promote(held.settings(), "candidate", approve=lambda _: "anna")
    assert (moved.version.name, moved.ended) == ("v2", ("candidate",))
    third = train(held.settings())
    assert (third.waits, third.production) == (False, False)
    assert held.registry.aliases() == {"production": "v2"}


def test_no_candidate_is_made_where_none_is_asked_for(held: Loop) -> None:
    assert not train(held.settings(), promote=False).waits
    assert held.registry.aliases() == {"candidate": "v1"}


def test_unattended_promotion_is_refused_before_any_work(held: Loop) -> None:
    before = held.registry.history()
    with pytest.raises(GateRefused, match="nothing becomes production unattended") as caught:
        retrain(held.settings(), promote=True)
    assert "housing retrain --to candidate" in caught.value.hint
    with pytest.raises(GateRefused, match="nothing becomes production unattended"):
        train(held.settings(), promote=True)
    assert held.registry.history() == before
    held.sets = RIDGE
    refuse_unattended(held.settings(), "")


def test_a_promotion_needs_a_name_which_the_history_keeps(held: Loop) -> None:
    with pytest.raises(GateRefused, match="v1 needs a person's approval") as caught:
        promote(held.settings(), "v1")
    assert "`housing promote v1 --approved-by NAME`" in caught.value.hint
    for said in ("", "  "):
        with pytest.raises(GateRefused, match="v1 was not approved: there is no production"):
            promote(held.settings(), "v1", approve=answering([], said))
    with pytest.raises(GateRefused):
        promote(held.settings(), "v1", force=True)
    asked: list[Asked] = []
    moved = promote(held.settings(), "v1", approve=answering(asked, "anna "))
    assert moved.event is not None
    assert moved.event.evidence["approved_by"] == "anna"
    assert [(one.version.name, one.replaced) for one in asked] == [("v1", None)]
    # What stands already is asked of nobody.
    assert promote(held.settings(), "v1").event is None


def test_a_person_sees_the_evidence_that_is_recorded(held: Loop) -> None:
    promote(held.settings(), "v1", approve=lambda _: "anna")
    train(held.settings())
    asked: list[Asked] = []
    with pytest.raises(GateRefused, match="v2 was not approved: v1 stays production") as caught:
        promote(held.settings(), "v2", approve=answering(asked, ""))
    assert asked[0].replaced == "v1"
    assert asked[0].evidence["champion"] == "v1"
    assert caught.value.evidence == asked[0].evidence


def test_going_back_and_trying_need_no_approval(held: Loop) -> None:
    promote(held.settings(), "v1", approve=lambda _: "anna")
    train(held.settings())
    for alias in ("shadow", "canary", "candidate", "mine"):
        assert promote(held.settings(), "v2", to=alias).event is not None
    assert abort(held.settings(), "canary").event == "aborted"
    promote(held.settings(), "v2", approve=lambda _: "anna", force=True)
    assert rollback(held.settings()).version.name == "v1"


def test_a_name_is_kept_where_none_is_needed(held: Loop) -> None:
    held.sets = RIDGE
    asked = Asked(held.registry.get("v1"), None, {})
    assert approved(held.settings(), asked, lambda _: "anna") == {"approved_by": "anna"}
    assert approved(held.settings(), asked, None) == {}
