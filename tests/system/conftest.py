"""What the delivery tests share: one Docker engine and one set of images a session."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.system.docker_engine import DockerEngine, clean_copy, why_not


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
