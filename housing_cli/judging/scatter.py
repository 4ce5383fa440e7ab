"""Do real prices scatter more widely than houses do, in a way that nothing about a house explains?

Half of the prices x 0.7 are no market: a market moves houses that can be told by their features, so
that a challenger learns most of what the champion misses. What is wrong at random nobody learns: it
stays in the challenger's residuals.

Scatter is the mean absolute deviation from the median of log(real / predicted). Half of the prices
x 0.7 make it grow by half while the standard deviation, which a few old outliers own, grows by a
third.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from housing_cli.judging.resampling import Moments, p_greater

Floats = NDArray[np.float64]

MIN_ROWS = 20
"""Of fewer rows, on either side, nothing is said."""
WIDE = 1.2
"""Up to so many times the usual scatter is what samples and markets bring."""
EXPLAINED = 0.3
"""A challenger that takes away this share of the variance above the usual has learned something."""
SURE = 0.01
BANDS = 5


@dataclass(frozen=True, slots=True)
class Scatter:
    """How widely n real prices scatter, against training prices of houses as dear.

    usual, champion, challenger: mean absolute deviation of log(real / predicted) from its median:
    of training rows, out of fold; of the champion; of the challenger, out of fold. ratio: the
    challenger's to the usual one. explained: share of the champion's variance above the usual that
    the challenger takes away. p_value: how often chance alone makes the ratio as large.
    """

    n: int
    usual: float
    champion: float
    challenger: float
    ratio: float
    explained: float
    p_value: float

    @property
    def wild(self) -> bool:
        """Return whether prices scatter too widely beyond chance, and too little is explained."""
        return self.ratio > WIDE and self.p_value <= SURE and self.explained < EXPLAINED

    @property
    def learned(self) -> bool:
        """Return whether prices moved for some houses, and the challenger learned for which."""
        return self.champion > WIDE * self.usual and self.explained >= EXPLAINED


def scatter_of(
    training: tuple[Floats, Floats], real: Floats, champion: Floats, challenger: Floats
) -> Scatter | None:
    """Return the scatter of real prices (n,), `None` for too few rows.

    training: targets (m,) and out-of-fold prices (repeats, m) of the champion's. champion: its
    prices (n,), which it gives without having seen the rows; challenger: (repeats, n), out of fold.
    All above 0, and `real` at one price level.
    """
    target, out_of_fold = training
    n, m = len(real), len(target)
    if min(n, m) < MIN_ROWS:
        return None
    usual = _deviations(target, out_of_fold)
    now = _deviations(real, challenger)
    weights = _weights(out_of_fold[0], champion)
    mean = float(np.average(usual, weights=weights))
    spread = float(np.average((usual - mean) ** 2, weights=weights)) ** 0.5
    before, after = float(_deviations(real, champion[None]).mean()), float(now.mean())
    above = before**2 - mean**2
    return Scatter(
        n=n,
        usual=mean,
        champion=before,
        challenger=after,
        ratio=after / mean if mean > 0 else 1.0,
        explained=(before**2 - after**2) / above if above > 0 else 0.0,
        p_value=p_greater(Moments.of(now), Moments(m, mean, spread)),
    )


def _deviations(real: Floats, predicted: Floats) -> Floats:
    """Return each row's deviation (n,), the mean over repeats; predicted: (repeats, n)."""
    tiny = 1e-9
    residuals = np.log(np.maximum(real, tiny) / np.maximum(predicted, tiny))
    centers = np.median(residuals, axis=1, keepdims=True)
    deviations: Floats = np.abs(residuals - centers).mean(axis=0)
    return deviations


def _weights(known: Floats, asked: Floats) -> Floats:
    """Return weights (m,) that give the prices `known` the bands of those `asked` for (n,).

    Cheap houses scatter more widely, and labels may come of these (post-stratification).
    """
    edges = np.quantile(known, np.arange(1, BANDS) / BANDS)
    before, now = (
        np.bincount(np.searchsorted(edges, prices, side="right"), minlength=BANDS) / len(prices)
        for prices in (known, asked)
    )
    weights: Floats = (now / np.maximum(before, 1e-9))[np.searchsorted(edges, known, side="right")]
    return weights
