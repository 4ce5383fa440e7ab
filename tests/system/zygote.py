"""Many short-lived `housing` processes: one has imported everything, and forks for each command.

A verb spends most of its time importing; where a test starts fifty of them, that would be most of
the test. Each command still is a process of its own that can be killed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.system.processes import environment


class Zygote:
    """Runs commands in `cwd`; a context manager."""

    def __init__(self, cwd: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.system.zygote"],
            cwd=Path(__file__).parents[2],
            env=environment({"CWD": str(cwd)}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, *commands: list[str], kill_after: float | None = None) -> list[dict[str, Any]]:
        """Run `commands` at once; return `{"code", "seconds"}` of each (code -9: killed)."""
        assert self._process.stdin and self._process.stdout
        print(json.dumps([commands, kill_after]), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())  # type: ignore[no-any-return]

    def __enter__(self) -> Zygote:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(30)


def _serve() -> None:
    import onnxruntime  # noqa: F401
    import rich.console  # noqa: F401

    import housing_cli.commands.values
    import housing_cli.loop.promote
    import housing_cli.loop.retrain  # noqa: F401
    from housing_cli.cli import app

    os.chdir(os.environ["CWD"])
    for line in sys.stdin:
        commands, kill_after = json.loads(line)
        started = time.monotonic()
        children = {os.fork() or _become(app, words): i for i, words in enumerate(commands)}
        if kill_after is not None:
            time.sleep(kill_after)
            for child in children:
                os.kill(child, signal.SIGKILL)
        results: list[dict[str, float]] = [{} for _ in commands]
        while children:
            child, status, usage = os.wait3(0)
            if child in children:
                code = os.waitstatus_to_exitcode(status)
                seconds = time.monotonic() - started
                # One that ended before it could be killed was a zombie since then: its processor
                # time is the better measure of how long it needed.
                busy = usage.ru_utime + usage.ru_stime
                results[children.pop(child)] = {
                    "code": code, "seconds": seconds, "finished": min(seconds, busy),
                }  # fmt: skip
        print(json.dumps(results), flush=True)


def _become(app: Any, words: list[str]) -> int:
    """Be the command `words` and end with its exit code."""
    quiet = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(quiet, descriptor)
    code = 70
    try:
        app(words, prog_name="housing")
    except SystemExit as done:
        code = int(done.code or 0)
    finally:
        os._exit(code)


if __name__ == "__main__":
    _serve()
