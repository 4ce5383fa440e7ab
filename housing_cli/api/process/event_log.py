"""What the server says on stderr: one line an event, as text or as JSON.

Bodies, API keys and other headers are never part of it.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "color_message"}


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, event and the record's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of `record`."""
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": when.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class TextLines(logging.Formatter):
    """The same for people: `INFO model_loaded version=v3`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of `record`."""
        fields = "".join(f" {key}={value}" for key, value in _fields(record).items())
        line = f"{record.levelname} {record.getMessage()}{fields}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def log_config(level: str, *, as_json: bool) -> dict[str, Any]:
    """Return the logging configuration of a server process, for `logging.config.dictConfig`.

    Made of plain values: uvicorn hands it to every worker.
    """
    formatter = JsonLines if as_json else TextLines
    name = f"{formatter.__module__}.{formatter.__qualname__}"
    logger = {"handlers": ["stderr"], "level": level.upper(), "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": name}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "lines",
                "stream": "ext://sys.stderr",
            }
        },
        "loggers": {"housing": logger, "uvicorn": logger},
    }


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in record.__dict__.items() if key not in _STANDARD}
