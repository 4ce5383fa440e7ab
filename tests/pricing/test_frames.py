"""Data frames are read as `/predict` reads its rows: by name, and no text as a number."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from housing_cli.data.kinds import Boolean, Category, Date, vocabulary
from housing_cli.data.schema import FeatureSchema
from housing_cli.errors import DataError
from housing_cli.pricing.frames import numbers_of

NUMBERS = FeatureSchema(("a", "b"), "price", {"b": (0.0, 100.0)})
WORDS = Category(vocabulary(["INLAND", "98001"]))
KINDS = FeatureSchema(
    ("sea", "pool", "sold"), "price", {},
    {"sea": WORDS, "pool": Boolean(), "sold": Date("2015-05-27")},
)  # fmt: skip


def read(schema: FeatureSchema = NUMBERS, *, refuse: bool = False, **columns: Any) -> list[Any]:
    numbers, _ = numbers_of(pd.DataFrame(columns), schema, refuse=refuse)
    return np.where(np.isnan(numbers), None, numbers.astype(object)).tolist()  # type: ignore[call-overload, no-any-return]


def test_columns_are_found_by_name_whatever_stands_beside_them() -> None:
    assert read(x=["?"], b=[2], a=[1]) == [[1.0, 2.0]]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([1.5, None]),
        pd.Series([1.5, None], dtype="Float64"),
        pd.Series([1.5, None], dtype=object),
        pd.Series([Decimal("1.5"), pd.NA], dtype=object),
        pd.Series([np.float32(1.5), np.nan], dtype=object),
    ],
    ids=["float", "nullable", "object", "Decimal and NA", "NumPy's"],
)
def test_numbers_of_every_type_may_be_missing(column: pd.Series) -> None:
    assert read(a=column, b=[1, 2]) == [[1.5, 1.0], [None, 2.0]]


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        (["1.5"], "Input should be a valid number"),
        ([True], "Input should be a valid number"),
        ([1 + 2j], "Input should be a valid number"),
        ([float("inf")], "Input should be a finite number"),
        ([1e39], "Input should be less than or equal to"),
    ],
)
def test_what_predict_refuses_is_refused_by_the_index(column: list[Any], reason: str) -> None:
    frame = pd.DataFrame({"a": column, "b": [1]}, index=["house 7"])
    with pytest.raises(DataError, match=rf"row 'house 7': `a` is .*: {reason}"):
        numbers_of(frame, NUMBERS, refuse=False)


def test_all_rows_that_would_be_refused_are_counted() -> None:
    with pytest.raises(DataError, match=r"row 1: `b` is `-1`: .* \(2 rows of 3 would be refused"):
        read(a=[1, 2, 3], b=[0, -1, 101])


def test_missing_columns_are_all_named() -> None:
    with pytest.raises(DataError, match="`DataFrame` lacks columns `a`, `b`") as caught:
        read(A=[1])
    assert caught.value.hint == "rename `A` to `a`"
    with pytest.raises(DataError, match="column `a` twice"):
        numbers_of(pd.DataFrame([[1, 2, 3]], columns=["a", "a", "b"]), NUMBERS, refuse=False)


@pytest.mark.parametrize("sea", ["INLAND", " INLAND "])
@pytest.mark.parametrize(
    ("pool", "sold"),
    [
        (True, "2014-10-13"),
        ("yes", pd.Timestamp("2014-10-13 12:00")),
        (1, date(2014, 10, 13)),
        (np.bool_(True), datetime(2014, 10, 13)),
        (1.0, "2014-10-13T00:00"),
    ],
)
def test_words_days_and_truth_have_any_type_that_says_them(sea: str, pool: Any, sold: Any) -> None:
    assert read(KINDS, sea=[sea], pool=[pool], sold=[sold]) == [[WORDS.codes["INLAND"], 1, 16356]]


@pytest.mark.parametrize("code", [98001, 98001.0, "98001"])
def test_a_category_may_be_written_as_a_number(code: Any) -> None:
    assert read(KINDS, sea=[code], pool=[None], sold=[pd.NaT]) == [
        [WORDS.codes["98001"], None, None]
    ]


def test_categorical_columns_and_days_of_pandas_do() -> None:
    found = read(
        KINDS,
        sea=pd.Categorical(["INLAND", None]),
        pool=pd.Series([False, None], dtype="boolean"),
        sold=pd.Series([pd.Timestamp("2014-10-13"), pd.NaT]),
    )
    assert found == [[WORDS.codes["INLAND"], 0, 16356], [None, None, None]]


def test_unknown_words_are_refused_where_the_api_refuses_them() -> None:
    frame = pd.DataFrame({"sea": ["MARS", "MARS"], "pool": None, "sold": None})
    numbers, unknown = numbers_of(frame, KINDS, refuse=False)
    assert not np.isnan(numbers[:, 0]).any()
    assert unknown == {"sea": {"MARS": 2}}
    with pytest.raises(DataError, match="unknown category: known are"):
        read(KINDS, refuse=True, sea=["MARS"], pool=[None], sold=[None])


def test_what_is_no_word_at_all_is_one_that_nobody_knows() -> None:
    with pytest.raises(DataError, match=r"row 0: `sea` is `\['a'\]`: .*unknown category"):
        read(KINDS, refuse=True, sea=[["a"]], pool=[None], sold=[None])


def test_an_empty_frame_has_no_rows() -> None:
    assert read(a=[], b=[]) == []
