"""`housing log init`: what is there stays, what is older is migrated, killed or not."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from housing_cli.data.schema import FeatureSchema
from housing_cli.errors import LogSchemaMismatch
from housing_cli.prediction_log import PredictionLog, Served, open_log
from tests.conftest import FEATURES, ROOT, Housing
from tests.formats import killed
from tests.formats.test_format_1 import ROW
from tests.postgres import PostgresServer
from tests.system.processes import serving

SCHEMA = FeatureSchema(tuple(FEATURES), "MEDV")


def opened(url: str) -> PredictionLog:
    return open_log(url, SCHEMA)


def executed(url: str, statement: str) -> None:
    """Execute a statement in the database of a log."""
    import sqlalchemy as sa

    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)


def raise_version(url: str, folder: Path) -> None:
    """Make the log one that only programs of format 99 may use."""
    if url.startswith("csv:"):
        (folder / "logs" / "schema.json").write_text('{"version": 99, "format": 99}')
    else:
        executed(url, "UPDATE log_schema SET version = 99")


def test_an_older_log_is_written_on_as_it_is(log_url: str, format_1: Path) -> None:
    log = opened(log_url)
    before = len(log.predictions())
    (one,) = log.append("v2", [[1.0] * 13], [20.0])
    log.feedback(one, 21.0)
    assert len(log.predictions()) == before + 1
    state = log.init()
    assert (state.before, state.format) == (1, 1)
    log.close()


def test_an_older_log_has_no_room_until_it_is_migrated(log_url: str, housing: Housing) -> None:
    log = opened(log_url)
    (one,) = log.append("v2", [[1.0] * 13], [20.0])
    assert log.served() == []
    with pytest.raises(LogSchemaMismatch) as caught:
        log.append_served([Served(one, arm="a")])
    assert "housing log init --migrate" in caught.value.hint
    assert log.served() == []
    done = housing("log", "init", "--json")
    assert (done.code, done.json["data"]["format"]) == (0, 1)
    assert "--migrate" in done.stderr
    rows = len(log.predictions())
    done = housing("log", "init", "--migrate", "--json")
    assert done.code == 0, done.stderr
    assert (done.json["data"]["before"], done.json["data"]["format"]) == (1, 2)
    # The log that was open all the time need not be opened again.
    log.append_served([Served(one, arm="a")])
    assert log.served() == [Served(one, arm="a")]
    assert len(log.predictions()) == rows
    log.close()
    again = housing("log", "init", "--migrate", "--json")
    assert (again.json["data"]["before"], again.json["data"]["format"]) == (2, 2)


def test_a_migrated_log_gives_the_verdict_that_it_gave_before(
    log_url: str, housing: Housing
) -> None:
    before = housing("evaluate", "--json").json["data"]
    assert housing("log", "init", "--migrate").code == 0
    assert housing("evaluate", "--json").json["data"] == before


def test_a_csv_log_without_numbers_has_format_1(format_1: Path, housing: Housing) -> None:
    (format_1 / "logs" / "schema.json").unlink()
    assert opened("csv:logs").init().format == 1
    assert housing("log", "init", "--migrate", "--json").json["data"]["format"] == 2
    assert json.loads((format_1 / "logs" / "schema.json").read_text()) == {
        "version": 1, "format": 2,
    }  # fmt: skip


def test_tables_without_numbers_have_format_1(format_1: Path) -> None:
    url = "sqlite:///predictions.db"
    executed(url, "DROP TABLE log_schema")
    log = opened(url)
    assert (log.init().format, log.init(migrate=True).format) == (1, 2)
    assert len(opened(url).predictions()) == len(opened("csv:logs").predictions())
    log.close()


def test_a_newer_log_is_refused_by_name(log_url: str, format_1: Path, housing: Housing) -> None:
    raise_version(log_url, format_1)
    for words in (("evaluate",), ("retrain",), ("log", "init"), ("log", "init", "--migrate")):
        done = housing(*words, "--json")
        assert done.code == 1, words
        (error,) = done.json["errors"]
        assert error["type"] == "LogSchemaMismatch", error
        assert "has format 99, and this program knows 2" in error["message"]
        assert "use the newer `housing`" in error["hint"]


def test_a_log_of_a_newer_format_that_this_program_may_use_is_used(
    log_url: str, format_1: Path
) -> None:
    log = opened(log_url)
    log.init(migrate=True)
    if log_url.startswith("csv:"):
        (format_1 / "logs" / "schema.json").write_text('{"version": 2, "format": 7}')
    else:
        executed(log_url, "UPDATE log_schema SET version = 2, format = 7")
    again = opened(log_url)
    again.check()
    (one,) = again.append("v2", [[1.0] * 13], [20.0])
    again.append_served([Served(one, arm="a")])
    assert (again.init(migrate=True).format, len(again.served())) == (7, 1)
    for one_log in (log, again):
        one_log.close()


@pytest.mark.slow
def test_a_server_is_not_ready_when_its_log_becomes_one_of_newer_programs(
    log_url: str, format_1: Path
) -> None:
    with serving(format_1, env={"HOUSING_LOG_URL": log_url}) as server:
        assert server.client.post("/predict", json=ROW).status_code == 200
        raise_version(log_url, format_1)
        server.wait_for(lambda: server.client.get("/readyz").status_code == 503, timeout=10)
        assert "format 99" in server.client.get("/readyz").text


@pytest.mark.slow
def test_a_migration_that_is_killed_at_any_step_is_resumed(log_url: str, format_1: Path) -> None:
    before = list(opened(log_url).predictions().ids)
    step = 0
    while (code := killed.migrate(log_url, SCHEMA, step)) == -9:
        log = opened(log_url)
        log.check()
        assert list(log.predictions().ids) == before
        state = log.init()
        assert state.format in {1, 2}
        if state.format == 1:
            with pytest.raises(LogSchemaMismatch):
                log.append_served([Served(before[0])])
        log.close()
        step += 1
    assert code == 0
    assert step > 3
    log = opened(log_url)
    log.append_served([Served(before[0], arm="a")])
    assert log.init().format == 2
    assert list(log.predictions().ids) == before
    log.close()
    if log_url.startswith("csv:"):
        found = sorted(path.name for path in (format_1 / "logs").iterdir())
        assert [name for name in found if name.endswith(".csv")] == [
            "feedback.csv", "predictions.csv", "served.csv",
        ]  # fmt: skip


@pytest.mark.slow
def test_five_migrations_at_once_are_one(log_url: str, format_1: Path) -> None:
    runs = [
        subprocess.Popen(
            [sys.executable, "-m", "housing_cli", "log", "init", "--migrate", "--json"],
            cwd=format_1, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT), "HOUSING_LOG_URL": log_url},
        )
        for _ in range(5)
    ]  # fmt: skip
    for run in runs:
        out, err = run.communicate(timeout=60)
        assert run.returncode == 0, err
        assert json.loads(out)["data"]["format"] == 2
    log = opened(log_url)
    assert log.served() == []
    log.append_served([Served(log.predictions().ids[0])])
    log.close()


def test_init_makes_files_with_headers_for_the_configured_table(
    housing: Housing, workshop: Path
) -> None:
    done = housing("log", "init", "--json")
    assert (done.code, done.json["data"]["before"]) == (0, 0)
    assert (workshop / "logs" / "feedback.csv").read_text() == "id,timestamp,real_price\n"
    header = (workshop / "logs" / "predictions.csv").read_text()
    assert header == f"id,timestamp,model_version,{','.join(FEATURES)},predicted_price\n"
    assert not (workshop / "logs" / "served.csv").exists()
    files = {path: path.read_bytes() for path in (workshop / "logs").iterdir()}
    assert "is there, format 2" in housing("log", "init").stdout
    assert {path: path.read_bytes() for path in (workshop / "logs").iterdir()} == files


def test_the_url_of_the_option_goes_before_the_setting(housing: Housing, workshop: Path) -> None:
    done = housing("log", "init", "--url", "sqlite:///other.db", "--json")
    assert done.json["data"]["url"] == "sqlite:///other.db"
    assert not (workshop / "logs").exists()
    with sqlite3.connect(workshop / "other.db") as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
    assert {"predictions", "feedback", "served", "log_schema"} <= names
    assert housing("log", "init", "--url", "what:is").code == 1


def test_help_has_an_example_and_the_loop_comes_first(housing: Housing) -> None:
    shown = housing("--help").stdout
    verbs = ("train", "evaluate", "retrain", "serve", "promote", "registry", "log")
    places = [shown.index(f"\n  {verb}") for verb in verbs]
    assert places == sorted(places)
    assert "Example: housing log init" in housing("log", "init", "--help").stdout


class TestRolesOfPostgres:
    """The server may only SELECT and INSERT; another role owns the tables."""

    @pytest.fixture
    def urls(self, postgres: PostgresServer, format_1: Path) -> tuple[str, str]:
        """Return the URL of the owner and of the server's role."""
        from tests.formats.conftest import restored

        url = restored(postgres, format_1 / "predictions.sql")
        name = url.rpartition("/")[2]
        for role in ("owner", "clerk", "reader"):
            postgres.sql(f"CREATE ROLE {role}_{name} LOGIN")
        for table in ("predictions", "feedback", "log_schema"):
            postgres.sql(f"ALTER TABLE {table} OWNER TO owner_{name}", name)
        postgres.sql(f"GRANT ALL ON SCHEMA public TO owner_{name}", name)
        postgres.sql(f"GRANT SELECT, INSERT ON predictions, feedback TO clerk_{name}", name)
        postgres.sql(f"GRANT SELECT ON log_schema TO clerk_{name}", name)
        postgres.sql(f"GRANT SELECT ON predictions TO reader_{name}", name)
        return url.replace("housing@", f"owner_{name}@"), url.replace("housing@", f"clerk_{name}@")

    def test_the_servers_role_works_on_the_older_log_and_may_not_migrate_it(
        self, urls: tuple[str, str], housing: Housing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HOUSING_LOG_URL", urls[1])
        log = opened(urls[1])
        (one,) = log.append("v2", [[1.0] * 13], [20.0])
        assert log.feedback(one, 21.0).outcome == "recorded"
        log.close()
        done = housing("log", "init", "--migrate", "--json")
        assert done.code == 1
        (error,) = done.json["errors"]
        assert "permission denied" in error["message"] or "must be owner" in error["message"]
        assert "housing log init --url URL" in error["hint"]
        assert opened(urls[1]).init().format == 1

    def test_the_owner_migrates_and_whoever_had_rights_has_them_on_the_new_table(
        self, urls: tuple[str, str], housing: Housing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        owner, clerk = urls
        monkeypatch.setenv("HOUSING_LOG_URL", clerk)
        running = opened(clerk)
        (one,) = running.append("v2", [[1.0] * 13], [20.0])
        done = housing("log", "init", "--migrate", "--url", owner, "--json")
        assert done.code == 0, done.stderr
        name = owner.rpartition("/")[2]
        assert sorted(done.json["data"]["granted"]) == [
            f"GRANT INSERT, SELECT ON served TO clerk_{name}",
            f"GRANT SELECT ON served TO reader_{name}",
        ]
        assert f"granted: GRANT INSERT, SELECT ON served TO clerk_{name}" in done.stderr
        for log in (running, opened(clerk)):
            log.check()
            (one,) = log.append("v2", [[1.0] * 13], [20.0])
            log.append_served([Served(one, arm="a")])
            log.close()
        assert len(opened(clerk).served()) == 2

    def test_another_role_that_migrates_leaves_the_owner_with_its_rights(
        self, urls: tuple[str, str], housing: Housing
    ) -> None:
        superuser = re.sub(r"owner_\w+@", "housing@", urls[0])
        done = housing("log", "init", "--migrate", "--url", superuser, "--json")
        assert done.code == 0, done.stderr
        for url in urls:
            log = opened(url)
            (one,) = log.append("v2", [[1.0] * 13], [20.0])
            log.append_served([Served(one, arm="a")])
            log.close()

    def test_what_the_servers_role_needs_is_printed_and_enough(
        self, postgres: PostgresServer, housing: Housing, workshop: Path
    ) -> None:
        postgres.sql("CREATE DATABASE fresh")
        postgres.sql("CREATE ROLE clerk LOGIN")
        clerk = postgres.url("fresh").replace("housing@", "clerk@")
        done = housing("log", "init", "--url", clerk, "--json")
        assert "housing log init --url URL" in done.json["errors"][0]["hint"]
        done = housing("log", "init", "--url", postgres.url("fresh"), "--json")
        assert done.json["data"]["before"] == 0
        with pytest.raises(Exception, match="permission denied"):
            opened(clerk).append("v1", [[1.0] * 13], [20.0])
        for statement in done.json["data"]["to_grant"]:
            assert statement in done.stderr
            postgres.sql(statement.replace("ROLE", "clerk"), "fresh")
        log = opened(clerk)
        log.check()
        (one,) = log.append("v1", [[1.0] * 13], [20.0])
        log.append("v1", [[1.0] * 13] * 3, [20.0] * 3)
        log.feedback(one, 21.0)
        log.append_served([Served(one, arm="a")])
        assert (len(log.predictions()), len(log.labeled()), len(log.served())) == (4, 1, 1)
        assert log.init().format == 2
        log.close()

    @pytest.mark.slow
    def test_a_migration_does_not_wait_for_a_long_reader_for_ever(
        self, urls: tuple[str, str], housing: Housing
    ) -> None:
        import psycopg

        with psycopg.connect(urls[1].replace("+psycopg", "")) as reader:
            reader.execute("SELECT * FROM log_schema").fetchall()  # and its transaction goes on
            done = housing("log", "init", "--migrate", "--url", urls[0], "--json")
            assert done.code == 1
            assert "run it again later" in done.json["errors"][0]["hint"]
        assert housing("log", "init", "--migrate", "--url", urls[0]).code == 0
