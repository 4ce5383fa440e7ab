"""A running server takes what a trusted key signed, and goes on with what it has otherwise."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from fastapi.testclient import TestClient

from housing_cli.api.process import worker_metrics
from housing_cli.errors import ConfigError
from housing_cli.registry import ModelRegistry
from tests.api.serving import add_version
from tests.api.test_reloader import refusal, sample, until, version
from tests.registry.signing import Keys

KEYS = Keys()
Serve = Callable[..., TestClient]


@pytest.fixture
def signed(tmp_path: Path) -> ModelRegistry:
    """v1, signed and production."""
    registry = KEYS.registry(tmp_path / "artifacts")
    add_version(registry, 0, tag="first")
    return registry


@pytest.fixture
def client(signed: ModelRegistry, serve: Serve) -> TestClient:
    """A server that trusts one key."""
    return serve(registry={"trusted_keys": [KEYS.line]})


def refused_for(client: TestClient, why: str, still: str) -> None:
    until(lambda: why in refusal(client))
    assert version(client) == still
    assert sample(client, "housing_reload_refused") == "1.0"


def test_signed_versions_come_into_service(client: TestClient, signed: ModelRegistry) -> None:
    assert version(client) == "v1"
    add_version(signed, 1, promote=True)
    until(lambda: version(client) == "v2")
    signed.point("production", signed.get("v1"), event="rolled back")
    until(lambda: version(client) == "v1")
    assert refusal(client) == ""


def test_what_nobody_signed_is_refused(client: TestClient, signed: ModelRegistry) -> None:
    unsigned = ModelRegistry(signed.root)
    add_version(unsigned, 1, promote=True)
    refused_for(client, "alias `production`, which names v2, is not signed", "v1")
    # Its move is signed now, and it itself is not.
    moving = ModelRegistry(signed.root, 5, None, KEYS.text)
    moving.point("production", unsigned.get("v2"))
    refused_for(client, "v2 is not signed", "v1")


def test_the_key_of_a_stranger_signs_nothing(client: TestClient, signed: ModelRegistry) -> None:
    stranger = Keys()
    add_version(stranger.registry(signed.root), 1, promote=True)
    refused_for(client, f"signed by key {stranger.name}, which", "v1")


def test_a_signed_version_under_another_name_is_refused(
    client: TestClient, signed: ModelRegistry
) -> None:
    """v2 is all of v1, history included, as only one who writes everywhere can do it."""
    copied = add_version(ModelRegistry(signed.root), 0, tag="first", promote=False)
    shutil.copy(signed.directory("v1") / "metadata.json.minisig", copied.directory)
    ModelRegistry(signed.root, 5, None, KEYS.text).point("production", copied)
    refused_for(client, "the signature of v2 ", "v1")


def test_an_alias_that_was_only_edited_is_refused(
    client: TestClient, signed: ModelRegistry
) -> None:
    add_version(signed, 1, promote=False)
    signed.alias_path("production").write_text("v2\n")
    refused_for(client, "alias `production`, which names v2, is not signed", "v1")


def test_an_old_move_that_is_put_back_is_refused_by_who_saw_a_newer_one(
    client: TestClient, signed: ModelRegistry, tmp_path: Path
) -> None:
    old = signed.root / "signatures/production-v1.minisig"
    kept = shutil.copy(old, tmp_path / "kept")
    add_version(signed, 1, promote=True)
    until(lambda: version(client) == "v2")
    assert not old.exists()
    shutil.copy(kept, old)
    signed.alias_path("production").write_text("v1\n")
    refused_for(client, "older than what is served (event 2, after 4)", "v2")
    signed.point("production", signed.get("v1"))
    until(lambda: version(client) == "v1")


def test_a_new_worker_knows_what_its_siblings_saw(
    signed: ModelRegistry, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    monkeypatch.setenv(worker_metrics.VARIABLE, str(shared))
    ends = os.pipe()
    parent = SimpleNamespace(pid=os.getpid(), sentinel=ends[0])
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: parent)
    old = signed.root / "signatures/production-v1.minisig"
    kept = shutil.copy(old, tmp_path / "kept")
    add_version(signed, 1, promote=True)
    trusted = {"trusted_keys": [KEYS.line]}
    assert version(serve(registry=trusted)) == "v2"
    shutil.copy(kept, old)
    signed.alias_path("production").write_text("v1\n")
    newer = serve(registry=trusted)
    assert version(newer) == "v2"
    assert "older than what is served" in refusal(newer)
    next(shared.glob("served-*")).unlink()  # another server's first worker has nobody to ask
    assert version(serve(registry=trusted)) == "v1"


def test_a_pinned_version_is_checked_too(signed: ModelRegistry, serve: Serve) -> None:
    trusted = {"trusted_keys": [KEYS.line]}
    add_version(ModelRegistry(signed.root), 1, promote=False)
    for ref, status in (("v1", 200), ("first", 200), ("v2", 503), ("latest", 503)):
        client = serve(registry=trusted, serve={"version": ref})
        assert client.get("/readyz").status_code == status, ref


def test_without_the_setting_signatures_are_not_looked_at(
    signed: ModelRegistry, serve: Serve
) -> None:
    for file in signed.root.rglob("*.minisig"):
        file.write_bytes(b"\xff")
    assert version(serve()) == "v1"


def test_a_trusted_key_that_is_none_stops_the_start(signed: ModelRegistry, serve: Serve) -> None:
    with pytest.raises(ConfigError, match=r"key 1 of `registry.trusted_keys`"):
        serve(registry={"trusted_keys": ["RWQ"]})
