"""One line an event, as text or as JSON."""

from __future__ import annotations

import io
import json
import logging
import logging.config
import sys
import time
from typing import Any

import pytest

from housing_cli.api.process import event_log
from housing_cli.api.process.event_log import JsonLines, SeldomHandler, TextLines, log_config

TIME = "2026-01-31T12:00:00.250Z"


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
        "time": TIME,
        "level": "info",
        "logger": "housing.serve",
        "event": "model_loaded",
        "version": "v3",
        "instead_of": None,
        "path": str(object),
    }


def test_a_line_of_text_is_for_people() -> None:
    assert TextLines().format(record(version="v3")) == f"{TIME} INFO model_loaded version=v3"
    assert TextLines().format(record()) == f"{TIME} INFO model_loaded"


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
    assert (json.loads(line)["event"] == "loud") if as_json else line.endswith("Z WARNING loud n=3")


class Heard:
    """A handler that writes into a list of lines, and a logger to speak to it."""

    def __init__(self) -> None:
        self.text = io.StringIO()
        self.handler = SeldomHandler(self.text)
        self.handler.setFormatter(JsonLines())
        self.logger = logging.Logger("housing.test")  # no other test hears it
        self.logger.addHandler(self.handler)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.getvalue().splitlines()]

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        deadline = time.monotonic() + 30
        while len(self.lines) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.lines


def test_what_repeats_is_said_once_and_then_how_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "SELDOM_SECONDS", 0.2)
    heard = Heard()
    for number in range(50):
        heard.logger.error("log_failed", extra={"reason": "full", "request_id": str(number)})
    assert [(line["event"], line.get("repeated")) for line in heard.lines][:1] == [
        ("log_failed", None)
    ]
    said = heard.wait_for(2)
    assert sum(line.get("repeated", 1) for line in said) == 50
    assert said[-1]["request_id"] == "49"
    heard.handler.close()


def test_other_reasons_and_what_is_no_warning_are_said_each_time() -> None:
    heard = Heard()
    for reason in ("full", "frozen", "full"):
        heard.logger.warning("log_failed", extra={"reason": reason})
        heard.logger.info("request")
    events = [(line["event"], line.get("reason")) for line in heard.lines]
    assert events.count(("request", None)) == 3
    assert events.count(("log_failed", "full")) == 1
    assert events.count(("log_failed", "frozen")) == 1
    heard.handler.close()
    assert heard.lines[-1]["repeated"] == 1  # nothing is kept back at the end


def test_bugs_in_two_places_are_two_kinds() -> None:
    heard = Heard()
    for _ in range(2):
        try:
            int("x")
        except ValueError:
            heard.logger.exception("bug")
    for _ in range(2):
        try:
            raise KeyError("x")
        except KeyError:
            heard.logger.exception("bug")
    assert len(heard.lines) == 2
    heard.handler.close()


def test_what_is_told_apart_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "MOST_KINDS", 3)
    heard = Heard()
    for number in range(10):
        heard.logger.warning("strange", extra={"word": str(number)})
    assert len(heard.lines) == 10
    assert len(heard.handler._waiting) == 3
    heard.handler.close()
