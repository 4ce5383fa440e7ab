"""`housing log init`: how you make and migrate the log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Housing


def test_init_makes_an_empty_log_once(housing: Housing, workshop: Path) -> None:
    ran = housing("log", "init")
    assert (ran.code, ran.stdout) == (0, "made `csv:logs`, format 2\n")
    header = "id,timestamp,model_version,CRIM,"
    assert (workshop / "logs" / "predictions.csv").read_text().startswith(header)
    assert (workshop / "logs" / "feedback.csv").read_text() == "id,timestamp,real_price\n"
    again = housing("log", "init")
    assert (again.code, again.stdout) == (0, "`csv:logs` is there, format 2\n")


def test_the_url_of_the_option_beats_the_setting(
    housing: Housing, workshop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOUSING_LOG_URL", "csv:elsewhere")
    data = housing("log", "init", "--url", "sqlite:///log.db", "--json").json["data"]
    assert (data["url"], data["before"], data["format"]) == ("sqlite:///log.db", 0, 2)
    assert (workshop / "log.db").exists()
    assert not (workshop / "elsewhere").exists()
    assert housing("log", "init", "--json").json["data"]["url"] == "csv:elsewhere"


def test_an_older_log_stays_as_it_is_until_it_is_migrated(housing: Housing, workshop: Path) -> None:
    housing("log", "init")
    numbers = workshop / "logs" / "schema.json"
    numbers.write_text('{"version": 1}')
    ran = housing("log", "init")
    assert ran.stdout == "`csv:logs` is there, format 1\n"
    assert "next: housing log init --migrate\n" in ran.stderr
    assert numbers.read_text() == '{"version": 1}'
    assert housing("log", "init", "--migrate").stdout == "`csv:logs` had format 1 and has 2\n"
    assert json.loads(numbers.read_text())["format"] == 2


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("log",), 64, "no verb given"),
        (("log", "init", "here"), 64, "error: unexpected `here`"),
        (("log", "init", "--url", "redis://h"), 1, "is not the URL of a prediction log"),
    ],
)
def test_what_names_no_log_is_said(
    housing: Housing, words: tuple[str, ...], code: int, said: str
) -> None:
    ran = housing(*words)
    assert ran.code == code
    assert said in ran.stderr


def test_a_log_of_another_table_is_refused(housing: Housing, workshop: Path) -> None:
    (workshop / "logs").mkdir()
    (workshop / "logs" / "predictions.csv").write_text("id,price\n")
    ran = housing("log", "init", "--json")
    assert (ran.code, ran.json["status"]) == (1, "error")
    assert "was written for other columns" in ran.json["errors"][0]["message"]
