"""Files whose bytes another program changed, though they read the same, are told so."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from housing_cli.errors import RegistryError, VersionCorrupt, VersionNotFound
from housing_cli.registry import ModelRegistry
from housing_cli.registry.altered import CHECK_OUT, byte_order_mark, line_ends_changed
from housing_cli.registry.audit import audit, verify_files
from tests.conftest import ROOT
from tests.registry.versions import metadata, registry_of

TEXT = {"model.onnx": b"\r\n\n\0onnx", "intervals.json": b'{\n"scale": 1\n}\n'}


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    """A registry with two versions, of which v2 has files of several lines."""
    registry = registry_of(tmp_path / "artifacts", 1)
    registry.add(metadata(), TEXT, promote=True)
    return registry


def with_crlf(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))


def test_line_ends_are_told_from_other_changes() -> None:
    assert line_ends_changed(b"a\r\nb\r\n", b"a\nb\n".__eq__)
    assert not line_ends_changed(b"a\r\nc\r\n", b"a\nb\n".__eq__)
    assert not line_ends_changed(b"a\nb\n", b"a\nb\n".__eq__)


def test_a_file_of_a_version_with_other_line_ends_is_told_so(registry: ModelRegistry) -> None:
    with_crlf(registry.directory("v2") / "intervals.json")
    with pytest.raises(VersionCorrupt, match=r"`intervals.json` of v2 .* line ends were") as raised:
        registry.read_file(registry.get("v2"), "intervals.json")
    assert raised.value.hint == CHECK_OUT


def test_a_file_that_was_changed_otherwise_is_no_matter_of_line_ends(
    registry: ModelRegistry,
) -> None:
    (registry.directory("v2") / "intervals.json").write_bytes(b'{\r\n"scale": 2\r\n}\r\n')
    with pytest.raises(VersionCorrupt, match="SHA-256 differs"):
        registry.read_file(registry.get("v2"), "intervals.json")


def test_metadata_with_other_line_ends_are_told_so(registry: ModelRegistry) -> None:
    file = registry.directory("v2") / "metadata.json"
    assert b"\n" in file.read_bytes()
    with_crlf(file)
    with pytest.raises(VersionCorrupt, match=r"`metadata.json` of v2 .* line ends were") as raised:
        verify_files(registry, registry.get("v2"))
    assert raised.value.hint == CHECK_OUT


@pytest.mark.parametrize(
    "names",
    [("history.jsonl",), ("history.sha256",), ("history.jsonl", "history.sha256")],
    ids="+".join,
)
def test_a_history_with_other_line_ends_is_told_so(
    names: tuple[str, ...], registry: ModelRegistry
) -> None:
    for name in names:
        with_crlf(registry.root / name)
    for use in (
        lambda: audit(registry),
        lambda: verify_files(registry, registry.get("v2")),
        lambda: registry.point("staging", registry.get("v1")),
    ):
        with pytest.raises(RegistryError, match=r"line ends of .* were changed") as raised:
            use()
        assert raised.value.hint == CHECK_OUT


def test_a_line_of_the_history_that_was_changed_is_no_matter_of_line_ends(
    registry: ModelRegistry,
) -> None:
    file = registry.history_file
    file.write_bytes(file.read_bytes().replace(b"v2", b"v1").replace(b"\n", b"\r\n"))
    with pytest.raises(VersionCorrupt) as raised:
        audit(registry)
    assert "line ends" not in raised.value.message


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8-sig", "a byte order mark (BOM)"),
        ("utf-16", "the byte order mark of UTF-16"),
    ],
)
def test_an_alias_that_begins_with_a_byte_order_mark_is_told_so(
    encoding: str, said: str, registry: ModelRegistry
) -> None:
    file = registry.alias_path("production")
    file.write_bytes("v2\n".encode(encoding))
    with pytest.raises(VersionNotFound) as found:
        registry.get("production")
    with pytest.raises(VersionCorrupt) as audited:
        audit(registry)
    for error in (found.value, audited.value):
        assert error.message == f"alias `production` names no version: its file begins with {said}"
        assert str(file) in error.hint
    file.write_bytes(b"v2\r\n")  # line ends do not matter
    assert registry.get("production").name == "v2" and audit(registry)


@pytest.mark.parametrize("name", ["history.jsonl", "history.sha256", "versions/v2/metadata.json"])
def test_every_file_that_begins_with_a_byte_order_mark_is_told_so(
    name: str, registry: ModelRegistry
) -> None:
    version = registry.get("v2")
    file = registry.root / name
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    with pytest.raises(VersionCorrupt, match=r"begins with a byte order mark \(BOM\)"):
        if file.name == "metadata.json":
            registry.get("v2")
        else:
            verify_files(registry, version)


def test_marks_are_known_by_their_bytes() -> None:
    assert byte_order_mark("v1".encode("utf-16-be")) is None
    assert byte_order_mark(b"\xfe\xff\0v\x001") == "the byte order mark of UTF-16"


@pytest.mark.parametrize(
    "path", ["artifacts/history.jsonl", "artifacts/versions/v1/metadata.json", "logs/feedback.csv"]
)
def test_git_leaves_the_line_ends_of_registry_and_log_alone(path: str) -> None:
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("no git checkout")
    said = subprocess.check_output(["git", "check-attr", "text", "--", path], cwd=ROOT, text=True)
    assert said == f"{path}: text: unset\n"
