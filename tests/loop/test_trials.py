"""Trials begin, change their weight, become production, and are given up."""

from __future__ import annotations

from pathlib import Path

import pytest

from housing_cli.errors import GateRefused, RegistryError, VersionNotFound
from housing_cli.loop.promote import promote
from housing_cli.loop.train import train
from housing_cli.loop.trials import abort, reweigh
from tests.in_process import Loop, shuffled


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    """v1, which is production, and its twin v2."""
    loop = Loop(tmp_path, shuffled(0)[:200])
    train(loop.settings(), tag="twin")
    return loop


def test_a_canary_has_a_tenth_of_the_rows_unless_it_is_given_more(loop: Loop) -> None:
    moved = promote(loop.settings(), "v2", to="canary")
    assert (moved.alias, moved.weight) == ("canary", 10.0)
    assert moved.event is not None
    assert moved.event.evidence == {"weight": 10.0}
    more = reweigh(loop.settings(), 50.0, reason="it does well")
    assert more.event is not None
    assert (more.event.event, more.event.why) == ("weighted", "it does well")
    assert loop.registry.weight("canary") == 50.0
    assert promote(loop.settings(), "canary", to="canary").event is None
    assert promote(loop.settings(), "v2", to="canary", weight=50.0).event is None
    assert promote(loop.settings(), "v2", to="canary", weight=5.0).weight == 5.0
    assert loop.registry.resolve("production") == "v1"


def test_all_of_it_is_production_and_the_trial_ends(loop: Loop) -> None:
    promote(loop.settings(), "v2", to="canary", weight=30.0)
    moved = promote(loop.settings(), "canary")
    assert (moved.version.name, moved.ended) == ("v2", ("canary",))
    assert moved.event is not None
    assert moved.event.evidence["trials"][0]["weight"] == 30.0
    assert loop.registry.aliases() == {"previous": "v1", "production": "v2"}


def test_a_trial_asks_for_no_comparison_and_its_promotion_does(loop: Loop) -> None:
    loop.sets = (*loop.sets, "model.params.max_depth=1")
    train(loop.settings(), tag="stump")
    assert promote(loop.settings(), "stump", to="shadow").version.name == "v3"
    with pytest.raises(GateRefused, match="v3 is not better than v1"):
        promote(loop.settings(), "v3")
    assert loop.registry.resolve("shadow") == "v3"


def test_production_is_not_tried_beside_itself(loop: Loop) -> None:
    for alias in ("shadow", "canary"):
        with pytest.raises(RegistryError, match="v1 is production"):
            promote(loop.settings(), "v1", to=alias)
    assert loop.registry.aliases() == {"production": "v1"}


def test_other_features_are_said_at_once(loop: Loop, tmp_path: Path) -> None:
    (tmp_path / "small.csv").write_text(
        "RM,LSTAT,MEDV\n" + "".join(f"{i % 7},{i % 5},{i % 9 + 1}\n" for i in range(60))
    )
    loop.sets = (*loop.sets, "data.path=small.csv", "data.features=['RM','LSTAT']")
    loop.sets = (*loop.sets, "data.limits={}")
    train(loop.settings(), tag="small")
    loop.sets = loop.sets[:-3]
    moved = promote(loop.settings(), "small", to="shadow")
    assert "its features are not those of v1" in moved.doubt


def test_what_is_tried_can_be_given_up_the_canary_first(loop: Loop) -> None:
    with pytest.raises(VersionNotFound, match="neither a canary nor a shadow"):
        abort(loop.settings())
    with pytest.raises(VersionNotFound, match="there is no canary"):
        reweigh(loop.settings(), 50.0)
    for alias in ("shadow", "canary", "candidate"):
        promote(loop.settings(), "v2", to=alias)
    assert [abort(loop.settings(), reason="no").alias for _ in range(2)] == ["canary", "shadow"]
    with pytest.raises(VersionNotFound):
        abort(loop.settings())
    assert abort(loop.settings(), "candidate").why == "abort"
    assert loop.registry.aliases() == {"production": "v1"}


@pytest.mark.parametrize("alias", ["canary", "shadow"])
def test_an_alias_written_by_hand_is_pointed_anew(loop: Loop, alias: str) -> None:
    loop.registry.alias_path(alias).write_text("v2\n")
    promote(loop.settings(), "v2", to=alias)
    trial = loop.registry.trial(alias)
    assert trial is not None
    assert (trial.version, trial.weight) == ("v2", 10.0 if alias == "canary" else 0.0)


def test_a_broken_canary_can_be_given_up(loop: Loop) -> None:
    version = promote(loop.settings(), "v2", to="canary").version
    (version.directory / "metadata.json").unlink()
    assert abort(loop.settings()).from_ == "v2"
