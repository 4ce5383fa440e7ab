"""Signing what is there launders nothing: only what is trusted already is signed unasked."""

from __future__ import annotations

from pathlib import Path

import pytest

from housing_cli.errors import VersionCorrupt, VersionUntrusted
from housing_cli.registry import ModelRegistry
from housing_cli.registry.audit import verify_metadata, verify_move
from housing_cli.registry.resign import Resigned, resign
from tests.registry.signing import Keys
from tests.registry.versions import add, registry_of

OLD, NEW = Keys(), Keys()


@pytest.fixture
def unsigned(tmp_path: Path) -> ModelRegistry:
    """v1, production, and v2; nobody signed either."""
    return registry_of(tmp_path / "artifacts", 2)


def signed_by(registry: ModelRegistry, keys: Keys, name: str) -> bool:
    reader = keys.reader(registry.root)
    try:
        verify_metadata(reader, reader.get(name))
    except VersionUntrusted:
        return False
    return True


def test_unsigned_versions_are_signed_where_somebody_vouches_for_them(
    unsigned: ModelRegistry,
) -> None:
    registry = OLD.registry(unsigned.root)
    with pytest.raises(VersionUntrusted, match=r"nothing was signed: v1 is not signed; v2 is not"):
        resign(registry, OLD.signer(), ["v1", "v2"])
    assert not signed_by(registry, OLD, "v1")
    done = resign(registry, OLD.signer(), ["v1"], untrusted=True)
    assert done == Resigned(OLD.name, ["v1"], ["production"], [])
    assert signed_by(registry, OLD, "v1")
    assert not signed_by(registry, OLD, "v2")
    assert verify_move(registry, "production", registry.get("v1")) is not None
    event = registry.history()[-1]
    assert (event.event, event.to, event.evidence) == ("signed", "v1", {"key_id": OLD.name})
    assert resign(registry, OLD.signer(), ["v1"]) == Resigned(OLD.name, [], [], ["v1"])


def test_a_new_key_takes_over_from_one_that_is_trusted_still(tmp_path: Path) -> None:
    registry = OLD.registry(tmp_path)
    add(registry)
    add(registry, promote=True)
    before = verify_move(registry, "production", registry.get("v2"))
    both = NEW.registry(tmp_path, OLD)
    done = resign(both, NEW.signer(), ["v1", "v2"])
    assert done == Resigned(NEW.name, ["v1", "v2"], ["previous", "production"], [])
    reader = NEW.reader(tmp_path)
    after = verify_move(reader, "production", reader.get("v2"))
    assert before is not None
    assert after is not None
    assert after.event >= before.event  # no server takes it for an old one
    assert signed_by(registry, NEW, "v1")
    assert not signed_by(registry, OLD, "v1")


def test_what_a_revoked_key_signed_needs_somebody_who_vouches(tmp_path: Path) -> None:
    add(OLD.registry(tmp_path))
    registry = NEW.registry(tmp_path)
    with pytest.raises(VersionUntrusted, match=f"key {OLD.name}, which") as raised:
        resign(registry, NEW.signer(), ["v1"])
    assert "--untrusted" in raised.value.hint
    resign(registry, NEW.signer(), ["v1"], untrusted=True)
    assert signed_by(registry, NEW, "v1")


def test_a_planted_alias_is_not_signed_along(tmp_path: Path) -> None:
    registry = OLD.registry(tmp_path)
    add(registry)
    add(registry, promote=True)
    registry.alias_path("production").write_text("v1\n")
    with pytest.raises(VersionUntrusted, match=r"`production`, which names v1, is not signed"):
        resign(registry, OLD.signer(), ["v1", "v2"])


def test_what_changed_while_it_was_checked_is_not_signed(unsigned: ModelRegistry) -> None:
    file = unsigned.directory("v1") / "metadata.json"
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(VersionCorrupt, match=r"v1 was changed while"):
        resign(unsigned, OLD.signer(), ["v1"], untrusted=True)
    assert unsigned.signature("v1") is None


def test_the_weight_of_a_canary_is_signed_anew_unless_somebody_changed_it(tmp_path: Path) -> None:
    registry = OLD.registry(tmp_path)
    for _ in range(2):
        add(registry)
    registry.point("canary", registry.get("v2"), evidence={"weight": 12.5})
    both = NEW.registry(tmp_path, OLD)
    resign(both, NEW.signer(), ["v1", "v2"])
    move = verify_move(NEW.reader(tmp_path), "canary", registry.get("v2"))
    assert move is not None
    assert move.weight == "12.5"
    unsigned = ModelRegistry(tmp_path, 5)  # as whoever may write there, and has no key
    statement = (tmp_path / "signatures" / "canary-v2.minisig").read_bytes()
    unsigned.point("canary", registry.get("v2"), event="weighted", evidence={"weight": 100.0})
    (tmp_path / "signatures" / "canary-v2.minisig").write_bytes(statement)
    with pytest.raises(VersionUntrusted, match=r"100 % of the rows, and 12.5 % are signed"):
        resign(OLD.registry(tmp_path, NEW), OLD.signer(), ["v2"])
