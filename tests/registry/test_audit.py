"""What the registry holds must be what its history tells."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from housing_cli.errors import VersionCorrupt
from housing_cli.registry import ModelRegistry
from housing_cli.registry.audit import audit, refusing, verify_files
from tests.registry.versions import add


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    """An empty registry."""
    return ModelRegistry(tmp_path / "artifacts", 5)


def test_a_sound_registry_is_told_as_it_is(registry: ModelRegistry) -> None:
    for _ in range(3):
        add(registry)
    registry.point("production", registry.get("v3"))
    registry.gc(1)
    recorded = audit(registry)
    assert list(recorded.versions) == ["v1", "v3"]
    assert recorded.aliases == {"production": "v3", "previous": "v1"}
    assert recorded.events == len(registry.history()) == 6


def test_a_version_that_vanished_is_missed(registry: ModelRegistry) -> None:
    for _ in range(2):
        add(registry)
    shutil.rmtree(registry.directory("v2"))
    with pytest.raises(VersionCorrupt, match="v2 was registered and never removed"):
        audit(registry)


def test_a_version_that_nobody_registered_is_found(registry: ModelRegistry) -> None:
    add(registry)
    shutil.copytree(registry.directory("v1"), registry.directory("v2"))
    with pytest.raises(VersionCorrupt, match=r"v2 is there, but .* does not tell of it"):
        audit(registry)


@pytest.mark.parametrize(
    ("alias", "text", "said", "hint"),
    [
        ("production", "v1\n", "`production` names v1, but .* says v2", "promote REF --to"),
        ("production", None, "`production` names nothing, but .* says v2", "promote REF --to"),
        ("staging", "v1\n", "`staging` names v1, but .* says nothing", "promote REF --to"),
        ("previous", "v2\n", "`previous` names v2, but .* says v1", "write `v1` into"),
    ],
)
def test_an_alias_that_was_moved_by_hand_is_found(
    registry: ModelRegistry, alias: str, text: str | None, said: str, hint: str
) -> None:
    add(registry)
    add(registry, promote=True)
    file = registry.alias_path(alias)
    file.unlink() if text is None else file.write_text(text)
    with pytest.raises(VersionCorrupt, match=said) as raised:
        audit(registry)
    assert hint in raised.value.hint


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


def test_a_dead_alias_is_not_remembered_as_the_previous_version(registry: ModelRegistry) -> None:
    add(registry)
    second = add(registry, promote=True)
    registry.alias_path("production").write_text("v77\n")
    registry.point("production", second)
    assert registry.aliases() == {"previous": "v1", "production": "v2"}
    assert registry.history()[-1].from_ is None
    audit(registry)


@pytest.mark.parametrize("error", [ZeroDivisionError("by zero"), KeyError("a"), MemoryError()])
def test_an_error_that_nobody_foresaw_is_a_refusal(
    registry: ModelRegistry, error: Exception
) -> None:
    with (
        pytest.raises(
            VersionCorrupt, match="v1 cannot be loaded: " + type(error).__name__
        ) as raised,
        refusing(add(registry)),
    ):
        raise error
    assert raised.value.hint


def test_every_file_of_a_version_is_looked_at(registry: ModelRegistry) -> None:
    version = add(registry)
    verify_files(registry, version)
    assert set(version.metadata.files) >= {"model.onnx", "model.joblib", "reference.json"}
    for name in version.metadata.files:
        file = version.directory / name
        whole = file.read_bytes()
        file.write_bytes(whole + b" ")
        with pytest.raises(VersionCorrupt, match=f"`{name}` of v1 is not the file"):
            verify_files(registry, version)
        file.write_bytes(whole)


def test_metadata_that_fits_its_files_must_be_the_registered_too(registry: ModelRegistry) -> None:
    file = add(registry).directory / "metadata.json"
    fields = json.loads(file.read_text())
    fields["metrics"]["rmse"] = 9.0
    file.write_text(json.dumps(fields))
    changed = registry.get("v1")
    assert changed.metadata.metrics["rmse"] == 9.0
    for recorded in (None, audit(registry)):
        with pytest.raises(VersionCorrupt, match=r"`metadata.json` of v1 is not the one"):
            verify_files(registry, changed, recorded)
