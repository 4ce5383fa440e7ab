"""Drift: large and beyond chance, in words that people use."""

from __future__ import annotations

import numpy as np
import pytest

from housing_cli.judging.drift import compare_columns, holm, psi

RNG = np.random.default_rng


def test_the_same_distribution_has_no_drift() -> None:
    for seed in range(20):
        rng = RNG(seed)
        found = compare_columns(list("abc"), rng.normal(size=(500, 3)), rng.normal(size=(100, 3)))
        assert not [column for column in found if column.drifted]


@pytest.mark.parametrize("n", [20, 30, 50])
def test_few_rows_do_not_cry_wolf(n: int) -> None:
    alarms = 0
    for seed in range(100):
        rng = RNG(seed)
        found = compare_columns(
            [*map(str, range(14))], rng.normal(size=(506, 14)), rng.normal(size=(n, 14))
        )
        alarms += any(column.drifted for column in found)
    assert alarms <= 3


def test_a_moved_mean_is_read_in_standard_deviations() -> None:
    rng = RNG(0)
    before, now = rng.normal(6, 0.7, (506, 1)), rng.normal(6 + 0.8 * 0.7, 0.7, (200, 1))
    (column,) = compare_columns(["RM"], before, now)
    assert column.drifted
    assert (
        column.reading.startswith("RM moved up by 0.") and "standard deviations" in column.reading
    )
    assert column.shift == pytest.approx(0.8, abs=0.15)


def test_another_spread_is_drift_without_a_shift() -> None:
    rng = RNG(0)
    (column,) = compare_columns(["x"], rng.normal(0, 1, (500, 1)), rng.normal(0, 3, (300, 1)))
    assert column.drifted
    assert abs(column.shift) < 0.3


def test_more_missing_values_are_drift() -> None:
    rng = RNG(0)
    before, now = rng.normal(size=(500, 1)), rng.normal(size=(300, 1))
    now[:150] = np.nan
    (column,) = compare_columns(["AGE"], before, now)
    assert column.drifted
    assert column.reading == "AGE has 50% more missing values"


def test_a_tiny_shift_on_many_rows_is_no_drift() -> None:
    rng = RNG(0)
    (column,) = compare_columns(["x"], rng.normal(0, 1, (5000, 1)), rng.normal(0.1, 1, (50_000, 1)))
    assert column.p_value < 0.01 and not column.drifted


@pytest.mark.parametrize("values", [np.zeros(100), np.full(100, np.nan)])
def test_constant_and_empty_columns_are_no_trouble(values: np.ndarray) -> None:
    (column,) = compare_columns(["x"], values[:, None], values[:, None])
    assert (column.psi, column.shift, column.drifted) == (0.0, 0.0, False)


def test_a_category_that_was_rare_is_drift() -> None:
    before = np.r_[np.zeros(470), np.ones(36)][:, None]
    now = np.r_[np.zeros(60), np.ones(60)][:, None]
    assert compare_columns(["CHAS"], before, now)[0].drifted


def test_few_rows_say_nothing() -> None:
    assert compare_columns(["x"], np.zeros((500, 1)), np.zeros((19, 1))) == ()


def test_psi_is_zero_for_the_same_rows_and_grows() -> None:
    values = RNG(0).normal(size=1000)
    shifted = [psi(values, values + by) for by in (0.0, 0.3, 1.0)]
    assert shifted[0] == 0.0
    assert shifted[1] < 0.2 < shifted[2]


def test_holm_agrees_with_its_paper() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.9, 0.9]) == [1.0, 1.0]


def test_the_test_is_the_one_of_scipy() -> None:
    from scipy.stats import ks_2samp

    rng = RNG(1)
    before, now = rng.normal(size=400), rng.normal(0.2, 1, 300)
    (column,) = compare_columns(["x"], before[:, None], now[:, None])
    assert column.p_value == pytest.approx(ks_2samp(before, now).pvalue, rel=0.15)
