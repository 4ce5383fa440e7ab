"""The route of a cluster: its weights, itself, and how `kubectl` is asked to change them."""

from __future__ import annotations

from pathlib import Path

import pytest

from housing_cli.config import Settings, load_settings
from housing_cli.errors import ConfigError, RouteError, UsageError
from housing_cli.loop import route as routes
from housing_cli.loop.route import WHOLE, apply, canary, follow, manifest, patch, rehearse, weights
from tests.registry.versions import add, registry_of
from tests.stub_kubectl import Kubectl


def settings_of(folder: Path, *sets: str) -> Settings:
    return load_settings(None, {"registry.path": str(folder / "artifacts")}, sets, {})


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kubectl:
    """A cluster whose route gives a canary nothing."""
    made = Kubectl(tmp_path / "cluster", manifest(settings_of(tmp_path), 0.0))
    monkeypatch.setenv("PATH", f"{made.folder}:/usr/bin:/bin")
    return made


def test_weights_are_hundredths_of_a_percent_and_their_sum_stays() -> None:
    for percent, share in (
        (0, 0),
        (0.0001, 1),
        (0.5, 50),
        (10, 1000),
        (33.333, 3333),
        (100, WHOLE),
    ):
        assert weights(percent) == (WHOLE - share, share)


def test_the_route_is_the_registrys_canary(tmp_path: Path) -> None:
    registry = registry_of(tmp_path / "artifacts", 1)
    version = add(registry)
    settings = settings_of(tmp_path)
    assert canary(settings) is None
    registry.point("canary", version, evidence={"weight": 12.5})
    trial = canary(settings)
    assert trial is not None
    assert (trial.version, trial.weight) == (version.name, 12.5)
    registry.end("canary", why="abort")
    assert canary(settings) is None


def test_settings_name_the_route_and_what_it_hangs_on(tmp_path: Path) -> None:
    plain = manifest(settings_of(tmp_path), 10.0)
    assert plain["metadata"] == {
        "name": "housing",
        "labels": {"app.kubernetes.io/part-of": "housing"},
    }
    assert plain["spec"]["parentRefs"] == [{"name": "gateway"}]
    assert "hostnames" not in plain["spec"]
    named = manifest(
        settings_of(
            tmp_path,
            "route.name=prices",
            "route.namespace=homes",
            "route.gateway=infra/shared",
            "route.hostnames=prices.example",
        ),
        30.0,
    )
    assert named["metadata"]["namespace"] == "homes"
    assert named["spec"] == {
        "parentRefs": [{"name": "shared", "namespace": "infra"}],
        "hostnames": ["prices.example"],
        "rules": [
            {
                "backendRefs": [
                    {"name": "prices", "port": 80, "weight": 7000},
                    {"name": "prices-canary", "port": 80, "weight": 3000},
                ]
            }
        ],
    }


@pytest.mark.parametrize(
    "value",
    ["name=Housing", "name=a_b", "name=9", "namespace=-a", "gateway=a/b/c", "hostnames=a b"],
)
def test_what_is_no_name_in_a_cluster_is_refused(value: str, tmp_path: Path) -> None:
    with pytest.raises((ConfigError, UsageError), match=f"route.{value.partition('=')[0]}"):
        settings_of(tmp_path, f"route.{value}")


def test_the_change_is_of_two_weights_and_of_nothing_else(tmp_path: Path, kubectl: Kubectl) -> None:
    before = kubectl.route
    apply(settings_of(tmp_path, "route.namespace=homes"), 30.0)
    assert kubectl.weights == [7000, 3000]
    before["spec"]["rules"][0]["backendRefs"][0]["weight"] = 7000
    before["spec"]["rules"][0]["backendRefs"][1]["weight"] = 3000
    assert kubectl.route == before
    (call,) = kubectl.calls
    assert call[:3] == ["patch", "httproutes.gateway.networking.k8s.io", "housing"]
    assert "--namespace=homes" in call
    assert {step["op"] for step in patch(settings_of(tmp_path), 30.0)} == {"test", "add"}


