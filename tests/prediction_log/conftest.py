"""Every back end as a parametrized fixture; PostgreSQL is a real server, started once."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from housing_cli.data.schema import FeatureSchema
from housing_cli.prediction_log import PredictionLog, open_log
from tests.postgres import PostgresServer, running
from tests.prediction_log.rows import BOSTON

Opener = Callable[..., PredictionLog]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with running() as server:
        yield server


def fresh_url(kind: str, folder: Path, request: pytest.FixtureRequest) -> str:
    """Return the URL of a log that does not exist yet."""
    if kind == "csv":
        return f"csv:{folder / 'logs'}"
    if kind == "sqlite":
        return f"sqlite:///{folder / 'logs' / 'predictions.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    schema = f"s{uuid.uuid4().hex}"
    server.sql(f"CREATE SCHEMA {schema}")
    return f"{server.url()}?options=-csearch_path%3D{schema}"


@pytest.fixture(params=["csv", "sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return fresh_url(request.param, tmp_path, request)


@pytest.fixture
def opener(url: str) -> Iterator[Opener]:
    """Open the log of `url`, as often as wanted; all are closed at the end."""
    opened: list[PredictionLog] = []

    def open_one(schema: FeatureSchema = BOSTON, **options: bool) -> PredictionLog:
        opened.append(open_log(url, schema, **options))
        return opened[-1]

    yield open_one
    for log in opened:
        log.close()


@pytest.fixture
def log(opener: Opener) -> PredictionLog:
    return opener()
