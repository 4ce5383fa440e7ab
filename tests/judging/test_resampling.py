"""Draws and small tests, against SciPy's own."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from housing_cli.judging.resampling import (
    BOOTSTRAP_LIMIT,
    RESAMPLES,
    Moments,
    interval_of,
    mean_draws,
    p_at_least,
    paired_draws,
)


def losses(n: int) -> np.ndarray:
    return np.abs(np.random.default_rng(0).standard_t(4, n))


def test_draws_of_a_mean_spread_as_the_bootstrap_of_scipy() -> None:
    values = losses(400)
    draws = mean_draws(values, np.random.default_rng(1))
    theirs = stats.bootstrap((values,), np.mean, n_resamples=RESAMPLES, rng=1)
    assert len(draws) == RESAMPLES
    assert draws.std() == pytest.approx(theirs.standard_error, rel=0.1)


def test_few_rows_are_widened() -> None:
    values = losses(8)
    draws = mean_draws(values, np.random.default_rng(1))
    theirs = stats.bootstrap((values,), np.mean, n_resamples=RESAMPLES, rng=1)
    assert draws.std() > 1.15 * theirs.standard_error


@pytest.mark.parametrize("n", [300, BOOTSTRAP_LIMIT + 1])
def test_paired_draws_keep_what_binds_the_pairs(n: int) -> None:
    first = losses(n)
    second = first + np.random.default_rng(2).normal(scale=0.01, size=n)
    one, other = paired_draws(first, second, np.random.default_rng(3))
    assert np.corrcoef(one, other)[0, 1] > 0.99
    assert one.mean() == pytest.approx(first.mean(), abs=4 * one.std() / RESAMPLES**0.5)


def test_the_sign_test_is_the_binomial_one() -> None:
    for successes, n in ((0, 10), (5, 10), (9, 10), (60, 100)):
        theirs = stats.binomtest(successes, n, alternative="greater").pvalue
        assert p_at_least(successes, n) == pytest.approx(theirs, rel=1e-12)


def test_the_relative_error_is_that_of_the_mean() -> None:
    values = losses(50)
    assert Moments.of(values).relative_error() == pytest.approx(stats.sem(values) / values.mean())
    assert Moments.of(values[:1]).relative_error() == float("inf")


def test_an_interval_holds_its_share_of_the_draws() -> None:
    draws = np.linspace(0.0, 1.0, 1001)
    assert interval_of(draws, 0.9) == pytest.approx((0.05, 0.95))
