"""Questions to the databases: rows are the same with and without features, and of one moment."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from housing_cli.errors import LogUnavailable
from housing_cli.prediction_log import Labeled, PredictionLog, Served, open_log
from housing_cli.prediction_log.ids import Clock
from housing_cli.prediction_log.records import LateQuery
from housing_cli.prediction_log.sql import query as sql_query
from housing_cli.prediction_log.sql.tables import tables_for
from housing_cli.prediction_log.tried import TriedQuery
from tests.postgres import PostgresServer
from tests.prediction_log.conftest import fresh_url
from tests.prediction_log.rows import BOSTON, ROW

BACKENDS = pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
BEGAN_MS = 1_760_000_000_000
HOUR_MS = 3_600_000


@pytest.fixture(params=[1, 3, 5000])
def chunk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Read a few rows at a time: what a million needs happens with a dozen."""
    monkeypatch.setattr(sql_query, "_CHUNK", request.param)
    size: int = request.param
    return size


def same(
    log: PredictionLog, version: str = "v1", since: datetime | None = None
) -> tuple[Labeled, Labeled]:
    """Ask with and without features, and compare."""
    full = log.labeled(version=version, since=since)
    bare = log.labeled(version=version, since=since, features=False)
    assert list(bare.ids) == list(full.ids)
    assert list(bare.versions) == list(full.versions)
    for name in ("timestamps", "labeled_at", "predicted", "real"):
        np.testing.assert_array_equal(getattr(bare, name), getattr(full, name))
    return full, bare


def id_of(chance: random.Random, ms: int) -> str:
    return f"{ms >> 16:08x}-{ms & 0xFFFF:04x}-7{chance.getrandbits(12):03x}-8000-" + (
        f"{chance.getrandbits(48):012x}"
    )


def fill(url: str, chance: random.Random, rows: int, ms_of: Callable[[], int]) -> None:
    """Insert predictions of three versions; some are labeled, some of those corrected."""
    clock = Clock()
    predictions, prices = [], []
    for _ in range(rows):
        ms = ms_of()
        key, version = id_of(chance, ms), chance.choice(["v1", "v1", "v1", "v2", "v3"])
        predictions.append(
            {"i": key, "t": clock.iso(ms), "v": version, "p": chance.gauss(20.0, 9.0)}
        )
        for revision in range(1, 1 + chance.choice([0, 1, 1, 2, 7])):
            ms += chance.randrange(HOUR_MS)
            # A correction of a correction may bring back the first price; not all give one.
            real = chance.choice([chance.uniform(1, 50), 24.5, 1e300])
            prices.append({"i": key, "r": revision, "t": clock.iso(ms), "v": version, "p": real})
    chance.shuffle(prices)
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO predictions (id, timestamp, model_version, predicted_price)"
                " VALUES (:i, :t, :v, :p)"
            ),
            predictions,
        )
        connection.execute(sa.text("INSERT INTO feedback VALUES (:i, :r, :t, :v, :p)"), prices)


