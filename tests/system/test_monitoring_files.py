"""Alert rules, dashboard and configuration files: each alert fires when it should."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.system.alert_cases import FIRING, QUIET, document
from tests.system.monitoring_stack import ALERTS, DASHBOARD, MONITORING, NAMES, needs


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
