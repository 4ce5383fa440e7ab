"""`.ci/release`: what it refuses before anything is built; a workflow's test runs all of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from housing_cli import __version__
from tests.system.processes import environment

ROOT = Path(__file__).parents[2]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    for name in (".ci/release", "CHANGELOG.md", "housing_cli/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/earlier").touch()
    return tmp_path


def release(
    clone: Path, *words: str, extra: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [".ci/release", *words], cwd=clone, capture_output=True, text=True, check=False,
        env=environment({"PYTHON": sys.executable, **(extra or {})}),
    )  # fmt: skip


@pytest.mark.parametrize("tag", ["v9.9.9", __version__, f"v{__version__}.1", f"V{__version__}"])
def test_a_tag_must_be_the_version(clone: Path, tag: str) -> None:
    done = release(clone, tag)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: the tag is {tag}, housing_cli.__version__ is {__version__}: ")
    assert "set the version in housing_cli/__init__.py, merge that to main, and tag it" in line
    assert (clone / "dist/earlier").exists(), "nothing was begun"


def test_the_changelog_must_have_a_heading_for_it(clone: Path) -> None:
    changelog = clone / "CHANGELOG.md"
    changelog.write_text(changelog.read_text().replace(f"## {__version__} - ", "## 9.9.9 - "))
    done = release(clone, f"v{__version__}")
    assert done.returncode == 1
    assert f"CHANGELOG.md has no heading `## {__version__} - DATE`" in done.stderr
    assert "rename `## Unreleased`" in done.stderr


def test_github_is_told_in_its_own_words(clone: Path) -> None:
    assert release(clone, "v9", extra={"GITHUB_ACTIONS": "true"}).stdout.startswith(
        "::error::the tag is v9, "
    )


def test_without_a_tag_it_says_how_it_is_called(clone: Path) -> None:
    done = release(clone)
    assert (done.returncode, done.stderr) == (64, "error: usage: .ci/release TAG\n")
