"""Rows that are one house: the same features, whatever the price.

A copy of a row, or the same house sold once more, says nothing new of other houses. Where it stands
on both sides of a hold-out, a model is asked for what it has learned by heart.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

_FEWEST_HOUSES = 0.5
_HIGHEST = float(np.finfo(np.float32).max)


def keys_of(features: Floats) -> list[bytes]:
    """Return what tells the houses in features (n, k) apart, one key a row.

    In float32, as the model sees them: a client whose numbers went through float32 asks for the
    same house, though it sends 396.8999939 for 396.9.
    """
    # One kind of missing, and adding zero makes -0.0 the same as 0.0.
    seen = np.clip(features, -_HIGHEST, _HIGHEST).astype(np.float32) + np.float32(0.0)
    return [row.tobytes() for row in np.where(np.isnan(seen), np.float32(np.nan), seen)]


def houses_of(features: Floats) -> Rows:
    """Return the house of each row of features (n, k): (n,), numbered as they first appear.

    A row without any value is a house of its own: nothing says that it is another's.
    """
    keys: list[bytes | int] = [*keys_of(features)]
    for row in np.flatnonzero(without_values(features)).tolist():
        keys[row] = row
    numbers: dict[bytes | int, int] = {}
    houses = (numbers.setdefault(key, len(numbers)) for key in keys)
    return np.fromiter(houses, dtype=np.intp, count=len(features))


def without_values(features: Floats) -> NDArray[np.bool_]:
    """Return which rows of features (n, k) have no value at all: (n,)."""
    return np.asarray(np.isnan(features).all(axis=1))


def look_alike(features: Floats, target: Floats) -> bool:
    """Return whether different houses of n rows look the same: a table of few, coarse features.

    Fewer kinds of features than half of the kinds of rows.
    """
    rows = np.column_stack([features, target])
    return len(set(keys_of(features))) < _FEWEST_HOUSES * len(set(keys_of(rows)))


def groups_of(features: Floats, target: Floats) -> Rows:
    """Return what belongs together in a fold, for each of n rows: (n,), numbered as they appear.

    Rows of one house: with equal features, whatever the price. Where different houses look alike,
    only with an equal price too.
    """
    alike = look_alike(features, target)
    return houses_of(np.column_stack([features, target]) if alike else features)


def copies_in(features: Floats, target: Floats) -> int:
    """Return how many of n rows belong to the house of an earlier one, see `groups_of`."""
    return len(target) - len(np.unique(groups_of(features, target)))
