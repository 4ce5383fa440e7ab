"""What `--budget` prints and what its `--json` holds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from housing_cli.errors import ExitCode
from housing_cli.judging.budget import Finding
from housing_cli.show.budget import _line, alarm_lines
from housing_cli.show.evaluate import payload, result_of
from tests.in_process import Loop, shuffled


def test_an_alarm_is_a_plain_line_and_exit_code_2(tmp_path: Path) -> None:
    loop = Loop(tmp_path, shuffled(0)[:350])
    loop.live(shuffled(0)[350:], 1.2)
    judged = loop.evaluate(false_alarms_per_year=0.05)
    result = result_of(judged)
    assert result.exit_code == ExitCode.DEGRADED
    line = next(str(text) for text in result.show if str(text).startswith("level: "))
    assert "% above what v1 expects\n  since 20" in line
    budget = json.loads(json.dumps(payload(judged)["budget"]))
    assert budget["per_year"] == 0.05
    assert set(budget["channels"]) == {"error", "bias up", "bias down", "coverage", "segment"}
    assert budget["alarms"][0]["since"] == budget["since"]
    assert budget["statistic"] >= budget["limit"]


def test_what_is_not_judged_names_no_alarm(tmp_path: Path) -> None:
    loop = Loop(tmp_path, shuffled(0)[:350])
    loop.live(shuffled(0)[350:379], 1.6)
    judged = loop.evaluate(false_alarms_per_year=0.05)
    assert judged.verdict.verdict == "insufficient"
    assert judged.budget is not None
    assert judged.budget.alarm
    assert alarm_lines(judged) == []


def test_without_a_budget_json_says_null(tmp_path: Path) -> None:
    loop = Loop(tmp_path, shuffled(0)[:350])
    assert payload(loop.evaluate())["budget"] is None


def test_a_segment_is_named_by_its_ends() -> None:
    found = Finding("segment", "down", 12.0, 10.5, "2026-11-03", 35.5, None, 40, -0.123)
    assert _line("v3", found) == (
        "segment: houses predicted from 35.5\n"
        "  prices are 12% below what v3 expects\n"
        "  since 2026-11-03 (40 labels)"
    )
    assert _line("v3", replace(found, low=None, high=12.0)).startswith(
        "segment: houses predicted below 12\n"
    )
    assert _line("v3", replace(found, high=40.0)).startswith(
        "segment: houses predicted from 35.5 to 40\n"
    )


def test_a_small_shift_is_not_called_none_and_one_label_is_no_plural() -> None:
    found = Finding("bias up", "up", 12.0, 10.5, "2026-11-03", None, None, 1, 0.004)
    assert _line("v3", found) == (
        "level: prices are under 1% above what v3 expects\n  since 2026-11-03 (1 label)"
    )
