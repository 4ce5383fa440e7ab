"""What a serving installation lacks is read from one list, in the clone and in a wheel."""

from __future__ import annotations

import importlib.util
import tomllib
import zipfile
from pathlib import Path

import pytest

from housing_cli.commands import installation
from tests.conftest import ROOT

GROUP = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["serving-lacks"]


@pytest.mark.parametrize("module", ["pandas", "sklearn.ensemble", "scipy.special", "skl2onnx"])
def test_what_learning_needs_is_lacking(module: str) -> None:
    assert installation.lacks(module)


@pytest.mark.parametrize("module", ["", "fastapi", "onnxruntime", "housing_cli.cli", "pandasish"])
def test_what_a_server_needs_too_is_a_bug_where_it_is_missing(module: str) -> None:
    assert not installation.lacks(module)


@pytest.mark.parametrize("name", GROUP)
def test_every_name_of_the_group_is_a_module_or_known(name: str) -> None:
    modules = installation.MODULES.get(name, (name,))
    assert all(
        importlib.util.find_spec(module) and installation.lacks(module) for module in modules
    )


def test_an_installed_wheel_carries_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = pytest.importorskip("hatchling.builders.wheel")
    (wheel,) = build.WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(wheel) as opened:
        opened.extractall(tmp_path / "site")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setattr(
        installation, "__file__", str(tmp_path / "site/housing_cli/commands/installation.py")
    )
    assert installation.lacks("joblib")
    assert not installation.lacks("fastapi")
