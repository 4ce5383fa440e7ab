"""Levels: found where the market moved, not where prices are noise or poison."""

from __future__ import annotations

import numpy as np
import pytest

from housing_cli.judging.price_level import price_levels

NOISE = 0.15


def ratios(seed: int, *parts: tuple[int, float]) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(np.log(level), NOISE, n) for n, level in parts])


@pytest.mark.parametrize("seed", range(5))
def test_an_unmoved_market_has_level_one(seed: int) -> None:
    assert (price_levels(ratios(seed, (200, 1.0))) == 1.0).mean() > 0.9


@pytest.mark.parametrize("seed", range(10))
def test_a_step_is_found_near_its_place(seed: int) -> None:
    levels = price_levels(ratios(seed, (100, 1.0), (40, 1.3)))
    assert levels[:90] == pytest.approx(1.0, abs=0.08)
    assert levels[-20:] == pytest.approx(1.3, abs=0.1)


def test_two_steps_are_found() -> None:
    levels = price_levels(ratios(3, (80, 1.0), (80, 1.4), (80, 0.9)))
    assert levels[[40, 120, 230]] == pytest.approx([1.0, 1.4, 0.9], abs=0.08)


def test_a_market_that_moved_before_the_first_label_is_seen() -> None:
    assert price_levels(ratios(1, (40, 1.3))) == pytest.approx(1.3, abs=0.1)


def test_few_rows_have_no_level_of_their_own() -> None:
    assert (price_levels(ratios(0, (9, 2.0))) == 1.0).all()


@pytest.mark.parametrize("seed", range(10))
def test_half_wrong_prices_are_no_level(seed: int) -> None:
    values = ratios(seed, (100, 1.0))
    values[np.random.default_rng(seed).permutation(100)[:50]] += np.log(0.2)
    assert (price_levels(values) == 1.0).all()


def test_no_rows_have_no_levels() -> None:
    assert len(price_levels(np.empty(0))) == 0
