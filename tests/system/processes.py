"""Start the real `housing` command, as a user would: verbs that end, and a server that does not."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

HOUSING = [sys.executable, "-m", "housing_cli"]
FAKETIME = next(
    iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), Path("/nonexistent")
)


def wrong_clock(file: Path) -> dict[str, str]:
    """Return variables of a process whose clock is wrong by what `file` says, as `-24h`."""
    return {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's variables without settings of `housing` and without CI's."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("HOUSING_", "GITHUB_"))}
    return clean | dict(extra or {})


@dataclass(frozen=True)
class Done:
    """An ended verb."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> dict[str, Any]:
        """Return the `--json` object."""
        return json.loads(self.stdout)  # type: ignore[no-any-return]


def housing(
    *args: str | Path, cwd: Path, env: Mapping[str, str] | None = None, timeout: float = 180
) -> Done:
    """Run one verb to its end."""
    done = subprocess.run(
        [*HOUSING, *map(str, args)],
        cwd=cwd,
        env=environment(env),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@dataclass
class Server:
    """A running `housing serve`."""

    process: subprocess.Popen[str]
    client: httpx.Client
    output: list[str] = field(default_factory=list)

    def wait_until_ready(self, timeout: float = 30) -> None:
        """Wait for a 200 of `/readyz`."""
        self.wait_for(lambda: self.client.get("/readyz").status_code == 200, timeout)

    def wait_for(self, fact: Any, timeout: float) -> float:
        """Wait until `fact()` holds; return how many seconds it took."""
        start = time.monotonic()
        while time.monotonic() - start < timeout:
            assert self.process.poll() is None, f"the server ended: {''.join(self.output)}"
            try:
                if fact():
                    return time.monotonic() - start
            except httpx.TransportError:
                pass
            time.sleep(0.02)
        raise AssertionError(f"not within {timeout} s: {''.join(self.output[-9:])}")

    def stop(self, sig: int = signal.SIGTERM, timeout: float = 20) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(sig)
        return self.process.wait(timeout)


@contextmanager
def serving(
    cwd: Path,
    *args: str,
    env: Mapping[str, str] | None = None,
    ready: bool = True,
    prefix: Sequence[str] = (),
) -> Iterator[Server]:
    """Run `housing serve` on a free port for the time of a `with` block.

    prefix: a command that starts it, as `setpriv`.
    """
    process = subprocess.Popen(
        [*prefix, *HOUSING, "serve", "--port", "0", *args],
        cwd=cwd,
        env=environment(env),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    output: list[str] = []
    found = threading.Event()
    address: list[str] = []

    def read() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            output.append(line)
            if match := re.search(r"http://[\w.\[\]:]+:\d+", line):
                address.append(match[0])
                found.set()
        found.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        assert found.wait(30) and address, f"no address: {''.join(output)}"
        with httpx.Client(base_url=address[0], timeout=10) as client:
            server = Server(process, client, output)
            if ready:
                server.wait_until_ready()
            yield server
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        reader.join(timeout=5)
