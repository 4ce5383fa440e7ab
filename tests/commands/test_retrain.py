"""`housing retrain`: exit codes, evidence, and no second time on the same labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from housing_cli.commands.retrain import destination
from tests.conftest import Housing
from tests.in_process import SMALL, Loop, shuffled

QUICK = tuple(word for text in (*SMALL, "data.path=data.csv") for word in ("--set", text))
ROWS = shuffled(0)[400:]


@pytest.fixture
def loop(workshop: Path) -> Loop:
    return Loop(workshop, shuffled(0)[:400])


def test_a_moved_market_is_learned_and_promoted(loop: Loop, housing: Housing) -> None:
    loop.live(ROWS, 1.3)
    ran = housing("retrain", "--promote", "--tag", "moved", "--json", *QUICK)
    data = ran.json["data"]
    assert (ran.code, ran.json["status"]) == (0, "ok")
    assert (data["version"], data["champion"], data["promoted"]) == ("v2", "v1", True)
    assert data["feedback_rows"] == 106
    assert data["comparison"]["wins"] is True
    assert loop.registry.resolve("moved") == loop.registry.resolve("production") == "v2"


def test_without_promote_the_champion_stays(loop: Loop, housing: Housing) -> None:
    loop.live(ROWS, 1.3)
    ran = housing("retrain", *QUICK)
    assert ran.code == 0
    assert ran.stdout.startswith("v2 beats v1\n")
    assert "next: housing promote v2" in ran.stderr
    assert loop.registry.resolve("production") == "v1"
    assert housing("promote", "v2").code == 0
    assert loop.registry.resolve("production") == "v2"


def test_a_refusal_is_four_with_the_evidence(
    loop: Loop, housing: Housing, workshop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(workshop / "outputs"))
    loop.live(ROWS, [0.2, 1.0] * 53)  # type: ignore[arg-type]
    ran = housing("retrain", "--promote", "--json", *QUICK)
    assert (ran.code, ran.json["status"]) == (4, "refused")
    data = ran.json["data"]
    assert data["challenger_version"] == "v2"
    assert data["wins"] is False and data["reasons"]
    assert {"champion", "challenger", "difference", "interval", "n"} <= set(data)
    assert "more than" in ran.json["errors"][0]["message"]
    assert loop.registry.resolve("production") == "v1"
    assert "status=refused" in (workshop / "outputs").read_text()


def test_the_same_labels_twice_are_refused(loop: Loop, housing: Housing) -> None:
    loop.live(ROWS, 1.3)
    assert housing("retrain", "--promote", *QUICK).code == 0
    ran = housing("retrain", "--promote", *QUICK)
    assert ran.code == 4
    assert "the same 106 real prices already" in ran.stderr
    assert loop.registry.names() == ["v1", "v2"]


def test_if_degraded_leaves_a_healthy_model_alone(loop: Loop, housing: Housing) -> None:
    loop.live(ROWS)
    ran = housing("retrain", "--promote", "--if-degraded", "--json", *QUICK)
    assert (ran.code, ran.json["data"]["promoted"]) == (0, False)
    assert loop.registry.names() == ["v1"]


def test_if_degraded_mends_a_degraded_one(loop: Loop, housing: Housing) -> None:
    loop.live(ROWS, 1.4)
    ran = housing("retrain", "--promote", "--if-degraded", "--json", *QUICK)
    assert (ran.code, ran.json["data"]["promoted"]) == (0, True)


def test_no_labels_are_a_failure_and_no_refusal(loop: Loop, housing: Housing) -> None:
    ran = housing("retrain", "--json", *QUICK)
    assert (ran.code, ran.json["status"]) == (1, "error")
    assert "0 labeled predictions are too few" in ran.json["errors"][0]["message"]


def test_no_registry_is_a_failure(housing: Housing) -> None:
    assert housing("retrain").code == 1


@pytest.mark.parametrize("words", [("--promot",), ("--tag", "v7"), ("v1",)])
def test_usage_errors(loop: Loop, housing: Housing, words: tuple[str, ...]) -> None:
    assert housing("retrain", *words).code == 64


def test_github_gets_outputs(
    loop: Loop, housing: Housing, workshop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(workshop / "outputs"))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(workshop / "summary.md"))
    loop.live(ROWS, 1.3)
    housing("retrain", "--promote", *QUICK)
    written = dict(line.split("=", 1) for line in (workshop / "outputs").read_text().splitlines())
    assert (written["version"], written["promoted"]) == ("v2", "true")
    assert "| recent |" in (workshop / "summary.md").read_text()


def test_a_winner_waits_and_is_promoted_by_name(
    loop: Loop, housing: Housing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop.live(ROWS, 1.3)
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "outputs"))
    ran = housing("retrain", "--to", "candidate", "--if-degraded", "--json", *QUICK)
    data = ran.json["data"]
    assert (ran.code, data["version"], data["promoted"]) == (0, "v2", False)
    assert (data["to"], data["replaced"]) == ("candidate", None)
    assert data["next"].startswith("housing promote v2")
    assert "candidate=v2\n" in (tmp_path / "outputs").read_text()
    again = housing("retrain", "--to", "candidate", *QUICK)
    assert again.stdout.startswith("v2 beats v1; candidate is v2 already\n")
    assert housing("promote", "candidate").code == 0
    assert loop.registry.aliases() == {"previous": "v1", "production": "v2"}


def test_a_candidate_can_be_thrown_away(loop: Loop, housing: Housing) -> None:
    loop.live(ROWS, 1.3)
    housing("retrain", "--to", "candidate", *QUICK)
    ran = housing("promote", "--abort", "--to", "candidate", "--reason", "too dear")
    assert ran.code == 0
    assert "candidate ended" in ran.stdout
    again = housing("retrain", "--to", "candidate", *QUICK)
    assert again.code == 4
    assert "v2 was given up" in again.stderr


def test_where_a_winner_goes_is_said_once(housing: Housing) -> None:
    both = housing("retrain", "--promote", "--to", "candidate")
    assert both.code == 64
    assert "`--promote` and `--to candidate` exclude each other" in both.stderr
    other = housing("retrain", "--to", "mine")
    assert other.code == 64
    assert "not `mine`" in other.stderr
    assert destination("production", promote=False) == (True, None)
    assert destination("production", promote=True) == (True, None)
    assert destination("shadow", promote=False) == (False, "shadow")
    assert destination(None, promote=False) == (False, None)


def test_approval_keeps_jobs_from_promoting(
    loop: Loop, housing: Housing, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop.live(ROWS, 1.3)
    monkeypatch.setenv("HOUSING_PROMOTE_REQUIRE_APPROVAL", "true")
    for words in (("--promote",), ("--to", "production"), ("--promote", "--if-degraded")):
        ran = housing("retrain", *words, *QUICK)
        assert ran.code == 4
        assert "nothing becomes production unattended" in ran.stderr
        assert "housing retrain --to candidate" in ran.stderr
    assert loop.registry.names() == ["v1"]
    assert housing("retrain", "--to", "candidate", *QUICK).code == 0
    alone = housing("promote", "candidate")
    assert alone.code == 4
    assert "`housing promote v2 --approved-by NAME`" in alone.stderr
    ran = housing("promote", "v2", "--approved-by", "anna", "--json")
    assert ran.json["data"]["evidence"]["approved_by"] == "anna"
