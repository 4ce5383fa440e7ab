"""What `housing evaluate --budget` says: one line an alarm, and `data.budget` of `--json`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from housing_cli.judging.budget import BudgetVerdict, Finding
    from housing_cli.loop.evaluate import Evaluation


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
    """Return what the alarms say in words, most evidence first."""
    if judged.budget is None or judged.verdict.verdict == "insufficient":
        return []
    return [_line(judged.version.name, finding) for finding in judged.budget.alarms]


def _line(version: str, found: Finding) -> str:
    since = f"since {found.since} ({found.n} labels)"
    if found.channel == "error":
        return f"error: larger than {version} had out of fold, {since}"
    if found.channel == "coverage":
        return f"coverage: more real prices than before lie outside their intervals, {since}"
    shift = found.shift or 0.0
    side = "above" if shift > 0 else "below"
    level = f"{abs(shift):.0%} {side} what {version} expects, {since}"
    if found.channel != "segment":
        return f"level: prices are {level}"
    low = "" if found.low is None else f" from {found.low:.4g}"
    high = "" if found.high is None else f" below {found.high:.4g}"
    return f"segment: real prices of houses predicted{low}{high} are {level}"
