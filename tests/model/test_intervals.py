"""Prediction intervals: the look-up that the API does."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

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


SCALED = MODEL.with_scaled(IntervalModel(0.9, [10, 30], [-2, -4], [1, 5]))


def test_scaled_offsets_are_multiplied_with_the_spread() -> None:
    assert SCALED.interval(10, 0.5) == pytest.approx((9, 10.5))
    assert SCALED.interval(20, 2.0) == pytest.approx((14, 26))
    assert SCALED.interval(10, 9.0) == pytest.approx((0, 19))


def test_many_scaled_prices_have_the_intervals_of_each() -> None:
    rng = np.random.default_rng(0)
    prices, spreads = rng.uniform(0, 60, 2000), rng.uniform(0.1, 4, 2000)
    assert SCALED.intervals(prices, spreads).tolist() == [
        list(SCALED.interval(price, spread))
        for price, spread in zip(prices.tolist(), spreads.tolist(), strict=True)
    ]


def test_scaled_intervals_keep_what_older_programs_read() -> None:
    raw = json.loads(SCALED.to_json())
    assert raw.pop("scaled") == {"prices": [10, 30], "low": [-2, -4], "high": [1, 5]}
    assert raw == json.loads(MODEL.to_json())
    assert IntervalModel.from_json(SCALED.to_json()).interval(13.3, 1.7) == SCALED.interval(
        13.3, 1.7
    )


def test_json_and_back() -> None:
    assert IntervalModel.from_json(MODEL.to_json()).interval(13.3) == MODEL.interval(13.3)
    assert json.loads(MODEL.to_json())["coverage"] == 0.9


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"[]",
        b'{"coverage":0.9,"prices":[],"low":[],"high":[]}',
        b'{"coverage":0.9,"prices":[1],"low":[1],"high":[1],"scaled":{"prices":[]}}',
        b'{"coverage":0.9,"prices":[1],"low":[1],"high":[1],"scaled":7}',
    ],
)
def test_what_is_no_interval_model_is_a_value_error(raw: bytes) -> None:
    with pytest.raises(ValueError):
        IntervalModel.from_json(raw)


def test_the_look_up_imports_nothing_heavy() -> None:
    code = "import sys, housing_cli.model.intervals; print({'pandas', 'scipy'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
