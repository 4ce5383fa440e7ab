"""Which rows are one house, asked for again: what is counted by house counts each of them once.

Five or twenty rows of one house are one observation. Counted as many they make any test sure of
what is chance: 300 houses asked for twenty times each "drifted" in 99 of 100 unchanged worlds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from housing_cli.model.compiled import prepared

Floats = NDArray[np.float64]

# How many times as often as in training rows must repeat to be the same houses again.
_MORE_OFTEN = 2.0


def as_served(rows: Floats) -> Floats:
    """Return rows (n, k) as the model sees them, in float32, -0.0 as 0.0 and NaN as one NaN.

    A client whose numbers went through float32 sends 396.8999939 for 396.9: the same house.
    """
    served = prepared(rows) + np.float32(0.0)
    return np.where(np.isnan(served), np.nan, served).astype(np.float64)


def repeats(rows: Floats) -> float:
    """Return how likely two different rows of (n, k) have equal values, 0 to 1."""
    n = len(rows)
    if n < 2:  # noqa: PLR2004 - one row repeats nothing
        return 0.0
    counts = _numbered(rows)[1].astype(np.float64)
    return float((counts * (counts - 1)).sum() / (n * (n - 1)))


def crowding(rows: Floats) -> float:
    """Return how many rows of (n, k) the house of a row has on average, at least 1.

    What is a share of n / crowding houses varies as much as that of n rows (Kish 1965).
    """
    counts = _numbered(rows)[1].astype(np.float64)
    return float((counts**2).sum() / len(rows)) if len(rows) else 1.0


def newest_of_each(rows: Floats, usual: float) -> NDArray[np.intp]:
    """Return the places of the last row of each house among (n, k), ascending.

    usual: `repeats` of the training rows. Where rows repeat no more than twice as often as that,
    repeats are different houses that look the same (a table of few features): all rows count.
    """
    if repeats(rows) <= _MORE_OFTEN * usual:
        return np.arange(len(rows), dtype=np.intp)
    numbers, counts = _numbered(rows)
    last = np.zeros(len(counts), dtype=np.intp)
    last[numbers] = np.arange(len(rows), dtype=np.intp)  # a later row of a house overwrites
    return np.sort(last)


def distinct(rows: Floats) -> int:
    """Return how many houses the rows (n, k) are of."""
    return len(_numbered(rows)[1])


def without_features(rows: Floats) -> NDArray[np.bool_]:
    """Return which rows of (n, k) have no feature at all: no house can be told by them."""
    return np.asarray(np.isnan(rows).all(axis=1))


def _numbered(rows: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the number of each row's house (n,), and how many rows each house has.

    Rows without any feature are houses of their own: a client that sends nothing does not ask for
    one house again and again.
    """
    keys = np.array([row.tobytes() for row in as_served(rows)], dtype=object)
    blank = without_features(rows)
    keys[blank] = [place.to_bytes(9, "big") for place in np.flatnonzero(blank).tolist()]
    _, numbers, counts = np.unique(keys, return_inverse=True, return_counts=True)
    return numbers, counts
