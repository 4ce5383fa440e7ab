"""`.ci/setup`: which interpreter it takes, by stand-ins that install nothing."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from tests.system.processes import environment

ROOT = Path(__file__).parents[2]

# Answers as a Python of one version does; an environment that it makes has one of the same version.
STAND_IN = """#!/bin/sh
case "$*" in
    -V) echo "Python {version}" ;;
    *version_info*) exit {too_old} ;;
    "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && touch "$3/bin/housing" &&
        chmod +x "$3/bin/housing" ;;
    *" install "*) echo "installed with {version}" ;;
esac
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    (tmp_path / ".ci").mkdir()
    for name in ("pyproject.toml", ".ci/constraints.txt", ".ci/setup"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def interpreter(folder: Path, version: str, *, too_old: bool = False) -> Path:
    path = folder / f"python-{version}"
    path.write_text(STAND_IN.format(version=version, too_old=int(too_old)))
    path.chmod(0o755)
    return path


def setup(clone: Path, python: Path | str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [".ci/setup", "dev"], cwd=clone, env=environment({"PYTHON": str(python), "VENV": ""}),
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def version_of(venv: Path) -> str:
    done = subprocess.run([venv / "bin/python", "-V"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_another_interpreter_makes_the_environment_anew(clone: Path) -> None:
    for version in ("3.12.1", "3.13.0"):
        done = setup(clone, interpreter(clone, version))
        assert done.returncode == 0, done.stderr
        assert f"installed with {version}" in done.stdout
        assert version_of(clone / ".venv") == f"Python {version}"


def test_without_a_name_the_environment_keeps_its_interpreter(clone: Path) -> None:
    setup(clone, interpreter(clone, "3.12.1"))
    again = setup(clone)
    assert (again.returncode, again.stdout) == (0, ""), "nothing to do"
    with (clone / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    assert "installed with 3.12.1" in setup(clone).stdout
    assert version_of(clone / ".venv") == "Python 3.12.1"


def test_an_interpreter_that_was_named_is_never_replaced_by_another(clone: Path) -> None:
    for named in ("python9.9", interpreter(clone, "3.10.13", too_old=True)):
        done = setup(clone, named)
        assert done.returncode == 1
        assert done.stderr.startswith(f"error: {named} is no Python 3.11 or newer\n")
        assert not (clone / ".venv").exists()


def test_a_taken_port_is_found_before_anything_is_set_up(clone: Path) -> None:
    shutil.copy(ROOT / ".ci/up", clone / ".ci/up")
    (clone / ".ci/setup").write_text("#!/bin/sh\necho setting up\nexit 7\n")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        def up(*words: str, **variables: str) -> tuple[int, str]:
            done = subprocess.run(
                [".ci/up", *words], cwd=clone, env=environment(variables),
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            return done.returncode, done.stdout + done.stderr

        for ran in (
            up("--port", str(port)),
            up(f"--port={port}"),
            up(HOUSING_SERVE_PORT=str(port)),
        ):
            assert ran[0] == 1
            assert f"error: cannot listen on 127.0.0.1:{port}: address already in use" in ran[1]
            assert "setting up" not in ran[1]
        assert up("--port", "0") == (7, "setting up\n")
        assert up("--port", "many") == (7, "setting up\n")  # `housing serve` says what is wrong
