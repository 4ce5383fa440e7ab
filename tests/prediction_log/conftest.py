"""Every back end as a parametrized fixture; PostgreSQL is a real server, started once."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from housing_cli.data.schema import FeatureSchema
from housing_cli.prediction_log import PredictionLog, open_log
from tests.postgres import PostgresServer
from tests.prediction_log.rows import BOSTON

Opener = Callable[..., PredictionLog]


def _in_postgresql(_: Path, request: pytest.FixtureRequest) -> str:
    server: PostgresServer = request.getfixturevalue("postgres")
    schema = f"s{uuid.uuid4().hex}"
    server.sql(f"CREATE SCHEMA {schema}")
    return f"{server.url()}?options=-csearch_path%3D{schema}"


BACK_ENDS: dict[str, Callable[[Path, pytest.FixtureRequest], str]] = {
    "csv": lambda folder, _: f"csv:{folder / 'logs'}",
    "sqlite": lambda folder, _: f"sqlite:///{folder / 'logs' / 'predictions.db'}",
    "postgresql": _in_postgresql,
}
"""By the kind of their URL. What holds for every back end is tested with all that stand here."""


def fresh_url(kind: str, folder: Path, request: pytest.FixtureRequest) -> str:
    """Return the URL of a log that does not exist yet."""
    return BACK_ENDS[kind](folder, request)


@pytest.fixture(params=BACK_ENDS)
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
