"""A migration that is killed at its nth step."""

from __future__ import annotations

import os
import signal
import sys

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from housing_cli.data.schema import FeatureSchema
from housing_cli.prediction_log import open_log

FILES = ("schema.json", "predictions.csv", "feedback.csv")
CHANGES = ("open", "os.rename", "os.remove", "os.truncate", "os.mkdir", "fcntl.flock")


def migrate(url: str, schema: FeatureSchema, kill_at: int) -> int:
    """Migrate a log in a child process that kills itself at a step; return its exit code.

    A step is a statement that is sent to the database, or something done to a file of the log.
    """
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        steps = iter(range(kill_at))

        def step(*_: object) -> None:
            if next(steps, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)

        def audited(event: str, arguments: tuple[object, ...]) -> None:
            if event in CHANGES and any(name in str(arguments[0]) for name in FILES):
                step()

        log = open_log(url, schema)
        sys.addaudithook(audited)
        for event in ("before_cursor_execute", "after_cursor_execute", "commit"):
            sa.event.listen(Engine, event, step)
        log.init(migrate=True)
        code = 0
    finally:
        os._exit(code)
