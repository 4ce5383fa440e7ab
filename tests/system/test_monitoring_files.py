"""Alert rules, dashboard and configuration files: each alert fires when it should."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.system.alert_cases import ALSO_FIRING, ALSO_QUIET, FIRING, QUIET, document
from tests.system.docker_engine import REPOSITORY
from tests.system.monitoring_stack import ALERTS, DASHBOARD, MONITORING, NAMES, needs


@needs
def test_the_tools_find_nothing_wrong_in_the_files() -> None:
    for command in (
        ["promtool", "check", "config", str(MONITORING / "prometheus.yml")],
        ["promtool", "check", "rules", str(ALERTS)],
        ["amtool", "check-config", str(MONITORING / "alertmanager.yml")],
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


@needs
@pytest.mark.parametrize(
    ("cases", "firing"), [(ALSO_FIRING, True), (ALSO_QUIET, False)], ids=["fires", "stays quiet"]
)
def test_alerts_in_cases_that_are_easily_got_wrong(
    cases: dict[str, tuple[str, list[dict[str, str]], str]], firing: bool, tmp_path: Path
) -> None:
    for name, given, at in cases.values():
        tests = tmp_path / "tests.yml"
        tests.write_text(json.dumps(document(str(ALERTS), {name: (given, at)}, firing=firing)))
        done = subprocess.run(
            ["promtool", "test", "rules", tests], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@needs
def test_the_scrapes_of_a_cluster_find_the_pods_under_the_job_that_the_alerts_know(
    tmp_path: Path,
) -> None:
    yaml = pytest.importorskip("yaml")
    config = yaml.safe_load((MONITORING / "prometheus-kubernetes.yml").read_text())
    (job,) = [one for one in config["scrape_configs"] if one["job_name"] == "housing"]
    (found,) = job.pop("kubernetes_sd_configs")
    # Debian's Prometheus is built without Kubernetes: the rest of the file is what it can check.
    (tmp_path / "alerts.yml").write_text(ALERTS.read_text())
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))
    done = subprocess.run(
        ["promtool", "check", "config", tmp_path / "prometheus.yml"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    overlay = REPOSITORY / "configs/kubernetes"
    production = yaml.safe_load((overlay / "production/kustomization.yaml").read_text())
    assert found == {"role": "pod", "namespaces": {"names": [production["namespace"]]}}
    pod = yaml.safe_load((overlay / "base/deployment.yaml").read_text())["spec"]["template"]
    labels = pod["metadata"]["labels"]
    (port,) = pod["spec"]["containers"][0]["ports"]
    wanted = (*(labels[f"app.kubernetes.io/{key}"] for key in ("name", "component")), port["name"])
    keep = next(rule for rule in job["relabel_configs"] if rule.get("action") == "keep")
    assert keep["regex"] == ";".join(wanted)


def test_a_page_about_the_api_silences_what_follows_from_it() -> None:
    yaml = pytest.importorskip("yaml")
    (rule,) = yaml.safe_load((MONITORING / "alertmanager.yml").read_text())["inhibit_rules"]
    silenced = re.search(r'"(.+)"', rule["target_matchers"][0])
    assert silenced is not None
    rules = {
        r["alert"]: r for g in yaml.safe_load(ALERTS.read_text())["groups"] for r in g["rules"]
    }
    for name in silenced[1].split("|"):
        assert rule["equal"] == ["instance"]
        assert re.search(r"by \((instance|instance, le)\)", rules[name]["expr"]), name


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
