"""`housing promote`: which words may stand together."""

from __future__ import annotations

from pathlib import Path

import pytest

from housing_cli.commands.promote import require_ref
from housing_cli.config import Settings
from housing_cli.errors import UsageError
from housing_cli.loop.route import manifest
from tests.conftest import Housing
from tests.stub_kubectl import Kubectl


def asked(
    ref: str | None = None,
    to: str | None = None,
    *,
    rollback: bool = False,
    abort: bool = False,
    weight: float | None = None,
) -> None:
    require_ref(ref, to, rollback=rollback, abort=abort, weight=weight)


def test_a_rollback_moves_production_alone() -> None:
    with pytest.raises(UsageError, match="`--rollback` moves `production` alone, not `canary`"):
        asked(to="canary", rollback=True)


def test_what_ends_is_what_is_tried_or_waits() -> None:
    for alias in (None, "canary", "shadow", "candidate"):
        asked(to=alias, abort=True)
    with pytest.raises(UsageError, match=r"`--abort` gives up .*, not `production`"):
        asked(to="production", abort=True)


def test_a_weight_is_of_a_canary() -> None:
    asked(weight=50)
    asked("v3", "canary", weight=0.1)
    asked(to="canary", weight=100)
    for ref, to in (("v3", None), ("v3", "shadow"), ("canary", None), (None, "production")):
        with pytest.raises(UsageError, match="`--weight` is what a canary answers"):
            asked(ref, to, weight=10)
    for weight in (0, -1, 100.5, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="is no percent of the rows"):
            asked(weight=weight)
    with pytest.raises(UsageError, match="`--weight` and `--abort` exclude each other"):
        asked(abort=True, weight=10)


def test_one_thing_is_asked_for() -> None:
    for words in ({"ref": "v1", "abort": True}, {"abort": True, "rollback": True}):
        with pytest.raises(UsageError, match="exclude each other"):
            asked(**words)


@pytest.mark.parametrize("words", [(), ("v1", "--rollback"), ("--to", "canary")])
def test_one_of_ref_and_rollback_is_needed(words: tuple[str, ...], housing: Housing) -> None:
    ran = housing("promote", *words)
    assert ran.code == 64
    assert "`--rollback`" in ran.stderr


@pytest.fixture
def kubectl(artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kubectl:
    """A cluster whose route gives a canary nothing; v1 is production, v2 another version."""
    made = Kubectl(tmp_path / "cluster", manifest(Settings(), 0.0))
    monkeypatch.setenv("PATH", f"{made.folder}:/usr/bin:/bin")
    return made


def test_a_route_is_printed_or_told(artifacts: Path, housing: Housing) -> None:
    ran = housing("promote", "v2", "--to", "canary", "--route", "yaml")
    assert ran.code == 64
    assert "`--route yaml` is neither `print` nor `apply`" in ran.stderr
    assert housing("promote", "--to", "canary", "--route", "print").code == 64
    assert not (artifacts / "aliases/canary").exists()


def test_what_is_printed_is_the_route_and_nothing_else(artifacts: Path, housing: Housing) -> None:
    yaml = pytest.importorskip("yaml")
    ran = housing("promote", "v2", "--to", "canary", "--weight", "30", "--route", "print")
    assert ran.code == 0
    assert yaml.safe_load(ran.stdout) == manifest(Settings(), 30.0)
    assert ran.stderr.startswith("canary is v2, 30% of the rows\n")
    again = housing("promote", "--route", "print")
    assert (again.stdout, again.code) == (ran.stdout, 0)
    ended = housing("promote", "--abort", "--route", "print")
    assert yaml.safe_load(ended.stdout) == manifest(Settings(), 0.0)
    data = housing("promote", "--route", "print", "--json").json["data"]
    assert (data["version"], data["weight"], data["changed"]) == (None, None, False)
    assert data["route"] == {
        "name": "housing",
        "production": 10_000,
        "canary": 0,
        "applied": False,
        "manifest": manifest(Settings(), 0.0),
    }


def test_the_cluster_follows_the_registry(kubectl: Kubectl, housing: Housing) -> None:
    """Begun, given more, given up, begun again, and made production."""
    steps = [
        (("v2", "--to", "canary", "--weight", "10"), [9000, 1000]),
        (("--weight", "50"), [5000, 5000]),
        (("--abort", "--reason", "slow"), [10_000, 0]),
        (("v2", "--to", "canary", "--weight", "0.5"), [9950, 50]),
        (("canary", "--force"), [10_000, 0]),
        (("--rollback",), [10_000, 0]),
    ]
    for words, weights in steps:
        ran = housing("promote", *words, "--route", "apply", "--json")
        assert ran.code == 0, ran.stdout
        assert kubectl.weights == weights
        route = ran.json["data"]["route"]
        assert [route["production"], route["canary"], route["applied"]] == [*weights, True]
    dry = [any(word.startswith("--dry-run") for word in call) for call in kubectl.calls]
    # Going back is not asked about first.
    assert dry == [True, False, True, False, False, True, False, True, False, False]


def test_nothing_moves_where_the_cluster_would_not_follow(
    kubectl: Kubectl, housing: Housing, artifacts: Path
) -> None:
    kubectl.fail("error: no such host")
    ran = housing("promote", "v2", "--to", "canary", "--route", "apply")
    assert ran.code == 1
    assert ran.stderr.splitlines() == [
        "error: `kubectl` says: no such host",
        "hint: try `kubectl get httproutes.gateway.networking.k8s.io`; nothing has moved",
    ]
    assert not (artifacts / "aliases/canary").exists()


@pytest.mark.parametrize("words", [("--abort",), ("--weight", "20")])
def test_an_alias_that_moved_is_said_where_the_route_did_not(
    words: tuple[str, ...], kubectl: Kubectl, housing: Housing, artifacts: Path
) -> None:
    assert housing("promote", "v2", "--to", "canary", "--route", "apply").code == 0
    # The rehearsal, which is of the weights as they are, passes; then the cluster is gone.
    kubectl.fail("error: gone", only='"value": 0' if words == ("--abort",) else '"value": 2000')
    ran = housing("promote", *words, "--route", "apply", "--json")
    assert ran.code == 1
    (error,) = ran.json["errors"]
    assert error["type"] == "RouteError"
    assert error["message"].endswith(", but not the route: `kubectl` says: gone")
    assert "`housing promote --route apply` tells it again" in error["hint"]
    assert ran.json["data"]["changed"] is True
    kubectl.recover()
    told = housing("promote", "--route", "apply")
    assert told.code == 0
    assert kubectl.weights == ([10_000, 0] if words == ("--abort",) else [8000, 2000])
    assert (artifacts / "aliases/canary").exists() == (words != ("--abort",))


def test_who_approves_is_named_for_production_alone(housing: Housing) -> None:
    for words in (("v1", "--to", "canary"), ("--rollback",), ("--abort",)):
        ran = housing("promote", *words, "--approved-by", "anna")
        assert ran.code == 64
        assert "`--approved-by` is of a version that becomes production" in ran.stderr
    ran = housing("promote", "v1", "--approved-by", " ")
    assert ran.code == 64
    assert "names nobody" in ran.stderr
