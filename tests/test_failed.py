from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.failed import failed

TESTS = """
import pytest

@pytest.fixture
def broken():
    raise OSError

class TestRoom:
    @pytest.mark.parametrize("what", ["a b", "c[d]"])
    def test_one(self, what):
        assert what == "a b"

def test_two(broken):
    pass

def test_three():
    pass
"""


@pytest.mark.slow
def test_what_failed_is_named_as_pytest_takes_it(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    for name in ("inner/__init__.py", "conftest.py"):
        (tmp_path / name).touch()
    (tmp_path / "inner" / "test_it.py").write_text(TESTS)

    def run(*words: str) -> int:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode

    assert run("--junitxml=report.xml") == 1
    found = failed(tmp_path / "report.xml")
    assert found == ["inner/test_it.py::TestRoom::test_one[c[d]]", "inner/test_it.py::test_two"]
    assert run("--junitxml=again.xml", *found) == 1
    assert failed(tmp_path / "again.xml") == found
