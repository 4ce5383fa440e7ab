"""What honest labels look like, learned from training rows."""

from __future__ import annotations

import numpy as np
import pytest

from housing_cli.judging.label_rule import (
    coincidence,
    far_factor,
    grid_step,
    resolutions,
    rule_of,
    steps_of,
    within,
)


def test_a_poor_model_is_far_off_farther_out() -> None:
    target = np.full(1000, 20.0)
    good = target * np.exp(np.random.default_rng(0).normal(0, 0.1, 1000))
    poor = target * np.exp(np.random.default_rng(0).normal(0, 0.6, 1000))
    assert far_factor(target, good)[0] == 2.0
    assert 5 < far_factor(target, poor)[0] < 20


def test_a_linear_model_that_says_nothing_of_cheap_houses_is_not_far_off_for_that() -> None:
    rng = np.random.default_rng(0)
    target = rng.uniform(5, 50, 500)
    predicted = target + rng.normal(0, 4, 500)
    predicted[:5] = [-3.0, 0.01, 0.1, 1.0, -0.2]
    target[:5] = 8.0
    far, floor = far_factor(target, predicted)
    assert far < 4
    assert 5 < floor < 8


@pytest.mark.parametrize(("step", "want"), [(0.1, 0.1), (0.01, 0.01), (1.0, 1.0), (1000.0, 1000.0)])
def test_the_step_of_prices(step: float, want: float) -> None:
    rng = np.random.default_rng(0)
    assert grid_step(rng.integers(100, 900, 500).astype(np.float64) * step) == pytest.approx(want)
    assert grid_step(rng.lognormal(3, 1, 500)) == pytest.approx(1e-9)


def test_the_largest_step_that_a_price_is_a_multiple_of() -> None:
    prices = np.array([22.0, 22.4, 22.43, 22.431, 30.0, 0.3, 1e300, 221_900.0])
    assert resolutions(prices, (0.01, 0.1, 1.0, 10.0)).tolist() == [3, 2, 1, 0, 4, 2, 4, 4]


def test_steps_reach_from_where_honest_prices_never_agree_to_where_they_do() -> None:
    rng = np.random.default_rng(0)
    errors = np.abs(rng.normal(0, 3, 500))
    steps = steps_of(np.full(500, 22.0), errors)
    assert steps == pytest.approx((0.001, 0.01, 0.1, 1.0, 10.0))
    dollars = steps_of(np.full(500, 540_000.0), errors * 20_000)
    assert dollars == pytest.approx((100.0, 1000.0, 10_000.0, 100_000.0))
    assert len(steps_of(np.full(5, 22.0), np.zeros(5))) >= 2


def test_a_narrow_band_is_known_from_a_wider_one() -> None:
    errors = np.abs(np.random.default_rng(0).normal(0, 3, 400))
    assert within(errors, 0.005) == pytest.approx(0.005 * 2 * 0.133, rel=0.3)
    assert within(errors, 3.0) == pytest.approx(0.68, abs=0.06)
    assert within(np.zeros(9), 0.1) == 1.0
    assert within(np.array([0.0] * 4 + [3.0] * 6), 0.1) == pytest.approx(0.4)


def test_a_model_of_a_price_list_meets_prices_by_right() -> None:
    rng = np.random.default_rng(2)
    listed = rng.choice([100.0, 150.0, 200.0], 400)
    prices = np.where(rng.random(400) < 0.4, listed, listed + 5)
    assert 0.4 < coincidence(prices, listed[None]) < 0.6


def test_the_rule_knows_how_often_honest_prices_have_which_digits() -> None:
    rng = np.random.default_rng(0)
    target = np.rint(rng.uniform(5, 50, 500) * 10) / 10
    rule = rule_of(target, (target + rng.normal(0, 3, (2, 500))), 3.0)
    assert rule.absurd == 3 * rule.kinds.far
    assert rule.kinds.steps == pytest.approx((0.001, 0.01, 0.1, 1.0, 10.0))
    assert len(rule.shares) == len(rule.hits) == 6
    assert max(rule.shares[:3]) < 0.003
    assert rule.shares[3] == pytest.approx(0.9, abs=0.05)
    assert rule.hits[3] == pytest.approx(0.1 * 0.133, rel=0.3)
    assert rule.peaks[:3] == pytest.approx([1 / 9] * 3, rel=0.1)
