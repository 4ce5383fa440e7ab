"""A registry with a small real model, and applications over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from housing_cli.api.app import create_app
from housing_cli.registry import ModelRegistry
from tests.api.server_process import Server, Start
from tests.api.serving import add_version, make_settings


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    """A registry whose production is `v1`, tagged `first`."""
    made = ModelRegistry(tmp_path / "artifacts")
    add_version(made, 0, tag="first")
    return made


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., TestClient]]:
    """Start applications over the registry in `tmp_path`, with sections of settings."""
    running: list[TestClient] = []

    def start(base_url: str = "http://testserver", **sections: dict[str, Any]) -> TestClient:
        client = TestClient(create_app(make_settings(tmp_path, **sections)), base_url=base_url)
        client.__enter__()
        running.append(client)
        return client

    yield start
    for client in running:
        client.__exit__(None, None, None)


@pytest.fixture
def client(registry: ModelRegistry, serve: Callable[..., TestClient]) -> TestClient:
    """A client of an application with default settings and one version."""
    return serve()


@pytest.fixture
def start(registry: ModelRegistry, tmp_path: Path) -> Iterator[Start]:
    """Start servers over the registry and wait until they are ready."""
    servers: list[Server] = []

    def begin(*command: str, workers: int = 1, **variables: str) -> Server:
        server = Server(tmp_path, *command, workers=workers, **variables)
        servers.append(server)
        server.wait_until_ready()
        return server

    yield begin
    for server in servers:
        server.close()
