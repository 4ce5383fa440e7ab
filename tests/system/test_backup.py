"""The page on backups tells the truth: its commands are run while a server is in use."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.postgres import PostgresServer
from tests.system.faults.places import held
from tests.system.faults.traffic import Traffic
from tests.system.processes import environment, housing, serving

BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "faults.md").read_text(), re.DOTALL)
FILES, SQLITE, POSTGRES, RESTORE = BLOCKS
DEGRADED = 2


@pytest.fixture
def shell(artifacts: Path, postgres: PostgresServer) -> Iterator[dict[str, str]]:
    """The variables of a shell that has the commands of the page."""
    folder = Path(sys.executable).parent
    database = f"host=127.0.0.1 port={postgres.port} user=housing dbname=postgres"
    path = f"{folder}:{postgres.bin}:{os.environ['PATH']}"
    yield {"PATH": path, "DATABASE": database}
    for table in ("predictions", "feedback", "served", "log_schema"):
        postgres.sql(f"DROP TABLE IF EXISTS {table}")


def run(block: str, folder: Path, variables: dict[str, str], codes: tuple[int, ...] = (0,)) -> None:
    done = subprocess.run(
        ["sh", "-euc", block],
        check=False,
        cwd=folder,
        env=environment(variables),
        capture_output=True,
        text=True,
    )
    assert done.returncode in codes, done.stderr


@pytest.mark.parametrize("kind", ["csv", "sqlite", "postgresql"])
def test_a_copy_that_was_made_meanwhile_holds_all_that_was_acknowledged_before(
    artifacts: Path, postgres: PostgresServer, shell: dict[str, str], kind: str, tmp_path: Path
) -> None:
    folder = artifacts.parent
    url = {
        "csv": "csv:logs",
        "sqlite": "sqlite:///logs/predictions.db",
        "postgresql": postgres.url(),
    }[kind]
    env = {"HOUSING_LOG_URL": url}
    with serving(folder, env=env) as server, Traffic(server) as traffic:
        traffic.go_on(60)
        before, labels = dict(traffic.promised), dict(traffic.labels)
        if kind == "csv":
            run(FILES, folder, shell)
        else:
            run(FILES.replace("cp -a logs/feedback.csv", "true"), folder, shell)
            run({"sqlite": SQLITE, "postgresql": POSTGRES}[kind], folder, shell)
        traffic.go_on(10)
    place = tmp_path / "restored"
    place.mkdir()
    (folder / "backup").rename(place / "backup")
    if kind == "postgresql":
        for table in ("predictions", "feedback", "served", "log_schema"):
            postgres.sql(f"DROP TABLE {table}")
        run('psql -v ON_ERROR_STOP=1 --file=backup/log.sql "$DATABASE"', place, shell)
    run(RESTORE, place, shell | env, (0, DEGRADED))  # no such prices were predicted
    found = held(url.replace("logs", str(place / "logs"), 1) if kind != "postgresql" else url)
    assert {key: found.made[key] for key in before} == {
        key: (one.number, one.price) for key, one in before.items()
    }
    assert labels.items() <= found.labels.items()
    assert found.labels.keys() <= found.made.keys()
    assert housing("registry", "verify", cwd=place).code == 0
