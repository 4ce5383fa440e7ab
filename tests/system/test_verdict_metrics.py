"""The verdict of `housing evaluate` in Prometheus's text format."""

from __future__ import annotations

from pathlib import Path

import pytest

from housing_cli.show.prometheus import exposition, leave_failure, leave_verdict
from housing_cli.show.result import Result
from tests.system.monitoring_stack import DEGRADED, VERDICT, values
from tests.system.processes import housing

LAST = "housing_evaluation_last_exit_code"
NOTHING = {"current": None, "ratio": None, "interval": None, "n": 0, "verdict": "insufficient"}


def test_the_verdict_is_what_the_exit_code_says() -> None:
    found = values(exposition(DEGRADED, now=1700000000.5))
    assert found["housing_evaluation_exit_code v3"] == 2
    assert found["housing_evaluation_verdict v3 degraded"] == 1
    assert found["housing_evaluation_verdict v3 healthy"] == 0
    assert found["housing_evaluation_ratio v3 rmse"] == 1.5
    assert found["housing_evaluation_limit v3 rmse"] == 1.1
    assert found["housing_evaluation_drifted_columns v3"] == 2
    assert found["housing_evaluation_timestamp_seconds"] == 1700000000.5


def test_what_is_unknown_is_left_out() -> None:
    found = values(exposition(Result("evaluate", VERDICT | NOTHING), now=1.0))
    assert "housing_evaluation_ratio v3 rmse" not in found
    assert found["housing_evaluation_labeled_rows v3"] == 0


def test_a_textfile_is_replaced_in_one_step(tmp_path: Path) -> None:
    target = tmp_path / "housing.prom"
    target.write_text("old")
    assert leave_verdict(DEGRADED, str(target)) == ""
    assert "housing_evaluation_exit_code" in target.read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["housing.prom"]


def test_a_failure_stands_beside_the_last_verdict(tmp_path: Path) -> None:
    target = tmp_path / "housing.prom"
    assert leave_failure(1, str(target)) == ""
    assert values(target.read_text()) == {LAST: 1}
    leave_verdict(DEGRADED, str(target))
    before = values(target.read_text())
    assert before[LAST] == before["housing_evaluation_exit_code v3"] == 2
    leave_failure(64, str(target))
    assert values(target.read_text()) == before | {LAST: 64}


@pytest.mark.parametrize(
    ("options", "code"), [(["--set", "log.url=bogus:x"], 1), (["--threshold", "-1"], 64)]
)
def test_the_command_leaves_how_it_failed(options: list[str], code: int, tmp_path: Path) -> None:
    done = housing("evaluate", *options, "--prometheus", "v.prom", cwd=tmp_path)
    assert done.code == code, done.stderr
    assert values((tmp_path / "v.prom").read_text()) == {LAST: code}


@pytest.mark.parametrize("target", ["/nowhere/housing.prom", "http://127.0.0.1:1"])
def test_monitoring_that_is_away_is_a_warning(target: str) -> None:
    warning = leave_verdict(DEGRADED, target)
    assert warning.startswith("warning: the verdict could not be left at")
