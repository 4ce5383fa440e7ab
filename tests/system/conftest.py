"""What tests share: one Docker engine, one set of images, one browser, one of each state."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.system.container_registry import ContainerRegistry
from tests.system.dashboard import Stages
from tests.system.docker_engine import DockerEngine, clean_copy, why_not
from tests.system.runner import ImageRunner, act, without_checks
from tests.system.watched import CHROMIUM, chromium


@pytest.fixture(scope="session")
def engine() -> Iterator[DockerEngine]:
    """A Docker engine that knows the base image.

    TEST_DOCKER_HOST names a running one to use instead, for quick repetition while writing tests.
    """
    if host := os.environ.get("TEST_DOCKER_HOST"):
        with tempfile.TemporaryDirectory(prefix="hsg-") as folder:
            yield DockerEngine(Path(folder), host)
        return
    if reason := why_not():
        pytest.skip(reason)
    # A socket's path has room for about 100 characters: pytest's own folders are too deep.
    engine = DockerEngine(Path(tempfile.mkdtemp(prefix="hsg-")))
    try:
        engine.start()
        engine.load_base_image()
        yield engine
    finally:
        engine.stop()


@dataclass(frozen=True)
class Built:
    """The image of a clean clone without artifacts, and that clone."""

    engine: DockerEngine
    context: Path
    image: str = "housing-api:tests"  # not `latest`: a workflow that is executed builds that


@pytest.fixture(scope="session")
def built(engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build the product's image as the README says."""
    context = clean_copy(tmp_path_factory.mktemp("clone"))
    engine.build(context, Built.image)
    return Built(engine, context)


@pytest.fixture(scope="session")
def repository(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with a forest that trains in seconds, whose checks are stand-ins that take notes."""
    if act() is None:
        pytest.skip("`act` is not installed")
    if shutil.which("docker-registry") is None:
        pytest.skip("`docker-registry` is not installed")
    folder = tmp_path_factory.mktemp("repository")
    shutil.copytree(built.context, folder, dirs_exist_ok=True)
    settings = folder / "configs/housing.toml"
    text = settings.read_text().replace("n_estimators = 300", "n_estimators = 40")
    settings.write_text(text.replace("repeats = 5 ", "repeats = 1 "))
    without_checks(folder)
    return folder


@pytest.fixture(scope="session")
def new_runner(
    built: Built, repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., ImageRunner]]:
    """Give repositories, each with a registry of its own that may start as a copy of another."""
    registries: list[ContainerRegistry] = []

    def make(like: ImageRunner | None = None) -> ImageRunner:
        folder = tmp_path_factory.mktemp("forge")
        (folder / "registry").mkdir()
        registry = ContainerRegistry(folder / "registry")
        registries.append(registry)
        if like is not None:
            registry.copy_of(like.registry)
        shutil.copytree(repository, folder / "repository")
        return ImageRunner(folder, built.engine, registry, folder / "repository")

    try:
        yield make
    finally:
        for registry in registries:
            registry.stop()


@pytest.fixture(scope="session")
def published(new_runner: Callable[..., ImageRunner]) -> ImageRunner:
    """A repository whose first push to main has published `v1`; tests work on copies of it."""
    runner = new_runner()
    run = runner.run("pipeline", "push")
    assert run.code == 0, run.output
    return runner


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Stages:
    """The states that the dashboard shows; each is made where it is first asked for."""
    return Stages(tmp_path_factory.mktemp("stages"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's Chromium."""
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    with chromium() as started:
        yield started
