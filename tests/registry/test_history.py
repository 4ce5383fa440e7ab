"""The history: a chain of events, and the versions and aliases that it tells of."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from housing_cli.errors import NewerFormat, VersionCorrupt
from housing_cli.registry import ModelRegistry
from housing_cli.registry.audit import audit
from housing_cli.registry.history import (
    check_chain,
    check_head,
    highest_number,
    parse_history,
    promotions,
    read_history,
    replay,
)
from housing_cli.registry.metadata import Event
from tests.registry.versions import FILES, add, metadata


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    """An empty registry."""
    return ModelRegistry(tmp_path / "artifacts", 5)


def event(what: str, **fields: object) -> Event:
    return Event(when="2026-11-23T12:00:00.000Z", who="a@b", event=what, **fields)  # type: ignore[arg-type]


def test_a_history_line_says_who_when_what_and_why(registry: ModelRegistry) -> None:
    registry.add(metadata(), FILES, why="because")
    line = json.loads((registry.root / "history.jsonl").read_text().splitlines()[0])
    assert line["why"] == "because" and "@" in line["who"] and line["when"].endswith("Z")


def test_a_reason_may_be_any_text(registry: ModelRegistry) -> None:
    reason = 'line\nbreak "quotes" \u2028 ñ'
    registry.point("production", add(registry), why=reason)
    assert registry.history()[-1].why == reason
    assert audit(registry).events == 3


def test_the_events_tell_versions_and_aliases(registry: ModelRegistry) -> None:
    for promote in (None, True, None, None):
        add(registry, promote=promote)
    registry.point("canary", registry.get("v3"))
    registry.gc(1)
    file = registry.history_file
    found = check_chain(read_history(file), file)
    assert list(found.versions) == registry.names() == ["v1", "v2", "v3", "v4"]
    assert found.aliases == registry.aliases()
    assert found.aliases == {"production": "v2", "previous": "v1", "canary": "v3"}
    assert found.events == len(registry.history())


def test_what_was_removed_is_gone_and_what_was_promoted_again_is_not_its_own_previous() -> None:
    told = replay([
        event("registered", to="v1", evidence={"metadata_sha256": "a"}),
        event("registered", to="v2", evidence={"metadata_sha256": "b"}),
        event("promoted", alias="production", from_="v1", to="v2"),
        event("promoted", alias="production", from_="v2", to="v2"),
        event("refused", to="v1"),
        event("removed", from_="v1"),
    ])  # fmt: skip
    assert told.versions == {"v2": "b"}
    assert told.aliases == {"production": "v2", "previous": "v1"}
    assert told.events == 6


def test_the_promotions_are_the_moves_of_production_to_another_version() -> None:
    def moved(hour: int, **fields: object) -> Event:
        event = {"who": "a@b", "event": "promoted", "alias": "production", **fields}
        return Event(when=f"2026-11-23T{hour}:00:00.000Z", **event)  # type: ignore[arg-type]

    events = [
        moved(10, to="v1"),
        moved(11, alias="canary", to="v2"),
        moved(12, from_="v1", to="v2"),
        moved(13, from_="v2", to="v2"),
        moved(14, alias=None, event="refused", to="v3"),
        moved(15, from_="v2", to="v1"),
        moved(99, from_="v1", to="v2"),  # no time
    ]
    noon = 1_795_435_200.0
    assert promotions(events) == [(noon - 7200, "v1"), (noon, "v2"), (noon + 10_800, "v1")]


def test_a_history_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert read_history(tmp_path / "history.jsonl") == b""
    assert check_chain(b"", tmp_path / "history.jsonl").events == 0


def test_a_line_that_is_being_written_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    file.write_bytes(b"{}\n{}\n{")
    assert read_history(file) == b"{}\n{}\n"
    file.write_bytes(b"{")
    assert read_history(file) == b""


def test_the_highest_number_is_that_of_any_version_that_ever_was(registry: ModelRegistry) -> None:
    assert highest_number(b"") == 0
    for _ in range(11):
        add(registry)
    registry.gc(1)
    assert highest_number(read_history(registry.history_file)) == 11
    # A reason may hold anything: as JSON its quotes are escaped.
    registry.point("canary", registry.get("v11"), why='"event":"registered","from":null,"to":"v99"')
    assert highest_number(read_history(registry.history_file)) == 11


def test_a_line_that_is_no_event_is_named(tmp_path: Path) -> None:
    good = b'{"when":"","who":"","event":"registered"}\n'
    for bad in (b"{}\n", b"nonsense\n", b"\n"):
        with pytest.raises(VersionCorrupt, match=r"line 2 of `.*h` is not an event"):
            parse_history(good + bad, tmp_path / "h")
    with pytest.raises(NewerFormat, match="line 2"):
        parse_history(good + b'{"format":99}\n', tmp_path / "h")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: [lines[0].replace(b"v1", b"v7"), *lines[1:]], "line 1 .* was changed"),
        (lambda lines: lines[1:], "line 1 .* was changed"),
        (lambda lines: [lines[0], *lines[2:]], "line 1 .* was changed"),
        (lambda lines: [lines[0], lines[0], *lines[1:]], "line 1 .* was changed"),
        (lambda lines: lines[:-1], "is not the last one"),
        (lambda lines: [*lines[:-1], lines[-1].replace(b"v2", b"v7")], "is not the last one"),
    ],
    ids=["edited", "first cut", "cut", "inserted", "last cut", "last edited"],
)
def test_a_line_that_was_changed_removed_or_inserted_breaks_the_chain(
    registry: ModelRegistry, change: Callable[[list[bytes]], list[bytes]], said: str
) -> None:
    add(registry)
    add(registry)
    file = registry.history_file
    raw = b"".join(change(file.read_bytes().splitlines(keepends=True)))
    with pytest.raises(VersionCorrupt, match=said):
        check_chain(raw, file)


def test_the_head_needs_its_digest(registry: ModelRegistry) -> None:
    add(registry)
    raw = registry.history_file.read_bytes()
    check_head(raw, registry.history_file)
    (registry.root / "history.sha256").unlink()
    with pytest.raises(VersionCorrupt, match=r"differs from `history.sha256`"):
        check_head(raw, registry.history_file)
