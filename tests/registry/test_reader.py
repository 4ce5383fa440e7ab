"""RegistryReader: what a REF names, and what is read of damaged files."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from housing_cli.errors import RegistryError, VersionCorrupt, VersionNotFound
from housing_cli.registry import MODEL_FILE, ModelRegistry
from housing_cli.registry.audit import audit
from tests.registry.versions import FILES, add, registry_of


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    """An empty registry."""
    return ModelRegistry(tmp_path / "artifacts", 5)


def test_reading_an_empty_registry_creates_nothing(registry: ModelRegistry) -> None:
    assert (registry.names(), registry.aliases(), registry.history()) == ([], {}, [])
    assert audit(registry).events == 0
    assert not registry.root.exists()


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


def test_a_version_is_found_or_none_is(registry: ModelRegistry) -> None:
    assert registry.find("v1") is None
    version = add(registry, "mine")
    found = registry.find("mine")
    assert found is not None
    assert (found.name, found.number, found.directory) == ("v1", 1, version.directory)


def test_a_dangling_alias_says_what_it_named_and_how_to_mend_it(registry: ModelRegistry) -> None:
    add(registry)
    for text, said in (("v9\n", "names v9, which is not in"), ("rubbish\x1b\n", "`rubbish `")):
        registry.alias_path("production").write_text(text)
        with pytest.raises(VersionNotFound, match=said) as raised:
            registry.resolve("production")
        assert raised.value.hint == "point it anew with `housing promote REF --to production`"


def test_what_lies_beside_the_versions_is_none(registry: ModelRegistry) -> None:
    add(registry)
    for name in ("v0", "V2", ".v3.part", "notes"):
        (registry.versions_directory / name).mkdir()
    (registry.root / "aliases" / ".swp").write_text("v1\n")
    assert (registry.names(), registry.aliases()) == (["v1"], {"production": "v1"})


def test_a_file_is_read_only_if_it_is_the_registered_one(registry: ModelRegistry) -> None:
    version = add(registry)
    assert registry.read_file(version, MODEL_FILE) == FILES[MODEL_FILE]
    file = version.directory / MODEL_FILE
    file.write_bytes(b"onnX")
    with pytest.raises(VersionCorrupt, match=r"`model.onnx` of v1 is not the file .* differs"):
        registry.read_file(version, MODEL_FILE)
    file.unlink()
    with pytest.raises(VersionCorrupt, match=r"`model.onnx` of v1 cannot be read: no such file"):
        registry.read_file(version, MODEL_FILE)
    (version.directory / "new").write_bytes(b"")
    with pytest.raises(VersionCorrupt, match="not the file that was registered"):
        registry.read_file(version, "new")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (None, "is missing"),
        (b"{", "cannot be read"),
        (b"{}", "cannot be read"),
        (b"\xff", "cannot"),
    ],
)
def test_metadata_that_is_none_is_said(
    registry: ModelRegistry, raw: bytes | None, said: str
) -> None:
    file = add(registry).directory / "metadata.json"
    file.unlink() if raw is None else file.write_bytes(raw)
    with pytest.raises(VersionCorrupt, match=f"`metadata.json` of v1 {said}"):
        registry.get("v1")


def test_what_the_system_refuses_is_a_known_error(registry: ModelRegistry) -> None:
    registry.root.write_text("")
    with pytest.raises(RegistryError, match="cannot be read: not a directory") as raised:
        registry.names()
    assert "HOUSING_REGISTRY_PATH" in raised.value.hint


def test_a_ref_is_an_alias_unless_it_is_a_number_latest_or_the_tag_itself(
    registry: ModelRegistry,
) -> None:
    version = add(registry, "gold")
    assert not any(registry.is_alias(ref, version) for ref in ("v1", "1", "latest", "gold"))
    assert registry.is_alias("production", version)
    registry.point("gold", version)  # a planted alias may hide a tag
    assert registry.is_alias("gold", version)
    # An alias that went after it was followed is no tag for that, whatever unchecked metadata say.
    tagged = msgspec.structs.replace(
        version, metadata=msgspec.structs.replace(version.metadata, tag="production")
    )
    registry.alias_path("production").unlink()
    assert registry.is_alias("production", tagged)
    assert registry.is_alias("staging", version)
