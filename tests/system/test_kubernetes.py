"""The manifests: valid for the API server, and true to each other and to the product."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from housing_cli.config import Settings, load_settings
from housing_cli.loop.verify import verify_registry
from housing_cli.registry import ModelRegistry
from tests.system.docker_engine import REPOSITORY
from tests.system.kustomize import KUBERNETES, validated
from tests.system.kustomize import kustomize as made

API = {"app.kubernetes.io/name": "housing", "app.kubernetes.io/component": "api"}

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="no `kubectl`")


def kustomize(overlay: str) -> str:
    return made(KUBERNETES / overlay)


@pytest.fixture(params=["base", "production"])
def manifests(request: pytest.FixtureRequest) -> dict[str, dict[str, Any]]:
    """Every object of one overlay, by kind."""
    yaml = pytest.importorskip("yaml")
    found = {item["kind"]: item for item in yaml.safe_load_all(kustomize(request.param))}
    return found


def pods(manifests: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the pod templates by kind of what makes them."""
    job = manifests["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]
    return {"Deployment": manifests["Deployment"]["spec"]["template"], "CronJob": job}


def containers(manifests: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every container, those that run first included."""
    specs = [pod["spec"] for pod in pods(manifests).values()]
    return [c for spec in specs for c in spec["containers"] + spec.get("initContainers", [])]


@pytest.mark.parametrize("overlay", ["base", "production"])
def test_the_schemas_find_nothing_wrong(overlay: str, tmp_path: Path) -> None:
    validated(kustomize(overlay), tmp_path)


def test_selectors_find_the_api_and_nothing_else(manifests: dict[str, Any]) -> None:
    selectors = [
        manifests["Deployment"]["spec"]["selector"]["matchLabels"],
        manifests["Service"]["spec"]["selector"],
        manifests["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
    ]
    assert selectors == [API, API, API]
    labels = {kind: pod["metadata"]["labels"] for kind, pod in pods(manifests).items()}
    assert API.items() <= labels["Deployment"].items()
    assert not API.items() <= labels["CronJob"].items()
    policy = manifests["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"]
    assert all(policy.items() <= found.items() for found in labels.values())


def test_ports_and_references_have_names_that_exist(manifests: dict[str, Any]) -> None:
    api = pods(manifests)["Deployment"]["spec"]["containers"][0]
    names = {port["name"]: port["containerPort"] for port in api["ports"]}
    assert manifests["Service"]["spec"]["ports"][0]["targetPort"] in names
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert api[probe]["httpGet"]["port"] in names
    assert names["http"] == Settings().serve.port
    target = manifests["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", "housing")
    settings = manifests["ConfigMap"]["metadata"]["name"]
    account = manifests["ServiceAccount"]["metadata"]["name"]
    for pod in pods(manifests).values():
        assert pod["spec"]["serviceAccountName"] == account
        sources = pod["spec"]["containers"][0]["envFrom"]
        assert {"configMapRef": {"name": settings}} in sources
    if "PersistentVolumeClaim" in manifests:
        claim = manifests["PersistentVolumeClaim"]["metadata"]["name"]
        for pod in pods(manifests).values():
            volumes = pod["spec"]["volumes"]
            assert {"claimName": claim} in [v.get("persistentVolumeClaim") for v in volumes]


def test_probes_ask_for_routes_of_the_api(manifests: dict[str, Any]) -> None:
    from housing_cli.api.http import routes

    source = Path(routes.__file__).read_text()
    api = pods(manifests)["Deployment"]["spec"]["containers"][0]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert f'"{api[probe]["httpGet"]["path"]}"' in source
    assert api["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert api["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_settings_are_settings(manifests: dict[str, Any]) -> None:
    data = manifests["ConfigMap"]["data"]
    settings = load_settings(REPOSITORY / "configs/housing.toml", environ=data)
    pause = 5
    stop = pods(manifests)["Deployment"]["spec"]["terminationGracePeriodSeconds"]
    assert stop > settings.serve.grace_seconds + pause


def test_every_container_is_locked_down(manifests: dict[str, Any]) -> None:
    for pod in pods(manifests).values():
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == 1000  # the image's
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in containers(manifests):
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert "memory" in container["resources"]["limits"]
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()


def test_production_runs_an_immutable_published_image() -> None:
    yaml = pytest.importorskip("yaml")
    items = {item["kind"]: item for item in yaml.safe_load_all(kustomize("production"))}
    images = {container["image"] for container in containers(items)}
    assert len(images) == 1
    name, _, tag = images.pop().rpartition(":")
    assert name.startswith("ghcr.io/")
    assert tag not in {"latest", "production"}


def test_the_namespace_of_everything_is_among_it() -> None:
    yaml = pytest.importorskip("yaml")
    items = list(yaml.safe_load_all(kustomize("production")))
    (namespace,) = [item["metadata"]["name"] for item in items if item["kind"] == "Namespace"]
    others = {i["metadata"].get("namespace") for i in items if i["kind"] != "Namespace"}
    assert others == {namespace}
    notes = (KUBERNETES / "production/kustomization.yaml").read_text()
    assert f"secret generic housing --namespace {namespace}" in notes
    assert {"secretRef": {"name": "housing"}} in containers({i["kind"]: i for i in items})[0][
        "envFrom"
    ]


def test_an_eviction_leaves_enough_replicas(manifests: dict[str, Any]) -> None:
    least = manifests["HorizontalPodAutoscaler"]["spec"]["minReplicas"]
    assert manifests["PodDisruptionBudget"]["spec"]["minAvailable"] < least
    assert "replicas" not in manifests["Deployment"]["spec"]


def test_two_evaluations_never_overlap_and_none_is_tried_twice(manifests: dict[str, Any]) -> None:
    spec = manifests["CronJob"]["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["jobTemplate"]["spec"]["backoffLimit"] == 0


@pytest.mark.parametrize("code", [0, 1, 2, 3, 64])
def test_exit_code_2_and_only_2_starts_a_retraining(code: int, tmp_path: Path) -> None:
    """Run the CronJob's own shell lines with a `housing` that returns `code`."""
    yaml = pytest.importorskip("yaml")
    items = {item["kind"]: item for item in yaml.safe_load_all(kustomize("production"))}
    command = pods(items)["CronJob"]["spec"]["containers"][0]["command"]
    stub = tmp_path / "housing"
    stub.write_text(
        f'#!/bin/sh\necho "$1" >> {tmp_path}/calls\n'
        f"grep -q retrain {tmp_path}/calls || exit {code}\n"
    )
    stub.chmod(0o755)
    done = subprocess.run(command, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=False)
    calls = (tmp_path / "calls").read_text().split()
    assert calls == (["evaluate", "retrain", "evaluate"] if code == 2 else ["evaluate"])
    assert done.returncode == (0 if code == 2 else code)


def test_an_empty_volume_is_seeded_once_by_many(tmp_path: Path, two_versions: Path) -> None:
    """Run the init container's own shell lines, eight at a time, on one folder."""
    yaml = pytest.importorskip("yaml")
    items = {item["kind"]: item for item in yaml.safe_load_all(kustomize("production"))}
    (seed,) = pods(items)["Deployment"]["spec"]["initContainers"]
    models, app = tmp_path / "models", tmp_path / "app"
    models.mkdir()
    shutil.copytree(two_versions, app / "artifacts")
    (app / "artifacts/.lock").unlink(missing_ok=True)  # the image has none
    command = [part.replace("/models", str(models)) for part in seed["command"]]

    def start(name: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, cwd=app, env={"PATH": "/usr/bin:/bin", "HOSTNAME": name})

    assert [process.wait() for process in [start(f"pod-{n}") for n in range(8)]] == [0] * 8
    names = {path.name for path in models.iterdir()}
    assert names == {path.name for path in (app / "artifacts").iterdir()}
    registry = ModelRegistry(models)
    verify_registry(registry)
    registry.point("production", registry.get("v2"), why="better")
    assert start("late").wait() == 0
    assert registry.resolve("production") == "v2"
    assert not list(models.glob(".seed-*"))
