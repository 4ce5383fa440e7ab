"""Adapt prediction intervals to the labels that came in last: two factors, one for each end.

Each end follows a quantile of recent errors by online steps on the pinball loss (adaptive conformal
inference of Gibbs & Candes 2021, as the quantile tracking of Angelopoulos, Candes & Tibshirani
2023): a label beyond the end moves it out by `STEP` times the share that should lie inside, any
other moves it in by `STEP` times the share that may lie beyond. What a label moves does not depend
on how far out it lies, so that one mistyped price costs a fifth of a width, for a while. Late
labels are compared with the factors of the day on which they come in, so that a delay winds nothing
up.

The factors are a function of the version and of its newest `WINDOW` labels (of the newest
predictions that have one) in the order of their arrival: whoever reads the same log comes to the
same ones, whenever it started.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WINDOW: Final = 500
"""Labels that the factors are made of."""
STEP: Final = 0.15
"""Of an end's distance from the price; see docs/decisions/adapted-intervals.md for other steps."""
LEAST: Final = 0.25
MOST: Final = 6.0
"""What no factor goes beyond, whatever the labels are."""
USUAL_LEAST: Final = 0.8
"""The least factor while the other one is 1: labels that are the predicted prices sent back would
make intervals vanish. Where one end moves out the other may follow it as far."""


def factors(residuals: Floats, offsets: Floats, until: NDArray[np.intp], coverage: float) -> Floats:
    """Return the factors (m, 2) of the lower and the upper offset at m moments.

    residuals: (n,), real less predicted prices of one version's labels, in the order of their
    arrival. offsets: (n, 2), of the ends of these rows' intervals as trained, the lower at most 0
    and the upper at least 0. until: (m,), how many of the labels had come in. Without any, both
    factors are 1.
    """
    most = min(WINDOW, int(until.max(initial=0)))
    return _followed(residuals, offsets, until[:, None] - np.arange(most, 0, -1), coverage)


def factors_at(
    moments: Floats,
    arrived: Floats,
    counts: NDArray[np.bool_],
    residuals: Floats,
    offsets: Floats,
    coverage: float,
) -> Floats:
    """Return the factors (m, 2) that a server had at m moments.

    arrived: (n,), when each label came in, in the unit of `moments`; the labels are in the order of
    their predictions, oldest first. counts: (n,), which of them move the factors. residuals and
    offsets, (n,) and (n, 2), are of these labels too.
    """
    order = np.argsort(arrived, kind="stable")
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order))
    chosen = np.full((len(moments), min(WINDOW, len(arrived))), -1, dtype=np.intp)
    for row, moment in enumerate(moments):
        newest = np.flatnonzero(arrived < moment)[-WINDOW:]
        known = np.sort(rank[newest[counts[newest]]])
        chosen[row, chosen.shape[1] - len(known) :] = known
    return _followed(residuals[order], offsets[order], chosen, coverage)


def _followed(
    residuals: Floats, offsets: Floats, chosen: NDArray[np.intp], coverage: float
) -> Floats:
    """Return factors (m, 2) after the labels that each row of `chosen` (m, w) names, left to right.

    Below 0 it names none.
    """
    beyond_share = (1 - coverage) / 2
    outward = np.stack([-residuals, residuals], axis=1)
    ends = np.abs(offsets)
    found = np.ones((len(chosen), 2))
    for at in chosen.T:
        known = np.flatnonzero(at >= 0)
        rows, before = at[known], found[known]
        moved = before + STEP * ((outward[rows] > before * ends[rows]) - beyond_share)
        least = np.maximum(USUAL_LEAST - np.maximum(before[:, ::-1] - 1, 0), LEAST)
        found[known] = np.clip(moved, least, MOST)
    return found


def newest_factors(residuals: Floats, offsets: Floats, coverage: float) -> tuple[float, float]:
    """Return the factors after all labels; arguments as in `factors`."""
    ((low, high),) = factors(residuals, offsets, np.array([len(residuals)]), coverage).tolist()
    return low, high
