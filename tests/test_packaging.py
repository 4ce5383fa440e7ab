"""What is installed: the wheel, its name, and an installation that only serves."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from housing_cli import __version__
from housing_cli.commands.installation import lacks
from tests.system.processes import environment

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LACKS = PYPROJECT["dependency-groups"]["serving-lacks"]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as `pip wheel .` builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    code = f"from hatchling.build import build_wheel; print(build_wheel({str(folder)!r}))"
    built = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return folder / built.stdout.split()[-1]


@pytest.fixture(scope="session")
def serving(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages: the wheel's, and all that is installed but what serving lacks."""
    folder = tmp_path_factory.mktemp("serving")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    left_out = {"scipy", "housing_cli"}  # SciPy comes with scikit-learn alone
    left_out |= {
        top for top, names in metadata.packages_distributions().items() if {*names} & {*LACKS}
    }
    packages = Path(str(metadata.distribution("numpy").locate_file("")))
    for entry in packages.iterdir():
        described = entry.name.partition("-")[0].replace("_", "-")  # `scikit_learn-1.9.0.dist-info`
        absent = entry.name in left_out or described in {*LACKS, "scipy"}
        if not absent and not (folder / entry.name).exists():
            (folder / entry.name).symlink_to(entry)
    return folder


def run(packages: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `housing` with `packages` and the standard library alone."""
    code = "import sys; sys.path[0] = sys.argv.pop(1); import housing_cli.__main__ as m; m.main()"
    return subprocess.run(
        [sys.executable, "-S", "-c", code, str(packages), *words],
        cwd=packages, capture_output=True, text=True, env=environment(), check=False,
    )  # fmt: skip


def test_the_wheel_carries_the_name_the_command_and_the_package(wheel: Path) -> None:
    assert wheel.name == f"housing_loop-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        entry = next(name for name in names if name.endswith("entry_points.txt"))
        assert "housing = housing_cli.__main__:main" in archive.read(entry).decode()
    assert {"housing_cli/py.typed", "housing_cli/__init__.pyi"} <= set(names)
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"housing_cli", f"housing_loop-{__version__}.dist-info"}


def test_the_wheel_carries_the_table_of_the_demo(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        table = archive.read("housing_cli/data/HousingData.csv")
    assert table == (ROOT / "data" / "HousingData.csv").read_bytes()


def test_the_source_archive_makes_the_same_wheel_without_the_clone(
    wheel: Path, tmp_path: Path
) -> None:
    code = f"from hatchling.build import build_sdist; print(build_sdist({str(tmp_path)!r}))"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    shutil.unpack_archive(archive, tmp_path / "unpacked", filter="data")
    (source,) = (tmp_path / "unpacked").iterdir()
    code = f"from hatchling.build import build_wheel; build_wheel({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, check=True)
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(tmp_path / wheel.name) as other:
        names = sorted(one.namelist())
        assert names == sorted(other.namelist())
        assert {one.getinfo(n).CRC for n in names} == {other.getinfo(n).CRC for n in names}
    assert "housing_cli/data/HousingData.csv" in names
    assert "housing_cli/show/json_schemas/evaluate.json" in names


def test_what_serving_lacks_is_among_the_dependencies() -> None:
    names = {re.split(r"[\s\[<>=!~;]", line)[0] for line in PYPROJECT["project"]["dependencies"]}
    assert {*LACKS} <= names


def test_no_hint_or_page_names_a_package_of_somebody_else() -> None:
    texts = [*ROOT.glob("housing_cli/**/*.py"), *ROOT.glob("**/*.md"), *ROOT.glob("configs/**/*")]
    for file in texts:
        if file.is_file() and not {".venv", "notebook"} & {*file.parts}:
            found = re.search(
                r"pip install (-\S+ )*['\"]?housing(?!_loop|` installs another)", file.read_text()
            )
            assert found is None, file


def test_the_installed_wheel_says_its_version(serving: Path) -> None:
    assert run(serving, "--version").stdout == f"housing {__version__}\n"


@pytest.mark.parametrize("verb", ["train", "retrain", "predict houses.csv", "demo --into made"])
def test_a_serving_installation_says_what_it_lacks(verb: str, serving: Path) -> None:
    done = run(serving, *verb.split())
    assert done.returncode == 1
    assert re.match(r"error: this installation serves only: `\S+` is not installed", done.stderr)
    assert "`pip install .` in the clone" in done.stderr
    assert not (serving / "made").exists()
    assert run(serving, "registry", "ls").returncode == 0


@pytest.mark.parametrize("module", ["housing_cli", "email", "fastapi"])
def test_a_module_that_is_missing_by_mistake_is_a_bug(module: str) -> None:
    assert not lacks(module)
