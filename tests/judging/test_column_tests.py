"""Tests of one column: what SciPy says of the same numbers, and effects in shares of rows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from housing_cli.judging.column_tests import (
    NOTHING,
    fisher,
    holm,
    kolmogorov_smirnov,
    levels_test,
    missing_test,
    values_test,
)

RNG = np.random.default_rng


def test_fisher_agrees_with_scipy() -> None:
    tables = [RNG(seed).integers(0, 60, (2, 2)) for seed in range(30)]
    tables += [np.array([[471, 35], [5000, 0]]), np.array([[10, 0], [0, 10]])]
    for table in tables:
        assert fisher(table) == pytest.approx(stats.fisher_exact(table).pvalue, rel=1e-9)


def test_chi_squared_agrees_with_scipy() -> None:
    before, now = np.array([50, 60, 70, 80]), np.array([30, 60, 40, 20])
    found = levels_test(before, now)
    assert found.test == "chi-squared"
    assert found.p_value == pytest.approx(stats.chi2_contingency([before, now]).pvalue)


def test_rare_levels_are_pooled_until_each_is_expected_five_times() -> None:
    before, now = np.array([200, 150, 2, 1, 3, 100]), np.array([90, 70, 1, 4, 0, 40])
    together = [[200, 150, 100, 6], [90, 70, 40, 5]]
    expected = stats.chi2_contingency([[*row[:2], row[2] + row[3]] for row in together]).pvalue
    assert levels_test(before, now).p_value == pytest.approx(expected)


def test_chi_squared_of_levels_rejects_no_more_than_it_says() -> None:
    shares = np.array([0.5, 0.3, 0.1, 0.05, 0.03, 0.01, 0.01])
    rng = RNG(0)
    p = [
        levels_test(rng.multinomial(300, shares), rng.multinomial(60, shares)).p_value
        for _ in range(2000)
    ]
    assert np.mean(np.array(p) <= 0.05) <= 0.065
    assert np.mean(np.array(p) <= 0.01) <= 0.017


def test_kolmogorov_smirnov_agrees_with_scipy() -> None:
    rng = RNG(1)
    before, now = rng.normal(size=400), rng.normal(0.2, 1, 300)
    found = kolmogorov_smirnov(before, now)
    expected = stats.ks_2samp(before, now, method="asymp")
    assert found.effect == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue, rel=0.15)


def test_a_value_that_was_never_there_is_a_level() -> None:
    before = np.repeat([0.0, 1.0], 50)
    found = values_test(before, np.repeat([0.0, 1.0, 7.0], [25, 25, 50]))
    assert found.effect == pytest.approx(0.5)
    assert found.p_value < 1e-6


def test_seven_percent_that_became_none_is_a_large_h() -> None:
    found = levels_test(np.array([471, 35]), np.array([300, 0]))
    assert found.effect == pytest.approx(35 / 506)
    assert found.cohens_h == pytest.approx(2 * np.arcsin(np.sqrt(35 / 506)))


def test_nothing_is_said_of_nothing() -> None:
    empty, some = np.empty(0), np.arange(30.0)
    assert values_test(empty, some) == values_test(some, empty) == NOTHING
    assert missing_test(some, some) == NOTHING
    assert values_test(np.ones(9), np.ones(9)) == NOTHING


def test_missing_values_are_counted_on_both_sides() -> None:
    before, now = np.arange(500.0), np.arange(300.0)
    now[:30] = np.nan
    found = missing_test(before, now)
    assert (found.test, found.effect) == ("Fisher", pytest.approx(0.1))
    assert found.p_value == pytest.approx(stats.fisher_exact([[500, 0], [270, 30]]).pvalue)


def test_holm_agrees_with_its_paper() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.9, 0.9]) == [1.0, 1.0]
