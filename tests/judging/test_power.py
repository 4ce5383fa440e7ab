"""How many labels show how much."""

from __future__ import annotations

import numpy as np
import pytest

from housing_cli.judging.power import Power, power_of


def power(m: int, n: int = 100, confidence: float = 0.95) -> Power:
    absolute = np.abs(np.random.default_rng(0).standard_t(3, m))
    return power_of(absolute, m, n, confidence=confidence)


def test_larger_degradations_need_fewer_labels() -> None:
    needed = power(4000).needed
    assert needed["0.25"] is not None and needed["0.5"] is not None and needed["1"] is not None
    assert needed["0.25"] > needed["0.5"] > needed["1"] > 2


def test_a_small_baseline_cannot_show_a_small_degradation() -> None:
    assert power(506).needed["0.1"] is None
    assert power(506).limit > 0.1
    assert power(4000).needed["0.1"] is not None


def test_what_is_detectable_shrinks_with_labels_down_to_the_limit() -> None:
    few, many = power(506, 30), power(506, 3000)
    assert few.detectable is not None and many.detectable is not None
    assert few.detectable > many.detectable > many.limit == few.limit


def test_no_labels_show_nothing() -> None:
    assert power(506, 0).detectable is None
    assert power(506, 0).more(1.0) == power(506, 0).needed["1"]


def test_more_confidence_needs_more_labels() -> None:
    sure, surer = power(4000), power(4000, confidence=0.99)
    assert sure.needed["0.25"] < surer.needed["0.25"]  # type: ignore[operator]


def test_the_promised_chance_holds_in_a_simulation() -> None:
    """With as many labels as it asks for, +50 % is seen in about 80 % of worlds."""
    from housing_cli.judging.resampling import Moments, p_greater

    n = power(4000).needed["0.5"]
    assert n is not None
    rng = np.random.default_rng(1)
    seen = sum(
        p_greater(
            Moments.of(np.abs(rng.standard_t(3, n)) * 1.5),
            Moments.of(np.abs(rng.standard_t(3, 4000))),
        )
        <= 0.05
        for _ in range(400)
    )
    assert seen / 400 == pytest.approx(0.8, abs=0.08)


@pytest.mark.parametrize("m", [60, 506, 4000])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_what_is_needed_is_the_smallest_number_that_shows_it(m: int, confidence: float) -> None:
    for size, needed in power(m, 10_000_000, confidence).needed.items():
        if needed is None:
            assert power(m, 10_000_000, confidence).limit > float(size)
            continue
        shown, not_yet = (power(m, n, confidence).detectable for n in (needed, needed - 1))
        assert shown is not None and shown <= float(size) * (1 + 1e-9)
        assert not_yet is None or not_yet > float(size)
