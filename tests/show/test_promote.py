"""What is said of an alias that moved, or ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from housing_cli.loop.promotion import Promotion
from housing_cli.registry import ModelRegistry
from housing_cli.show.promote import aborted, promoted
from tests.registry.versions import add, registry_of


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    """v1 and v2, which is production."""
    made = registry_of(tmp_path / "artifacts", 1)
    add(made, promote=True)
    return made


def test_a_promotion_says_where_the_alias_points_and_pointed(registry: ModelRegistry) -> None:
    version, event = registry.get("v2"), registry.history()[-1]
    moved = promoted(Promotion(version, "production", "v1", event))
    assert list(moved.show) == ["production is v2 (was v1)"]
    assert (moved.data["from"], moved.data["to"], moved.data["changed"]) == ("v1", "v2", True)
    assert moved.data["weight"] is None
    same = promoted(Promotion(version, "production", "v2", None))
    assert list(same.show) == ["production is v2 already"]
    assert (same.data["changed"], same.data["evidence"]) == (False, {})


def test_a_trial_says_how_much_it_answers_and_what_to_type_next(registry: ModelRegistry) -> None:
    event = registry.point("canary", registry.get("v1"), evidence={"weight": 12.5})
    said = promoted(Promotion(registry.get("v1"), "canary", "v1", event, 12.5))
    assert list(said.show) == ["canary is v1, 12.5% of the rows"]
    assert said.notes == ["next: housing evaluate --canary"]
    assert said.data["weight"] == 12.5
    shadow = promoted(Promotion(registry.get("v1"), "shadow", None, event), " --config a.toml")
    assert shadow.notes == ["next: housing evaluate --shadow --config a.toml"]
    doubtful = promoted(Promotion(registry.get("v1"), "shadow", None, event, doubt="it is odd"))
    assert doubtful.notes == ["v1: it is odd"]


def test_what_ended_is_said(registry: ModelRegistry) -> None:
    version, event = registry.get("v2"), registry.history()[-1]
    said = promoted(Promotion(version, "production", "v1", event, ended=("canary",)))
    assert said.show[1:] == ["`canary` ended: v2 is production"]
    assert said.data["ended"] == ["canary"]
    registry.point("shadow", registry.get("v1"))
    given_up = aborted(registry.end("shadow", why="no"))
    assert given_up.show == ["shadow ended: v1 was given up"]
    assert (given_up.data["to"], given_up.data["ended"]) == (None, ["shadow"])
