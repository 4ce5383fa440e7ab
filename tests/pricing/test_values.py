"""Values as numbers, and what is said of those that are none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from housing_cli.data.kinds import Category, vocabulary
from housing_cli.data.schema import FeatureSchema
from housing_cli.pricing import values as module
from housing_cli.pricing.values import Values

WORDS = Category(vocabulary(["INLAND", "NEAR BAY"]))
SCHEMA = FeatureSchema(("sea", "rooms"), "price", {"rooms": (0.0, None)}, {"sea": WORDS})


def test_each_word_is_looked_up_once_and_missing_ones_not_at_all() -> None:
    asked: list[str] = []

    def read(value: str) -> str:
        asked.append(value)
        return value

    column = pd.Series(["INLAND", "MARS", None, "INLAND", " NA "], dtype=object)
    codes, odd, met = Values(SCHEMA, refuse=False).codes("sea", column, read)
    assert asked == ["INLAND", "MARS", " NA "]
    assert codes[0] == codes[3] == WORDS.codes["INLAND"]
    assert np.isnan(codes[[2, 4]]).all()
    assert not odd.any()
    assert met == {"MARS": [1]}


def test_unknown_words_are_counted_where_their_rows_are_kept() -> None:
    values = Values(SCHEMA, refuse=False)
    kept = np.array([True, False, True])
    values.count("sea", {"MARS": [0, 1], "VENUS": [1]}, kept)
    values.count("sea", {"MARS": [2]}, kept)
    assert values.unknown_words() == {"sea": {"MARS": 2}}


@pytest.mark.parametrize("refuse", [False, True])
def test_unknown_words_are_odd_where_they_are_refused(refuse: bool) -> None:
    values = Values(SCHEMA, refuse=refuse)
    _, odd, _ = values.codes("sea", pd.Series(["MARS"]), str)
    assert odd.tolist() == [refuse]
    said = values.refusals({"sea": "MARS", "rooms": None})
    assert [name for name, _ in said] == ["sea"] * refuse


def test_numbers_out_of_range_are_found_and_missing_ones_are_not() -> None:
    rows = np.array([[1.0, -1.0], [1.0, 0.0], [np.nan, np.nan], [1.0, np.inf], [1e39, 1.0]])
    found = Values(SCHEMA, refuse=False).beyond(rows)
    assert found.tolist() == [True, False, False, True, True]


def test_a_row_has_each_reason_once() -> None:
    said = Values(SCHEMA, refuse=False).refusals({"sea": [1.5], "rooms": "x"})
    assert said == list(dict.fromkeys(said))
    assert {name for name, _ in said} == {"sea", "rooms"}


def test_more_words_than_anybody_reads_are_counted_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_WORDS", 2)
    values = Values(SCHEMA, refuse=False)
    kept = np.ones(4, dtype=bool)
    values.count("sea", {"a": [0], "b": [1], "c": [2], "d": [3]}, kept)
    values.count("sea", {"a": [0], "c": [1, 2]}, kept)
    assert values.unknown_words() == {"sea": {"a": 2, "b": 1, "(other words)": 4}}
