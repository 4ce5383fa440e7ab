"""How many labels a judgment needs: the question to ask before waiting for more of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from housing_cli.judging.resampling import Moments

Floats = NDArray[np.float64]

CHANCE = 0.8
"""How likely a real degradation should be seen."""
SIZES = (0.1, 0.25, 0.5, 1.0)
_MANY = 10_000_000


@dataclass(frozen=True, slots=True)
class Power:
    """What n labels can show with the given confidence, with a chance of `CHANCE`.

    detectable: the smallest degradation that n labels show (0.25: errors grown by a quarter);
    limit: the same for endless labels, where only the baseline's own sampling error is left.
    needed: labels for each of some sizes of degradation; `None`: no number is enough.
    """

    n: int
    confidence: float
    detectable: float | None
    limit: float
    needed: dict[str, int | None]

    def more(self, size: float) -> int | None:
        """Return how many labels are missing to see a degradation of `size`."""
        needed = self.needed[f"{size:g}"]
        return None if needed is None else max(0, needed - self.n)


def power_of(
    absolute: Floats,
    rows: int,
    n: int,
    *,
    confidence: float,
    sizes: Sequence[float] = SIZES,
) -> Power:
    """Return what n labels can show, from the spread of the baseline's absolute errors (m,).

    rows: how many training rows these stand for. The test is that of `gate.judge`, in its
    normal approximation on the log scale; a degradation of exactly the threshold is over the
    threshold in half of all samples, however many labels there are.
    """
    spread = Moments.of(absolute).relative_error() * math.sqrt(len(absolute))
    reach = float(ndtri(confidence) + ndtri(CHANCE))
    floor = spread / math.sqrt(max(rows, 2))

    def detectable(labels: float) -> float:
        return math.expm1(reach * math.hypot(spread / math.sqrt(labels), floor))

    def labels_for(size: float) -> int | None:
        """Return `detectable`, solved for the labels."""
        room = (math.log1p(size) / reach) ** 2 - floor**2 if reach > 0 else math.inf
        needed = spread**2 / room if room > 0 else math.inf
        return max(2, math.ceil(needed)) if needed <= _MANY else None

    return Power(
        n,
        confidence,
        detectable(n) if n > 1 else None,
        detectable(_MANY),
        {f"{size:g}": labels_for(size) for size in sizes},
    )
