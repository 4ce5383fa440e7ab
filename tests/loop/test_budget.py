"""The judgment within a budget, on real logs: narrow and wide windows say the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from housing_cli.loop import recent
from tests.in_process import Loop, shuffled

ROWS = shuffled(0)[350:]


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    return Loop(tmp_path, shuffled(0)[:350])


def test_without_a_budget_there_is_no_such_verdict(loop: Loop) -> None:
    loop.live(ROWS)
    assert loop.evaluate().budget is None


def test_the_budget_decides_instead_of_the_ratio(loop: Loop) -> None:
    """Unseen rows at their prices: no threshold is 0 to them, but nothing changed."""
    loop.live(ROWS)
    found = loop.evaluate(threshold=0.0, false_alarms_per_year=0.05)
    assert found.budget is not None
    assert (found.verdict.verdict, found.reasons, found.budget.n) == ("healthy", (), 156)


@pytest.mark.parametrize(("factor", "channel"), [(1.15, "bias up"), (0.85, "bias down")])
def test_prices_that_moved_are_seen_both_ways_and_by_sums(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, factor: float, channel: str
) -> None:
    loop.live(ROWS, factor)
    found = loop.evaluate(false_alarms_per_year=0.05)
    assert found.verdict.verdict == "degraded"
    assert found.budget is not None
    assert found.budget.alarms[0].channel == channel
    assert channel in found.reasons
    monkeypatch.setattr(recent, "LOOKED_AT", 50)
    wide = loop.evaluate(false_alarms_per_year=0.05)
    assert wide.verdict.n > len(wide.rows) == 50
    assert wide.budget is not None
    assert wide.budget.statistic == pytest.approx(found.budget.statistic, rel=1e-9)
    assert [a.channel for a in wide.budget.alarms] == [a.channel for a in found.budget.alarms]


def test_labels_kept_out_of_the_verdict_are_kept_out_of_the_budget(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = loop.live(ROWS)
    predicted = loop.evaluate().rows.predicted
    loop.label(ids[100:150], predicted[100:150])
    loop.label(ids[60:62], predicted[60:62] * 1000)
    found = loop.evaluate(false_alarms_per_year=0.05)
    assert found.budget is not None
    assert found.budget.n == found.verdict.n == 104
    monkeypatch.setattr(recent, "LOOKED_AT", 80)
    wide = loop.evaluate(false_alarms_per_year=0.05)
    assert len(wide.rows) < 80
    assert wide.budget is not None
    assert wide.budget.n == wide.verdict.n == 104
    assert wide.budget.statistic == pytest.approx(found.budget.statistic, rel=1e-9)
    assert sum(one.n for one in found.segment_errors if one.axis == "predicted_price") == 104


def test_few_labels_stay_insufficient(loop: Loop) -> None:
    loop.live(ROWS[:20], 3.0)
    found = loop.evaluate(false_alarms_per_year=0.05)
    assert (found.verdict.verdict, found.reasons) == ("insufficient", ())
