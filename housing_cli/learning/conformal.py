"""Make prediction intervals from out-of-fold residuals: split-conformal, scaled with the price.

The residuals of rows that a model has not seen are what its next errors will look like (Vovk et al.
2005; Barber et al. 2021 for cross-validation). Plain split-conformal intervals have one width for
all prices; here local quantiles of the residuals give the shape, each side its own, and one
conformal factor then gives exact coverage on the out-of-fold rows (after Romano, Patterson &
Candes 2019).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from housing_cli.model.intervals import IntervalModel

Floats = NDArray[np.float64]

COVERAGE = 0.9
ROWS_PER_KNOT = 50
MAX_KNOTS = 12
WINDOW = 80
"""Rows around a knot that give its quantiles, at least."""


def fit_intervals(
    target: Floats,
    out_of_fold: Floats,
    coverage: float = COVERAGE,
    spreads: Floats | None = None,
) -> IntervalModel:
    """Return intervals from n rows: target (n,), out_of_fold (repeats, n).

    spreads: (n,), how large the error of each row usually is, by a model that did not learn from
    the row. Residuals are then counted in spreads (locally weighted conformal intervals, Lei et al.
    2018), and the intervals have `scaled` where that makes the interval score better: both
    misses and width count in it (Gneiting & Raftery 2007).
    """
    plain = _intervals(target - out_of_fold, out_of_fold, coverage)
    if spreads is None:
        return plain
    scaled = _intervals((target - out_of_fold) / spreads, out_of_fold, coverage)
    real, prices = np.tile(target, len(out_of_fold)), out_of_fold.ravel()
    each = np.tile(spreads, len(out_of_fold))
    if interval_score(scaled, real, prices, each) >= interval_score(plain, real, prices):
        return plain
    return plain.with_scaled(scaled)


def _intervals(residuals: Floats, prices: Floats, coverage: float) -> IntervalModel:
    n = residuals.shape[1]
    knots = min(MAX_KNOTS, max(1, n // ROWS_PER_KNOT))
    # The first and the last knot stand where their windows are full, not at the extremes.
    window = min(1.0, max(WINDOW / n, 1.5 / knots))
    centers = np.linspace(window / 2, 1 - window / 2, knots) if knots > 1 else np.array([0.5])
    order = np.argsort(prices, axis=None)
    sorted_prices, sorted_residuals = prices.ravel()[order], residuals.ravel()[order]
    total = len(order)
    tail = (1 - coverage) / 2
    low, high, places = [], [], []
    for center in centers:
        start = max(0, int((center - window / 2) * total))
        part = slice(start, min(total, start + max(1, math.ceil(window * total))))
        ends = np.quantile(sorted_residuals[part], [tail, 1 - tail])
        low.append(min(float(ends[0]), 0.0))
        high.append(max(float(ends[1]), 0.0))
        places.append(float(np.median(sorted_prices[part])))
    knots_at, keep = np.unique(np.array(places), return_index=True)
    shape = Shape(knots_at, np.array(low)[keep], np.array(high)[keep])
    prices_of_knots = shape.prices.tolist()
    factor = _factor(shape, prices, residuals, coverage)
    return IntervalModel(
        coverage,
        prices_of_knots,
        (shape.low * factor).tolist(),
        (shape.high * factor).tolist(),
    )


class Shape:
    """Local quantiles of the residuals at some prices."""

    def __init__(self, prices: Floats, low: Floats, high: Floats) -> None:
        least = 1e-9 + 1e-3 * float(np.mean(high - low))
        self.prices, self.low, self.high = prices, np.minimum(low, -least), np.maximum(high, least)

    def scores(self, prices: Floats, residuals: Floats) -> Floats:
        """Return how far out each residual lies; 1 is the end of the interval."""
        low = np.interp(prices, self.prices, self.low)
        high = np.interp(prices, self.prices, self.high)
        scores: Floats = np.where(residuals < 0, residuals / low, residuals / high)
        return scores


def _factor(shape: Shape, prices: Floats, residuals: Floats, coverage: float) -> float:
    """Return what the shape must be multiplied with to cover, with the finite-sample correction."""
    n = np.atleast_2d(prices).shape[1]
    level = min(1.0, math.ceil((n + 1) * coverage) / n)
    return float(np.quantile(shape.scores(prices, residuals), level))


def coverage_of(
    model: IntervalModel, real: Floats, predicted: Floats, spreads: Floats | float = 1.0
) -> float:
    """Return the share of real prices inside their intervals."""
    ends = model.intervals(predicted, spreads)
    return float(((real >= ends[:, 0]) & (real <= ends[:, 1])).mean())


def mean_width(model: IntervalModel, predicted: Floats, spreads: Floats | float = 1.0) -> float:
    """Return the mean width of the intervals of these prices."""
    ends = model.intervals(predicted, spreads)
    return float((ends[:, 1] - ends[:, 0]).mean())


def interval_score(
    model: IntervalModel, real: Floats, predicted: Floats, spreads: Floats | float = 1.0
) -> float:
    """Return the mean of width and, times 2 / (1 - coverage), of how far out real prices lie."""
    ends = model.intervals(predicted, spreads)
    out = np.maximum(ends[:, 0] - real, 0.0) + np.maximum(real - ends[:, 1], 0.0)
    return float((ends[:, 1] - ends[:, 0] + out * 2 / (1 - model.coverage)).mean())
