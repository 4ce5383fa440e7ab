"""Whether a canary works, and prices as well as production: four parts, each with its evidence.

A canary answers a part of the rows, so that nothing is paired but what was priced twice. Each part
is healthy only where its rows show that it is; too few show nothing, and are called insufficient.
What is tested may be looked at after every row: the two sequences of `quality` hold at all times at
once, and failures are too many only beyond a chance that daily looks do not use up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc, betaincinv

from housing_cli.judging.anytime import mean_sequence

Floats = NDArray[np.float64]
Decision = Literal["healthy", "degraded", "insufficient"]

SURE: Final = 0.001
"""Failures are too many where chance alone makes so many less often than this; as in a server."""
CONFIDENCE: Final = 0.95
FEWEST_PAIRS: Final = 20
LARGEST: Final = 8.0
"""Errors beyond so many times production's usual one count as that one: a few alone decide not."""


@dataclass(frozen=True, slots=True)
class Errors:
    """Rows that the canary was asked for, and failed on; share is None without any.

    limit: the share that may fail. highest: the upper 95 % bound of the share.
    """

    verdict: Decision
    n: int
    failed: int
    share: float | None
    highest: float | None
    limit: float


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds of one row's price by each model, medians over n calls; limit: of `slower`."""

    verdict: Decision
    n: int
    canary: float | None
    production: float | None
    slower: float | None
    limit: float


@dataclass(frozen=True, slots=True)
class PriceJump:
    """Median |log ratio| of both prices of n rows; level: the median ratio."""

    verdict: Decision
    n: int
    jump: float | None
    level: float | None
    limit: float


@dataclass(frozen=True, slots=True)
class Quality:
    """Errors of the rows of each arm, which are other rows; None where there are none.

    canary, production: the metric. ratio: canary / production. interval: of the ratio of mean
    absolute errors, at any look; an end is None where nothing bounds it. limit: of the ratio.
    """

    verdict: Decision
    n: int
    others: int
    canary: float | None
    production: float | None
    ratio: float | None
    interval: tuple[float | None, float | None] | None
    limit: float


def errors_of(n: int, failed: int, limit: float) -> Errors:
    """Judge failures: healthy where the rows rule out (95 %) that more than `limit` fail."""
    if n == 0:
        return Errors("insufficient", 0, 0, None, None, limit)
    highest = 1.0 if failed >= n else float(betaincinv(failed + 1, n - failed, CONFIDENCE))
    chance = float(bdtrc(failed - 1, n, limit)) if failed else 1.0
    verdict: Decision = "insufficient"
    if chance < SURE:
        verdict = "degraded"
    elif highest <= limit:
        verdict = "healthy"
    return Errors(verdict, n, failed, failed / n, highest, limit)


def latency_of(canary: Floats, production: Floats, limit: float) -> Latency:
    """Judge the time of calls: milliseconds (n,) of each model on the same rows."""
    if not len(canary):
        return Latency("insufficient", 0, None, None, None, limit)
    own, usual = float(np.median(canary)), float(np.median(production))
    verdict: Decision = "degraded" if own - usual > limit else "healthy"
    return Latency(verdict, len(canary), own, usual, own - usual, limit)


def jump_of(canary: Floats, production: Floats, limit: float) -> PriceJump:
    """Judge the level of prices (n,) that both versions gave for the same rows."""
    priced = np.isfinite(canary) & np.isfinite(production) & (production > 0)
    # A house that is asked for again and again counts once.
    pairs = np.unique(np.column_stack([canary[priced], production[priced]]), axis=0)
    canary, production = pairs.T
    if not len(canary):
        return PriceJump("insufficient", 0, None, None, limit)
    # What is no price is as far off as a float can say.
    ratios = np.log(np.maximum(canary, 1e-300) / production)
    jump = float(np.median(np.abs(ratios)))
    verdict: Decision = "degraded" if jump > limit else "healthy"
    if len(canary) < FEWEST_PAIRS:
        verdict = "insufficient"
    return PriceJump(verdict, len(canary), jump, math.exp(float(np.median(ratios))), limit)


def quality_of(
    canary: Floats,
    production: Floats,
    metrics: tuple[float | None, float | None],
    usual: float,
    *,
    threshold: float,
    min_samples: int,
) -> Quality:
    """Judge absolute errors of the canary's rows (n,) against those of production's (m,).

    Each in the order in which the labels came. metrics: of both, for people. usual: production's
    mean absolute error at training time. Degraded where the canary's are larger by more than
    `threshold` beyond doubt, and healthy only where nothing points there.
    """
    own, other = metrics
    ratio = own / other if own is not None and other else None
    counts, limit = (len(canary), len(production)), 1 + threshold
    interval = ratio_sequence(canary, production, usual)
    verdict: Decision = "healthy"
    if min(counts) < min_samples or suspicious(canary, production, usual, limit):
        verdict = "insufficient"
    low = interval[0] if interval else None
    if low is not None and low > limit:
        verdict = "degraded"
    return Quality(verdict, *counts, own, other, ratio, interval, limit)


def suspicious(canary: Floats, production: Floats, usual: float, limit: float) -> bool:
    """Return whether the ratio of mean errors is above `limit` by more than a standard error.

    One of six sound canaries at the limit is, and waits for more labels.
    """
    own, other = (np.minimum(errors, LARGEST * usual) for errors in (canary, production))
    if not (own.mean() > 0 and other.mean() > 0):
        return False
    relative = [part.std() / part.mean() / math.sqrt(len(part)) for part in (own, other)]
    above = math.log(float(own.mean() / other.mean()) / limit)
    return above > math.hypot(*relative)


def ratio_sequence(
    canary: Floats, production: Floats, usual: float
) -> tuple[float | None, float | None] | None:
    """Return a confidence sequence of the ratio of mean errors; `None` where one side is empty."""
    if not len(canary) or not len(production) or not usual > 0:
        return None
    half = LARGEST * usual / 2
    # Both sequences hold at once with `CONFIDENCE`: each takes half of what may go wrong.
    (low, high), (other_low, other_high) = (
        tuple(
            max(end + half, 0.0)
            for end in mean_sequence(
                np.minimum(errors, 2 * half) - half, half, 1 - (1 - CONFIDENCE) / 2
            )
        )
        for errors in (canary, production)
    )
    return (low / other_high if other_high > 0 else None,
            high / other_low if other_low > 0 else None)  # fmt: skip


def worst(verdicts: tuple[Decision, ...]) -> Decision:
    """Return the verdict of all parts: degraded if one is, else insufficient if one is."""
    for found in ("degraded", "insufficient"):
        if found in verdicts:
            return found
    return "healthy"
