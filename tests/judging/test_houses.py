"""One house asked for again is one house; houses that look the same are not."""

from __future__ import annotations

import numpy as np
import pytest

from housing_cli.judging.houses import (
    as_served,
    crowding,
    distinct,
    newest_of_each,
    repeats,
    without_features,
)

RNG = np.random.default_rng


def test_the_last_row_of_each_house_counts() -> None:
    rows = RNG(0).normal(size=(3, 4))
    rows[1, 2] = np.nan
    asked = rows[[0, 1, 0, 2, 1, 1]]
    assert newest_of_each(asked, 0.0).tolist() == [2, 3, 5]


def test_a_house_that_went_through_float32_is_the_same_house() -> None:
    row = np.array([[396.9, -0.0, np.nan]])
    both = np.vstack([row, row.astype(np.float32).astype(float), [[396.9, 0.0, -np.nan]]])
    assert newest_of_each(both, 0.0).tolist() == [2]


def test_numbers_beyond_float32_are_its_limits() -> None:
    assert as_served(np.array([[1e300, -1e300]])).tolist() == [
        [float(np.finfo(np.float32).max), float(np.finfo(np.float32).min)]
    ]


def test_houses_that_look_the_same_in_training_all_count() -> None:
    known, seen = (RNG(seed).integers(0, 3, (400, 2)).astype(float) for seed in (0, 1))
    assert repeats(known) == pytest.approx(1 / 9, abs=0.03)
    assert len(newest_of_each(seen, repeats(known))) == 400


def test_a_training_table_that_stands_there_twice_does_not_hide_repeats() -> None:
    known, seen = (RNG(seed).normal(size=(n, 3)) for seed, n in ((0, 506), (1, 300)))
    usual = repeats(np.vstack([known, known]))
    assert 0 < usual < 0.001
    assert len(newest_of_each(np.repeat(seen, 5, axis=0), usual)) == 300


@pytest.mark.parametrize("n", [0, 1])
def test_few_rows_repeat_nothing(n: int) -> None:
    assert repeats(np.zeros((n, 2))) == 0.0
    assert len(newest_of_each(np.zeros((n, 2)), 0.0)) == n


def test_crowding_is_how_many_rows_the_house_of_a_row_has() -> None:
    rows = RNG(0).normal(size=(3, 4))
    assert crowding(rows) == 1.0
    assert crowding(np.repeat(rows, 20, axis=0)) == 20.0
    assert crowding(rows[[0, 1, 1, 1]]) == 2.5
    assert crowding(np.empty((0, 4))) == 1.0


def test_rows_without_any_feature_are_houses_of_their_own() -> None:
    rows = np.full((300, 4), np.nan)
    rows[:100] = RNG(0).normal(size=(100, 4))
    rows[50:100, 1:] = np.nan
    rows[99] = rows[98]
    assert without_features(rows).sum() == 200
    assert distinct(rows) == 299
    assert repeats(rows) == pytest.approx(2 / (300 * 299))
    assert crowding(rows[100:]) == 1.0
    assert len(newest_of_each(rows, 0.0)) == 299
