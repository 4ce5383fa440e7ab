"""Aliases move to what is verified and not worse."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from housing_cli.errors import GateRefused, VersionCorrupt, VersionNotFound
from housing_cli.loop.promote import promote, rollback
from housing_cli.loop.train import train
from tests.in_process import Loop, shuffled


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    loop = Loop(tmp_path, shuffled(0)[:300])
    train(loop.settings(), tag="twin")
    return loop


def stump(loop: Loop) -> None:
    loop.sets = (*loop.sets, "model.params.max_depth=1")
    train(loop.settings(), tag="stump")


def test_an_equal_version_is_promoted_and_rolled_back(loop: Loop) -> None:
    moved = promote(loop.settings(), "twin", reason="a try")
    assert (moved.version.name, moved.replaced) == ("v2", "v1")
    event = loop.registry.history()[-1]
    assert (event.from_, event.to, event.why) == ("v1", "v2", "a try")
    assert event.evidence["champion"] == "v1"
    assert rollback(loop.settings()).version.name == "v1"
    assert loop.registry.aliases()["previous"] == "v2"


def test_a_worse_version_is_refused(loop: Loop) -> None:
    stump(loop)
    with pytest.raises(GateRefused, match="v3 is not better than v1: its baseline RMSE"):
        promote(loop.settings(), "v3")
    assert loop.registry.resolve("production") == "v1"


def test_force_promotes_and_is_recorded(loop: Loop) -> None:
    stump(loop)
    promote(loop.settings(), "v3", force=True, reason="a drill")
    event = loop.registry.history()[-1]
    assert loop.registry.resolve("production") == "v3"
    assert event.why == "a drill"
    assert event.evidence["forced"] is True
    assert "its baseline RMSE" in str(event.evidence["refused"])


def test_another_alias_asks_for_no_comparison(loop: Loop) -> None:
    stump(loop)
    assert promote(loop.settings(), "v3", to="canary").alias == "canary"
    assert loop.registry.resolve("canary") == "v3"


def test_baselines_at_other_price_levels_are_compared_by_their_spread(loop: Loop) -> None:
    dearer = shuffled(0)[:300].assign(MEDV=lambda rows: rows["MEDV"] * 3)
    dearer.to_csv(loop.folder / "data.csv", index=False)
    train(loop.settings(), tag="dearer")
    new, old = (loop.registry.get(ref).metadata.metrics["rmse"] for ref in ("dearer", "v1"))
    assert new > 2 * old
    assert promote(loop.settings(), "dearer").version.name == "v3"


def test_other_features_are_refused(loop: Loop, tmp_path: Path) -> None:
    loop.sets = (*loop.sets, 'data.features=["RM", "LSTAT"]')
    train(loop.settings(), tag="small")
    with pytest.raises(GateRefused, match="features are not those"):
        promote(loop.settings(), "small")


def test_other_units_are_the_same_features_and_the_same_model(loop: Loop) -> None:
    loop.sets = (*loop.sets, "data.units.MEDV=USD")
    made = train(loop.settings(), tag="dollars")
    twin = loop.registry.get("twin").metadata
    known = made.version.metadata
    assert (twin.schema.units["MEDV"], known.schema.units["MEDV"]) == ("1000 USD", "USD")
    assert made.before is not None and made.before.name == "v1"
    # Of the pipeline, too: no file of a version holds a unit.
    assert known.files == twin.files
    assert promote(loop.settings(), "dollars").version.name == made.version.name


def test_a_damaged_version_is_refused_even_by_force(loop: Loop) -> None:
    path = loop.registry.get("v2").directory / "model.onnx"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(VersionCorrupt):
        promote(loop.settings(), "v2", force=True)


def test_nothing_to_roll_back_to_is_said(loop: Loop) -> None:
    with pytest.raises(VersionNotFound, match="no previous version"):
        rollback(loop.settings())


def test_production_again_changes_nothing(loop: Loop) -> None:
    events = len(loop.registry.history())
    assert promote(loop.settings(), "v1").event is None
    assert len(loop.registry.history()) == events


def test_a_refused_challenger_stays_refused(tmp_path: Path) -> None:
    rows = shuffled(2)
    loop = Loop(tmp_path, rows[:400])
    loop.live(rows[400:], [0.2, 1.0] * 53)  # type: ignore[arg-type]
    with pytest.raises(GateRefused):
        loop.retrain()
    with pytest.raises(GateRefused, match=r"more than .* times off"):
        promote(loop.settings(), "v2")
    promote(loop.settings(), "v2", force=True, reason="they are right")
    assert loop.registry.history()[-1].why == "they are right"


def test_what_lost_against_its_parent_is_refused_by_any_other_champion_too(loop: Loop) -> None:
    comparison = {"wins": False, "reasons": ["the real prices moved by 5.0 times at once"]}
    lost = loop.registry.get("v2")
    metadata = msgspec.structs.replace(
        lost.metadata, parent="v9", evidence={"comparison": comparison}
    )
    files = {name: (lost.directory / name).read_bytes() for name in metadata.files}
    loop.registry.add(metadata, files, promote=False)
    with pytest.raises(GateRefused, match=r"moved by 5\.0 times"):
        promote(loop.settings(), "v3")
