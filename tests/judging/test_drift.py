"""Drift: large and beyond chance, in words that people use."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from housing_cli.judging.drift import compare_columns, psi
from tests.benchmarks import bench_drift as worlds

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
    assert column.reading == "AGE is missing 50% of the time (0% in training)"


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


def test_the_test_is_the_one_of_scipy() -> None:
    from scipy.stats import ks_2samp

    rng = RNG(1)
    before, now = rng.normal(size=400), rng.normal(0.2, 1, 300)
    (column,) = compare_columns(["x"], before[:, None], now[:, None])
    assert column.p_value == pytest.approx(ks_2samp(before, now).pvalue, rel=0.15)


@pytest.mark.parametrize("times", [1, 20])
@pytest.mark.parametrize("change", [worlds.unchanged, worlds.through_float32])
def test_unchanged_houses_asked_for_often_raise_no_alarm(change: worlds.Change, times: int) -> None:
    def asked(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return worlds.asked(times)(change(rows, rng), rng)

    # At a rate of 1 % two of 25 have a chance of 3 %; `bench_drift` counts many more.
    assert worlds.halves(asked, 25) <= 1 / 25


def test_what_went_through_float32_is_what_it_was() -> None:
    rows = worlds.ROWS
    found = compare_columns(worlds.NAMES, rows, rows.astype(np.float32).astype(np.float64))
    assert {(column.psi, column.effect) for column in found} == {(0.0, 0.0)}


@pytest.mark.parametrize("n", [300, 1000, 5000])
def test_a_rare_value_that_is_gone_is_always_seen(n: int) -> None:
    for share in (0.05, 0.07, 0.1):
        before = (np.arange(506) < 506 * share).astype(float)[:, None]
        (column,) = compare_columns(["CHAS"], before, np.zeros((n, 1)))
        assert column.drifted, share
        assert (column.test, column.reading[:15]) == ("Fisher", "CHAS moved down")
        assert column.effect == pytest.approx(share, abs=0.002)


def test_a_column_that_begins_to_be_missing_is_seen() -> None:
    change = worlds.set_to("TAX", np.nan, 0.05)
    assert worlds.rate(change, 506, 300, 20, "TAX") == 1.0
    rng = RNG(0)
    before, now = rng.normal(size=(506, 14)), rng.normal(size=(300, 14))
    now[:12, 3] = np.nan
    found = compare_columns([*map(str, range(14))], before, now)
    assert [column.name for column in found if column.drifted] == ["3"]
    assert found[3].reading == "3 is missing 4% of the time (0% in training)"
    assert found[3].missing_p_value <= 0.01 < found[3].values_p_value
    assert found[3].p_value == found[3].missing_p_value


def test_each_change_stands_beside_the_figures_of_its_own_test() -> None:
    rng = RNG(0)
    before, now = rng.normal(size=(506, 3)), rng.normal(size=(300, 3))
    before[:3, 1] = np.nan
    now[:, 0], now[:200, 1], now[:, 2] = np.nan, np.nan, np.where(np.arange(300) < 99, np.nan, 2)
    lost, more, both = compare_columns(["a", "b", "c"], before, now)
    (change,) = lost.changes
    assert (change.reading, change.test, change.effect) == ("missing 100% (was 0%)", "Fisher", 1.0)
    assert change.p_value == lost.missing_p_value < 0.01 < lost.values_p_value
    # The values that are left did not move: their test stands nowhere.
    (change,) = more.changes
    assert (change.reading, change.test) == ("missing 67% (was <1%)", "Fisher")
    assert more.reading == "b is missing 67% of the time (under 1% in training)"
    values, missing = both.changes
    assert (values.test, missing.test) == ("Kolmogorov-Smirnov", "Fisher")
    assert values[1:3] == (both.effect, both.values_p_value)
    assert missing[1:3] == (pytest.approx(0.33), both.missing_p_value)
    assert values.reading.startswith("mean up by ")
    assert both.reading.startswith("c is missing 33% of the time (0% in training) and moved up by")


def test_what_did_not_drift_has_no_change() -> None:
    rows = RNG(0).normal(size=(500, 1))
    assert compare_columns(["x"], rows, rows)[0].changes == ()


def test_a_column_that_is_no_longer_missing_is_no_harm() -> None:
    rng = RNG(0)
    before, now = rng.normal(size=(506, 1)), rng.normal(size=(5000, 1))
    before[:20] = np.nan
    (column,) = compare_columns(["CRIM"], before, now)
    assert column.missing_p_value < 0.01 and not column.drifted


@pytest.mark.parametrize("name", ["CRIM", "RM", "B", "LSTAT"])
def test_half_a_standard_deviation_is_seen_on_300_rows(name: str) -> None:
    assert worlds.rate(worlds.moved(name, 0.5), 506, 300, 20, name) == 1.0


def test_the_test_fits_the_kind_of_column() -> None:
    rng = RNG(0)
    columns = [
        np.column_stack([rng.normal(size=n), rng.integers(0, 2, n), rng.integers(1, 8, n)])
        for n in (400, 300)
    ]
    found = compare_columns(["x", "two", "few"], *columns)
    assert [column.test for column in found] == ["Kolmogorov-Smirnov", "Fisher", "chi-squared"]
    assert {"test", "effect", "cohens_h", "values_p_value", "missing_p_value", "n"} <= asdict(
        found[0]
    ).keys()
    assert {column.n for column in found} == {300}


def test_a_mean_that_a_few_absurd_numbers_move_is_no_line_of_digits() -> None:
    rng = RNG(0)
    before, now = rng.normal(size=(500, 1)), rng.normal(size=(300, 1))
    now[:100] = 1e39
    (column,) = compare_columns(["CRIM"], before, now)
    assert column.drifted
    assert column.reading == "CRIM moved up by more than 1,000 standard deviations"
