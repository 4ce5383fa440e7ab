"""Folds of a cross-validation in which all rows of a house stand on one side."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, KFold

from housing_cli.errors import DataError

Rows = NDArray[np.intp]


def splits(groups: Rows, folds: int, seed: int) -> Iterator[tuple[Rows, Rows]]:
    """Yield kept and held rows of each fold, shuffled; rows of a group (n,) stay together.

    Raises `DataError` where there are fewer groups than folds.
    """
    n, found = len(groups), len(np.unique(groups))
    if found == n:
        yield from KFold(folds, shuffle=True, random_state=seed).split(groups)
        return
    if found < folds:
        raise DataError(
            f"{n} rows are copies of {found}: too few for {folds}-fold cross-validation",
            f"give at least {folds} different rows",
        )
    grouped = GroupKFold(folds, shuffle=True, random_state=seed)
    yield from grouped.split(groups, groups=groups)
