"""Intervals of out-of-fold residuals: they cover, and follow the errors' width and skew."""

from __future__ import annotations

import json

import numpy as np
import pytest

from housing_cli.learning.conformal import (
    MAX_KNOTS,
    coverage_of,
    fit_intervals,
    interval_score,
    mean_width,
)
from housing_cli.model.intervals import IntervalModel


def heteroscedastic(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return real prices and out-of-fold ones (2, n); errors are skewed and grow with the price."""
    rng = np.random.default_rng(seed)
    predicted = rng.uniform(10, 40, n)
    errors = (rng.gamma(2, 1, n) - 2) * predicted * 0.1
    return predicted + errors, np.stack([predicted, predicted])


def test_intervals_cover_unseen_rows_in_every_third_of_the_prices() -> None:
    found = []
    for seed in range(20):
        model = fit_intervals(*heteroscedastic(400, seed))
        real, prices = heteroscedastic(2000, 100 + seed)
        third = np.digitize(prices[0], [20, 30])
        found.append(
            [coverage_of(model, real, prices[0])]
            + [coverage_of(model, real[third == k], prices[0][third == k]) for k in range(3)]
        )
    overall, *thirds = np.mean(found, axis=0)
    assert 0.88 <= overall <= 0.92
    assert all(0.84 <= share <= 0.96 for share in thirds), thirds


def test_skewed_errors_have_asymmetric_intervals() -> None:
    low, high = fit_intervals(*heteroscedastic(2000, 0)).interval(30.0)
    assert high - 30 > 1.2 * (30 - low)


def test_scaled_intervals_are_narrower_than_one_width_for_all() -> None:
    target, out_of_fold = heteroscedastic(2000, 0)
    plain = 2 * np.quantile(np.abs(target - out_of_fold[0]), 0.9)
    assert mean_width(fit_intervals(target, out_of_fold), out_of_fold[0]) < plain


@pytest.mark.parametrize("n", [4, 10, 60])
def test_few_rows_still_have_an_interval(n: int) -> None:
    target, out_of_fold = heteroscedastic(n, 0)
    model = fit_intervals(target, out_of_fold)
    low, high = model.interval(25.0)
    assert low < 25 < high


def test_a_perfect_model_has_a_finite_interval() -> None:
    target = np.linspace(10, 20, 100)
    low, high = fit_intervals(target, target[None]).interval(15.0)
    assert low == pytest.approx(15.0, abs=1e-6) and high == pytest.approx(15.0, abs=1e-6)


def test_coverage_and_width_are_those_of_the_intervals() -> None:
    model = IntervalModel(0.9, [10.0], [-1.0], [3.0])
    predicted = np.array([10.0, 20.0, 30.0, 40.0])
    real = np.array([9.0, 23.0, 28.9, 43.1])  # both ends belong to an interval
    assert coverage_of(model, real, predicted) == 0.5
    assert mean_width(model, predicted) == 4.0


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.99])
def test_the_rows_themselves_are_covered_as_asked(coverage: float) -> None:
    target, out_of_fold = heteroscedastic(500, 0)
    model = fit_intervals(target, out_of_fold, coverage)
    assert model.coverage == coverage
    assert coverage_of(model, target, out_of_fold[0]) == pytest.approx(coverage, abs=0.01)


@pytest.mark.parametrize(("n", "knots"), [(30, 1), (100, 2), (5000, MAX_KNOTS)])
def test_there_are_as_many_knots_as_rows_allow(n: int, knots: int) -> None:
    raw = json.loads(fit_intervals(*heteroscedastic(n, 0)).to_json())
    assert len(raw["prices"]) == len(raw["low"]) == len(raw["high"]) == knots
    assert raw["prices"] == sorted(raw["prices"])


def by_feature(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return real prices, out-of-fold ones (1, n) and the errors' spread, which no price tells."""
    rng = np.random.default_rng(seed)
    predicted, spreads = rng.uniform(10, 40, n), rng.choice([0.5, 1.0, 3.0], n)
    return predicted + rng.normal(0, 2 * spreads), predicted[None], spreads


def test_scaled_intervals_cover_whatever_the_spread() -> None:
    target, prices, spreads = by_feature(2000, 0)
    model = fit_intervals(target, prices, spreads=spreads)
    assert model.scaled is not None
    real, (predicted,), wide = by_feature(20_000, 1)
    for one in (0.5, 1.0, 3.0):
        own = wide == one
        assert coverage_of(model, real[own], predicted[own], wide[own]) == pytest.approx(
            0.9, abs=0.03
        )
    plain = fit_intervals(target, prices)
    assert coverage_of(plain, real[wide == 3.0], predicted[wide == 3.0]) < 0.75
    assert mean_width(model, predicted, wide) < mean_width(plain, predicted)
    assert interval_score(model, real, predicted, wide) < interval_score(plain, real, predicted)


def test_spreads_that_tell_nothing_scale_nothing() -> None:
    target, prices = heteroscedastic(500, 0)
    noise = np.random.default_rng(1).choice([0.3, 2.0], 500)
    model = fit_intervals(target, prices, spreads=noise)
    assert model.scaled is None
    assert model.to_json() == fit_intervals(target, prices).to_json()


def test_the_interval_score_counts_width_and_misses() -> None:
    model = IntervalModel(0.9, [10.0], [-1.0], [3.0])
    real, predicted = np.array([10.0, 8.0]), np.array([10.0, 10.0])
    assert interval_score(model, real, predicted) == pytest.approx(4 + 20 * 1.0 / 2)
