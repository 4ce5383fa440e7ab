"""What a column must be: each refusal names file, place, column and value."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from housing_cli.data.checks import (
    FLOAT32_MAX,
    check_columns,
    check_limits,
    check_target,
    numbers_of,
)
from housing_cli.data.kinds import MISSING
from housing_cli.data.schema import FeatureSchema
from housing_cli.errors import DataError

PATH = Path("t.csv")
SCHEMA = FeatureSchema(("a", "b"), "y")


def place(row: int) -> str:
    return f"line {row + 2}"


def refused(check: Callable[[], object]) -> tuple[str, str]:
    """Return message and hint."""
    with pytest.raises(DataError) as raised:
        check()
    return raised.value.message, raised.value.hint


def numbers(*values: object, dtype: str = "str") -> list[float]:
    found: list[float] = numbers_of(pd.Series(values, dtype=dtype), "a", PATH, place).tolist()
    return found


def test_texts_are_numbers() -> None:
    assert numbers("1", " -2.5 ", "+3e2", "0.1") == [1, -2.5, 300, 0.1]


@pytest.mark.parametrize("text", sorted(MISSING))
def test_what_the_world_writes_for_no_value_is_missing(text: str) -> None:
    for spelling in (text, text.upper(), f"  {text} "):
        assert np.isnan(numbers(spelling, "1")).tolist() == [True, False]


def test_floats_pass_as_they_are() -> None:
    assert numbers(0.1, -5.0, dtype="float64") == [0.1, -5.0]
    assert np.isnan(numbers(np.nan, dtype="float64")).all()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("abc", "`a` is `abc`, not a number"),
        ("1,5", "`a` is `1,5`, not a number"),
        ("1 000", "`a` is `1 000`, not a number"),
        ("0x1F", "`a` is `0x1F`, not a number"),
        ("x\ny", "`a` is `x y`, not a number"),
        ("z" * 99, f"`a` is `{'z' * 40}`, not a number"),
        ("inf", "`a` is infinite"),
        ("-1e400", "`a` is infinite"),
        ("1e39", "`a` is 1e+39, beyond what a model can take (3.4e+38)"),
    ],
)
def test_the_first_value_that_is_none_is_named_with_its_place(text: str, said: str) -> None:
    message, hint = refused(lambda: numbers("1", text, text))
    assert (message, hint[:4]) == (f"`t.csv`, line 3: {said}", "mend")


def test_the_largest_number_that_a_model_takes_is_taken() -> None:
    assert numbers(repr(FLOAT32_MAX), repr(-FLOAT32_MAX)) == [FLOAT32_MAX, -FLOAT32_MAX]


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ((2.0, 5.0), "`b` is 1, outside 2 to 5"),
        ((None, 0.5), "`b` is 1, above 0.5"),
        ((1.5, None), "`b` is 1, below 1.5"),
    ],
)
def test_a_value_outside_of_its_limits_is_refused(
    limits: tuple[float | None, float | None], said: str
) -> None:
    schema = FeatureSchema(("a", "b"), "y", {"b": limits})
    features = np.array([[0.0, np.nan], [0.0, 1.0]])
    assert refused(lambda: check_limits(features, schema, PATH, place)) == (
        f"`t.csv`, line 3: {said}",
        "mend the value, or the limits under `[data.limits]` in the settings",
    )


def test_limits_belong_to_what_they_allow() -> None:
    schema = FeatureSchema(("a", "b"), "y", {"b": (1.0, 2.0), "a": (None, None)})
    check_limits(np.array([[-9.0, 1.0], [1e9, 2.0]]), schema, PATH, place)


@pytest.mark.parametrize("price", [0.0, -1.0])
def test_a_price_must_be_above_0(price: float) -> None:
    target = np.array([1.0, np.nan, price])
    message, _ = refused(lambda: check_target(target, ~np.isnan(target), SCHEMA, PATH, place))
    assert message == f"`t.csv`, line 4: `y` is {price:g}, not above 0"


def test_some_row_must_have_a_price_and_not_every_row() -> None:
    target = np.array([np.nan, 1.0])
    check_target(target, ~np.isnan(target), SCHEMA, PATH, place)
    message, _ = refused(lambda: check_target(target, np.zeros(2, bool), SCHEMA, PATH, place))
    assert message == "`t.csv` has no value in `y`"


def test_a_feature_needs_one_value_to_be_imputed_from() -> None:
    check_columns(np.array([[np.nan, 1.0], [2.0, np.nan]]), SCHEMA, PATH)
    message, hint = refused(
        lambda: check_columns(np.array([[1.0, np.nan], [2.0, np.nan]]), SCHEMA, PATH)
    )
    assert message == "`t.csv` has no value in `b`: it cannot be imputed"
    assert "data.features" in hint


def test_a_target_that_never_changes_is_nothing_to_learn() -> None:
    same = np.array([21.0, np.nan, 21.0])
    message, hint = refused(lambda: check_target(same, ~np.isnan(same), SCHEMA, PATH, place))
    assert message == "`t.csv`: `y` is 21 in all 2 rows: there is nothing to learn"
    assert "data.target" in hint
    check_target(np.array([21.0, np.nan, 21.5]), ~np.isnan(same), SCHEMA, PATH, place)
    check_target(np.array([21.0]), np.ones(1, bool), SCHEMA, PATH, place)


def varies(prices: list[float]) -> None:
    check_target(np.array(prices), np.ones(len(prices), bool), SCHEMA, PATH, place)


@pytest.mark.parametrize(
    ("prices", "told"),
    [
        ([21.6] * 505 + [21.7], "21.6 in 505 of 506 rows"),
        ([21.6] * 482 + [5.0] * 12 + [50.0] * 12, "21.6 in 482 of 506 rows"),
        ([21.6] * 15 + [20.0, 22.0, 23.0, 24.0], "21.6 in 15 of 19 rows"),
        ([21.6 + k * 1e-9 for k in range(506)], "21.6, to six digits, in all 506 rows"),
        (
            [1e9 + k for k in range(506)],
            "1e+09, to six digits, in all 506 rows",
        ),  # one float32, for a model
    ],
)
def test_a_target_that_hardly_ever_changes_is_too_little(prices: list[float], told: str) -> None:
    message, hint = refused(lambda: varies(prices))
    much = "nothing" if "all" in told else "too little"
    assert message == f"`t.csv`: `y` is {told}: there is {much} to learn"
    assert "data.target" in hint


@pytest.mark.parametrize(
    "prices",
    [
        [float(level) for level in range(1, 11) for _ in range(50)],  # ten classes
        [1.0] * 450 + [float(level) for level in range(2, 11) for _ in range(6)],  # one is common
        [21.6] * 480 + [50.0] * 26,
        [100.0] * 5 + [200.0] * 5,
        [100.0] * 15 + [200.0] * 5,
        [100_000.0 + 25_000 * (k % 8) for k in range(60)],
        [1000.0 + k / 100 for k in range(506)],
    ],
)
def test_a_target_on_a_coarse_grid_is_enough(prices: list[float]) -> None:
    varies(prices)
