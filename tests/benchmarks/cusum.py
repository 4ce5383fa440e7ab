"""CUSUM rules (Page 1954) to measure the yearly budget against: an oracle, and a calibrated one.

Both add up log likelihood ratios of the bands of (predicted - real) / |predicted| from the first
label on and start anew below 0; both keep a state for ever, which `housing evaluate` has not. The
limit is what is passed in 5 % of simulated unchanged years with the world's own number of labels a
day. The oracle knows the pool that every year is drawn from, and the one change that is coming. The
calibrated one knows a deployment's own rows, and looks for prices 10 % up or down and errors 25 %
larger at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from housing_cli.judging.arrivals import relative_bands
from tests.benchmarks.years import DAYS, Change, Floats, Pool, Year, errors, level

Rule = Callable[[Year, tuple[Floats, Floats], int], int | None]

_QUANTILES = (0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.975, 0.99)
LOOKED_FOR = (level(0.1), level(-0.1), errors(0.25))


def oracle(pool: Pool, change: Change, per_day: int = 10, per_year: float = 0.05) -> Rule:
    """Return the rule that knows the pool and the change."""
    bounds, scores = _scores(pool.real, pool.predicted, [change])
    limit = _limit(pool.real, pool.predicted, bounds, scores, (per_day, 2000, per_year))
    return lambda year, _before, _rows: _first(year, bounds, scores, limit)


def calibrated(per_day: int = 10, per_year: float = 0.05) -> Rule:
    """Return the rule that is calibrated on each deployment by 300 years drawn from its rows."""

    def rule(year: Year, before: tuple[Floats, Floats], _rows: int) -> int | None:
        bounds, scores = _scores(*before, LOOKED_FOR)
        limit = _limit(*before, bounds, scores, (per_day, 300, per_year))
        return _first(year, bounds, scores, limit)

    return rule


def _scores(
    real: Floats, predicted: Floats, changes: Sequence[Change]
) -> tuple[tuple[float, ...], Floats]:
    """Return bounds of the bands, and log likelihood ratios (changes, bands)."""
    off = (predicted - real) / np.maximum(np.abs(predicted), 1e-75)
    bounds = tuple(np.unique(np.quantile(off, _QUANTILES)).tolist())
    rng = np.random.default_rng(0)

    def shares(after: Floats) -> Floats:
        bands = relative_bands(after, np.resize(predicted, len(after)), bounds)
        counts = np.bincount(bands, minlength=len(bounds) + 1) * (len(real) / len(after)) + 0.5
        smoothed: Floats = counts / counts.sum()
        return smoothed

    # A change may hit rows at random: ten draws of it.
    worlds = [np.concatenate([c(real, predicted, rng) for _ in range(10)]) for c in changes]
    return bounds, np.log(np.array([shares(world) for world in worlds]) / shares(real))


def _limit(
    real: Floats, predicted: Floats, bounds: tuple[float, ...], scores: Floats,
    asked: tuple[int, int, float],
) -> float:  # fmt: skip
    """Return what the highest of the sums passes in `per_year` of n years drawn from the rows."""
    per_day, n, per_year = asked
    rng = np.random.default_rng(1)
    bands = relative_bands(real, predicted, bounds)
    highest = np.concatenate([
        _sums(scores[:, bands[rng.integers(0, len(bands), (100, per_day * DAYS))]]).max(axis=(0, 2))
        for _ in range(n // 100)
    ])  # fmt: skip
    return float(np.quantile(highest, 1 - per_year))


def _sums(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the CUSUM along the last axis: what the steps add up to since their lowest point."""
    total = np.cumsum(steps, axis=-1)
    sums: NDArray[np.float64] = total - np.minimum(np.minimum.accumulate(total, axis=-1), 0.0)
    return sums


def _first(year: Year, bounds: tuple[float, ...], scores: Floats, limit: float) -> int | None:
    bands = relative_bands(year.real, year.predicted, bounds)
    passed = np.flatnonzero((_sums(scores[:, bands]) > limit).any(axis=0))
    return int(year.arrived[passed[0]]) if len(passed) else None
