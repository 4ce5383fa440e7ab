"""Labels of one district alone teach that district, and leave the rest of the stock alone.

Real rows; `tests/benchmarks/bench_segments.py` does all segments, with more seeds.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.bench_segments import market, run
from tests.in_process import shuffled


def test_a_new_district_is_learned_and_is_no_market_move(tmp_path: Path) -> None:
    rows = shuffled(0)
    found = run(tmp_path, rows, rows["RAD"] == 24, seed=0)
    assert found.accepted, found.why
    assert found.level == 1.0
    assert found.change("old") <= 0.05
    assert found.change("segment") <= -0.25


def test_a_market_that_rose_for_all_is_still_learned(tmp_path: Path) -> None:
    found = market(tmp_path, seed=0)
    assert found.accepted, found.why
    assert found.level == pytest.approx(1.3, abs=0.1)
    assert found.change("segment") <= -0.25
