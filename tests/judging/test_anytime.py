"""Sequences hold the truth at every look, and see a difference in the end."""

from __future__ import annotations

import numpy as np
import pytest

from housing_cli.judging.anytime import mean_sequence, share_sequence

RNG = np.random.default_rng
LOOKS = (10, 20, 40, 80, 160, 320)


@pytest.mark.parametrize("skewed", [False, True])
def test_a_mean_is_missed_at_any_look_in_few_worlds(skewed: bool) -> None:
    missed = 0
    for seed in range(100):
        rng = RNG(seed)
        values = rng.choice([-0.1, 0.9], 320, p=[0.9, 0.1]) if skewed else rng.normal(0, 0.2, 320)
        found = [mean_sequence(values[:n].clip(-1, 1), 1.0, 0.95) for n in LOOKS]
        missed += any(not low <= 0 <= high for low, high in found)
    assert missed <= 5


def test_a_mean_that_is_there_is_seen() -> None:
    values = RNG(0).normal(0.1, 0.2, 2000).clip(-1, 1)
    low, high = mean_sequence(values, 1.0, 0.95)
    assert 0.08 < low < values.mean() < high < 0.12
    assert mean_sequence(values[:10], 1.0, 0.95)[0] < 0


def test_the_sequence_has_the_unit_of_the_values() -> None:
    values = RNG(0).normal(0.1, 0.2, 500).clip(-1, 1)
    ends = np.array(mean_sequence(values, 1.0, 0.95))
    assert mean_sequence(values * 40, 40.0, 0.95) == pytest.approx(ends * 40)
    flipped = mean_sequence(-values, 1.0, 0.95)
    assert flipped == pytest.approx(-ends[::-1])


def test_no_rows_know_nothing() -> None:
    assert mean_sequence(np.empty(0), 3.0, 0.95) == (-3.0, 3.0)
    assert mean_sequence(np.zeros(5), 0.0, 0.95) == (0.0, 0.0)
    assert share_sequence(0, 0, 0.95) == (0.5, (0.0, 1.0), 1.0)


def test_rows_of_no_common_mean_have_a_sequence_of_no_width() -> None:
    low, high = mean_sequence(np.repeat([-1.0, 1.0], 400), 1.0, 0.95)
    assert -1 <= low <= high <= 1


def test_a_fair_coin_is_found_unfair_in_few_worlds() -> None:
    heads = RNG(0).integers(0, 2, (400, 500)).cumsum(axis=1)
    alarms = [
        any(share_sequence(int(row[n - 1]), n, 0.95).e_value >= 20 for n in range(5, 501, 5))
        for row in heads
    ]
    assert np.mean(alarms) <= 0.05


def test_an_unfair_coin_is_found_and_its_share_is_held() -> None:
    found = share_sequence(650, 1000, 0.95)
    assert found.value == 0.65
    assert 0.59 < found.interval[0] < 0.65 < found.interval[1] < 0.71
    assert found.e_value > 1e6
    low, high = share_sequence(10, 10, 0.95).interval
    assert low > 0.5 and high == 1.0
