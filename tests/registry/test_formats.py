"""What a newer program wrote is refused by name; what an older one reads stays readable to it."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from housing_cli.errors import NewerFormat, RegistryError, VersionCorrupt
from housing_cli.registry import ModelRegistry
from housing_cli.registry.digests import DIGEST, digest_line
from tests.conftest import Housing
from tests.registry.versions import FILES, add, metadata, registry_of

# The fields that programs of format 1 know; they skip all others.
OLD_EVENT = {"when", "who", "event", "from", "to", "why", "alias", "evidence", "prev"}
OLD_METADATA = {
    "created", "schema", "regressor", "parameters", "imputer", "seed", "metrics", "data", "git",
    "libraries", "golden", "files", "tag", "parent", "evidence", "format",
}  # fmt: skip
NEW_METADATA = {"ranges", "importances", "target_scale"}


def raise_format(file: Path) -> None:
    data = json.loads(file.read_text())
    file.write_text(json.dumps(data | {"format": 3}))


def newer_line(registry: ModelRegistry) -> None:
    raw = registry.history_file.read_bytes() + b'{"format":3,"event":["moved","twice"]}\n'
    registry.history_file.write_bytes(raw)
    (registry.root / DIGEST).write_bytes(digest_line(raw))


def test_metadata_of_a_newer_format_is_refused_by_name(tmp_path: Path) -> None:
    registry = registry_of(tmp_path / "artifacts", 2)
    raise_format(registry.directory("v2") / "metadata.json")
    with pytest.raises(NewerFormat, match=r"`metadata.json` of v2 has format 3, .* knows 2"):
        registry.get("v2")
    found, broken = registry.survey()
    assert [version.name for version in found] == ["v1"]
    assert isinstance(broken["v2"], NewerFormat)


def test_a_history_of_a_newer_format_is_neither_read_nor_written_on(tmp_path: Path) -> None:
    registry = registry_of(tmp_path / "artifacts", 1)
    newer_line(registry)
    before = registry.history_file.read_bytes()
    with pytest.raises(NewerFormat, match=r"line 3 of `.*history.jsonl` has format 3"):
        registry.history()
    with pytest.raises(NewerFormat):
        add(registry)
    assert registry.history_file.read_bytes() == before
    assert registry.names() == ["v1"]


def test_a_registry_of_a_newer_format_is_neither_read_nor_changed(tmp_path: Path) -> None:
    registry = registry_of(tmp_path / "artifacts", 2)
    raise_format(registry.root / "format.json")
    # A plan that a newer program left behind is not for this one to carry out.
    journal = registry.root / ".journal.json"
    journal.write_text('{"renames":[["versions/v2","versions/v9"]]}')
    acts = (registry.names, registry.aliases, registry.history, registry.versions)
    for act in (*acts, lambda: registry.get("production"), lambda: add(registry)):
        with pytest.raises(NewerFormat, match=r"registry `.*` has format 3, .* knows 1"):
            act()
    assert journal.exists()
    assert sorted(path.name for path in registry.versions_directory.iterdir()) == ["v1", "v2"]


def test_a_registry_without_a_number_gets_one_with_its_next_change(tmp_path: Path) -> None:
    registry = registry_of(tmp_path / "artifacts", 2)
    numbered = registry.root / "format.json"
    numbered.unlink()
    assert registry.names() == ["v1", "v2"]
    assert not numbered.exists()
    registry.point("production", registry.get("v2"))
    assert numbered.read_text() == '{"format":1}\n'


def test_a_damaged_number_is_no_old_one(tmp_path: Path) -> None:
    registry = registry_of(tmp_path / "artifacts", 1)
    for text in ("", '{"format":"two"}', "[1]"):
        (registry.root / "format.json").write_text(text)
        for act in (registry.names, lambda: add(registry)):
            with pytest.raises(RegistryError, match="does not say the registry's format"):
                act()


def test_the_command_says_what_to_do(housing: Housing, artifacts: Path) -> None:
    raise_format(artifacts / "versions" / "v2" / "metadata.json")
    done = housing("registry", "show", "v2")
    assert done.code == 1
    assert done.stderr == (
        "error: `metadata.json` of v2 has format 3, and this program knows 2\n"
        "hint: use the newer `housing` that wrote it\n"
    )
    assert "v1" in housing("registry", "ls").stdout


def test_an_older_program_reads_what_this_one_writes(tmp_path: Path) -> None:
    registry = registry_of(tmp_path / "artifacts", 1)
    for line in registry.history_file.read_text().splitlines():
        event = json.loads(line)
        assert event.keys() >= OLD_EVENT
        assert event["format"] == 1
    written = json.loads((registry.directory("v1") / "metadata.json").read_text())
    assert written.keys() - OLD_METADATA == NEW_METADATA  # which it skips
    assert written.keys() >= OLD_METADATA


def test_units_are_within_the_schema_and_change_no_format(tmp_path: Path) -> None:
    registry = ModelRegistry(tmp_path / "artifacts")
    told = metadata()
    schema = msgspec.structs.replace(told.schema, units={"a": "m²", "y": "EUR"})
    registry.add(msgspec.structs.replace(told, schema=schema), FILES)
    file = registry.directory("v1") / "metadata.json"
    data = json.loads(file.read_text())
    assert (data["format"], data["schema"]["units"]) == (1, {"a": "m²", "y": "EUR"})
    assert registry.get("v1").metadata.schema.units == {"a": "m²", "y": "EUR"}
    del data["schema"]["units"]  # as an older program wrote it
    file.write_text(json.dumps(data))
    assert registry.get("v1").metadata.schema == told.schema
    for wrong in ({"b": "m²"}, {"a": "m\n"}, {"a": ""}, {"a": 1}):
        file.write_text(json.dumps({**data, "schema": {**data["schema"], "units": wrong}}))
        with pytest.raises(VersionCorrupt):
            registry.get("v1")


def test_what_has_no_number_has_format_1(tmp_path: Path) -> None:
    registry = registry_of(tmp_path / "artifacts", 1)
    file = registry.directory("v1") / "metadata.json"
    data = json.loads(file.read_text())
    del data["format"]
    file.write_text(json.dumps(data))
    assert registry.get("v1").metadata == msgspec.structs.replace(
        metadata(), files=registry.get("v1").metadata.files
    )
