"""What a verb loads before it works, and that the module runs as the command does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.processes import environment

HEAVY = [
    "numpy", "pandas", "pydantic", "sklearn", "scipy", "onnx", "onnxruntime", "skl2onnx", "joblib",
    "fastapi", "starlette", "uvicorn", "sqlalchemy", "duckdb", "rich", "asyncio",
    "jinja2", "prometheus_client", "cryptography", "lightgbm",
]  # fmt: skip


def loaded(*words: str) -> set[str]:
    """Return the modules that are loaded when the verb has ended."""
    code = (
        "import atexit, json, sys\n"
        "names = json.loads(sys.argv.pop(1))\n"
        "found = lambda: json.dumps([name for name in names if name in sys.modules])\n"
        "atexit.register(lambda: print(found(), file=sys.stderr))\n"
        "from housing_cli.cli import main\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(HEAVY), *words],
        capture_output=True, text=True, check=False, env=environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize(
    "words",
    ["--help", "--version", "train --help", "serve --help", "registry --help", "registry ls",
     "registry ls --json", "registry history", "registry show v1", "registry diff v1 v2",
     "registry gc --keep 9"],
)  # fmt: skip
def test_looking_loads_nothing_heavy(words: str, artifacts: Path) -> None:
    assert loaded(*words.split()) == set()


def test_verifying_loads_the_runtime_but_nothing_that_learns(artifacts: Path) -> None:
    assert loaded("registry", "verify") <= {"numpy", "onnxruntime", "asyncio"}


def test_python_m_housing_cli_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "housing_cli", "trian"],
        capture_output=True, text=True, check=False, env=environment(),
    )  # fmt: skip
    assert done.returncode == 64
    assert done.stderr.splitlines()[0] == "error: no such command `trian`"
