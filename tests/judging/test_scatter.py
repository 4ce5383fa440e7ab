"""Prices that are wrong at random against markets that moved, on residuals alone."""

from __future__ import annotations

import numpy as np
import pytest

from housing_cli.judging.scatter import MIN_ROWS, Scatter, scatter_of

NOISE = 0.15


def world(
    n: int = 300,
    seed: int = 0,
    *,
    seen: float = 1.0,
    unseen: float = 1.0,
    m: int = 400,
) -> Scatter | None:
    """Return the scatter of n prices of which half moved.

    seen: by how many times, of houses that the challenger can tell apart; unseen: of houses that
    nobody can.
    """
    rng = np.random.default_rng(seed)
    known, asked = rng.uniform(10, 50, m), rng.uniform(10, 50, n)
    told, hidden = (np.where(rng.permutation(n) < n // 2, by, 1.0) for by in (seen, unseen))
    return scatter_of(
        (known * np.exp(rng.normal(0, NOISE, m)), known[None]),
        asked * told * hidden * np.exp(rng.normal(0, NOISE, n)),
        asked,
        (asked * told)[None],
    )


@pytest.mark.parametrize("seed", range(10))
def test_prices_that_are_wrong_at_random_are_wild(seed: int) -> None:
    found = world(seed=seed, unseen=0.7)
    assert found is not None
    assert found.wild
    assert not found.learned
    assert found.ratio == pytest.approx(1.65, abs=0.25)
    assert found.explained == pytest.approx(0.0, abs=0.1)
    assert found.p_value < 0.001


@pytest.mark.parametrize("seed", range(10))
def test_what_the_challenger_learns_is_a_market(seed: int) -> None:
    found = world(seed=seed, seen=1.4)
    assert found is not None
    assert found.learned
    assert not found.wild
    assert found.explained > 0.8


def test_a_market_hides_no_poison_and_poison_condemns_no_market() -> None:
    """Where both are there, what is left counts against what was explained."""
    poison, market = world(seen=1.1, unseen=0.6), world(seen=1.6, unseen=0.9)
    assert poison is not None
    assert market is not None
    assert poison.wild
    assert not market.wild


@pytest.mark.parametrize("by", [0.5, 1.0, 2.0])
def test_the_level_of_all_prices_is_no_scatter(by: float) -> None:
    rng = np.random.default_rng(1)
    known, asked = rng.uniform(10, 50, 200), rng.uniform(10, 50, 100)
    real = asked * np.exp(rng.normal(0, NOISE, 100))
    training = known * np.exp(rng.normal(0, NOISE, 200)), known[None]
    found, same = (scatter_of(training, real * factor, asked, asked[None]) for factor in (by, 1.0))
    assert found is not None
    assert same is not None
    assert found.challenger == pytest.approx(same.challenger, rel=1e-9)
    assert not found.wild


def test_few_rows_say_nothing_and_chance_is_no_evidence() -> None:
    assert world(MIN_ROWS - 1, unseen=0.3) is None
    assert world(m=MIN_ROWS - 1, unseen=0.3) is None
    few = [world(MIN_ROWS, seed) for seed in range(200)]
    assert max(found.ratio for found in few if found is not None) > 1.2
    assert sum(found is not None and found.wild for found in few) <= 4


def test_cheap_houses_are_compared_with_cheap_houses() -> None:
    """Labels of cheap houses alone, which scatter three times as widely as dear ones."""
    rng = np.random.default_rng(2)
    known = rng.uniform(10, 50, 1000)
    asked = rng.uniform(10, 20, 200)

    def spread(prices: np.ndarray) -> np.ndarray:
        return prices * np.exp(rng.normal(0, np.where(prices < 20, 0.3, 0.1)))

    found = scatter_of((spread(known), known[None]), spread(asked), asked, asked[None])
    assert found is not None
    assert found.ratio == pytest.approx(1.0, abs=0.15)


def test_repeats_are_averaged_row_by_row() -> None:
    rng = np.random.default_rng(3)
    known = rng.uniform(10, 50, 100)
    target = known * np.exp(rng.normal(0, NOISE, 100))
    once = scatter_of((target, known[None]), target, known, known[None])
    twice = scatter_of((target, np.tile(known, (2, 1))), target, known, np.tile(known, (2, 1)))
    assert once == twice
    assert once is not None
    assert (once.n, once.ratio) == (100, pytest.approx(1.0))
