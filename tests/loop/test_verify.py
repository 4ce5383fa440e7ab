"""A version is served only if it is the registered one and still gives its golden prices."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from housing_cli.errors import VersionCorrupt, VersionNotFound
from housing_cli.loop import verify as loop_verify
from housing_cli.loop.train import train
from housing_cli.loop.verify import load_verified, verify_registry
from housing_cli.registry import ModelRegistry, Version
from tests.in_process import Loop, shuffled


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with v1 and v2, which nobody changes."""
    folder = tmp_path_factory.mktemp("verify")
    loop = Loop(folder, shuffled(0)[:40], ("model.regressor=Ridge", "train.repeats=1"))
    train(loop.settings())
    return folder / "artifacts"


@pytest.fixture
def registry(pristine: Path, tmp_path: Path) -> ModelRegistry:
    return ModelRegistry(shutil.copytree(pristine, tmp_path / "artifacts"))


def test_a_sound_version_gives_its_golden_prices(registry: ModelRegistry) -> None:
    version = registry.get("v1")
    golden = version.metadata.golden
    scored = load_verified(registry, version).score(np.array(golden.inputs, dtype=float))
    assert scored.tolist() == golden.outputs


def test_one_version_or_all_of_them_are_told(registry: ModelRegistry) -> None:
    assert verify_registry(registry).versions == ["v1", "v2"]
    assert verify_registry(registry).events == len(registry.history()) == 3
    assert verify_registry(registry, "production").versions == ["v1"]
    assert verify_registry(registry, "latest").versions == ["v2"]
    with pytest.raises(VersionNotFound):
        verify_registry(registry, "v3")


@pytest.mark.parametrize("name", ["model.onnx", "model.joblib", "intervals.json", "metadata.json"])
def test_a_changed_file_is_refused_whichever_it_is(registry: ModelRegistry, name: str) -> None:
    file = registry.directory("v2") / name
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(VersionCorrupt, match=f"`{name}` of v2 is not the"):
        load_verified(registry, registry.get("v2"))
    with pytest.raises(VersionCorrupt, match=f"`{name}` of v2"):
        verify_registry(registry)
    assert verify_registry(registry, "v1").versions == ["v1"]


def test_a_model_that_gives_other_prices_is_refused_though_its_hashes_fit(
    registry: ModelRegistry,
) -> None:
    sound = registry.get("v1")
    golden = sound.metadata.golden
    other = msgspec.structs.replace(golden, outputs=[price + 1 for price in golden.outputs])
    metadata = msgspec.structs.replace(sound.metadata, golden=other)
    files = {name: (sound.directory / name).read_bytes() for name in metadata.files}
    added = registry.add(metadata, files, promote=False)
    with pytest.raises(VersionCorrupt, match="golden"):
        load_verified(registry, added)


def test_an_alias_that_was_moved_by_hand_is_found(registry: ModelRegistry) -> None:
    registry.alias_path("production").write_text("v2\n")
    with pytest.raises(VersionCorrupt, match="alias `production` names v2"):
        verify_registry(registry)


def test_a_version_that_is_removed_while_others_are_looked_at_is_no_damage(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = loop_verify.load_verified

    def removing(registry: ModelRegistry, version: Version, recorded: object) -> object:
        if version.name == "v2":
            shutil.rmtree(version.directory)
        return check(registry, version, recorded)  # type: ignore[arg-type]

    monkeypatch.setattr(loop_verify, "load_verified", removing)
    assert verify_registry(registry).versions == ["v1"]
