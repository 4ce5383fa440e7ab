"""What is tried, since when, with which weight; and how it ends."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from housing_cli.errors import VersionCorrupt, VersionNotFound, VersionUntrusted
from housing_cli.registry import Event, ModelRegistry
from housing_cli.registry.audit import audit, verify_trial
from housing_cli.registry.history import replay
from housing_cli.registry.trials import trial_of, weight_of
from tests.registry.signing import Keys
from tests.registry.versions import add, registry_of


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    """v1 to v3 with production v1."""
    return registry_of(tmp_path / "artifacts", 3)


def canary(registry: ModelRegistry, ref: str, weight: float, event: str = "promoted") -> Event:
    evidence = {"weight": weight}
    return registry.point("canary", registry.get(ref), event=event, evidence=evidence)


def test_there_is_no_trial_at_first(registry: ModelRegistry) -> None:
    assert registry.trial("canary") is None
    assert registry.trial("shadow") is None
    assert registry.weight("canary") == 0


def test_a_trial_is_since_it_began_and_has_its_last_weight(registry: ModelRegistry) -> None:
    began = canary(registry, "v2", 10.0)
    canary(registry, "v2", 50.0, "weighted")
    registry.point("shadow", registry.get("v3"))
    trial = registry.trial("canary")
    assert trial is not None
    assert (trial.version, trial.since, trial.weight) == ("v2", began.when, 50.0)
    assert trial.event == len(registry.history()) - 1
    shadow = registry.trial("shadow")
    assert shadow is not None
    assert (shadow.version, shadow.weight) == ("v3", 0.0)


def test_another_version_begins_anew(registry: ModelRegistry) -> None:
    canary(registry, "v2", 50.0)
    began = canary(registry, "v3", 10.0)
    trial = registry.trial("canary")
    assert trial is not None
    assert (trial.version, trial.since, trial.weight) == ("v3", began.when, 10.0)


def test_a_change_of_weight_is_seen_in_the_stamp(registry: ModelRegistry) -> None:
    stamps = [registry.stamp("canary")]
    canary(registry, "v2", 10.0)
    stamps.append(registry.stamp("canary"))
    canary(registry, "v2", 50.0, "weighted")
    stamps.append(registry.stamp("canary"))
    registry.end("canary", why="no")
    stamps.append(registry.stamp("canary"))
    assert all(before != after for before, after in pairwise(stamps))


def test_what_is_given_up_is_no_alias_any_more(registry: ModelRegistry) -> None:
    canary(registry, "v2", 10.0)
    event = registry.end("canary", why="too dear", evidence={"errors": 3})
    assert (event.event, event.from_, event.to, event.why) == ("aborted", "v2", None, "too dear")
    assert event.format == 2
    assert registry.aliases() == {"production": "v1"}
    assert registry.trial("canary") is None
    assert audit(registry).aliases == {"production": "v1"}
    with pytest.raises(VersionNotFound, match="there is no `canary`"):
        registry.end("canary", why="again")
    canary(registry, "v2", 20.0)
    trial = registry.trial("canary")
    assert trial is not None
    assert trial.since == registry.history()[-1].when
    audit(registry)


@pytest.mark.parametrize("alias", ["production", "previous", "staging"])
def test_other_aliases_do_not_end(registry: ModelRegistry, alias: str) -> None:
    with pytest.raises(ValueError, match="does not end"):
        registry.end(alias, why="")


def test_what_is_production_is_tried_and_waits_no_more(registry: ModelRegistry) -> None:
    canary(registry, "v2", 10.0)
    registry.point("candidate", registry.get("v2"))
    registry.point("shadow", registry.get("v3"))
    registry.point("production", registry.get("v2"))
    assert registry.aliases() == {"previous": "v1", "production": "v2", "shadow": "v3"}
    ended = [(e.alias, e.from_, e.event) for e in registry.history()[-2:]]
    assert ended == [("canary", "v2", "ended"), ("candidate", "v2", "ended")]
    audit(registry)


def test_an_alias_that_the_history_does_not_tell_of_is_no_trial(registry: ModelRegistry) -> None:
    registry.alias_path("canary").write_text("v2\n")
    with pytest.raises(VersionCorrupt, match=r"`canary` names v2, but .* does not tell of it"):
        registry.trial("canary")
    registry.alias_path("canary").write_text("\n")
    with pytest.raises(VersionNotFound):
        registry.trial("canary")


@pytest.mark.parametrize("weight", [None, "10", True, -1, 0, 101, float("nan"), float("inf"), []])
def test_a_weight_that_is_none_gives_no_rows(weight: object) -> None:
    event = Event(when="", who="", event="promoted", alias="canary", to="v2")
    assert weight_of(event) == 0
    told = Event(
        when="", who="", event="promoted", alias="canary", to="v2", evidence={"weight": weight}
    )
    assert weight_of(told) == 0


def test_events_behind_the_last_of_the_version_are_not_its_own() -> None:
    """The alias was read before the history, which went on meanwhile."""
    events = [
        Event(when=str(at), who="", event="promoted", alias="canary", to=name)
        for at, name in enumerate(["v2", "v3", "v3", "v4"])
    ]
    trial = trial_of(events, "canary", "v3")
    assert trial is not None
    assert (trial.since, trial.event) == ("1", 3)
    assert trial_of(events, "canary", "v5") is None
    assert trial_of(events, "shadow", "v3") is None


def test_what_was_given_up_is_not_tried_again_because_its_file_is_there(
    registry: ModelRegistry,
) -> None:
    """A copy of a registry keeps files that were removed, where nobody says otherwise."""
    canary(registry, "v2", 60.0)
    kept = registry.alias_path("canary").read_text()
    registry.end("canary", why="bad prices")
    registry.alias_path("canary").write_text(kept)
    with pytest.raises(VersionCorrupt, match="does not tell of it") as caught:
        registry.trial("canary")
    assert "--abort --to canary" in caught.value.hint
    registry.end("canary", why="once more")
    assert registry.trial("canary") is None
    canary(registry, "v2", 5.0)
    trial = registry.trial("canary")
    assert trial is not None
    assert trial.weight == 5


def test_an_alias_that_comes_back_has_not_ended() -> None:
    ended = Event(when="", who="", event="aborted", alias="canary", from_="v2", format=2)
    again = Event(when="", who="", event="promoted", alias="canary", to="v2")
    assert replay([again, ended]).ended == {"canary"}
    assert replay([again, ended, again]).ended == frozenset()


def test_the_weight_is_signed(tmp_path: Path) -> None:
    keys = Keys()
    registry = keys.registry(tmp_path)
    add(registry)
    version = add(registry)
    canary(registry, "v2", 12.5)
    reader = keys.reader(tmp_path)
    trial = reader.trial("canary")
    assert trial is not None
    move = verify_trial(reader, trial, version)
    assert move is not None
    assert move.weight == "12.5"
    more = type(trial)(trial.alias, trial.version, trial.since, 100.0, trial.event)
    with pytest.raises(VersionUntrusted, match=r"gives `canary` 100 % .*12.5 % are signed"):
        verify_trial(reader, more, version)
    registry.end("canary", why="no")
    assert not list((tmp_path / "signatures").glob("canary-*"))


def test_whoever_has_no_key_can_still_give_up(tmp_path: Path) -> None:
    keys = Keys()
    registry = keys.registry(tmp_path)
    add(registry)
    add(registry)
    canary(registry, "v2", 10.0)
    without = ModelRegistry(tmp_path, 5, keys.trust())
    without.end("canary", why="at night")
    assert without.aliases() == {"production": "v1"}