@BACKENDS
@pytest.mark.parametrize("shape", ["steady", "bursts", "one-moment"])
def test_random_logs_are_the_same_with_and_without_features(
    backend: str, shape: str, chunk: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    chance = random.Random(f"{backend}{shape}{chunk}")
    times = {
        "steady": lambda: BEGAN_MS + chance.randrange(1000 * HOUR_MS),
        # most of the ranges of time have no rows at all
        "bursts": lambda: BEGAN_MS + chance.choice([0, 7, 999]) * HOUR_MS + chance.randrange(50),
        "one-moment": lambda: BEGAN_MS,
    }
    url = fresh_url(backend, tmp_path, request)
    log = open_log(url, BOSTON)
    log.append("v0", [ROW], [1.0])
    assert len(same(log)[0]) == 0
    fill(url, chance, 150, times[shape])
    for version in ("v0", "v1", "v2", "v3", "v4"):
        full, _ = same(log, version)
        assert (len(full) > 0) == (version in {"v1", "v2", "v3"})
        if len(full):
            for at in (0, len(full) // 2, -1):
                since = datetime.fromtimestamp(full.timestamps[at], UTC)
                assert same(log, version, since)[0].ids[0] <= full.ids[at]
        assert len(same(log, version, datetime(2100, 1, 1, tzinfo=UTC))[0]) == 0
    log.close()


@BACKENDS
def test_more_corrections_than_a_chunk_has_rows(
    backend: str, chunk: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    log = open_log(fresh_url(backend, tmp_path, request), BOSTON)
    ids = log.append("v1", [ROW] * 9, [float(n) for n in range(1, 10)])
    for price in (2.0, 3.0, 4.0, 3.0):
        for key in ids:
            log.feedback(key, price)
    full, bare = same(log)
    assert list(bare.ids) == ids
    assert set(full.real) == {3.0}
    log.close()


@BACKENDS
def test_rows_of_other_hands_are_the_same_with_and_without_features(
    backend: str, chunk: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = fresh_url(backend, tmp_path, request)
    log = open_log(url, BOSTON)
    ids = log.append("v1", [ROW] * 6, [20.0] * 6)
    for key in ids:
        log.feedback(key, 2.0)
    with sa.create_engine(url).begin() as connection:
        insert = "INSERT INTO feedback VALUES ('{}', 2, '{}', 'v1', {})"
        for key, moment, price in (
            (ids[0], "2027-01-31T12:00:00.123Z", "1e300"),  # no model gives this price
            # Together these two are as long as two of ours.
            (ids[1], "2027-01-31T13:00:00+01:00", "3"),
            (ids[2], "2027-01-31T12:00:00.12Z", "5"),
            (ids[3], "2027-01-31T12:00:00.123456Z", "4"),
        ):
            connection.exec_driver_sql(insert.format(key, moment, price))
    full, bare = same(log)
    assert list(bare.ids) == ids[1:]
    assert list(full.real) == [3.0, 5.0, 4.0, 2.0, 2.0]
    assert bare.labeled_at[0] == datetime(2027, 1, 31, 12, tzinfo=UTC).timestamp()
    log.close()


@BACKENDS
def test_all_chunks_are_of_one_moment(
    backend: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_query, "_CHUNK", 4)
    url = fresh_url(backend, tmp_path, request)
    log, writer = open_log(url, BOSTON), open_log(url, BOSTON)
    ids = log.append("v1", [ROW] * 40, [1.0] * 40)
    for key in ids:
        log.feedback(key, 2.0)
    floats, columns = sql_query._floats, []

    def correct_meanwhile(values: Any) -> Any:
        columns.append(len(values))
        if len(columns) == 1:
            for key in ids:
                writer.feedback(key, 3.0)
            writer.feedback(writer.append("v1", [ROW], [1.0])[0], 3.0)
        return floats(values)

    monkeypatch.setattr(sql_query, "_floats", correct_meanwhile)
    found = log.labeled(version="v1", features=False)
    assert list(found.ids) == ids
    assert set(found.real) == {2.0}
    assert len(columns) >= 10
    assert set(log.labeled(version="v1", features=False).real) == {3.0}
    log.close()
    writer.close()


def test_a_server_that_takes_no_more_connections_is_read_over_one(
    postgres: PostgresServer,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    url = fresh_url("postgresql", tmp_path, request)
    log = open_log(url, BOSTON)
    ids = log.append("v1", [ROW] * 9, [1.0] * 9)
    for key in ids:
        log.feedback(key, 2.0)
    log.close()
    user = f"reader_{tmp_path.name.replace('-', '_')}"[:60].lower()
    postgres.sql(f"CREATE ROLE {user} LOGIN CONNECTION LIMIT 1")
    schema = url.rpartition("%3D")[2]
    postgres.sql(f"GRANT USAGE ON SCHEMA {schema} TO {user}")
    postgres.sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {user}")
    limited = open_log(url.replace("//housing", f"//{user}"), BOSTON)
    assert list(limited.labeled(version="v1", features=False).ids) == ids
    limited.close()


def test_a_database_that_is_gone_is_unavailable_in_the_middle_of_a_question(
    postgres: PostgresServer, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    log = open_log(fresh_url("postgresql", tmp_path, request), BOSTON)
    log.append("v1", [ROW], [1.0])
    question = sql_query.Question(tables_for(BOSTON.features), "v1", None, None)

    def ask(connection: sa.Connection) -> object:
        postgres.stop()
        return sql_query.labeled(connection, question)

    try:
        with pytest.raises(LogUnavailable, match="cannot be used"):
            log._place.read(ask)  # type: ignore[attr-defined]
    finally:
        postgres.start()
    log.close()


def test_late_labels_are_looked_for_by_the_index_of_version_and_time(tmp_path: Path) -> None:
    """So what that costs grows with the window, not with the log."""
    url = f"sqlite:///{tmp_path / 'log.db'}"
    log = open_log(url, BOSTON)
    log.feedback(log.append("v1", [ROW], [20.0])[0], 21.0)
    log.close()
    since, floor = (datetime.fromtimestamp(BEGAN_MS / 1000 - days * 86_400, UTC) for days in (0, 9))
    query = LateQuery("v1", since, floor, 86_400.0)
    engine = sa.create_engine(url)
    plans: list[str] = []

    def explain(
        connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        if "feedback" in statement and not statement.startswith("EXPLAIN"):
            found = connection.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(row[3] for row in found)

    sa.event.listen(engine, "before_cursor_execute", explain)
    with engine.connect() as connection:
        question = sql_query.Question(tables_for(BOSTON.features), "v1", None, floor)
        assert sql_query.late(connection, question, query).n == 0
    engine.dispose()
    first = next(plan for plan in plans if "SEARCH feedback" in plan)
    assert "feedback_by_version (model_version=? AND id>? AND id<?)" in first
    assert not any(plan.startswith("SCAN") for plan in plans if "labels" not in plan)


@BACKENDS
def test_answers_of_a_trial_are_read_in_parts_of_which_some_have_no_price(
    backend: str, tmp_path: Path, request: pytest.FixtureRequest, chunk: int
) -> None:
    log = open_log(fresh_url(backend, tmp_path, request), BOSTON)
    ids = log.append("v1", [ROW] * 9, [20.0 + number for number in range(9)])
    said = [None if number % 3 else 21.0 for number in range(9)]
    log.append_served(
        [
            Served(one, shadow_version="v2", shadow_price=price)
            for one, price in zip(ids, said, strict=True)
        ]
    )
    for one in ids[5:7]:
        log.feedback(one, 30.0)
    found = log.tried(TriedQuery(shadow="v2"))
    assert list(found.ids) == ids
    assert np.isnan(found.shadow_prices).tolist() == [price is None for price in said]
    assert np.isnan(found.real).tolist() == np.isnan(found.labeled_at).tolist()
    assert np.flatnonzero(~np.isnan(found.real)).tolist() == [5, 6]
    log.close()


@BACKENDS
def test_a_log_without_room_for_what_answers_carried_has_no_answers_of_a_trial(
    backend: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = fresh_url(backend, tmp_path, request)
    log = open_log(url, BOSTON)
    log.append("v1", [ROW], [20.0])
    log.close()
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE served")
    engine.dispose()
    log = open_log(url, BOSTON)
    found = log.tried(TriedQuery(shadow="v2", features=True))
    assert (len(found), found.features.shape, list(found.made)) == (0, (0, 13), [])
    log.close()
