"""What is told of a move: what ended with it, and how its version was being tried."""

from __future__ import annotations

from pathlib import Path

from housing_cli.loop.promotion import gone, told
from tests.registry.versions import registry_of


def test_what_ended_is_what_there_was_and_is_not(tmp_path: Path) -> None:
    registry = registry_of(tmp_path, 2)
    registry.point("canary", registry.get("v2"), evidence={"weight": 10.0})
    before = registry.aliases()
    assert gone(registry, before) == ()
    registry.point("production", registry.get("v2"))
    assert gone(registry, before) == ("canary",)


def test_the_evidence_tells_how_a_version_was_tried(tmp_path: Path) -> None:
    registry = registry_of(tmp_path, 2)
    assert told(registry, registry.get("v2")) == {}
    event = registry.point("canary", registry.get("v2"), evidence={"weight": 10.0})
    trial = {"alias": "canary", "version": "v2", "since": event.when, "weight": 10.0, "event": 4}
    assert told(registry, registry.get("v2")) == {"trials": [trial]}
    assert told(registry, registry.get("v1")) == {}
    registry.alias_path("shadow").write_text("v1\n")  # by hand: the history does not tell of it
    assert told(registry, registry.get("v1")) == {}
