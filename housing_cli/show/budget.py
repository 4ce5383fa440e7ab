"""What `housing evaluate --budget` says: what each alarm saw, and `data.budget` of `--json`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from housing_cli.words import counted, figure, share

if TYPE_CHECKING:
    from housing_cli.judging.budget import BudgetVerdict, Finding
    from housing_cli.loop.evaluation import Evaluation


def budget_payload(budget: BudgetVerdict) -> dict[str, Any]:
    """Return the verdict as plain values, channels by their names."""
    return {
        "per_year": budget.per_year,
        "alarm": budget.alarm,
        "alarms": [asdict(finding) for finding in budget.alarms],
        "channels": {finding.channel: asdict(finding) for finding in budget.channels},
        "since": budget.since,
        "statistic": budget.statistic,
        "limit": budget.limit,
        "n": budget.n,
    }


def alarm_lines(judged: Evaluation) -> list[str]:
    """Return what the alarms say in words, most evidence first; below each, since when."""
    if judged.budget is None or judged.verdict.verdict == "insufficient":
        return []
    return [_line(judged.version.name, finding) for finding in judged.budget.alarms]


def _line(version: str, found: Finding) -> str:
    since = f"\n  since {found.since} ({counted(found.n, 'label')})"
    if found.channel == "error":
        return f"error: larger than {version} had out of fold{since}"
    if found.channel == "coverage":
        return f"coverage: more real prices than before lie outside their intervals{since}"
    shift = found.shift or 0.0
    side = "above" if shift > 0 else "below"
    level = f"prices are {share(abs(shift))} {side} what {version} expects{since}"
    if found.channel != "segment":
        return f"level: {level}"
    ends = [None if end is None else figure(end) for end in (found.low, found.high)]
    if ends[0] is None:
        where = f"below {ends[1]}"
    else:
        where = f"from {ends[0]}" + ("" if ends[1] is None else f" to {ends[1]}")
    return f"segment: houses predicted {where}\n  {level}"
