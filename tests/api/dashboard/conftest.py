"""Applications whose page can be seen: at a loopback address, as `housing serve` has it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from housing_cli.api.dashboard import snapshot
from housing_cli.registry import ModelRegistry

ORIGIN = "http://127.0.0.1:8000"


@pytest.fixture(autouse=True)
def no_child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Judge nothing in the background, and share nothing with other tests."""
    monkeypatch.setattr(snapshot.Snapshots, "_is_due", lambda *_: False)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))


@pytest.fixture
def show(serve: Callable[..., TestClient]) -> Callable[..., TestClient]:
    """Start applications over the registry in `tmp_path`, seen by a browser on this machine."""
    return lambda base_url=ORIGIN, **sections: serve(base_url, **sections)


@pytest.fixture
def page(registry: ModelRegistry, show: Callable[..., TestClient]) -> TestClient:
    """A browser at an application with one version."""
    return show()
