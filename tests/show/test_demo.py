"""What the demo prints of its steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from housing_cli.errors import ExitCode
from housing_cli.show import demo
from housing_cli.show.demo import Teller, UnheardError, ended
from housing_cli.show.result import Result

RESULT = Result("evaluate", {}, show=["v1 is degraded"], notes=["next: housing retrain"],
                exit_code=ExitCode.DEGRADED)  # fmt: skip


def test_a_command_is_shown_with_all_that_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    teller = Teller(silent=False)
    teller.happens("houses are sold")
    teller.typed("evaluate")
    teller.told(RESULT)
    assert capsys.readouterr().out == (
        "# houses are sold\n$ housing evaluate\nv1 is degraded\nnext: housing retrain\n"
        "# exit code 2\n"
    )


def test_json_is_not_mixed_with_steps(capsys: pytest.CaptureFixture[str]) -> None:
    Teller(silent=True).told(RESULT)
    assert capsys.readouterr().out == ""


def test_where_nobody_reads_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_: str) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(demo, "print_text", away)
    monkeypatch.setattr(demo, "unwritten", lambda _: ExitCode.OK)
    with pytest.raises(UnheardError) as ended_by:
        Teller(silent=False).typed("train")
    assert ended_by.value.code == 0


def test_the_end_says_where_it_lies_and_what_to_try() -> None:
    here = ended([], Path(), 38.0)
    assert here.notes == ["38 s; registry, log and table are in `.`", "next: housing status"]
    there = ended([{"command": "housing train"}], Path("my demo"), 38.0)
    assert there.notes[-1] == "next: cd 'my demo' && housing status"
    assert there.data == {"steps": [{"command": "housing train"}], "folder": "my demo"}
