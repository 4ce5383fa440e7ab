"""Monitoring, really run: Prometheus scrapes a real server, alerts fire and are delivered."""

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

from housing_cli.commands.prometheus import exposition, leave_verdict
from housing_cli.errors import ExitCode
from housing_cli.output import Result
from tests.system.alert_cases import FIRING, QUIET, document
from tests.system.docker_engine import REPOSITORY
from tests.system.processes import housing, serving

MONITORING = REPOSITORY / "configs/monitoring"
DASHBOARD = MONITORING / "grafana/dashboards/housing.json"
ALERTS = MONITORING / "alerts.yml"
NAMES = re.findall(r"- alert: (\w+)", ALERTS.read_text())
METRIC = re.compile(r"\bhousing_[a-z_]+\b")

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
NOTHING = {"current": None, "ratio": None, "interval": None, "n": 0, "verdict": "insufficient"}


def queries() -> list[tuple[str, str]]:
    """Return title and query of everything that the dashboard asks for."""
    dashboard = json.loads(DASHBOARD.read_text())
    # Annotations mark events, and mostly there are none: only panels must have data.
    asked = [(panel["title"], one) for panel in dashboard["panels"] for one in panel["targets"]]
    return [(title, target["expr"]) for title, target in asked]


# The verdict of `housing evaluate`


