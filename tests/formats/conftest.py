"""What an older version wrote, copied to where a test may change it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.postgres import PostgresServer

FOLDER = Path(__file__).parent
BACK_ENDS = ("csv", "sqlite", "postgresql")


@pytest.fixture
def format_1(workshop: Path) -> Path:
    """The current directory, holding what the first format wrote."""
    shutil.copytree(FOLDER / "format_1", workshop, dirs_exist_ok=True)
    (workshop / "configs").mkdir()
    shutil.move(workshop / "housing.toml", workshop / "configs" / "housing.toml")
    return workshop


@pytest.fixture(params=BACK_ENDS)
def log_url(request: pytest.FixtureRequest, format_1: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of each log of the first format in turn; also in the environment."""
    url = {"csv": "csv:logs", "sqlite": "sqlite:///predictions.db"}.get(request.param)
    if url is None:
        url = restored(request.getfixturevalue("postgres"), format_1 / "predictions.sql")
    monkeypatch.setenv("HOUSING_LOG_URL", url)
    return url


def restored(server: PostgresServer, dump: Path) -> str:
    """Load a dump into a new database; return its URL."""
    restored.count += 1  # type: ignore[attr-defined]
    name = f"restored_{restored.count}"  # type: ignore[attr-defined]
    server.sql(f"CREATE DATABASE {name}")
    subprocess.run(
        [str(server.bin / "psql"), "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p",
         str(server.port), "-U", "housing", "-d", name, "-f", str(dump)],
        check=True, capture_output=True,
    )  # fmt: skip
    return server.url(name)


restored.count = 0  # type: ignore[attr-defined]
