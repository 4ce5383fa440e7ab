"""A real server process over a registry."""

from __future__ import annotations

import csv
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx

RUN = """
import sys
from housing_cli.api.process.server import run
from housing_cli.config import load_settings
if __name__ == "__main__":
    sys.exit(run(load_settings()))
"""


def free_port() -> int:
    """Return a port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A server process in `folder`, asked over HTTP."""

    def __init__(self, folder: Path, *command: str, workers: int = 1, **variables: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        script = folder / "run_server.py"
        script.write_text(RUN)
        bare = command == ("uvicorn",)
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("HOUSING_")
        }
        environment |= {"HOUSING_SERVE_PORT": str(self.port)}
        environment |= {"HOUSING_SERVE_WORKERS": str(workers)} | variables
        arguments = [sys.executable, str(script)]
        if bare:
            arguments = [
                sys.executable, "-m", "uvicorn", "housing_cli.api.app:app",
                "--port", str(self.port), "--workers", str(workers),
            ]  # fmt: skip
        self.errors = folder / "stderr.txt"
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                arguments, cwd=folder, env=environment, stderr=errors, stdout=errors
            )
        self.client = httpx.Client(base_url=self.url, timeout=10)

    def wait_until_ready(self) -> None:
        """Wait until `/readyz` answers 200."""
        deadline = time.monotonic() + 30
        while True:
            assert self.process.poll() is None, self.errors.read_text()
            try:
                if self.client.get("/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline, self.errors.read_text()
            time.sleep(0.05)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(20)

    def close(self) -> None:
        """End the process if it still runs."""
        self.client.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


Start = Callable[..., Server]


def logged_ids(folder: Path) -> set[str]:
    """Return the ids in the log of predictions."""
    with (folder / "logs" / "predictions.csv").open() as file:
        return {row["id"] for row in csv.DictReader(file)}
