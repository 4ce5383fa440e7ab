"""Pure judgments: prices and baselines in, a verdict out. No files, no console, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from housing_cli.data.metrics import METRICS
from housing_cli.judging.resampling import (
    BOOTSTRAP_LIMIT,
    Moments,
    interval_of,
    mean_draws,
    normal_draws,
    p_greater,
)

Floats = NDArray[np.float64]
Decision = Literal["healthy", "degraded", "insufficient"]

INTERVAL = 0.95
ROWS_A_PART = 10


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a version's errors were at training time, out of fold.

    value: the metric. losses, absolute: (m,), losses and absolute errors of m training rows, whose
    spread says how sure `value` is. rows: how many rows they stand for.
    """

    value: float
    losses: Floats
    absolute: Floats
    rows: int


@dataclass(frozen=True, slots=True)
class Recent:
    """What the judged rows say.

    loss, absolute: moments of the metric's losses and of the absolute errors. losses: (n,), each
    row's, where they are few enough to be resampled.
    """

    loss: Moments
    absolute: Moments
    losses: Floats | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What recent reality says of a version.

    baseline, current: the metric at training time and now, in the target's unit. ratio: current /
    baseline. interval: of the ratio, at `INTERVAL`. p_value: how often chance alone makes errors
    grow as much as here; small means that they really grew. n: labeled rows that were judged.
    """

    verdict: Decision
    metric: str
    baseline: float
    current: float | None
    ratio: float | None
    interval: tuple[float, float] | None
    p_value: float | None
    threshold: float
    confidence: float | None
    n: int
    min_samples: int


@dataclass(frozen=True, slots=True)
class Part:
    """Some judged rows that came one after the other.

    at: when, in epoch seconds. value: the metric. bias: the mean error, predicted - real. n: how
    many rows.
    """

    at: float
    value: float
    bias: float
    n: int


def metrics(real: Floats, predicted: Floats) -> dict[str, float]:
    """Return every metric of n rows, R² and the mean error (bias)."""
    error = predicted - real
    spread = float(((real - real.mean()) ** 2).sum())
    return {
        **{name: metric.of(real, predicted) for name, metric in METRICS.items()},
        "r2": 1.0 - float((error**2).sum()) / spread if spread > 0 else 0.0,
        "bias": float(error.mean()),
    }


def over_time(real: Floats, predicted: Floats, times: Floats, metric: str, most: int) -> list[Part]:
    """Return at most `most` equal parts of n rows (n,), in their order, each at its mean time."""
    loss = METRICS[metric].loss(real, predicted)
    parts = max(1, min(most, len(loss) // ROWS_A_PART))
    split = (np.array_split(column, parts) for column in (times, loss, predicted - real))
    return [
        Part(float(at.mean()), METRICS[metric].value(lost.mean()), float(error.mean()), len(at))
        for at, lost, error in zip(*split, strict=True)
    ]


def recent_rows(real: Floats, predicted: Floats, metric: str) -> Recent | None:
    """Return what n labeled rows (n,) say, `None` for no rows."""
    if not len(real):
        return None
    loss = METRICS[metric].loss(real, predicted)
    return Recent(
        Moments.of(loss),
        Moments.of(np.abs(predicted - real)),
        loss if len(loss) <= BOOTSTRAP_LIMIT else None,
    )


def judge(
    recent: Recent | None,
    baseline: Baseline,
    *,
    threshold: float,
    min_samples: int,
    metric: str,
    confidence: float | None = None,
    seed: int = 0,
) -> Verdict:
    """Compare recent rows (`None`: there are none) with the baseline.

    The plain rule is `ratio > 1 + threshold`. With `confidence` the evidence must be significant
    as well: either the whole interval (one-sided) lies above `1 + threshold`, or the absolute
    errors are larger than at training time beyond chance. Absolute errors, whatever the metric:
    where errors have heavy tails, as those of prices have, their mean is known about twice as well
    as that of the squares (Tukey 1960, Huber 1964), so the test sees more from the same rows. The
    sampling error of the baseline counts in both.
    """
    n = recent.loss.n if recent is not None else 0
    current = ratio = interval = p_value = None
    degraded = False
    if recent is not None:
        current = METRICS[metric].value(recent.loss.mean)
        ratio = current / baseline.value if baseline.value > 0 else float("inf")
        degraded = ratio > 1 + threshold and confidence is None
    # One row tells nothing of how much rows differ: no interval, and nothing is significant.
    if recent is not None and ratio is not None and n > 1:
        draws = _ratio_draws(recent, baseline, metric, seed)
        interval = interval_of(draws, INTERVAL)
        p_value = p_greater(recent.absolute, Moments.of(baseline.absolute), baseline.rows)
        if confidence is not None and ratio > 1 + threshold:
            sure = float(np.quantile(draws, 1 - confidence)) > 1 + threshold
            degraded = sure or p_value <= 1 - confidence
    verdict: Decision = "degraded" if degraded else "healthy"
    return Verdict(
        verdict=verdict if n >= min_samples else "insufficient",
        metric=metric,
        baseline=baseline.value,
        current=current,
        ratio=ratio,
        interval=interval,
        p_value=p_value,
        threshold=threshold,
        confidence=confidence,
        n=n,
        min_samples=min_samples,
    )


def _ratio_draws(recent: Recent, baseline: Baseline, metric: str, seed: int) -> Floats:
    """Return bootstrap draws of current / baseline around the observed ratio."""
    rng = np.random.default_rng(seed)
    now = (
        normal_draws(recent.loss, rng) if recent.losses is None else mean_draws(recent.losses, rng)
    )
    before = mean_draws(baseline.losses, rng, baseline.rows)
    power = METRICS[metric].power
    # The baseline's own draws are centered on its value: its rows may be a sample of all.
    center = float(baseline.losses.mean()) or 1.0
    scale = np.maximum(before / center, 1e-3) ** power * (baseline.value or 1e-300)
    draws: Floats = np.maximum(now, 0.0) ** power / scale
    return draws
