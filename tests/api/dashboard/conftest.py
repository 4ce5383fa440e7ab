"""Applications whose page can be seen: at a loopback address, as `housing serve` has it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from housing_cli.api.app import create_app
from housing_cli.api.dashboard import snapshot
from housing_cli.registry import ModelRegistry
from tests.api.serving import make_settings

ORIGIN = "http://127.0.0.1:8000"


@pytest.fixture(autouse=True)
def no_child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Judge nothing in the background, and share nothing with other tests."""
    monkeypatch.setattr(snapshot.Snapshots, "_is_due", lambda *_: False)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))


@pytest.fixture
def show(tmp_path: Path) -> Iterator[Callable[..., TestClient]]:
    """Start applications over the registry in `tmp_path`, seen by a browser on this machine."""
    running: list[TestClient] = []

    def start(base_url: str = ORIGIN, **sections: dict[str, Any]) -> TestClient:
        client = TestClient(create_app(make_settings(tmp_path, **sections)), base_url=base_url)
        client.__enter__()
        running.append(client)
        return client

    yield start
    for client in running:
        client.__exit__(None, None, None)


@pytest.fixture
def page(registry: ModelRegistry, show: Callable[..., TestClient]) -> TestClient:
    """A browser at an application with one version."""
    return show()
