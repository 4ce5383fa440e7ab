"""What the server says on stderr: one line an event, as text or as JSON.

Bodies, API keys and other headers are never part of it. What goes wrong again and again is said
once in ten seconds, with how often it was.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from datetime import UTC, datetime
from typing import Any, Final

SELDOM_SECONDS: Final = 10.0
"""A warning or an error that is like one before it waits this long."""
MOST_KINDS: Final = 1000
"""Kinds of warnings that are told apart within that time; more are said each time."""
_APART = frozenset({"request_id", "client"})
"""Fields by which two events of one kind may differ."""
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "color_message"}


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, event and the record's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of `record`."""
        line: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class TextLines(logging.Formatter):
    """The same for people: `2026-01-31T12:00:00.250Z INFO model_loaded version=v3`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of `record`."""
        fields = "".join(f" {key}={value}" for key, value in _fields(record).items())
        line = f"{_time(record)} {record.levelname} {record.getMessage()}{fields}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


class SeldomHandler(logging.StreamHandler[Any]):
    """Writes to a stream; a warning or error that repeats within `SELDOM_SECONDS` is counted.

    When the time is over the last of them is said with `repeated`, how many it stands for. So a log
    that cannot be written for an hour is 360 lines, and not one for every request.
    """

    def __init__(self, stream: Any = None) -> None:
        super().__init__(stream)
        self._waiting: dict[tuple[Any, ...], tuple[float, int, logging.LogRecord]] = {}
        self._timer: threading.Timer | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, or count it; called under the handler's lock."""
        if record.levelno >= logging.WARNING:
            kind, now = _kind(record), time.monotonic()
            since, count, _ = self._waiting.get(kind, (now, 0, record))
            if kind in self._waiting and now - since < SELDOM_SECONDS:
                self._waiting[kind] = (since, count + 1, record)
                return
            if kind in self._waiting:  # the timer is late
                self._say(kind)
                self._waiting[kind] = (now, 1, record)
                return
            if len(self._waiting) < MOST_KINDS:
                self._waiting[kind] = (now, 0, record)
                self._wake()
        super().emit(record)

    def _wake(self) -> None:
        """Look in some time after what was counted; a process may end without waiting for it."""
        if self._timer is None and self._waiting:
            first = min(since for since, _, _ in self._waiting.values())
            wait = max(0.01, first + SELDOM_SECONDS - time.monotonic())
            self._timer = threading.Timer(wait, self._look)
            self._timer.daemon = True
            self._timer.start()

    def _look(self) -> None:
        self.acquire()
        try:
            self._timer = None
            now = time.monotonic()
            for kind, (since, _, record) in list(self._waiting.items()):
                if now - since >= SELDOM_SECONDS and self._say(kind):
                    self._waiting[kind] = (now, 0, record)
            self._wake()
        finally:
            self.release()

    def _say(self, kind: tuple[Any, ...]) -> bool:
        """Say what was counted of a kind, and forget it; return whether there was anything."""
        _, count, record = self._waiting.pop(kind)
        if count:
            record.repeated = count
            super().emit(record)
        return bool(count)

    def close(self) -> None:
        """Say what was counted, at the end of the process."""
        self.acquire()
        try:
            if self._timer is not None:
                self._timer.cancel()
            for kind in list(self._waiting):
                self._say(kind)
        finally:
            self.release()
        super().close()


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
                "()": f"{SeldomHandler.__module__}.{SeldomHandler.__qualname__}",
                "formatter": "lines",
                "stream": "ext://sys.stderr",
            }
        },
        "loggers": {"housing": logger, "uvicorn": logger},
    }


def _time(record: logging.LogRecord) -> str:
    when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    return when.replace("+00:00", "Z")


def _kind(record: logging.LogRecord) -> tuple[Any, ...]:
    """Return what records have in common that say the same."""
    fields = ((key, str(value)) for key, value in _fields(record).items() if key not in _APART)
    where = None
    if record.exc_info and record.exc_info[1] is not None:
        trace = record.exc_info[2]
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = (type(record.exc_info[1]), trace and (trace.tb_frame.f_code, trace.tb_lineno))
    return (record.name, record.levelno, record.getMessage(), where, *sorted(fields))


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in record.__dict__.items() if key not in _STANDARD}