def values(text: str) -> dict[str, float]:
    families = text_string_to_metric_families(text)
    return {
        sample.name + "".join(f" {v}" for v in sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_the_verdict_is_what_the_exit_code_says() -> None:
    found = values(exposition(DEGRADED, now=1700000000.5))
    assert found["housing_evaluation_exit_code v3"] == 2
    assert found["housing_evaluation_verdict v3 degraded"] == 1
    assert found["housing_evaluation_verdict v3 healthy"] == 0
    assert found["housing_evaluation_ratio v3 rmse"] == 1.5
    assert found["housing_evaluation_limit v3 rmse"] == 1.1
    assert found["housing_evaluation_drifted_columns v3"] == 2
    assert found["housing_evaluation_timestamp_seconds"] == 1700000000.5


def test_what_is_unknown_is_left_out() -> None:
    found = values(exposition(Result("evaluate", VERDICT | NOTHING), now=1.0))
    assert "housing_evaluation_ratio v3 rmse" not in found
    assert found["housing_evaluation_labeled_rows v3"] == 0


def test_a_textfile_is_replaced_in_one_step(tmp_path: Path) -> None:
    target = tmp_path / "housing.prom"
    target.write_text("old")
    assert leave_verdict(DEGRADED, str(target)) == ""
    assert "housing_evaluation_exit_code" in target.read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["housing.prom"]


@pytest.mark.parametrize("target", ["/nowhere/housing.prom", "http://127.0.0.1:1"])
def test_monitoring_that_is_away_is_a_warning(target: str) -> None:
    warning = leave_verdict(DEGRADED, target)
    assert warning.startswith("warning: the verdict could not be left at")


# The files


@needs
def test_the_tools_find_nothing_wrong_in_the_files() -> None:
    for command in (
        ["promtool", "check", "config", MONITORING / "prometheus.yml"],
        ["promtool", "check", "rules", ALERTS],
        ["amtool", "check-config", MONITORING / "alertmanager.yml"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case_and_names_a_command() -> None:
    assert set(FIRING) == set(QUIET) == set(NAMES)
    for rule in ALERTS.read_text().split("- alert: ")[1:]:
        assert re.search(r"severity: (page|warn)", rule)
        assert re.search(r"summary: .+", rule)
        assert re.search(r"command: (housing|docker|curl) .+", rule)


@needs
@pytest.mark.parametrize("firing", [True, False], ids=["fires", "stays quiet"])
@pytest.mark.parametrize("name", NAMES)
def test_each_alert_fires_when_it_should_and_only_then(
    name: str, firing: bool, tmp_path: Path
) -> None:
    cases = FIRING if firing else QUIET
    tests = tmp_path / "tests.yml"  # JSON is YAML
    tests.write_text(json.dumps(document(str(ALERTS), {name: cases[name]}, firing=firing)))
    done = subprocess.run(
        ["promtool", "test", "rules", tests], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_is_provisioned_with_the_data_source_that_it_uses() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    provisioning = MONITORING / "grafana/provisioning"
    assert "uid: prometheus" in (provisioning / "datasources/prometheus.yml").read_text()
    sources = {target["datasource"]["uid"] for p in dashboard["panels"] for target in p["targets"]}
    assert sources == {"prometheus"}
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))


def test_no_two_panels_of_the_dashboard_overlap() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, f"{panel['title']} over {taken[x, y]}"
                taken[x, y] = panel["title"]


# Really run


class Receiver:
    """A webhook that keeps what Alertmanager delivers."""

    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.alerts += json.loads(body)["alerts"]
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


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


class TextfileServer:
    """Serves the textfile as the node exporter does."""

    def __init__(self, path: Path) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(path.read_bytes() if path.exists() else b"")

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def quick(text: str) -> str:
    """Return a configuration file with seconds in place of its minutes."""
    text = re.sub(r"for: \S+", "for: 1s", text)
    text = re.sub(r"(group_wait|group_interval): \S+", r"\1: 1s", text)
    return re.sub(r"(scrape_interval|evaluation_interval): \S+", r"\1: 1s", text)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything up: a server with two workers under some traffic, scraped every second."""
    folder = tmp_path_factory.mktemp("stack")
    small = ["--set", "model.params.n_estimators=10", "--set", "train.repeats=1"]
    data = str(REPOSITORY / "data/HousingData.csv")
    done = housing("train", "--data-path", data, *small, cwd=folder)
    assert done.code == 0, done.stderr
    receiver, textfile = Receiver(), folder / "housing.prom"
    collector = TextfileServer(textfile)
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


@needs
@pytest.mark.slow
class TestReallyRun:
    def test_a_server_of_two_workers_is_scraped(self, stack: Stack) -> None:
        wait_for(lambda: stack.query('up{job="housing"} == 1'), 15, "the API is scraped")
        workers = wait_for(lambda: stack.query("sum(housing_model_info)"), 15, "model_info")
        assert float(workers[0]["value"][1]) == 2

    def test_every_metric_that_a_file_names_exists(self, stack: Stack) -> None:
        named = {name for _, query in queries() for name in METRIC.findall(query)}
        named |= {name for name in METRIC.findall(ALERTS.read_text()) if name in ALERTS.read_text()}
        wait_for(lambda: stack.query("housing_evaluation_exit_code"), 15, "the verdict is scraped")
        known = set(stack.prometheus.get("/api/v1/label/__name__/values").json()["data"])
        assert named <= known, named - known

    @pytest.mark.parametrize(("title", "query"), queries(), ids=lambda value: value[:40])
    def test_every_query_of_the_dashboard_returns_data(
        self, stack: Stack, title: str, query: str
    ) -> None:
        query = query.replace("$__rate_interval", "1m")

        def finite() -> bool:
            results = stack.query(query)
            return bool(results) and all(r["value"][1] not in {"NaN", "+Inf"} for r in results)

        wait_for(finite, 15, f"{title}: {query}")

    def test_the_command_leaves_the_exit_code_that_it_returns(self, stack: Stack) -> None:
        for threshold, code in (("0", 2), ("100", 0)):
            file = stack.folder / f"{threshold}.prom"
            options = ["--threshold", threshold, "--prometheus", file]
            done = housing("evaluate", *options, cwd=stack.folder)
            assert done.code == code, done.stderr
            assert values(file.read_text())["housing_evaluation_exit_code v1"] == code

    def test_a_pushgateway_that_is_away_changes_no_exit_code(self, stack: Stack) -> None:
        options = ["--threshold", "0", "--prometheus", "http://127.0.0.1:1"]
        done = housing("evaluate", *options, cwd=stack.folder)
        assert done.code == 2
        assert "warning: the verdict could not be left" in done.stderr

    def test_a_degraded_verdict_reaches_whoever_is_on_call(self, stack: Stack) -> None:
        def delivered() -> list[dict[str, Any]]:
            return [
                a
                for a in stack.receiver.alerts
                if a["labels"]["alertname"] == "HousingModelDegraded"
            ]

        (alert, *_) = wait_for(delivered, 30, "the alert is delivered")
        assert alert["status"] == "firing"
        assert alert["labels"] == alert["labels"] | {"version": "v3", "severity": "page"}
        assert "housing retrain --promote" in alert["annotations"]["command"]

    def test_a_healthy_verdict_ends_the_alert(self, stack: Stack) -> None:
        wait_for(lambda: stack.query('ALERTS{alertname="HousingModelDegraded"}'), 30, "it fires")
        leave_verdict(Result("evaluate", VERDICT | {"verdict": "healthy"}), str(stack.textfile))
        wait_for(lambda: not stack.query('ALERTS{alertname="HousingModelDegraded"}'), 30, "it ends")
