"""One line an event, as text or as JSON."""

from __future__ import annotations

import json
import logging
import logging.config
import sys
from typing import Any

import pytest

from housing_cli.api.process.event_log import JsonLines, TextLines, log_config


def record(message: str = "model_loaded", **fields: Any) -> logging.LogRecord:
    made = logging.LogRecord("housing.serve", logging.INFO, "f.py", 1, message, (), None)
    made.created = 1769860800.25
    vars(made).update(fields)
    return made


def failed() -> logging.LogRecord:
    try:
        raise ZeroDivisionError("oh")
    except ZeroDivisionError:
        return record("bug", exc_info=sys.exc_info())


def test_a_line_of_json_says_when_what_and_its_fields() -> None:
    line = JsonLines().format(record(version="v3", instead_of=None, path=object))
    assert json.loads(line) == {
        "time": "2026-01-31T12:00:00.250Z",
        "level": "info",
        "logger": "housing.serve",
        "event": "model_loaded",
        "version": "v3",
        "instead_of": None,
        "path": str(object),
    }


def test_a_line_of_text_is_for_people() -> None:
    assert TextLines().format(record(version="v3")) == "INFO model_loaded version=v3"
    assert TextLines().format(record()) == "INFO model_loaded"


def test_a_traceback_is_one_field_of_json_and_lines_of_text() -> None:
    line = JsonLines().format(failed())
    assert "\n" not in line
    assert json.loads(line)["traceback"].endswith("ZeroDivisionError: oh")
    assert TextLines().format(failed()).endswith("\nZeroDivisionError: oh")


@pytest.mark.parametrize("as_json", [False, True])
def test_the_configuration_writes_to_stderr_from_its_level_on(
    as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    config = log_config("warning", as_json=as_json)
    assert json.loads(json.dumps(config)) == config  # uvicorn hands it to every worker
    logger = logging.getLogger("housing")
    kept = logger.handlers[:], logger.level, logger.propagate
    config["loggers"].pop("uvicorn")
    try:
        logging.config.dictConfig(config)
        logging.getLogger("housing.serve").info("quiet")
        logging.getLogger("housing.serve").warning("loud", extra={"n": 3})
    finally:
        logger.handlers[:], logger.level, logger.propagate = kept
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert (json.loads(line)["event"] == "loud") if as_json else (line == "WARNING loud n=3")
