"""What an unknown column is, and why a model should not learn from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from housing_cli.data.profile import Column, profile_of

N = 200
RNG = np.random.default_rng(1)
PRICE = RNG.lognormal(12, 0.5, N).round()
AREA = RNG.uniform(40, 200, N).round()


def profile(price: Any = None, **columns: Any) -> dict[str, Column]:
    table = pd.DataFrame(columns).astype("str").replace("nan", "")
    found = profile_of(
        {str(name): table[name] for name in table},
        PRICE if price is None else price,
        Path("t.csv"),
        lambda row: f"line {row + 2}",
    )
    assert {c.name for c in found.columns if not c.left_out} == found.numbers.keys()
    return {column.name: column for column in found.columns}


def test_kinds_are_found() -> None:
    days = pd.date_range("1990-01-01", periods=N).strftime("%Y-%m-%d")
    found = profile(
        area=np.where(np.arange(N) % 10, AREA, np.nan),
        word=RNG.choice(["a", "b", "c"], N),
        lift=RNG.choice(["yes", "no"], N),
        built=days,
    )
    assert [(c.kind, c.left_out) for c in found.values()] == [
        ("number", ""), ("category", ""), ("boolean", ""), ("date", ""),
    ]  # fmt: skip
    assert found["area"].missing == pytest.approx(0.1)
    assert found["word"].distinct == 3


@pytest.mark.parametrize(
    ("name", "values", "why"),
    [
        ("order", np.arange(1, N + 1), "numbers the rows"),
        ("anything", RNG.permutation(N), "numbers the rows"),
        ("pid", 7 * RNG.permutation(N), "an id: nearly every row has its own"),
        ("url", [f"/house/{row}" for row in range(N)], "different words"),
        ("one", np.ones(N), "the same in every row"),
        ("none", np.full(N, np.nan), "no value in any row with a price"),
        ("date", pd.date_range("2014-05-02", periods=N).strftime("%Y%m%dT000000"), "day of a sale"),
        ("typo", [*AREA[1:], "six"], "line 201: `six`, not a number"),
        ("timestamp", AREA, "is a column of the prediction log"),
        ('a"b', AREA, "quotation mark"),
        ("thousands", PRICE / 1000 + RNG.normal(0, 0.01, N), "nearly the target, correlation 1"),
        ("logarithm", np.log(PRICE), "nearly the target, correlation 1.000"),
    ],
)  # fmt: skip
def test_what_is_no_feature_is_left_out_and_said(name: str, values: object, why: str) -> None:
    found = profile(**{name: values, "area": AREA})
    assert why in found[name].left_out
    assert not found["area"].left_out


def test_a_price_for_each_unit_of_area_leaks_and_the_area_does_not() -> None:
    found = profile(area=AREA, price_m2=(PRICE / AREA).round(1), rooms=RNG.integers(1, 9, N))
    assert found["price_m2"].left_out == "times `area` it is the target"
    assert not found["area"].left_out


def test_a_good_feature_is_no_leak() -> None:
    found = profile(quality=(np.log(PRICE) + RNG.normal(0, 0.1, N)).round(3))
    assert not found["quality"].left_out


def test_a_code_is_a_word_and_a_measure_with_such_values_a_number() -> None:
    values = RNG.integers(98001, 98021, N)
    found = profile(zipcode=values, distance=values)
    assert (found["zipcode"].kind, found["distance"].kind) == ("category", "number")
    assert found["zipcode"].said == "a code, not an amount"


def test_an_id_of_houses_that_were_sold_twice_is_one() -> None:
    ids = 7 * RNG.permutation(N)
    ids[:4] = ids[4:8]
    assert "an id" in profile(id=ids)["id"].left_out


def test_only_rows_with_a_price_count() -> None:
    price = np.where(np.arange(N) < 150, PRICE, np.nan)
    found = profile(price, late=np.where(np.arange(N) < 150, np.nan, AREA))
    assert found["late"].left_out == "no value in any row with a price"


def test_names_that_look_the_same_are_one_feature() -> None:
    found = profile(**{"m 2": AREA, "m\u00a02": AREA})
    assert [bool(column.left_out) for column in found.values()] == [False, True]
