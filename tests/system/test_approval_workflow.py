"""The workflow stops before production, and goes on when a person says so; really executed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.system.docker_engine import REPOSITORY
from tests.system.runner import ImageRunner
from tests.system.test_workflows import DEGRADED, NAME, record

WORKFLOW = REPOSITORY / ".github/workflows/retrain_and_build.yml"


def aliases(runner: ImageRunner, tag: str) -> dict[str, str]:
    """Return what each alias names in the registry of a published image."""
    return dict(said(runner, tag, "registry", "ls")["aliases"])


def said(runner: ImageRunner, tag: str, *words: str) -> dict[str, Any]:
    """Return the `data` that a verb prints in a published image."""
    done = runner.engine("run", "--rm", f"{runner.image}:{tag}", *words, "--json")
    return dict(json.loads(done.stdout)["data"])


def test_a_promotion_waits_for_the_reviewers_and_nothing_else_does() -> None:
    yaml = pytest.importorskip("yaml")
    jobs = yaml.safe_load(WORKFLOW.read_text())["jobs"]
    assert [name for name, job in jobs.items() if "environment" in job] == ["approve"]
    approve, publish = jobs["approve"], jobs["publish"]
    assert approve["environment"] == "production"
    assert approve["if"] == "inputs.action == 'promote'"
    assert "concurrency" not in approve, "who waits for a person keeps no other run waiting"
    assert publish["needs"] == "approve"
    assert "needs.approve.result == 'success'" in publish["if"]


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.xdist_group("docker")
class TestExecuted:
    def test_a_winner_waits_until_a_person_promotes_it(
        self, published: ImageRunner, new_runner: Callable[..., ImageRunner]
    ) -> None:
        runner = new_runner(published)
        record(runner, "production", DEGRADED)
        before = runner.registry.tags(NAME)

        run = runner.run("evaluate", "schedule", variables={"RETRAIN_TO": "candidate"})
        assert run.code == 0, run.output
        assert run.conclusion("Approve") == "skipped"
        assert "v2 waits for a person; v1 stays production" in run.summary
        after = runner.registry.tags(NAME)
        digest = after.pop("candidate")
        assert after == before, "`production` and what is published stay"
        assert aliases(runner, "candidate") == {"production": "v1", "candidate": "v2"}
        assert runner.registry.labels(NAME, "candidate")["housing.model.version"] == "v1"
        assert f"{runner.image} {digest} provenance" in runner.attestations.read_text()

        # Code changes: the version goes on waiting, in the image that is production now.
        runner.commit("a change")
        run = runner.run("retrain_and_build", inputs={"action": "rebuild"})
        assert run.code == 0, run.output
        rebuilt = runner.registry.tags(NAME)
        assert rebuilt["production"] != before["production"]
        assert aliases(runner, "production") == {"production": "v1", "candidate": "v2"}

        inputs = {"action": "promote", "version": "v2", "reason": "cheaper by the sea"}
        run = runner.run("retrain_and_build", inputs=inputs)
        assert run.code == 0, run.output
        assert run.conclusion("Approve") == "success"
        assert "Published v2 (before: v1)" in run.summary
        tags = runner.registry.tags(NAME)
        assert tags["v2"] == tags["production"] != rebuilt["production"]
        assert tags["v1"] == before["v1"]
        assert aliases(runner, "production") == {"production": "v2", "previous": "v1"}
        events = said(runner, "production", "registry", "history")["events"]
        moved = next(e for e in events if (e["alias"], e["to"]) == ("production", "v2"))
        assert moved["why"] == "cheaper by the sea"
        assert moved["evidence"]["approved_by"] == "nektos/act"  # who started the run
        # The image `candidate` is older than production now: nothing waits any more.
        run = runner.run("retrain_and_build", inputs={"action": "promote"})
        assert run.code != 0
        assert "promote failed with exit code" in run.output
        assert runner.registry.tags(NAME) == tags

    def test_what_is_given_up_is_not_put_forward_again(
        self, published: ImageRunner, new_runner: Callable[..., ImageRunner]
    ) -> None:
        runner = new_runner(published)
        record(runner, "production", DEGRADED)
        before = runner.registry.tags(NAME)
        inputs = {"action": "retrain", "to": "candidate"}
        run = runner.run("retrain_and_build", inputs=inputs)
        assert run.code == 0, run.output
        run = runner.run("retrain_and_build", inputs={"action": "abort", "reason": "too dear"})
        assert run.code == 0, run.output
        assert run.conclusion("Approve") == "skipped"
        assert "Nothing waits any more; v1 stays production" in run.summary
        given_up = runner.registry.tags(NAME)
        assert aliases(runner, "candidate") == {"production": "v1"}
        run = runner.run("retrain_and_build", inputs=inputs)
        assert run.code == 0, run.output
        assert "v2 was given up on" in run.output
        assert runner.registry.tags(NAME) == given_up
        assert {tag: given_up[tag] for tag in before} == before

        # Somebody moves `production` by hand: the other history is left, and not mixed with it.
        host = runner.image
        recipe = runner.folder / "by-hand"
        recipe.mkdir()
        lines = f"FROM {host}:production\nRUN housing promote v1 --to best\n"
        (recipe / "Dockerfile").write_text(lines)
        runner.engine("pull", f"{host}:production")
        runner.engine("build", "--tag", f"{host}:production", ".", cwd=recipe)
        runner.engine("push", f"{host}:production")
        run = runner.run("retrain_and_build", inputs={"action": "rebuild"})
        assert run.code == 0, run.output
        assert "does not go on from production: it is left" in run.output
        assert aliases(runner, "production") == {"production": "v1", "best": "v1"}
        assert runner.registry.tags(NAME)["candidate"] == given_up["candidate"]

    @pytest.mark.parametrize(
        ("inputs", "why"),
        [
            ({"action": "rollback", "to": "candidate"}, "only retrain goes to candidate"),
            ({"action": "retrain", "to": "shadow"}, "to is neither production nor candidate"),
            ({"action": "promote", "version": "--force"}, "version is neither candidate nor"),
            ({"action": "delete"}, "action is none that this workflow knows"),
        ],
        ids=["to", "alias", "version", "action"],
    )
    def test_other_inputs_are_refused_before_anything_is_done(
        self,
        published: ImageRunner,
        new_runner: Callable[..., ImageRunner],
        inputs: dict[str, str],
        why: str,
    ) -> None:
        runner = new_runner(published)
        run = runner.run("retrain_and_build", inputs=inputs)
        assert run.code != 0
        assert why in run.output
        assert "Main Build with the models" not in run.output  # the next step
        assert runner.registry.tags(NAME) == published.registry.tags(NAME)
