"""How good the shipped settings are on the shipped data (`bench_quality` measures it in full)."""

from __future__ import annotations

import pytest

from tests.benchmarks.bench_quality import measure

pytestmark = pytest.mark.slow


def test_the_shipped_settings_reach_the_promised_quality() -> None:
    rmse, r2 = measure(10, trees=60)
    assert rmse <= 3.35
    assert r2 >= 0.865


def test_missing_cells_cost_at_most_eight_percent() -> None:
    whole, _ = measure(4, trees=60)
    torn, _ = measure(4, trees=60, holes=True)
    assert torn <= 1.08 * whole
