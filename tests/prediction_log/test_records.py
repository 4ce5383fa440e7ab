"""What a log takes and gives: prices that can be, rows of `served` that every back end can hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from housing_cli.prediction_log.ids import IdSource
from housing_cli.prediction_log.records import (
    HIGHEST_PRICE,
    SERVED_NUMBERS,
    Labeled,
    Predictions,
    Served,
    checked_price,
)

ID = IdSource().issue()[1][0]


@pytest.mark.parametrize("price", [5e-324, 24.5, HIGHEST_PRICE, 7, np.float32(21.5)])
def test_a_price_that_can_be_is_a_float(price: float) -> None:
    assert type(checked_price(price)) is float
    assert checked_price(price) == price


@pytest.mark.parametrize(
    "price", [0.0, -0.0, -1.0, float("nan"), float("inf"), float("-inf"), 1e39]
)
def test_a_price_that_cannot_be_is_a_value_error(price: float) -> None:
    with pytest.raises(ValueError, match="finite, above 0"):
        checked_price(price)


def test_an_answer_may_carry_nothing_or_all() -> None:
    assert Served(ID).columns() == (ID, *[None] * 7)
    full = Served(ID, 19.5, 24.25, "champion", "v4", 21.0, "corner, 3", "req 7")
    assert full.columns() == (ID, 19.5, 24.25, "champion", "v4", 21.0, "corner, 3", "req 7")


def test_numbers_of_numpy_become_plain_ones() -> None:
    columns = Served(ID, lower=np.float32(19.5), upper=np.float64(24)).columns()  # type: ignore[arg-type]
    assert columns[1:3] == (19.5, 24.0)
    assert [type(value) for value in columns[1:3]] == [float, float]


@pytest.mark.parametrize(
    "key",
    ["", "17", "x" * 99, ID.upper(), ID.replace("-", ""), f" {ID}"],
    ids=range(6),  # each worker issues an id of its own, and they must call the tests alike
)
def test_what_is_no_id_is_refused_in_few_words(key: str) -> None:
    with pytest.raises(ValueError, match="is not the id of a prediction") as raised:
        Served(key)
    assert len(str(raised.value)) < 110


@pytest.mark.parametrize("name", Served.__struct_fields__[1:])
def test_what_some_back_end_could_not_give_back_is_refused(name: str) -> None:
    wrong: tuple[Any, ...] = ("", "a\nb", "a\0b", "\ud800")
    if name in SERVED_NUMBERS:
        wrong = (float("nan"), float("inf"))
    for value in wrong:
        with pytest.raises(ValueError, match=f"`{name}` is"):
            Served(ID, **{name: value})


def test_as_many_rows_as_ids() -> None:
    nothing = np.empty(0)
    rows = np.empty((2, 13))
    two = np.ones(2)
    assert len(Labeled([ID, ID], two, two, ["v1", "v1"], rows, two, two)) == 2
    assert len(Predictions([], nothing, [], rows[:0], nothing, nothing.astype(bool))) == 0
