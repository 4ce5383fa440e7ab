"""Both ways of splitting on Kubernetes: valid, and no selector finds the pods of another."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from housing_cli.config import Settings, load_settings
from housing_cli.loop.route import PORT, backends
from tests.system.kustomize import KUBERNETES, built, kustomize, validated

ARMS = {"housing": "production", "housing-canary": "canary"}

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="no `kubectl`")


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return built("split-outside", tmp_path_factory.mktemp("outside"))


def named(items: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    """Return the objects of a kind by their names."""
    return {item["metadata"]["name"]: item for item in items if item["kind"] == kind}


def finds(selector: Mapping[str, str], items: list[dict[str, Any]]) -> list[str]:
    """Return whose pods a selector finds."""
    pods = {
        name: item["spec"]["template"]["metadata"]["labels"]
        for name, item in named(items, "Deployment").items()
    }
    job = named(items, "CronJob")["housing-evaluate"]["spec"]["jobTemplate"]["spec"]
    pods["job"] = job["template"]["metadata"]["labels"]
    return [name for name, labels in pods.items() if selector.items() <= labels.items()]


@pytest.mark.parametrize("component", ["split-inside", "split-outside"])
def test_the_schemas_find_nothing_wrong(component: str, tmp_path: Path) -> None:
    """But for the route, whose schemas are the Gateway API's: see `test_gateway_types`."""
    yaml = pytest.importorskip("yaml")
    (tmp_path / "overlay").mkdir()
    items = built(component, tmp_path / "overlay")
    own = [item for item in items if item["kind"] != "HTTPRoute"]
    assert len(items) - len(own) == (component == "split-outside")
    validated(yaml.safe_dump_all(own), tmp_path)


def test_split_inside_adds_settings_and_nothing_else(tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    plain = list(yaml.safe_load_all(kustomize(KUBERNETES / "production")))
    split = built("split-inside", tmp_path)
    (before,), (after,) = [named(items, "ConfigMap").values() for items in (plain, split)]
    assert after["data"] == before["data"] | {
        "HOUSING_SERVE_VERSION": "production",
        "HOUSING_SERVE_SPLIT": "true",
    }
    names = [sorted((item["kind"], item["metadata"]["name"]) for item in items if item is not cm)
             for items, cm in ((plain, before), (split, after))]  # fmt: skip
    assert names[0] == names[1]


def test_no_selector_finds_the_pods_of_the_other(outside: list[dict[str, Any]]) -> None:
    for name in ARMS:
        selectors = [
            named(outside, "Service")[name]["spec"]["selector"],
            named(outside, "Deployment")[name]["spec"]["selector"]["matchLabels"],
            named(outside, "PodDisruptionBudget")[name]["spec"]["selector"]["matchLabels"],
        ]
        template = named(outside, "Deployment")[name]["spec"]["template"]["spec"]
        (spread,) = template["topologySpreadConstraints"]
        selectors.append(spread["labelSelector"]["matchLabels"])
        assert [finds(selector, outside) for selector in selectors] == [[name]] * 4
    policy = named(outside, "NetworkPolicy")["housing"]["spec"]["podSelector"]["matchLabels"]
    assert finds(policy, outside) == [*ARMS, "job"]


def test_the_two_differ_in_what_they_serve_and_in_nothing_else(
    outside: list[dict[str, Any]],
) -> None:
    deployments = copy.deepcopy(named(outside, "Deployment"))
    assert set(deployments) == set(ARMS)
    for name, version in ARMS.items():
        assert deployments[name]["metadata"]["labels"].pop("app.kubernetes.io/component")
        spec = deployments[name]["spec"]
        assert "replicas" not in spec
        assert spec.pop("selector")
        spec["template"]["metadata"]["labels"].pop("app.kubernetes.io/component")
        pod = spec["template"]["spec"]
        pod["topologySpreadConstraints"][0].pop("labelSelector")
        env = pod["containers"][0].pop("env")
        assert env == [{"name": "HOUSING_SERVE_VERSION", "value": version}]
        deployments[name]["metadata"].pop("name")
    assert deployments["housing"] == deployments["housing-canary"]
    (settings,) = named(outside, "ConfigMap").values()
    assert settings["data"]["HOUSING_SERVE_SPLIT"] == "false"


@pytest.mark.parametrize("component", ["split-inside", "split-outside"])
def test_settings_are_settings(component: str, tmp_path: Path) -> None:
    items = built(component, tmp_path)
    (shared,) = named(items, "ConfigMap").values()
    served = []
    for deployment in named(items, "Deployment").values():
        (api,) = deployment["spec"]["template"]["spec"]["containers"]
        own = {one["name"]: one["value"] for one in api.get("env", [])}
        settings = load_settings(None, environ=shared["data"] | own)
        served.append((settings.serve.version, settings.serve.split))
    inside = component == "split-inside"
    assert served == ([("production", True)] if inside else [(v, False) for v in ARMS.values()])


def test_both_are_scaled_and_an_eviction_leaves_one(outside: list[dict[str, Any]]) -> None:
    scalers = named(outside, "HorizontalPodAutoscaler")
    for name in ARMS:
        assert scalers[name]["spec"]["scaleTargetRef"]["name"] == name
        budget = named(outside, "PodDisruptionBudget")[name]["spec"]
        assert budget["minAvailable"] < scalers[name]["spec"]["minReplicas"]
    most = {scaler["spec"]["maxReplicas"] for scaler in scalers.values()}
    assert len(most) == 1, "at its full weight a canary answers everything"


def test_the_route_leads_to_services_that_there_are(outside: list[dict[str, Any]]) -> None:
    (route,) = named(outside, "HTTPRoute").values()
    (rule,) = route["spec"]["rules"]
    services = named(outside, "Service")
    assert tuple(ref["name"] for ref in rule["backendRefs"]) == backends(Settings())
    for ref in rule["backendRefs"]:
        (port,) = services[ref["name"]]["spec"]["ports"]
        assert port["port"] == ref["port"] == PORT
        assert port["targetPort"] == "http"
    assert [ref["weight"] for ref in rule["backendRefs"]] == [10_000, 0]