def test_the_last_of_two_who_move_it_is_what_the_route_has(
    tmp_path: Path, kubectl: Kubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = registry_of(tmp_path / "artifacts", 1)
    version = add(registry)
    registry.point("canary", version, evidence={"weight": 10.0})

    def and_another_moves_it(settings: Settings, percent: float) -> None:
        apply(settings, percent)
        if percent == 10.0:
            registry.point("canary", version, event="weighted", evidence={"weight": 50.0})
        if percent == 50.0:
            registry.end("canary", why="abort")

    monkeypatch.setattr(routes, "apply", and_another_moves_it)
    assert follow(settings_of(tmp_path)) is None
    assert kubectl.weights == [WHOLE, 0]
    assert len(kubectl.calls) == 3


def test_a_rehearsal_asks_and_changes_nothing(tmp_path: Path, kubectl: Kubectl) -> None:
    registry_of(tmp_path / "artifacts", 1)
    rehearse(settings_of(tmp_path))
    assert kubectl.weights == [WHOLE, 0]
    assert "--dry-run=server" in kubectl.calls[0]


def test_a_rehearsal_that_fails_says_that_nothing_moved(tmp_path: Path, kubectl: Kubectl) -> None:
    registry_of(tmp_path / "artifacts", 1)
    kubectl.fail("error: no such host")
    with pytest.raises(RouteError, match="`kubectl` says: no such host") as caught:
        rehearse(settings_of(tmp_path))
    assert caught.value.hint.endswith("; nothing has moved")


def test_a_route_with_other_backends_is_left_alone(tmp_path: Path, kubectl: Kubectl) -> None:
    (kubectl.folder / "route.json").write_text(
        (kubectl.folder / "route.json").read_text().replace("housing-canary", "other")
    )
    with pytest.raises(RouteError, match="testing value failed") as caught:
        apply(settings_of(tmp_path), 30.0)
    assert caught.value.hint == (
        "its first rule must have the backends `housing` and `housing-canary`, in this order"
    )
    assert kubectl.weights == [WHOLE, 0]


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ('Error from server (NotFound): httproutes "x" not found', "`route.name`"),
        ('error: the server doesn\'t have a resource type "httproutes"', "`route.name`"),
        ("Error from server (Forbidden): no", "the verb `patch`"),
        ("E1 noise\nThe connection to the server localhost:8080 was refused", "try `kubectl get"),
        ("", "try `kubectl get"),
    ],
)
def test_what_kubectl_says_is_one_line_with_a_hint(
    said: str, hint: str, tmp_path: Path, kubectl: Kubectl
) -> None:
    kubectl.fail(said)
    with pytest.raises(RouteError) as caught:
        apply(settings_of(tmp_path), 30.0)
    last = said.splitlines()[-1].removeprefix("error: ") if said else "nothing"
    assert caught.value.message == f"`kubectl` says: {last}"
    assert hint in caught.value.hint


def test_what_it_says_is_cut_off_and_cannot_steer_a_terminal(
    tmp_path: Path, kubectl: Kubectl
) -> None:
    kubectl.fail("\x1b[31m" + "x" * 1000)
    with pytest.raises(RouteError) as caught:
        apply(settings_of(tmp_path), 30.0)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 400


def test_a_machine_without_kubectl_is_told_what_else_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RouteError, match="there is no `kubectl` here") as caught:
        apply(settings_of(tmp_path), 30.0)
    assert "`--route print`" in caught.value.hint
    (tmp_path / "kubectl").write_text("")
    with pytest.raises(RouteError, match=r"`kubectl` cannot be run|there is no `kubectl`"):
        apply(settings_of(tmp_path), 30.0)


def test_a_kubectl_that_hangs_is_left(
    tmp_path: Path, kubectl: Kubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    (kubectl.folder / "kubectl").write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(routes, "SECONDS", 0.1)
    with pytest.raises(RouteError, match="said nothing for"):
        apply(settings_of(tmp_path), 30.0)
