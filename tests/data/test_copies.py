"""Which rows are the same house."""

from __future__ import annotations

import numpy as np

from housing_cli.data.copies import copies_in, houses_of, keys_of


def test_rows_with_the_same_features_are_one_house() -> None:
    features = np.array([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0], [3.0, 5.0], [1.0, 2.0]])
    assert houses_of(features).tolist() == [0, 1, 0, 2, 0]
    assert copies_in(features) == 2


def test_missing_values_and_signed_zeros_make_no_other_house() -> None:
    features = np.array([[np.nan, 0.0], [-np.nan, -0.0], [0.0, np.nan]])
    assert houses_of(features).tolist() == [0, 0, 1]
    keys = keys_of(features)
    assert keys[0] == keys[1] != keys[2]


def test_where_each_row_is_a_house_there_are_no_copies() -> None:
    features = np.random.default_rng(0).normal(size=(50, 3))
    assert houses_of(features).tolist() == list(range(50))
    assert copies_in(features) == copies_in(np.empty((0, 3))) == 0
