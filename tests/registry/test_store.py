"""ModelRegistry: versions, aliases, history, REF, garbage."""

from __future__ import annotations

from pathlib import Path

import pytest

from housing_cli.errors import (
    ConfigError,
    HousingError,
    RegistryBusy,
    RegistryError,
    VersionCorrupt,
    VersionNotFound,
)
from housing_cli.registry import ModelRegistry
from housing_cli.registry.audit import audit, verify_metadata, verify_move
from housing_cli.registry.transaction import locked
from tests.conftest import as_nobody
from tests.registry.signing import Keys
from tests.registry.versions import add, registry_of


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    """An empty registry."""
    return ModelRegistry(tmp_path / "artifacts", 5)


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


def test_versions_and_moves_are_signed_as_they_are_made(tmp_path: Path) -> None:
    keys = Keys()
    registry = keys.registry(tmp_path)
    add(registry)
    add(registry, promote=True)
    registry.point("staging", registry.get("v1"))
    for name in registry.names():
        verify_metadata(registry, registry.get(name))
    for alias, events in {"production": 4, "previous": 4, "staging": 5}.items():
        move = verify_move(registry, alias, registry.get(alias))
        assert move is not None
        assert move.event == events
    registry.point("staging", registry.get("v2"))
    left = sorted(path.name for path in (tmp_path / "signatures").iterdir())
    assert left == ["previous-v1.minisig", "production-v2.minisig", "staging-v2.minisig"]
    registry.gc(1)
    audit(registry)


def test_an_alias_whose_name_ends_as_a_version_has_signatures_of_its_own(tmp_path: Path) -> None:
    registry = Keys().registry(tmp_path)
    first, second = add(registry), add(registry)
    registry.point("a-v1", first)
    registry.point("a", first)
    registry.point("a", second)
    for alias in ("a", "a-v1"):
        assert verify_move(registry, alias, registry.get(alias)) is not None


def test_who_trusts_keys_and_has_none_registers_and_moves_nothing(tmp_path: Path) -> None:
    keys = Keys()
    registry = ModelRegistry(tmp_path, 5, keys.trust())
    version = add(registry)
    assert registry.aliases() == {}
    for act in (
        lambda: add(registry, promote=True),
        lambda: registry.point("production", version),
    ):
        with pytest.raises(ConfigError, match="to sign the move"):
            act()
    assert registry.names() == ["v1"]


def test_a_champion_without_metadata_is_replaced_and_not_signed(tmp_path: Path) -> None:
    registry = Keys().registry(tmp_path)
    broken = add(registry)
    (broken.directory / "metadata.json").unlink()
    second = add(registry, promote=False)
    registry.point("production", second)
    assert verify_move(registry, "production", second) is not None
    assert registry.statement("previous", "v1") is None
