"""Folds of a cross-validation."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import KFold

from housing_cli.errors import DataError
from housing_cli.learning.folds import splits


def test_without_copies_they_are_the_usual_shuffled_folds() -> None:
    found = list(splits(np.arange(53), 5, 7))
    usual = list(KFold(5, shuffle=True, random_state=7).split(np.empty(53)))
    for (kept, held), (usually_kept, usually_held) in zip(found, usual, strict=True):
        assert kept.tolist() == usually_kept.tolist()
        assert held.tolist() == usually_held.tolist()


def test_a_group_stands_on_one_side_and_every_row_is_held_once() -> None:
    groups = np.tile(np.arange(30), 3)
    folds = list(splits(groups, 5, 0))
    for kept, held in folds:
        assert not set(groups[kept]) & set(groups[held])
    assert sorted(np.concatenate([held for _, held in folds])) == list(range(90))
    other = next(splits(groups, 5, 1))[1]
    assert folds[0][1].tolist() != other.tolist(), "the seed shuffles them"


def test_copies_of_too_few_rows_are_refused() -> None:
    with pytest.raises(DataError, match="20 rows are copies of 4"):
        list(splits(np.tile(np.arange(4), 5), 5, 0))
