"""A short version of `tests/benchmarks/soak.py`."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.soak import soak

SECONDS = 20


def test_nothing_acknowledged_is_lost_under_load_promotions_and_kills(artifacts: Path) -> None:
    report = soak(artifacts.parent, SECONDS, kill_every=4)
    assert not report.problems(), report.show()
    assert report.kills >= 3
    assert report.promotions >= 8
    assert len(report.predicted) > 500
