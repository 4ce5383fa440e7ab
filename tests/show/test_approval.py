"""A person on a terminal sees the evidence and is asked; elsewhere nobody is."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import msgspec
import pytest

from housing_cli.config.settings import Promote
from housing_cli.loop.approval import Asked
from housing_cli.loop.promote import promote
from housing_cli.loop.retrain import retrain
from housing_cli.loop.train import train
from housing_cli.show.approval import approver, ask, evidence_lines
from housing_cli.show.registry import told
from tests.in_process import RIDGE, Loop, shuffled

ROWS = shuffled(7)
HELD = "promote.require_approval=true"


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Loop:
    """v1 is production, v2 beats it on recent rows and waits, v3 is trained anew."""
    loop = Loop(tmp_path_factory.mktemp("approval"), ROWS[:300], RIDGE)
    loop.live(ROWS[300:420], 1.3)
    retrain(loop.settings(), to="candidate")
    train(loop.settings())
    loop.sets = (*loop.sets, HELD)
    return loop


def evidence(loop: Loop) -> dict[str, object]:
    return {"champion": "v1", **loop.registry.get("v2").metadata.evidence}


def test_the_question_comes_after_the_evidence(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = Asked(loop.registry.get("v2"), "v1", evidence(loop))
    for typed, yes in (("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False)):
        monkeypatch.setattr(sys, "stdin", Terminal(typed))
        assert bool(ask(asked)) is yes
        said = capsys.readouterr()
        assert said.out == ""
        *shown, question = said.err.splitlines()
        assert shown[0].startswith("v2 on 36 recent rows: RMSE ")
        assert "95 % interval" in "".join(shown)
        assert question == "Promote v2 in place of v1? [y/N] "


def test_every_kind_of_evidence_is_said(loop: Loop) -> None:
    v3 = loop.registry.get("v3")
    (line,) = evidence_lines(
        Asked(
            v3, "v1", {"champion": "v1", "metric": "rmse", "new": 4.21, "old": 5.32, "refused": ""}
        )
    )
    assert line == "v3: baseline RMSE 4.21, v1's 5.32"
    (line,) = evidence_lines(Asked(v3, None, {}))
    assert line.endswith("there is no production")
    assert evidence_lines(Asked(v3, "v1", {"refused": "it is worse"})) == [
        "warning: forced although it is worse"
    ]


def test_who_is_asked(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    held = loop.settings()
    monkeypatch.setattr(sys, "stdin", Terminal())
    assert approver(held, None) is ask
    named = approver(held, "anna")
    assert named is not None
    assert named(Asked(loop.registry.get("v2"), "v1", {})) == "anna"
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert approver(held, None) is None
    free = msgspec.structs.replace(held, promote=Promote())
    monkeypatch.setattr(sys, "stdin", Terminal())
    assert approver(free, None) is None


def test_the_history_says_who_approved(tmp_path: Path) -> None:
    loop = Loop(tmp_path, ROWS[:200], (*RIDGE, HELD))
    promote(loop.settings(), "candidate", approve=lambda _: "anna", reason="looks well")
    (table,) = told(loop.registry.history()).show
    assert not isinstance(table, str)
    assert "looks well; approved by anna" in [row[-1] for row in table.rows]
