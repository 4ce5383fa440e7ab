"""A server process that is measured, and how a target is printed."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.conftest import ROOT, SHIPPED

SERVE = ["-m", "housing_cli", "serve"]
TICK = 1 / os.sysconf("SC_CLK_TCK")


class Server:
    """A server process and how long it took to be ready."""

    def __init__(self, folder: Path, arguments: list[str], **variables: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        arguments = [argument.replace("PORT", str(self.port)) for argument in arguments]
        environment = {**os.environ, "HOUSING_SERVE_PORT": str(self.port), **variables}
        with (folder / f"server-{self.port}.txt").open("wb") as output:
            began = time.perf_counter()
            self.process = subprocess.Popen(
                [sys.executable, *arguments], cwd=folder, env=environment,
                stderr=output, stdout=output,
            )  # fmt: skip
        while not self._is_ready():
            time.sleep(0.005)
        self.start_seconds = time.perf_counter() - began

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def cpu_seconds(self) -> float:
        """Return the processor time used so far, by the workers too."""
        one = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        ticks = 0
        for pid in (str(self.process.pid), *one.split()):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks * TICK

    def memory_mb(self) -> float:
        """Return the resident memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]

    def stop(self) -> None:
        """End the process."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


def train(folder: Path) -> Path:
    """Train the shipped model into `folder`/artifacts; return the directory of its version."""
    config = str(ROOT / "configs" / "housing.toml")
    words = [sys.executable, "-m", "housing_cli", "train", "--config", config, "--data-path"]
    subprocess.run([*words, str(SHIPPED)], cwd=folder, capture_output=True, check=True)
    return folder / "artifacts" / "versions" / "v1"


def verdict(text: str, figure: float, limit: float, *, at_least: bool) -> None:
    """Print one target."""
    met = figure >= limit if at_least else figure <= limit
    sign = ">=" if at_least else "<="
    print(f"{'met   ' if met else 'MISSED'}  {text}: {figure:.2f} (target {sign} {limit:g})")
