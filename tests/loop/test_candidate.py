"""A challenger that won waits as `candidate`, and nothing else moves."""

from __future__ import annotations

from pathlib import Path

import pytest

from housing_cli.errors import GateRefused, RegistryError
from housing_cli.loop.candidate import waiting
from housing_cli.loop.promote import promote
from housing_cli.loop.retrain import retrain
from housing_cli.loop.trials import abort
from tests.in_process import RIDGE, Loop, shuffled

ROWS = shuffled(7)


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    """v1 is production, and prices moved since."""
    loop = Loop(tmp_path, ROWS[:300], RIDGE)
    loop.live(ROWS[300:420], 1.3)
    return loop


def test_a_winner_waits_and_production_stays(loop: Loop) -> None:
    assert waiting(loop.settings(), loop.registry) is None
    done = retrain(loop.settings(), to="candidate")
    assert not done.promoted
    assert done.moved is not None
    assert (done.moved.alias, done.moved.replaced) == ("candidate", None)
    assert loop.registry.aliases() == {"candidate": "v2", "production": "v1"}
    event = loop.registry.history()[-1]
    assert (event.event, event.alias, event.to, event.why) == (
        "promoted", "candidate", "v2", "retrain",
    )  # fmt: skip
    assert event.evidence["comparison"]["wins"] is True
    found = waiting(loop.settings(), loop.registry)
    assert found is not None
    assert (found.version, found.since, found.refused) == ("v2", event.when, "")
    assert found.comparison == done.comparison
    assert found.command == "promote v2"


def test_a_person_promotes_it_by_name_and_it_waits_no_more(loop: Loop) -> None:
    retrain(loop.settings(), to="candidate")
    moved = promote(loop.settings(), "candidate")
    assert (moved.version.name, moved.ended) == ("v2", ("candidate",))
    assert loop.registry.aliases() == {"previous": "v1", "production": "v2"}
    assert waiting(loop.settings(), loop.registry) is None


def test_production_does_not_wait(loop: Loop) -> None:
    with pytest.raises(RegistryError, match="v1 is production"):
        promote(loop.settings(), "v1", to="candidate")
    assert "candidate" not in loop.registry.aliases()


def test_a_newer_candidate_replaces_an_older_one(loop: Loop) -> None:
    retrain(loop.settings(), to="candidate")
    again = retrain(loop.settings(), to="candidate")
    assert again.reused
    assert again.moved is not None
    assert again.moved.event is None
    loop.live(ROWS[420:], 1.3)
    newer = retrain(loop.settings(), to="candidate")
    assert newer.moved is not None
    assert (newer.version.name, newer.moved.replaced) == ("v3", "v2")
    assert loop.registry.resolve("candidate") == "v3"


def test_what_was_given_up_is_not_brought_back_by_a_job(loop: Loop) -> None:
    retrain(loop.settings(), to="candidate")
    abort(loop.settings(), "candidate", reason="too dear by the sea")
    with pytest.raises(GateRefused, match=r"v2 was given up on .*: too dear by the sea") as caught:
        retrain(loop.settings(), to="candidate")
    assert "housing promote v2 --to candidate" in caught.value.hint
    with pytest.raises(GateRefused, match=r"v2 was given up on"):
        retrain(loop.settings(), promote=True)
    assert loop.registry.aliases() == {"production": "v1"}
    promote(loop.settings(), "v2", to="candidate")
    assert retrain(loop.settings(), to="candidate").version.name == "v2"


def test_a_loser_does_not_wait_unless_forced(tmp_path: Path) -> None:
    loop = Loop(tmp_path, ROWS[:300], RIDGE)
    loop.live(ROWS[300:360])
    with pytest.raises(GateRefused, match="v2 is not better than v1"):
        retrain(loop.settings(), to="candidate")
    assert loop.registry.aliases() == {"production": "v1"}
    forced = retrain(loop.settings(), to="candidate", force=True)
    assert loop.registry.aliases() == {"candidate": forced.version.name, "production": "v1"}
    event = loop.registry.history()[-1]
    assert (event.why, event.evidence["forced"]) == ("retrain, forced", True)
    found = waiting(loop.settings(), loop.registry)
    assert found is not None
    assert found.refused
    assert found.command == f"promote {forced.version.name} --force"


@pytest.mark.parametrize(("alias", "weight"), [("shadow", 0.0), ("canary", 10.0)])
def test_a_winner_may_be_tried_at_once(loop: Loop, alias: str, weight: float) -> None:
    done = retrain(loop.settings(), to=alias)
    assert done.moved is not None
    assert (done.moved.alias, done.moved.weight) == (alias, weight)
    assert loop.registry.aliases() == {alias: "v2", "production": "v1"}


def test_a_candidate_that_is_broken_waits_and_says_so(loop: Loop) -> None:
    retrain(loop.settings(), to="candidate")
    (loop.folder / "artifacts" / "versions" / "v2" / "metadata.json").write_text("{")
    found = waiting(loop.settings(), loop.registry)
    assert found is not None
    assert (found.version, found.comparison) == ("v2", None)
    assert "metadata" in found.refused
