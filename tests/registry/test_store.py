"""ModelRegistry: versions, aliases, history, REF, garbage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housing_cli.errors import (
    HousingError,
    RegistryBusy,
    RegistryError,
    UsageError,
    VersionCorrupt,
    VersionNotFound,
)
from housing_cli.registry import ModelRegistry
from housing_cli.registry.audit import audit
from housing_cli.registry.names import check_alias, check_tag
from housing_cli.registry.transaction import locked
from tests.conftest import as_nobody
from tests.registry.versions import FILES, add, metadata, registry_of


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    """An empty registry."""
    return ModelRegistry(tmp_path / "artifacts", 5)


def test_reading_an_empty_registry_creates_nothing(registry: ModelRegistry) -> None:
    assert (registry.names(), registry.aliases(), registry.history()) == ([], {}, [])
    assert audit(registry).events == 0
    assert not registry.root.exists()


def test_versions_count_from_one(registry: ModelRegistry) -> None:
    assert [add(registry).name for _ in range(11)] == [f"v{n}" for n in range(1, 12)]
    assert registry.names()[-2:] == ["v10", "v11"]


def test_the_first_version_is_production_by_itself(registry: ModelRegistry) -> None:
    add(registry)
    add(registry)
    assert registry.aliases() == {"production": "v1"}


def test_no_version_is_production_where_that_was_refused(registry: ModelRegistry) -> None:
    add(registry, promote=False)
    assert registry.aliases() == {}


def test_a_promotion_remembers_what_was_before(registry: ModelRegistry) -> None:
    add(registry)
    add(registry, promote=True)
    assert registry.aliases() == {"previous": "v1", "production": "v2"}
    events = [(e.event, e.alias, e.from_, e.to) for e in registry.history()]
    assert events[-2:] == [
        ("registered", None, None, "v2"),
        ("promoted", "production", "v1", "v2"),
    ]


def test_a_second_alias_leaves_production_alone(registry: ModelRegistry) -> None:
    add(registry)
    registry.point("staging", add(registry))
    assert registry.aliases() == {"production": "v1", "staging": "v2"}


def test_a_move_is_refused_where_the_alias_moved_meanwhile(registry: ModelRegistry) -> None:
    first, second = add(registry), add(registry)
    registry.point("production", second)
    with pytest.raises(RegistryError, match="`production` moved to v2 while v1 was being judged"):
        registry.point("production", first, expected="v1")
    assert registry.aliases()["production"] == "v2"


def test_an_alias_file_is_one_line(registry: ModelRegistry) -> None:
    add(registry)
    assert (registry.root / "aliases" / "production").read_bytes() == b"v1\n"


def test_a_history_line_says_who_when_what_and_why(registry: ModelRegistry) -> None:
    registry.add(metadata(), FILES, why="because")
    line = json.loads((registry.root / "history.jsonl").read_text().splitlines()[0])
    assert line["why"] == "because" and "@" in line["who"] and line["when"].endswith("Z")


def test_a_reason_may_be_any_text(registry: ModelRegistry) -> None:
    reason = 'line\nbreak "quotes" \u2028 ñ'
    registry.point("production", add(registry), why=reason)
    assert registry.history()[-1].why == reason
    assert audit(registry).events == 3


@pytest.mark.parametrize(
    ("ref", "name"),
    [("v2", "v2"), ("2", "v2"), ("latest", "v3"), ("production", "v1"), ("mine", "v2")],
)
def test_a_ref_names_a_version(registry: ModelRegistry, ref: str, name: str) -> None:
    for tag in (None, "mine", None):
        add(registry, tag)
    assert registry.resolve(ref) == name
    assert registry.get(ref).name == name


@pytest.mark.parametrize("ref", ["v9", "0", "v0", "v01", "-1", "", " v1", "V1", "../v1", "other"])
def test_a_ref_that_names_nothing_is_refused(registry: ModelRegistry, ref: str) -> None:
    add(registry)
    with pytest.raises(VersionNotFound) as raised:
        registry.resolve(ref)
    assert raised.value.hint


@given(st.text(max_size=70))
def test_no_ref_is_answered_with_anything_but_a_version_or_a_known_error(
    tmp_path_factory: pytest.TempPathFactory, ref: str
) -> None:
    registry = registry_of(tmp_path_factory.getbasetemp() / "shared", 0)
    if not registry.names():
        add(registry)
    try:
        assert registry.resolve(ref) == "v1"
    except VersionNotFound:
        assert ref not in {"v1", "1", "latest", "production"}


@given(st.text(max_size=70) | st.from_regex(r"[vV]?[0-9]{1,3}|[a-z.-]{1,5}", fullmatch=True))
def test_what_may_be_a_tag_or_an_alias_is_never_a_version(name: str) -> None:
    for check in (check_tag, check_alias):
        try:
            check(name)
        except UsageError as error:
            assert error.hint and "\n" not in error.message
        else:
            assert name.isascii() and name[0].isalnum() and "/" not in name
            assert not name.removeprefix("v").isdigit() or name.removeprefix("v")[0] == "0"


def test_tags_need_not_be_unique_until_they_are_used(registry: ModelRegistry) -> None:
    add(registry, "same")
    add(registry, "same")
    with pytest.raises(VersionNotFound, match="tag `same` is not unique: v1, v2 carry it"):
        registry.resolve("same")


def test_one_broken_version_hides_no_other(registry: ModelRegistry) -> None:
    add(registry, "mine")
    (add(registry).directory / "metadata.json").write_text("{")
    assert registry.get("mine").name == "v1"
    found, broken = registry.survey()
    assert ([version.name for version in found], list(broken)) == (["v1"], ["v2"])
    with pytest.raises(VersionCorrupt):
        registry.versions()


def test_a_dangling_alias_can_be_mended(registry: ModelRegistry) -> None:
    version = add(registry)
    for text in ("v9\n", "", "rubbish\n"):
        registry.alias_path("production").write_text(text)
        registry.point("production", version)
        assert registry.aliases()["production"] == "v1"


def test_gc_keeps_the_newest_and_what_an_alias_names(registry: ModelRegistry) -> None:
    for _ in range(5):
        add(registry)
    registry.point("staging", registry.get("v2"))
    assert registry.gc(2, dry_run=True) == ["v3"]
    assert registry.names() == ["v1", "v2", "v3", "v4", "v5"]
    assert registry.gc(2) == ["v3"]
    assert registry.names() == ["v1", "v2", "v4", "v5"]
    assert audit(registry).events == 8
    assert not list((registry.root / "versions").glob(".*"))


def test_the_number_of_a_removed_version_is_not_given_again(registry: ModelRegistry) -> None:
    add(registry)
    add(registry)
    registry.point("production", add(registry))
    registry.gc(1)  # v1 is `previous`
    assert registry.names() == ["v1", "v3"]
    registry.point("production", registry.get("v1"))
    registry.point("staging", registry.get("v1"))
    assert add(registry).name == "v4"


def test_a_version_that_was_removed_meanwhile_is_not_promoted(registry: ModelRegistry) -> None:
    for _ in range(3):
        add(registry)
    doomed = registry.get("v2")
    registry.gc(1)
    with pytest.raises(VersionNotFound, match="`v2` was removed meanwhile"):
        registry.point("production", doomed)
    assert registry.aliases() == {"production": "v1"}


def test_a_read_only_registry_can_be_read_and_says_that_it_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)  # a relative path: pytest's own directories are private
    registry = registry_of(Path("artifacts"), 2)
    for path in [registry.root, *registry.root.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    with as_nobody():
        assert registry.names() == ["v1", "v2"]
        assert registry.resolve("production") == "v1"
        assert audit(registry).events == 3
        for write in (lambda: registry.gc(1), lambda: add(registry)):
            with pytest.raises(RegistryError, match="cannot be written: permission denied"):
                write()
    for path in [registry.root, *registry.root.rglob("*")]:
        path.chmod(0o755)


def test_whoever_waits_too_long_for_the_lock_is_told_so(registry: ModelRegistry) -> None:
    add(registry)
    with (
        locked(registry.root, 1),
        pytest.raises(RegistryBusy, match=r"locked by another command for 0\.1 s"),
    ):
        add(ModelRegistry(registry.root, 0.1))


def test_a_full_disk_leaves_the_registry_as_it_was(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno
    import os

    add(registry)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RegistryError, match="cannot be changed: no space left on device"):
        add(registry)
    monkeypatch.undo()
    assert registry.names() == ["v1"]
    assert not list((registry.root / "versions").glob(".*"))
    assert audit(registry).events == 2


@pytest.mark.parametrize("line", [0, 1, 2, 3])
def test_a_changed_history_line_is_found(registry: ModelRegistry, line: int) -> None:
    for _ in range(3):
        add(registry)
    file = registry.history_file
    lines = file.read_text().splitlines(keepends=True)
    lines[line] = lines[line].replace('"who":"', '"who":"x')
    file.write_text("".join(lines))
    what = "is not the last one" if line == 3 else "was changed"
    with pytest.raises(VersionCorrupt, match=f"line {line + 1} of .* {what}"):
        audit(registry)


def test_errors_are_known_ones_where_the_registry_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "artifacts").touch()
    registry = ModelRegistry(tmp_path / "artifacts", 1)
    for act in (registry.names, registry.aliases, registry.history, lambda: add(registry)):
        with pytest.raises(HousingError) as raised:
            act()
        assert raised.value.hint


@pytest.mark.parametrize("cut", [True, False], ids=["cut", "edited"])
def test_nothing_is_added_to_a_history_that_was_tampered_with(
    registry: ModelRegistry, cut: bool
) -> None:
    add(registry)
    version = add(registry)
    lines = registry.history_file.read_bytes().splitlines(keepends=True)
    last = b"" if cut else lines[-1].replace(b"v2", b"v3")
    registry.history_file.write_bytes(b"".join(lines[:-1]) + last)
    before = registry.history_file.read_bytes()
    for change in (lambda: registry.point("canary", version), lambda: add(registry)):
        with pytest.raises(VersionCorrupt, match="not the last one that was written"):
            change()
    assert registry.history_file.read_bytes() == before
    with pytest.raises(VersionCorrupt):
        audit(registry)


def test_a_dead_alias_is_not_remembered_as_the_previous_version(registry: ModelRegistry) -> None:
    add(registry)
    second = add(registry, promote=True)
    registry.alias_path("production").write_text("v77\n")
    registry.point("production", second)
    assert registry.aliases() == {"previous": "v1", "production": "v2"}
    assert registry.history()[-1].from_ is None
    audit(registry)


def test_the_stamp_of_a_ref_changes_with_what_it_may_name(registry: ModelRegistry) -> None:
    assert registry.stamp("production") is None
    first = add(registry)
    before = {ref: registry.stamp(ref) for ref in ("production", "latest", "tagged", "v1", "1")}
    assert (before["v1"], before["1"]) == (None, None)
    second = add(registry, "tagged")
    assert registry.stamp("production") == before["production"]
    for ref in ("latest", "tagged"):
        assert registry.stamp(ref) != before[ref]
    registry.point("production", second)
    assert registry.stamp("production") != before["production"]
    assert first.directory == registry.directory("v1")
