"""Prediction intervals: the look-up that the API does, and where they come from."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from housing_cli.learning.conformal import coverage_of, fit_intervals, mean_width
from housing_cli.model.intervals import IntervalModel

MODEL = IntervalModel(0.9, [10, 20], [-1, -3], [2, 6])


@pytest.mark.parametrize(
    ("price", "ends"),
    [(10, (9, 12)), (20, (17, 26)), (15, (13, 19)), (0.5, (0, 2.5)), (50, (47, 56))],
)
def test_offsets_are_interpolated_and_stay_beyond_the_knots(
    price: float, ends: tuple[float, float]
) -> None:
    assert MODEL.interval(price) == pytest.approx(ends)


def test_one_knot_is_one_width() -> None:
    assert IntervalModel(0.9, [5], [-1], [1]).interval(7) == (6, 8)
    assert IntervalModel(0.9, [5], [-1], [1]).intervals(np.array([0.5, 5.0, 7.0])).tolist() == [
        [0, 1.5],
        [4, 6],
        [6, 8],
    ]


def test_many_prices_have_the_intervals_of_each() -> None:
    prices = np.concatenate([np.random.default_rng(0).uniform(0, 60, 2000), [10.0, 20.0]])
    model = IntervalModel(0.9, [8, 10, 20, 31], [-1, -3, -2.5, -9], [2, 6, 5, 17])
    assert model.intervals(prices).tolist() == [
        list(model.interval(price)) for price in prices.tolist()
    ]


def test_json_and_back() -> None:
    assert IntervalModel.from_json(MODEL.to_json()).interval(13.3) == MODEL.interval(13.3)
    assert json.loads(MODEL.to_json())["coverage"] == 0.9


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"[]", b'{"coverage":0.9,"prices":[],"low":[],"high":[]}']
)
def test_what_is_no_interval_model_is_a_value_error(raw: bytes) -> None:
    with pytest.raises(ValueError):
        IntervalModel.from_json(raw)


def test_the_look_up_imports_nothing_heavy() -> None:
    code = "import sys, housing_cli.model.intervals; print({'pandas', 'scipy'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


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
