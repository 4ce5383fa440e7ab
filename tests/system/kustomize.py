"""What `kubectl kustomize` makes of the manifests, with a way of splitting as a user adds it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.system.docker_engine import REPOSITORY

KUBERNETES = REPOSITORY / "configs/kubernetes"
SHARED = "  - ../shared-registry\n"


def kustomize(folder: Path) -> str:
    """Return all objects of a kustomization, as YAML."""
    done = subprocess.run(
        ["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=True
    )
    return done.stdout


def with_component(name: str, folder: Path) -> Path:
    """Return a copy, in an empty `folder`, of the production overlay with one more component."""
    shutil.copytree(KUBERNETES, folder / "kubernetes")
    file = folder / "kubernetes/production/kustomization.yaml"
    text = file.read_text()
    assert text.count(SHARED) == 1
    file.write_text(text.replace(SHARED, f"{SHARED}  - ../{name}\n"))
    return file.parent


def built(name: str, folder: Path) -> list[dict[str, Any]]:
    """Return all objects of production with the component `name`; folder: to work in, empty."""
    yaml = pytest.importorskip("yaml")
    return list(yaml.safe_load_all(kustomize(with_component(name, folder))))


def validated(objects: str, folder: Path) -> None:
    """Assert that the schemas of Kubernetes accept objects, which are YAML."""
    program = shutil.which("kubernetes-validate", path=str(Path(sys.executable).parent))
    program = program or shutil.which("kubernetes-validate")
    if program is None:
        pytest.skip("`kubernetes-validate` is not installed")
    file = folder / "all.yaml"
    file.write_text(objects)
    done = subprocess.run(
        [program, "--strict", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
