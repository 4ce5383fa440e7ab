"""Pure judgments: prices and baselines in, a verdict out. No files, no console, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from housing_cli.judging.resampling import interval_of, mean_draws, p_greater

Floats = NDArray[np.float64]
Metric = Literal["rmse", "mae"]
Decision = Literal["healthy", "degraded", "insufficient"]

INTERVAL = 0.95
ROWS_A_PART = 10


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a version's errors were at training time, out of fold.

    value: the metric. squared, absolute: (m,), losses of m training rows, whose spread says how
    sure `value` is. rows: how many rows they stand for.
    """

    value: float
    squared: Floats
    absolute: Floats
    rows: int

    def losses(self, metric: Metric) -> Floats:
        """Return the loss of each row, whose mean the metric is made of."""
        return self.squared if metric == "rmse" else self.absolute


@dataclass(frozen=True, slots=True)
class Verdict:
    """What recent reality says of a version.

    baseline, current: the metric at training time and now, in the target's unit. ratio: current /
    baseline. interval: of the ratio, at `INTERVAL`. p_value: how often chance alone makes errors
    grow as much as here; small means that they really grew. n: labeled rows that were judged.
    """

    verdict: Decision
    metric: Metric
    baseline: float
    current: float | None
    ratio: float | None
    interval: tuple[float, float] | None
    p_value: float | None
    threshold: float
    confidence: float | None
    n: int
    min_samples: int


def losses(real: Floats, predicted: Floats, metric: Metric) -> Floats:
    """Return the loss of each row, whose mean the metric is made of."""
    error = predicted - real
    return error**2 if metric == "rmse" else np.abs(error)


def summarize(mean_loss: float, metric: Metric) -> float:
    """Return the metric from the mean of the rows' losses."""
    return float(mean_loss**0.5) if metric == "rmse" else float(mean_loss)


def metrics(real: Floats, predicted: Floats) -> dict[str, float]:
    """Return RMSE and MAE in the target's unit, R² and the mean error (bias)."""
    error = predicted - real
    spread = float(((real - real.mean()) ** 2).sum())
    return {
        "rmse": float((error**2).mean() ** 0.5),
        "mae": float(np.abs(error).mean()),
        "r2": 1.0 - float((error**2).sum()) / spread if spread > 0 else 0.0,
        "bias": float(error.mean()),
    }


def over_time(real: Floats, predicted: Floats, metric: Metric, most: int) -> list[float]:
    """Return the metric of at most `most` equal parts of the rows, in their order."""
    loss = losses(real, predicted, metric)
    parts = np.array_split(loss, max(1, min(most, len(loss) // ROWS_A_PART)))
    return [summarize(part.mean(), metric) for part in parts]


def judge(
    real: Floats,
    predicted: Floats,
    baseline: Baseline,
    *,
    threshold: float,
    min_samples: int,
    metric: Metric,
    confidence: float | None = None,
    seed: int = 0,
) -> Verdict:
    """Compare recent rows with the baseline.

    real, predicted: (n,), prices of the labeled rows.

    The plain rule is `ratio > 1 + threshold`. With `confidence` the evidence must be significant
    as well: either the whole interval (one-sided) lies above `1 + threshold`, or the absolute
    errors are larger than at training time beyond chance. Absolute errors, whatever the metric:
    where errors have heavy tails, as those of prices have, their mean is known about twice as well
    as that of the squares (Tukey 1960, Huber 1964), so the test sees more from the same rows. The
    sampling error of the baseline counts in both.
    """
    n = len(real)
    if n == 0:
        return Verdict(
            "insufficient", metric, baseline.value, None, None, None, None,
            threshold, confidence, n, min_samples,
        )  # fmt: skip
    loss = losses(real, predicted, metric)
    current = summarize(loss.mean(), metric)
    ratio = current / baseline.value if baseline.value > 0 else float("inf")
    if n == 1:  # tells nothing of how much rows differ: no interval, and nothing is significant
        alone: Decision = "degraded" if ratio > 1 + threshold and confidence is None else "healthy"
        return Verdict(
            alone if n >= min_samples else "insufficient", metric, baseline.value, current, ratio,
            None, None, threshold, confidence, n, min_samples,
        )  # fmt: skip
    draws = _ratio_draws(loss, baseline, metric, seed)
    p_value = p_greater(np.abs(predicted - real), baseline.absolute, baseline.rows)
    verdict: Decision = "healthy"
    if n < min_samples:
        verdict = "insufficient"
    elif ratio > 1 + threshold and (
        confidence is None
        or p_value <= 1 - confidence
        or float(np.quantile(draws, 1 - confidence)) > 1 + threshold
    ):
        verdict = "degraded"
    return Verdict(
        verdict, metric, baseline.value, current, ratio, interval_of(draws, INTERVAL), p_value,
        threshold, confidence, n, min_samples,
    )  # fmt: skip


def _ratio_draws(loss: Floats, baseline: Baseline, metric: Metric, seed: int) -> Floats:
    """Return bootstrap draws of current / baseline around the observed ratio."""
    rng = np.random.default_rng(seed)
    now = mean_draws(loss, rng)
    before = mean_draws(baseline.losses(metric), rng, baseline.rows)
    power = 0.5 if metric == "rmse" else 1.0
    # The baseline's own draws are centered on its value: its rows may be a sample of all.
    center = float(baseline.losses(metric).mean()) or 1.0
    scale = np.maximum(before / center, 1e-3) ** power * (baseline.value or 1e-300)
    draws: Floats = np.maximum(now, 0.0) ** power / scale
    return draws
