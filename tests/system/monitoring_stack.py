"""The files of the monitoring, and all of it really running."""

from __future__ import annotations

import contextlib
import http.server
import json
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from housing_cli.errors import ExitCode
from housing_cli.show.prometheus import leave_verdict
from housing_cli.show.result import Result
from tests.system.docker_engine import REPOSITORY
from tests.system.processes import housing, serving

MONITORING = REPOSITORY / "configs/monitoring"
DASHBOARD = MONITORING / "grafana/dashboards/housing.json"
ALERTS = MONITORING / "alerts.yml"
NAMES = re.findall(r"- alert: (\w+)", ALERTS.read_text())

needs = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("prometheus-alertmanager") is None,
    reason="`prometheus` and `prometheus-alertmanager` are not installed",
)

VERDICT: dict[str, Any] = {
    "version": "v3", "metric": "rmse", "baseline": 3.2, "current": 4.8, "ratio": 1.5,
    "interval": (1.3, 1.7), "threshold": 0.1, "n": 120, "verdict": "degraded",
    "drifted": ["RM", "LSTAT"],
}  # fmt: skip
DEGRADED = Result("evaluate", VERDICT, status="degraded", exit_code=ExitCode.DEGRADED)


def values(text: str) -> dict[str, float]:
    """Return the samples of `text` by name and label values, the version first."""
    families = text_string_to_metric_families(text)
    return {
        " ".join(
            [sample.name, *(v for _, v in sorted(sample.labels.items(), reverse=True))]
        ): sample.value
        for family in families
        for sample in family.samples
    }


class Loopback:
    """An HTTP server on a free port of loopback: `answer` makes a text from the body it gets."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                text = answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(text)

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Receiver(Loopback):
    """A webhook that keeps what Alertmanager delivers."""

    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []
        super().__init__(self._keep)

    def _keep(self, body: bytes) -> bytes:
        self.alerts += json.loads(body)["alerts"]
        return b""


@dataclass
class Stack:
    """Prometheus, Alertmanager, a Pushgateway's stand-in and a webhook, all on loopback."""

    prometheus: httpx.Client
    receiver: Receiver
    textfile: Path
    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def query(self, expression: str) -> list[dict[str, Any]]:
        answer = self.prometheus.get("/api/v1/query", params={"query": expression}).json()
        assert answer["status"] == "success", answer
        return list(answer["data"]["result"])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(fact: Callable[[], Any], timeout: float, what: str) -> Any:
    deadline = time.monotonic() + timeout
    while True:
        with contextlib.suppress(httpx.TransportError):
            if found := fact():
                return found
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.2)


def quick(text: str) -> str:
    """Return a configuration file with seconds in place of its minutes."""
    text = re.sub(r"for: \S+", "for: 1s", text)
    text = re.sub(r"(group_wait|group_interval): \S+", r"\1: 1s", text)
    return re.sub(r"(scrape_interval|evaluation_interval): \S+", r"\1: 1s", text)


@contextlib.contextmanager
def run_stack(folder: Path) -> Iterator[Stack]:
    """Start everything: a server with two workers under some traffic, scraped every second."""
    small = ["--set", "model.params.n_estimators=10", "--set", "train.repeats=1"]
    data = str(REPOSITORY / "data/HousingData.csv")
    done = housing("train", "--data-path", data, *small, cwd=folder)
    assert done.code == 0, done.stderr
    receiver, textfile = Receiver(), folder / "housing.prom"
    # Serves the textfile as the node exporter does.
    collector = Loopback(lambda _: textfile.read_bytes() if textfile.exists() else b"")
    ports = {name: free_port() for name in ("prometheus", "alertmanager")}
    processes: list[subprocess.Popen[bytes]] = []
    with contextlib.ExitStack() as closing:
        closing.callback(receiver.close)
        closing.callback(collector.close)

        @closing.callback
        def _stop() -> None:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(20)

        server = closing.enter_context(serving(folder, "--workers", "2"))
        api = str(server.client.base_url).rstrip("/")
        address = api.removeprefix("http://")
        (folder / "alerts.yml").write_text(quick(ALERTS.read_text()))
        text = quick((MONITORING / "prometheus.yml").read_text())
        text = text.replace("api:8000", address).replace(
            "pushgateway:9091", f"127.0.0.1:{collector.port}"
        )
        text = text.replace("alertmanager:9093", f"127.0.0.1:{ports['alertmanager']}")
        (folder / "prometheus.yml").write_text(text)
        text = quick((MONITORING / "alertmanager.yml").read_text())
        (folder / "alertmanager.yml").write_text(
            text.replace("localhost:9099", f"127.0.0.1:{receiver.port}")
        )
        for command in (
            [
                "prometheus", f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/tsdb",
                f"--web.listen-address=127.0.0.1:{ports['prometheus']}",
            ],
            [
                "prometheus-alertmanager", f"--config.file={folder}/alertmanager.yml",
                f"--storage.path={folder}/alerts", "--cluster.listen-address=",
                f"--web.listen-address=127.0.0.1:{ports['alertmanager']}",
            ],
        ):  # fmt: skip
            log = closing.enter_context((folder / f"{command[0]}.log").open("wb"))
            processes.append(
                subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder
                )
            )
        client = closing.enter_context(
            httpx.Client(base_url=f"http://127.0.0.1:{ports['prometheus']}", timeout=10)
        )
        stack = Stack(client, receiver, textfile, folder, processes)
        wait_for(lambda: client.get("/-/ready").status_code == 200, 30, "Prometheus is ready")
        leave_verdict(DEGRADED, str(textfile))
        traffic(server.client)
        yield stack


def traffic(client: httpx.Client, seconds: float = 6) -> None:
    """Predict and send real prices for a while, so that rates are not empty."""
    row = dict.fromkeys(client.get("/version").json()["features"])
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        made = client.post("/predict", json=row).json()
        client.post("/feedback", json={"id": made["id"], "real_price": 30.0})
        client.post("/predict", json={})
        time.sleep(0.05)
