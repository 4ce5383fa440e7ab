"""The whole loop signed: who trusts one key alone takes no other version, by no verb."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from housing_cli.config import Settings
from housing_cli.errors import ConfigError, VersionCorrupt, VersionUntrusted
from housing_cli.loop.evaluate import evaluate
from housing_cli.loop.promote import promote, rollback
from housing_cli.loop.retrain import retrain
from housing_cli.loop.sign import sign
from housing_cli.loop.train import train
from housing_cli.loop.verify import verify_registry
from housing_cli.registry import open_registry
from tests.in_process import Loop, shuffled
from tests.registry.signing import Keys

RIDGE = ("model.regressor=Ridge", "train.repeats=1", "train.folds=2")
OLD, NEW = Keys(), Keys()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A loop with v1, production and unsigned, which nobody changes."""
    folder = tmp_path_factory.mktemp("sign")
    Loop(folder, shuffled(0)[:60], RIDGE)
    return folder


@pytest.fixture
def plain(trained: Path, tmp_path: Path) -> Settings:
    """Settings of a copy of it; without keys."""
    folder = Path(shutil.copytree(trained, tmp_path / "loop"))
    loop = Loop.__new__(Loop)
    loop.folder, loop.sets = folder, RIDGE
    return loop.settings()


def keyed(plain: Settings, signs: Keys | None, *trusted: Keys) -> Settings:
    registry = msgspec.structs.replace(
        plain.registry,
        signing_key=signs and signs.text,
        trusted_keys=tuple(keys.line for keys in trusted),
    )
    return msgspec.structs.replace(plain, registry=registry)


def signers(settings: Settings) -> dict[str, str | None]:
    return verify_registry(open_registry(settings)).signed_by


def test_a_registry_is_signed_rotated_and_revoked(plain: Settings) -> None:
    old = keyed(plain, OLD, OLD)
    with pytest.raises(VersionUntrusted, match=r"v1 is not signed"):
        verify_registry(open_registry(old))
    assert signers(plain) == {"v1": None}
    assert sign(old, untrusted=True).aliases == ["production"]
    train(old, promote=True)
    assert signers(old) == {"v1": OLD.name, "v2": OLD.name}
    both = keyed(plain, NEW, NEW, OLD)
    train(both)  # what is made meanwhile is signed by the new key
    assert signers(both) == {"v1": OLD.name, "v2": OLD.name, "v3": NEW.name}
    new = keyed(plain, NEW, NEW)
    with pytest.raises(VersionUntrusted, match=r"v1 is signed by key .*; v2 is signed by key"):
        verify_registry(open_registry(new))
    assert sign(both).kept == ["v3"]
    assert signers(new) == dict.fromkeys(("v1", "v2", "v3"), NEW.name)
    rollback(new)
    assert verify_registry(open_registry(new), "production").versions == ["v1"]


def test_nothing_that_was_changed_is_signed(plain: Settings) -> None:
    registry = open_registry(plain)
    file = registry.directory("v1") / "model.onnx"
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(VersionCorrupt, match=r"`model.onnx` of v1"):
        sign(keyed(plain, OLD), untrusted=True)
    with pytest.raises(ConfigError, match=r"no key to sign with"):
        sign(plain)


def test_no_verb_takes_what_nobody_signed(plain: Settings) -> None:
    settings = keyed(plain, OLD, OLD)
    for act in (
        lambda: promote(settings, "v1", to="staging"),
        lambda: promote(settings, "v1", to="staging", force=True),
        lambda: retrain(settings),
        lambda: evaluate(settings),
    ):
        with pytest.raises(VersionUntrusted):
            act()
    assert "staging" not in open_registry(plain).aliases()


def test_an_alias_that_was_edited_is_not_followed_and_is_mended_by_a_promotion(
    plain: Settings,
) -> None:
    settings = keyed(plain, OLD, OLD)
    sign(settings, untrusted=True)
    train(settings, promote=True)
    registry = open_registry(settings)
    registry.alias_path("production").write_text("v1\n")
    for act in (
        lambda: promote(settings, "production", to="staging"),
        lambda: promote(settings, "v2"),  # better than v1, and that proves nothing
        lambda: retrain(settings),
        lambda: evaluate(settings),
    ):
        with pytest.raises(VersionUntrusted, match=r"alias `production`, which names v1"):
            act()
    registry.alias_path("previous").write_text("v2\n")
    with pytest.raises(VersionUntrusted, match=r"alias `previous`, which names v2"):
        rollback(settings)
    moved = promote(settings, "v1")  # it is named already, but not by anybody's signature
    assert moved.event is not None
    assert promote(settings, "v1").event is None


def test_who_cannot_sign_moves_nothing_and_registers_all_the_same(plain: Settings) -> None:
    checks = keyed(plain, None, OLD)
    for act in (
        lambda: train(checks, promote=True),
        lambda: retrain(checks, promote=True),
        lambda: promote(checks, "v1"),
        lambda: rollback(checks),
    ):
        with pytest.raises(ConfigError, match=r"no `registry.signing_key` to sign the move"):
            act()
    wrong = keyed(plain, NEW, OLD)
    for act in (lambda: train(wrong), lambda: retrain(wrong), lambda: promote(wrong, "v1")):
        with pytest.raises(ConfigError, match=r"registry.trusted_keys` does not name"):
            act()
    assert open_registry(plain).names() == ["v1"]
    fresh = msgspec.structs.replace(
        checks, registry=msgspec.structs.replace(checks.registry, path=checks.registry.path + "2")
    )
    assert not train(fresh).production
    assert open_registry(fresh).aliases() == {}
