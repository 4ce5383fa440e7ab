"""Champion against challenger: the paired evidence, and the rule that accepts or refuses.

A challenger is accepted where all of this holds:

1. Its error on the comparison rows, newer than anything it learned from, is lower.
2. The real prices are plausible: no more than a few are so far off that neither model explains
   them (`unexplained`); the price level did not jump by more than `max_level` times, which is what
   a change of the unit looks like and no market does; and they are not one number over and over
   (`repeated`), as from a stuck feed.
3. Either significantly more than half of the comparison rows got better (sign test), or, on base
   data that both have not seen, it is not worse than the champion by more than the threshold
   (and by more than chance).

RMSE alone would accept poison: where half of the prices are a fifth of what they should be, any
model that was dragged down halves the largest errors. But the rows that are right get worse then,
so no majority improves, and base data, which is trusted, shows the harm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from housing_cli.data.metrics import METRICS
from housing_cli.judging.gate import INTERVAL
from housing_cli.judging.resampling import interval_of, p_at_least, paired_draws

Floats = NDArray[np.float64]

SURE = 0.01
"""Above this chance, more improved rows than not are no majority yet."""


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
class Limits:
    """What the rule allows: see the module's docstring."""

    threshold: float
    max_level: float
    max_unexplained: float
    max_repeated: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Champion and challenger on the same recent rows, and on base data.

    champion, challenger, difference, interval, n, improved: of the recent rows, as in `Paired`.
    p_improved: the chance of so many improved rows if none were better. unexplained: share of
    recent rows that both models miss by more than `factor` times. repeated: share of the most
    frequent real price among them. level: the price level now against the base data's. base: the
    same on held-out base data, `None` where there is none.
    wins: accepted. reasons: why not.
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
) -> Comparison:
    """Compare on recent rows and on base data, and decide.

    recent, base: real prices, the champion's and the challenger's, each (n,); the prices of `base`
    at the base data's own level. levels: the level of each row of feedback (n,), oldest first.
    factor: a price this many times off is far off. misses: how many times off each real price of
    the feedback is from what was predicted (n,).
    """
    found = paired(*recent, metric=metric)
    on_base = paired(*base, metric=metric) if base is not None else None
    nearest = np.minimum(_distance(recent[0], recent[1]), _distance(recent[0], recent[2]))
    unexplained = float((nearest > np.log(factor)).mean())
    better = round(found.improved * found.n)
    p_improved = p_at_least(better, found.n)
    name = METRICS[metric].label
    reasons = []
    if not found.difference < 0:
        reasons.append(
            f"{name} {found.challenger:.3f} against {found.champion:.3f} on the same "
            f"{found.n} recent rows"
        )
    extreme = float(np.exp(np.abs(np.log(levels)).max(initial=0.0)))
    if extreme > limits.max_level:
        reasons.append(
            f"the real prices moved by {extreme:.1f} times at once, which is more than "
            f"{limits.max_level:g}: another unit?"
        )
    if unexplained > limits.max_unexplained:
        reasons.append(
            f"{unexplained:.0%} of the recent real prices are more than {factor:.1f} times off "
            "what either model expects"
        )
    # One alone, a typing error or another unit, would spoil the baseline of whoever learns it.
    beyond = limits.max_level * factor
    absurd = 0 if misses is None else int((misses > beyond).sum())
    if absurd and misses is not None:
        reasons.append(
            f"{absurd} of the {len(misses)} real prices {'is' if absurd == 1 else 'are'} more than "
            f"{beyond:.1f} times off what was predicted (the worst {misses.max():.4g} times): a "
            "typing error, or another unit?"
        )
    share = repeated(recent[0])
    if share > limits.max_repeated:
        reasons.append(f"{share:.0%} of the recent real prices are one and the same: a stuck feed?")
    if p_improved > SURE and on_base is not None:
        allowed = on_base.champion * (1 + limits.threshold)
        if on_base.challenger > allowed and on_base.interval[0] > 0:
            reasons.append(
                f"{name} {on_base.challenger:.3f} against {on_base.champion:.3f} on "
                f"{on_base.n} held-out rows of base data, and only {found.improved:.0%} of the "
                "recent rows got better"
            )
    return Comparison(
        metric, found.champion, found.challenger, found.difference, found.interval, found.n,
        found.improved, p_improved, unexplained, factor, share,
        float(levels[-1]) if len(levels) else 1.0, on_base, not reasons, tuple(reasons),
    )  # fmt: skip


def repeated(prices: Floats) -> float:
    """Return the share of the most frequent price."""
    counts = np.unique(prices, return_counts=True)[1]
    return float(counts.max() / len(prices)) if len(prices) else 0.0


def _distance(real: Floats, predicted: Floats) -> Floats:
    """Return by how much prices differ, as |log ratio|."""
    tiny = 1e-9
    distance: Floats = np.abs(np.log(np.maximum(real, tiny) / np.maximum(predicted, tiny)))
    return distance
