"""What `init` makes of a real shape is as good as what one writes by hand for it."""

from __future__ import annotations

import pytest

from tests.benchmarks.bench_real_tables import SHAPES, compare

WORSE = 1.02


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_the_error_is_at_most_two_percent_above_that_of_a_pipeline_by_hand(shape: str) -> None:
    found = compare(SHAPES[shape], rows=600, trees=60, shuffles=2)
    assert found["housing"] <= WORSE * found["by hand"], found
