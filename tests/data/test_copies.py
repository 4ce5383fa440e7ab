"""Which rows are the same house."""

from __future__ import annotations

import numpy as np

from housing_cli.data.copies import copies_in, groups_of, houses_of, keys_of, look_alike


def test_rows_with_the_same_features_are_one_house() -> None:
    features = np.array([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0], [3.0, 5.0], [1.0, 2.0]])
    assert houses_of(features).tolist() == [0, 1, 0, 2, 0]
    assert copies_in(features, np.arange(5.0)) == 2


def test_missing_values_and_signed_zeros_make_no_other_house() -> None:
    features = np.array([[np.nan, 0.0], [-np.nan, -0.0], [0.0, np.nan]])
    assert houses_of(features).tolist() == [0, 0, 1]
    keys = keys_of(features)
    assert keys[0] == keys[1] != keys[2]


def test_rows_without_any_value_are_different_houses() -> None:
    features = np.array([[np.nan, np.nan], [1.0, np.nan], [np.nan, np.nan], [1.0, np.nan]])
    assert houses_of(features).tolist() == [0, 1, 2, 1]
    assert copies_in(features, np.arange(4.0)) == 1


def test_values_that_went_through_float32_are_the_same_house() -> None:
    exact = np.array([[396.9, 0.1], [1e39, -1e300]])
    seen = np.array([[396.9, 0.1]]).astype(np.float32).astype(np.float64)
    assert keys_of(seen)[0] == keys_of(exact)[0]
    assert len(set(keys_of(exact))) == 2


def test_where_each_row_is_a_house_there_are_no_copies() -> None:
    features = np.random.default_rng(0).normal(size=(50, 3))
    assert houses_of(features).tolist() == list(range(50))
    assert copies_in(features, np.zeros(50)) == copies_in(np.empty((0, 3)), np.empty(0)) == 0


def test_later_sales_of_a_house_are_its_group_unless_different_houses_look_alike() -> None:
    rng = np.random.default_rng(1)
    features = rng.normal(size=(60, 3))
    again, prices = np.vstack([features, features]), rng.uniform(10, 50, 120)
    assert not look_alike(again, prices)
    assert groups_of(again, prices).tolist() == [*range(60), *range(60)]
    assert copies_in(again, prices) == 60
    coarse = np.round(features[:, :1])
    assert look_alike(coarse, prices[:60])
    assert copies_in(coarse, prices[:60]) == 0
    twice = np.vstack([coarse, coarse]), np.tile(prices[:60], 2)
    assert copies_in(*twice) == 60
