"""Many tests on the same rows, and one error rate for all of them. Pure arrays, s tests each.

Westfall & Young (1993): a p-value is adjusted by how often the smallest of all p-values is at most
as small in worlds where nothing is to be found. The tests may depend on each other in any way, and
each p-value need only be about right: what it lacks, the worlds' own lack as well.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

Floats = NDArray[np.float64]

_TINY = 1e-300


def adjusted(observed: Floats, null: Floats, tested: NDArray[np.bool_]) -> Floats:
    """Return adjusted p-values (s,), NaN where a test does not count.

    observed: (s,), p-values. null: (d, s), those of d worlds in which nothing is to be found.
    tested: (s,), which tests count. The observed world counts as one of them, so that no adjusted
    p-value is below 1 / (d + 1).
    """
    found = np.full(len(observed), np.nan)
    if tested.any():
        smallest = np.sort(null[:, tested].min(axis=1))
        below = np.searchsorted(smallest, observed[tested], side="right")
        found[tested] = (1 + below) / (1 + len(null))
    return found


def grown(now: Floats, before: Floats) -> Floats:
    """Return how likely means this much above the others are, if both were the same.

    now, before: (3, ..., s), counts, sums and sums of squares of errors (at least 0). As
    `resampling.p_greater`: a test of the log of the ratio, where each side's spread counts as at
    least that of both together.
    """
    (n, mean, spread), (m, known, usual) = (_moments(sums) for sums in (now, before))
    together = (n * spread**2 + m * usual**2) / np.maximum(n + m, 1.0)
    variance = np.maximum(spread**2, together) / np.maximum(n, 1.0) + (
        np.maximum(usual**2, together) / np.maximum(m, 1.0)
    )
    t_value = np.log(np.maximum(mean, _TINY) / np.maximum(known, _TINY)) / np.sqrt(
        np.maximum(variance, _TINY)
    )
    few = (n < 2) | (m < 2)  # noqa: PLR2004 - one row has no spread
    p_values: Floats = np.where(few, 1.0, stdtr(np.maximum(n - 1, 1.0), -t_value))
    return p_values


def shifted(n: Floats, total: Floats, square: Floats) -> Floats:
    """Return how likely sums this far above 0 are, if the values were as often below it.

    n, total, square: (..., s), how many values, their sum, and their sum of squares. The squares
    do not change with the signs, so that sum / sqrt(square) is the statistic of a sign-flip test.
    """
    t_value = total / np.sqrt(np.maximum(square, _TINY))
    p_values: Floats = stdtr(np.maximum(n - 1, 1.0), -t_value)
    return p_values


def _moments(sums: Floats) -> tuple[Floats, Floats, Floats]:
    """Return count, mean, and the spread as a share of the mean."""
    n = sums[0]
    mean = sums[1] / np.maximum(n, 1.0)
    variance = np.maximum(sums[2] / np.maximum(n, 1.0) - mean**2, 0.0)
    variance = variance * n / np.maximum(n - 1, 1.0)
    return n, mean, np.sqrt(variance) / np.maximum(mean, _TINY)
