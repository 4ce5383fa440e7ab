"""What most tests need: a workshop to stand in, the command, and a registry with small models."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from tests.json_schemas import check
from tests.postgres import PostgresServer, running

# A shell starts what runs in its background with Ctrl-C ignored, and commands inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# So does `nohup` with the end of a terminal.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

ROOT = Path(__file__).parent.parent
SHIPPED = ROOT / "data" / "HousingData.csv"
FEATURES = SHIPPED.read_text().splitlines()[0].split(",")[:-1]
DOCKER = ("test_image.py", "test_workflows.py", "test_compose.py", "test_monitoring.py")
"""Files with tests that share one Docker engine."""
IMAGES_SECONDS = 1500
"""A test with an engine may wait for another that builds the same images: no sign that it hangs."""
QUICK = ("--set", "model.params.n_estimators=10", "--set", "train.repeats=1")
"""A model that is fitted in a moment."""


LEFT_OUT = pytest.StashKey[int]()
"""How many tests `--quick` left out."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--quick`: a first answer within two minutes."""
    parser.addoption(
        "--quick",
        action="store_true",
        help="leave out what is marked `slow`, needs a server of another maker, or lies in system/",
    )


def is_slow(item: pytest.Item) -> bool:
    """Return whether `--quick` leaves this test out: by what it is and needs, not by a list."""
    parameters = (
        item.callspec.params.values()
        if isinstance(item, pytest.Function) and hasattr(item, "callspec")
        else ()
    )
    return (
        item.path.is_relative_to(ROOT / "tests" / "system")
        or any(item.get_closest_marker(name) for name in ("slow", "docker"))
        or "postgres" in getattr(item, "fixturenames", ())
        or any(isinstance(value, str) and value == "postgresql" for value in parameters)
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Start what needs a Docker engine first: the others run beside it and not before it."""
    items.sort(key=lambda item: item.path.name not in DOCKER)
    for item in items:
        if item.path.name in DOCKER:
            item.add_marker(pytest.mark.timeout(IMAGES_SECONDS))
    if config.getoption("--quick"):
        slow = [item for item in items if is_slow(item)]
        items[:] = [item for item in items if not is_slow(item)]
        config.hook.pytest_deselected(items=slow)
        config.stash[LEFT_OUT] = len(slow)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the process that started this one, where there is one, what was left out."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None and LEFT_OUT in session.config.stash:
        output["left_out"] = session.config.stash[LEFT_OUT]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Hear it from a worker process: each of them has chosen the same."""
    if "left_out" in getattr(node, "workeroutput", {}):
        node.config.stash[LEFT_OUT] = node.workeroutput["left_out"]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say how many tests a quick run left out."""
    if config.getoption("--quick"):
        count = config.stash.get(LEFT_OUT, 0)
        terminalreporter.write_line(f"--quick left out {count} tests; `.ci/test` runs them all")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep a file's tests in one process, and all that needs a Docker engine in one, too."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # xdist carries no types
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "docker" if Path(file).name in DOCKER else file

    return ByFile(config, log)


@dataclass(frozen=True)
class Ran:
    """What one verb did."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> dict[str, Any]:
        """The `--json` object, which is as its JSON Schema says."""
        envelope: dict[str, Any] = json.loads(self.stdout)
        check(envelope)
        return envelope


Housing = Callable[..., Ran]


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory, and no variables of `housing` or of CI."""
    for name in [n for n in os.environ if n.startswith(("HOUSING_", "GITHUB_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def housing(workshop: Path) -> Housing:
    """The command, in this process and in the workshop; it catches no exception."""
    from typer.testing import CliRunner

    from housing_cli.cli import app

    def run(*args: str | Path) -> Ran:
        done = CliRunner().invoke(
            app, list(map(str, args)), catch_exceptions=False, prog_name="housing"
        )
        return Ran(done.exit_code, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def two_versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with v1 (production, tag `first`) and v2 (tag `second`); do not change it."""
    from housing_cli.config import load_settings
    from housing_cli.loop.train import train

    root = tmp_path_factory.mktemp("registry") / "artifacts"
    for seed, tag in ((1, "first"), (2, "second")):
        overrides = {"data.path": str(SHIPPED), "registry.path": str(root), "train.seed": seed}
        train(load_settings(None, overrides, QUICK[1::2], {}), tag=tag)
    return root


@pytest.fixture
def artifacts(two_versions: Path, workshop: Path) -> Path:
    """A copy of `two_versions` in the workshop, free to be changed."""
    return Path(shutil.copytree(two_versions, workshop / "artifacts"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server, started once; tests that stop it start it again."""
    with running() as server:
        yield server


@contextmanager
def as_nobody() -> Iterator[None]:
    """Be a user whom permissions bind; what is imported inside must be loaded already."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def parquet(table: pd.DataFrame) -> bytes:
    """Return a table as Parquet, without its index."""
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as database:
        file = Path(folder, "table.parquet")
        database.from_df(table).write_parquet(str(file))
        return file.read_bytes()


def workbook(table: pd.DataFrame, **more: pd.DataFrame) -> bytes:
    """Return a table as an Excel workbook, without its index; more: sheets before it."""
    buffer = io.BytesIO()
    with pd.ExcelWriter(buffer, engine="openpyxl") as writer:
        for name, sheet in {**more, "Sheet1": table}.items():
            sheet.to_excel(writer, sheet_name=name, index=False)
    return buffer.getvalue()


def rows(n: int = 60) -> list[str]:
    """The header and the first n rows of the shipped table."""
    return SHIPPED.read_text().splitlines()[: n + 1]


@pytest.fixture
def table(workshop: Path) -> Path:
    """A small table in the workshop."""
    file = workshop / "table.csv"
    file.write_text("\n".join(rows()) + "\n")
    return file
