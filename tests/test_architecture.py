"""The house as it is drawn: who leans on whom, what is loaded when, how many rooms and how big."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "housing_cli"
FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = [file for file in FILES if file.name not in {"__init__.py", "__main__.py"}]
LIGHT = [PACKAGE / "cli.py", PACKAGE / "show" / "printer.py", PACKAGE / "errors.py"]
LIGHT += [*(PACKAGE / "commands").glob("*.py"), *(PACKAGE / "config").glob("*.py")]
RUFF = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
HEAVY = set(RUFF["flake8-tidy-imports"]["banned-module-level-imports"])


def test_the_import_contracts_hold() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("file", LIGHT, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_what_runs_first_imports_nothing_heavy(file: Path) -> None:
    for node in ast.parse(file.read_text()).body:
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        assert not HEAVY & {name.partition(".")[0] for name in names}


def test_there_are_at_most_16_rooms_beside_the_back_ends() -> None:
    rooms = {file.parent.relative_to(PACKAGE) for file in FILES} - {Path()}
    rooms = {room for room in rooms if room.parent != Path("prediction_log")}
    assert len(rooms) <= 16, sorted(rooms)


@pytest.mark.parametrize("file", MODULES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_every_module_has_its_tests_by_name(file: Path) -> None:
    """`housing_cli/data/table.py` is tested in `tests/data/test_table.py`."""
    tests = ROOT / "tests" / file.relative_to(PACKAGE).with_name(f"test_{file.name}")
    assert tests.is_file(), f"write `{tests.relative_to(ROOT)}`"
    defined = {
        node.name for node in ast.walk(ast.parse(tests.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }  # fmt: skip
    assert any(name.startswith("test_") for name in defined), f"`{tests}` holds no test"


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_no_room_is_overcrowded(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 400


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_every_room_says_what_it_is_for(file: Path) -> None:
    assert ast.get_docstring(ast.parse(file.read_text()))


def test_only_the_printer_prints() -> None:
    printers = {
        str(file.relative_to(PACKAGE))
        for file in FILES
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
    }
    assert printers <= {"show/printer.py", "cli.py", "api/process/server.py"}
