"""Monitoring, really run: Prometheus scrapes a real server, alerts fire and are delivered."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from housing_cli.show.prometheus import leave_verdict
from housing_cli.show.result import Result
from tests.system.monitoring_stack import (
    ALERTS,
    DASHBOARD,
    VERDICT,
    Stack,
    needs,
    run_stack,
    values,
    wait_for,
)
from tests.system.processes import housing

METRIC = re.compile(r"\bhousing_[a-z_]+\b")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything up: a server with two workers under some traffic, scraped every second."""
    with run_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


def queries() -> list[tuple[str, str]]:
    """Return title and query of everything that the dashboard asks for."""
    dashboard = json.loads(DASHBOARD.read_text())
    # Annotations mark events, and mostly there are none: only panels must have data.
    asked = [(panel["title"], one) for panel in dashboard["panels"] for one in panel["targets"]]
    return [(title, target["expr"]) for title, target in asked]


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
            options = ["--threshold", threshold, "--prometheus", str(file)]
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
