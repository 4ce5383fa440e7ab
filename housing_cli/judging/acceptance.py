"""The rule that accepts or refuses a challenger, and its reasons in words.

A challenger is accepted where all of this holds:

1. Its error on the comparison rows, newer than anything it learned from, is lower.
2. The real prices are plausible: no more than a few are so far off that neither model explains
   them (`unexplained`); the price level did not jump by more than `max_level` times, which is what
   a change of the unit looks like and no market does; and they are not one number over and over
   (`repeated`), as from a stuck feed; nor do they scatter more widely than training prices in a
   way that no feature explains (`scatter`), as where every second one is 30 % too low.
3. Either significantly more than half of the comparison rows got better (sign test), or, on base
   data that both have not seen, it is not worse than the champion by more than the threshold
   (and by more than chance). Where prices of some houses moved and it learned for which, their old
   prices are no yardstick: there the scatter is (`Scatter.learned`).
4. It ruins no part of the stock: of houses whose like nobody has sold since, it is in no segment
   worse than the champion at old prices, by more than the threshold and beyond chance (`stock`).
   Where the level of houses that both have moved by more than the threshold, the others' old prices
   are no yardstick: whether they moved too nobody knows.

RMSE alone would accept poison: where half of the prices are a fifth of what they should be, any
model that was dragged down halves the largest errors. But the rows that are right get worse then,
so no majority improves, and base data, which is trusted, shows the harm.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from housing_cli.data.metrics import METRICS
from housing_cli.words import share

if TYPE_CHECKING:
    from housing_cli.judging.comparison import Comparison

Floats = NDArray[np.float64]

GATE: Final = 2
"""The number of this rule, with all that it rests on (`comparison`, `scatter`, `stock`,
`price_level`): one more for every change of it, so that a challenger that waits is judged anew."""
SURE = 0.01
"""Above this chance, more improved rows than not are no majority yet."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the rule allows: see the module's docstring."""

    threshold: float
    max_level: float
    max_unexplained: float
    max_repeated: float


def reasons_against(
    found: Comparison,
    limits: Limits,
    extreme: float,
    misses: Floats | None,
    named: Sequence[str] = (),
) -> list[str]:
    """Return why the challenger is refused, nothing where it is accepted.

    extreme: by how many times the price level moved at most. misses: (n,), how many times off each
    real price of the feedback is from what was predicted. named: the worst of them in words, the
    worst first.
    """
    return [
        *_no_better(found),
        *_implausible(found, limits, extreme),
        # One alone, a typing error or another unit, would spoil the baseline of whoever learns it.
        *(() if misses is None else _absurd(misses, limits.max_level * found.factor, named)),
        *_stuck(found, limits),
        *_scattered(found),
        *_harmful(found, limits),
        *_ruinous(found, limits),
    ]


def _no_better(found: Comparison) -> Iterator[str]:
    if not found.difference < 0:
        yield (
            f"{METRICS[found.metric].label} {found.challenger:.3f} against {found.champion:.3f} on "
            f"the same {found.n} recent rows"
        )


def _implausible(found: Comparison, limits: Limits, extreme: float) -> Iterator[str]:
    if extreme > limits.max_level:
        yield (
            f"the real prices moved by {extreme:.1f} times at once, which is more than "
            f"{limits.max_level:g}: another unit?"
        )
    if found.unexplained > limits.max_unexplained:
        yield (
            f"{share(found.unexplained)} of the recent real prices are more than "
            f"{found.factor:.1f} times off what either model expects"
        )


def _absurd(misses: Floats, beyond: float, named: Sequence[str]) -> Iterator[str]:
    absurd = int((misses > beyond).sum())
    if absurd:
        yield (
            f"{absurd} of the {len(misses)} real prices {'is' if absurd == 1 else 'are'} more than "
            f"{beyond:.1f} times off what was predicted (the worst {misses.max():.4g} times): a "
            "typing error, or another unit?" + (f" {', '.join(named[:absurd])}" if named else "")
        )


def _stuck(found: Comparison, limits: Limits) -> Iterator[str]:
    if found.repeated > limits.max_repeated:
        same = share(found.repeated)
        yield f"{same} of the recent real prices are one and the same: a stuck feed?"


def _scattered(found: Comparison) -> Iterator[str]:
    scatter = found.scatter
    if scatter is not None and scatter.wild:
        yield (
            f"the {scatter.n} real prices scatter {scatter.ratio:.2f} times as widely around their "
            f"estimates as training prices do, and the challenger explains "
            f"{share(max(scatter.explained, 0.0))} of it: are some of them wrong?"
        )


def _harmful(found: Comparison, limits: Limits) -> Iterator[str]:
    """No majority got better, and base data that neither has seen shows harm."""
    base = found.base
    if base is None or found.p_improved <= SURE or (found.scatter and found.scatter.learned):
        return
    if base.challenger > base.champion * (1 + limits.threshold) and base.interval[0] > 0:
        yield (
            f"{METRICS[found.metric].label} {base.challenger:.3f} against {base.champion:.3f} on "
            f"{base.n} held-out rows of base data, and only {share(found.improved)} of the recent "
            "rows got better"
        )


def _ruinous(found: Comparison, limits: Limits) -> Iterator[str]:
    stock = found.stock
    if stock is None or stock.old is None or not stock.ruined:
        return
    if max(found.level, 1 / found.level) > 1 + limits.threshold:
        return
    worst = stock.old
    yield (
        f"{METRICS[found.metric].label} {worst.challenger:.3f} against {worst.champion:.3f} on "
        f"{worst.n} old rows of {worst.bounds}, whose like nobody has sold since"
    )
