"""Rows that are one house: the same features, whatever the price.

A copy of a row, or the same house sold once more, says nothing new of other houses. Where it stands
on both sides of a hold-out, a model is asked for what it has learned by heart.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


def keys_of(features: Floats) -> list[bytes]:
    """Return what tells the houses in features (n, k) apart, one key a row."""
    # One kind of missing, and adding zero makes -0.0 the same as 0.0.
    return [row.tobytes() for row in np.where(np.isnan(features), np.nan, features + 0.0)]


def houses_of(features: Floats) -> Rows:
    """Return the house of each row of features (n, k): (n,), numbered as they first appear."""
    numbers: dict[bytes, int] = {}
    houses = (numbers.setdefault(key, len(numbers)) for key in keys_of(features))
    return np.fromiter(houses, dtype=np.intp, count=len(features))


def copies_in(features: Floats) -> int:
    """Return how many rows of features (n, k) repeat the features of an earlier one."""
    return len(features) - len(set(keys_of(features)))
