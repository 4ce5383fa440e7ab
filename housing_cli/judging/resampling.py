"""Resampling and small tests: how far a figure from n rows can be trusted. Pure numpy arrays.

Not by `scipy.stats.bootstrap`: to import it takes 1 s, as long as a whole `housing evaluate` may;
2,000 draws of 2,000 rows take 0.09 s here and 0.14 s there, without the widening for few rows and
the draws of pairs that judgments need. Distributions are `scipy.special`'s.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc, stdtr, stdtrit

Floats = NDArray[np.float64]

RESAMPLES = 2000
# Above this many rows a mean of errors is normal enough, and resampling only costs time.
BOOTSTRAP_LIMIT = 2_000
_CHUNK = 100


class Moments(NamedTuple):
    """What a mean rests on: n values, their mean and their standard deviation (divided by n)."""

    n: int
    mean: float
    spread: float

    @classmethod
    def of(cls, values: Floats) -> Moments:
        """Return the moments of `values` (n,), at least one."""
        return cls(len(values), float(values.mean()), float(values.std()))

    def relative_error(self, population: int | None = None) -> float:
        """Return the standard error of log(mean), by the delta method."""
        if self.n < 2 or self.mean <= 0:  # noqa: PLR2004 - one row has no spread
            return float("inf")
        spread = self.spread * math.sqrt(self.n / (self.n - 1))
        return spread / self.mean / math.sqrt(max(self.n, population or self.n))


def mean_draws(values: Floats, rng: np.random.Generator, population: int | None = None) -> Floats:
    """Return `RESAMPLES` draws of the mean of `values` (n,), as resampling gives them.

    Efron's bootstrap (1979), widened for small n: resampled means spread too little by the factor
    sqrt((n - 1) / n), and a normal quantile stands where Student's should (Hesterberg 2015).
    population: how many rows `values` stand for, where they are a sample of more.
    """
    n = len(values)
    if n > BOOTSTRAP_LIMIT or (population or n) > n:
        return normal_draws(Moments.of(values), rng, population)
    mean = float(values.mean())
    draws = np.concatenate(
        [values[rng.integers(0, n, (_CHUNK, n))].mean(axis=1) for _ in range(RESAMPLES // _CHUNK)]
    )
    wider = float(stdtrit(max(n - 1, 1), 0.975)) / 1.96 * math.sqrt(n / max(n - 1, 1))
    widened: Floats = mean + (draws - mean) * min(wider, 2.0)
    return widened


def normal_draws(
    values: Moments, rng: np.random.Generator, population: int | None = None
) -> Floats:
    """Return `RESAMPLES` draws of a mean of many values, which is all but normal."""
    rows = max(values.n, population or values.n)
    draws: Floats = rng.normal(values.mean, values.spread / math.sqrt(rows), RESAMPLES)
    return draws


def paired_draws(first: Floats, second: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return draws of the means of two columns of the same n rows, resampled together."""
    n = len(first)
    if n > BOOTSTRAP_LIMIT:
        covariance = np.cov(first, second) / n
        means = rng.multivariate_normal([first.mean(), second.mean()], covariance, RESAMPLES)
        return means[:, 0], means[:, 1]
    draws = np.empty((2, RESAMPLES))
    for start in range(0, RESAMPLES, _CHUNK):
        rows = rng.integers(0, n, (_CHUNK, n))
        draws[0, start : start + _CHUNK] = first[rows].mean(axis=1)
        draws[1, start : start + _CHUNK] = second[rows].mean(axis=1)
    return draws[0], draws[1]


_SKEWED = 1.1


def p_greater(recent: Moments, before: Moments, population: int | None = None) -> float:
    """Return how likely a mean this much above the other is, if both were the same.

    One-sided test of log(mean(recent) / mean(before)) against its standard error, with Student's
    quantiles (Welch 1947, on the log scale: errors are positive and skewed). A sample that happened
    to miss the large errors has a low mean and looks sure of it; each side's spread therefore
    counts as at least that of both together. What skewness is left makes the approximation reject
    5.4 % instead of 5 % of unchanged worlds with the errors of real prices (`bench_decisions`); a
    tenth is added for it.
    """
    if min(recent.n, before.n) < 2:  # noqa: PLR2004 - one row has no spread
        return 1.0
    rows = recent.n, max(before.n, population or 0)
    spreads = [side.relative_error() * math.sqrt(side.n) for side in (recent, before)]
    together = math.sqrt(sum(n * s**2 for n, s in zip(rows, spreads, strict=True)) / sum(rows))
    sides = [max(s, together) / math.sqrt(n) for n, s in zip(rows, spreads, strict=True)]
    spread = math.hypot(*sides)
    if not 0 < spread < float("inf") or before.mean <= 0:
        return 0.0 if spread == 0 and recent.mean > before.mean > 0 else 1.0
    t_value = math.log(recent.mean / before.mean) / spread
    return min(1.0, _SKEWED * float(stdtr(recent.n - 1, -t_value)))


def p_at_least(successes: int, n: int) -> float:
    """Return the chance of at least so many heads in n tosses (the sign test, Arbuthnot 1710)."""
    return 1.0 if successes <= 0 else float(bdtrc(successes - 1, n, 0.5))


def interval_of(draws: Floats, confidence: float) -> tuple[float, float]:
    """Return the central interval of `draws`."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return float(low), float(high)
