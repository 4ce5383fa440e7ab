"""How the price level moved over time: what appraisers call a time adjustment.

When the market moved, old sales still say much about what makes a house dear, only at old prices.
Each past price is therefore brought to today's level before the challenger learns from it.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MIN_SEGMENT = 10
# A step counts when it stands this many standard errors out of the noise: with many places to
# look at, four is what chance hardly ever gives.
MIN_T = 4.0
# A level is the level of a market only if most prices stand near it.
COHERENT = 0.8
NEAR = float(np.log(2.0))


def price_levels(log_ratios: Floats) -> Floats:
    """Return the level of each row (n,), oldest first: piecewise constant, 1.0 where unmoved.

    log_ratios: (n,), log(real price / price that the base data would give), in order of time.
    Steps are found by binary segmentation (Scott & Knott 1974); each segment's level is the
    median of its ratios, and exactly 1 where it cannot be told from the base data, or where the
    prices scatter so much that they have no common level (half of them wrong, for instance).
    """
    levels = np.ones(len(log_ratios))
    bounds = [0, *_steps(log_ratios, 0, len(log_ratios)), len(log_ratios)]
    for start, end in pairwise(bounds):
        segment = log_ratios[start:end]
        if len(segment) >= MIN_SEGMENT and _t_value(segment) > MIN_T and _coherent(segment):
            levels[start:end] = np.exp(np.median(segment))
    return levels


def _coherent(segment: Floats) -> bool:
    return bool((np.abs(segment - np.median(segment)) < NEAR).mean() >= COHERENT)


def _steps(values: Floats, start: int, end: int) -> list[int]:
    """Return the positions where the level changes between `start` and `end`, ascending."""
    segment = values[start:end]
    n = len(segment)
    if n < 2 * MIN_SEGMENT:
        return []
    split = np.arange(MIN_SEGMENT, n - MIN_SEGMENT + 1)
    sums, squares = np.cumsum(segment), np.cumsum(segment**2)
    left, right = sums[split - 1] / split, (sums[-1] - sums[split - 1]) / (n - split)
    within = squares[-1] - split * left**2 - (n - split) * right**2
    variance = np.maximum(within / (n - 2), 1e-12)
    t_values = np.abs(left - right) / np.sqrt(variance * (1 / split + 1 / (n - split)))
    best = int(t_values.argmax())
    if t_values[best] <= MIN_T:
        return []
    middle = start + int(split[best])
    return [*_steps(values, start, middle), middle, *_steps(values, middle, end)]


def _t_value(segment: Floats) -> float:
    spread = float(segment.std(ddof=1)) or 1e-12
    standard_error = spread / float(len(segment)) ** 0.5
    return float(abs(segment.mean()) / standard_error)
