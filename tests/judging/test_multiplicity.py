"""The smallest of many p-values is judged by the smallest of many."""

from __future__ import annotations

import numpy as np

from housing_cli.judging.multiplicity import adjusted, grown, shifted
from housing_cli.judging.resampling import Moments, p_greater


def test_the_smallest_of_many_is_no_surprise() -> None:
    rng = np.random.default_rng(0)
    null = rng.uniform(size=(500, 100))
    tested = np.ones(100, dtype=bool)
    named = [np.nanmin(adjusted(rng.uniform(size=100), null, tested)) <= 0.05 for _ in range(1000)]
    assert 0.02 < np.mean(named) < 0.08
    strong = np.r_[1e-9, np.full(99, 0.5)]
    assert adjusted(strong, null, tested)[0] == 1 / 501


def test_what_is_not_tested_has_no_p_value_and_costs_nothing() -> None:
    null = np.random.default_rng(0).uniform(size=(500, 100))
    tested = np.arange(100) == 3
    found = adjusted(np.full(100, 0.01), null, tested)
    assert np.isnan(found[~tested]).all() and found[3] < 0.03
    assert np.isnan(adjusted(np.full(100, 0.01), null, np.zeros(100, dtype=bool))).all()


def test_growth_is_tested_as_p_greater_tests_it() -> None:
    rng = np.random.default_rng(1)
    now, before = np.abs(rng.standard_t(5, 60)) * 1.3, np.abs(rng.standard_t(5, 400))
    sums = [np.array([[len(x)], [x.sum()], [(x**2).sum()]]) for x in (now, before)]
    expected = p_greater(Moments.of(now), Moments.of(before)) / 1.1  # it adds a tenth
    assert np.isclose(grown(*sums)[0], expected, rtol=0.1)


def test_signs_tell_a_shift() -> None:
    values = np.random.default_rng(2).normal(0.6, 1, 50)
    n, square = np.array([50.0]), np.array([(values**2).sum()])
    assert shifted(n, np.array([values.sum()]), square)[0] < 0.01
    assert shifted(n, np.array([-values.sum()]), square)[0] > 0.99
