"""Champion against challenger: the paired evidence; `acceptance` decides on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from housing_cli.data.metrics import METRICS
from housing_cli.judging.acceptance import Limits, reasons_against
from housing_cli.judging.gate import INTERVAL
from housing_cli.judging.resampling import interval_of, p_at_least, paired_draws
from housing_cli.judging.scatter import Scatter
from housing_cli.judging.stock import Stock

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Paired:
    """Two models on the same n rows; difference: challenger minus champion.

    interval: of the difference at `INTERVAL`, paired bootstrap. improved: share of rows on which
    the challenger is nearer to the real price.
    """

    champion: float
    challenger: float
    difference: float
    interval: tuple[float, float]
    n: int
    improved: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Champion and challenger on the same recent rows, and on base data.

    champion, challenger, difference, interval, n, improved: of the recent rows, as in `Paired`.
    p_improved: the chance of so many improved rows if none were better. unexplained: share of
    recent rows that both models miss by more than `factor` times. repeated: share of the most
    frequent real price among them. level: the price level now against the base data's. base: the
    same on held-out base data, `None` where there is none. scatter: how widely the real prices
    scatter, `None` for too few. stock: the segments in which the challenger is worse.
    wins: accepted. reasons: why not. named: real prices in words, the worst first, of which one of
    the reasons names some.
    """

    metric: str
    champion: float
    challenger: float
    difference: float
    interval: tuple[float, float]
    n: int
    improved: float
    p_improved: float
    unexplained: float
    factor: float
    repeated: float
    level: float
    base: Paired | None
    wins: bool
    reasons: tuple[str, ...]
    scatter: Scatter | None = None
    stock: Stock | None = None
    named: tuple[str, ...] = ()


def paired(
    real: Floats, champion: Floats, challenger: Floats, *, metric: str, seed: int = 0
) -> Paired:
    """Compare two models' prices for the same n rows."""
    rule = METRICS[metric]
    old, new = rule.loss(real, champion), rule.loss(real, challenger)
    draws_old, draws_new = paired_draws(old, new, np.random.default_rng(seed))
    draws = np.maximum(draws_new, 0.0) ** rule.power - np.maximum(draws_old, 0.0) ** rule.power
    before, after = rule.value(old.mean()), rule.value(new.mean())
    improved = float((new < old).mean())
    interval = interval_of(draws, INTERVAL)
    return Paired(before, after, after - before, interval, len(real), improved)


def compare(
    recent: tuple[Floats, Floats, Floats],
    base: tuple[Floats, Floats, Floats] | None,
    levels: Floats,
    *,
    metric: str,
    factor: float,
    limits: Limits,
    misses: Floats | None = None,
    named: Sequence[str] = (),
    scatter: Scatter | None = None,
    stock: Stock | None = None,
) -> Comparison:
    """Compare on recent rows and on base data, and decide.

    recent, base: real prices, the champion's and the challenger's, each (n,); the prices of `base`
    at the base data's own level. levels: the level of each row of feedback (n,), oldest first.
    factor: a price this many times off is far off. misses: how many times off each real price of
    the feedback is from what was predicted (n,); named: the worst of these in words, worst first.
    scatter, stock: of all rows.
    """
    found = paired(*recent, metric=metric)
    nearest = np.minimum(_distance(recent[0], recent[1]), _distance(recent[0], recent[2]))
    compared = Comparison(
        metric=metric,
        champion=found.champion,
        challenger=found.challenger,
        difference=found.difference,
        interval=found.interval,
        n=found.n,
        improved=found.improved,
        p_improved=p_at_least(round(found.improved * found.n), found.n),
        unexplained=float((nearest > np.log(factor)).mean()),
        factor=factor,
        repeated=repeated(recent[0]),
        level=float(levels[-1]) if len(levels) else 1.0,
        base=paired(*base, metric=metric) if base is not None else None,
        wins=False,
        reasons=(),
        scatter=scatter,
        stock=stock,
        named=tuple(named),
    )
    extreme = float(np.exp(np.abs(np.log(levels)).max(initial=0.0)))
    reasons = reasons_against(compared, limits, extreme, misses, named)
    return replace(compared, wins=not reasons, reasons=tuple(reasons))


def repeated(prices: Floats) -> float:
    """Return the share of the most frequent price."""
    counts = np.unique(prices, return_counts=True)[1]
    return float(counts.max() / len(prices)) if len(prices) else 0.0


def _distance(real: Floats, predicted: Floats) -> Floats:
    """Return by how much prices differ, as |log ratio|."""
    tiny = 1e-9
    distance: Floats = np.abs(np.log(np.maximum(real, tiny) / np.maximum(predicted, tiny)))
    return distance
