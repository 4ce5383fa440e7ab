"""Whether a shadow prices the same houses better than production: a paired test for any time.

A bet on each labeled row, in the order in which the labels came: the stake is set before the label
is seen, and what the bet has made of one unit is an e-value. A shadow that is no better makes
1 / alpha of it at any time in at most a share alpha of all worlds (Ville 1939), so one may look
after every label and stop whenever one likes.

Errors need no bound, and none is assumed: by the triangle inequality a row's absolute errors differ
by no more than the two prices do, which are known before the label comes. So no stake is higher
than what the widest gap so far could take `_MOST` from, and all rows are staked alike but for those
that widen it.

By RMSE, the bet is on squared errors up to the `BEND` quantile of the training errors and on
absolute ones beyond (Huber 1964): squares alone have so heavy tails that hundreds of rows tell
nothing. docs/decisions/shadow.md has what that claims, and what no test can see.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from housing_cli.data.metrics import METRICS
from housing_cli.judging.anytime import Share, share_sequence
from housing_cli.judging.labels import beyond_chance

Floats = NDArray[np.float64]
Verdict = Literal["better", "worse", "insufficient"]

BEND: Final = 0.995
FAILED: Final = 0.01
"""A shadow that gives no price for more of the rows than this is no better."""
_SURELY = 0.01
# Stakes are those that are best where the mean loss differs by these shares of production's (by
# RMSE, a fifth of it is 10 %), and with the rest of the weight those that are best if it goes on as
# it went so far: for a shadow that is several times worse. The evidence is their weighted mean.
_EFFECTS = (0.02, 0.05, 0.1, 0.25)
_WEIGHTS = (0.15, 0.45, 0.2, 0.1)
_FOLLOWING = 0.1
_MOST = 0.8
_PRIOR_ROWS = 10
_STEPS = 24
_FARTHEST = 20.0
_HIGHEST = 1e12


@dataclass(frozen=True, slots=True)
class Training:
    """What production's training says before the first label: see `training_of`.

    bend: errors up to it count squared, by RMSE; 0 for absolute errors. loss: the mean loss. slope:
    the mean square of how fast the loss grows with the error.
    """

    bend: float
    loss: float
    slope: float = 1.0


@dataclass(frozen=True, slots=True)
class Contest:
    """What n rows say of two prices for each.

    production, shadow: the metric; ratio: shadow / production. robust: the same of the losses that
    are bet on, raised to the metric's power; interval: its confidence sequence at
    2 * confidence - 1, None at an end that nothing bounds. better, worse: the e-values. improved:
    the share of rows with two different errors on which the shadow is nearer.
    """

    production: float
    shadow: float
    ratio: float | None
    robust: float | None
    interval: tuple[float | None, float | None]
    better: float
    worse: float
    differing: int
    improved: Share


def training_of(errors: Floats, metric: str) -> Training:
    """Return what absolute errors (m,) of training rows say, out of fold."""
    bend = 0.0 if METRICS[metric].power == 1.0 else float(np.quantile(errors, BEND))
    slope = float((np.minimum(errors / bend, 1.0) ** 2).mean()) if bend > 0 else 1.0
    return Training(bend, float(robust_loss(errors, bend).mean()), slope)


def robust_loss(errors: Floats, bend: float) -> Floats:
    """Return what errors (any shape) cost, in their unit; no faster than they grow."""
    size: Floats = np.abs(errors)
    if bend <= 0:
        return size
    return np.where(size <= bend, size * size / (2 * bend), size - bend / 2)


def contest(
    real: Floats,
    production: Floats,
    shadow: Floats,
    training: Training,
    *,
    metric: str,
    confidence: float,
) -> Contest:
    """Compare two prices for each of n >= 1 rows, in the order in which their labels came."""
    rule = METRICS[metric]
    old, new = rule.value(rule.loss(real, production).mean()), rule.of(real, shadow)
    bets = Bets(real, production, shadow, training)
    low, high = bets.sequence(confidence)
    nearer = np.abs(shadow - real) < np.abs(production - real)
    differing = int((np.abs(shadow - real) != np.abs(production - real)).sum())
    return Contest(
        production=old,
        shadow=new,
        ratio=new / old if old > 0 else None,
        robust=bets.ratio(float(bets.gains.mean()), rule.power),
        interval=(bets.ratio(high, rule.power), bets.ratio(low, rule.power)),
        better=_capped(bets.wealth(1.0)[-1]),
        worse=_capped(bets.wealth(-1.0)[-1]),
        differing=differing,
        improved=share_sequence(int(nearer.sum()), differing, confidence),
    )


def verdict_of(
    found: Contest | None,
    n: int,
    fewest: int,
    confidence: float,
    answers: tuple[int, int],
) -> tuple[Verdict, list[str]]:
    """Return the verdict on a shadow, and what it rests on: `errors`, `failures`, `few` rows.

    answers: how many there were, and on how many of them the shadow failed.
    """
    asked, failed = answers
    failing = failed > FAILED * asked
    if failing and beyond_chance(failed, asked, FAILED, _SURELY):
        return "worse", ["failures"]
    if found is None or n < fewest:
        return "insufficient", ["few"]
    needed = 1 / (1 - confidence)
    if found.worse >= needed:
        return "worse", ["errors"]
    if found.better >= needed and found.ratio is not None and found.ratio < 1:
        return ("insufficient", ["failures"]) if failing else ("better", ["errors"])
    return "insufficient", ["errors"]


class Bets:
    """Bets on n rows: gains (n,) by how much less the shadow's price cost than production's.

    gaps (n,): how far apart the prices are. losses: production's.
    """

    def __init__(
        self, real: Floats, production: Floats, shadow: Floats, training: Training
    ) -> None:
        self.losses = robust_loss(production - real, training.bend)
        self.gains = self.losses - robust_loss(shadow - real, training.bend)
        self.gaps: Floats = np.abs(production - shadow)
        rows = np.arange(len(real))
        # All of it from the rows before, but for the gaps, which are known before the label is.
        known = training.slope * self.gaps**2
        self._widest = np.maximum.accumulate(self.gaps)
        self._spread: Floats = _before(self.gains**2) + _PRIOR_ROWS * np.cumsum(known) / (rows + 1)
        self._sum, self._rows = _before(self.gains), rows
        self._stakes = _ratio(_before(self.losses) + _PRIOR_ROWS * training.loss, self._spread)

    def wealth(self, side: float, mean: float = 0.0) -> Floats:
        """Return the logarithm of the e-value after each row (n,).

        Against `the mean gain is at most `mean`` with side 1.0, `at least` with -1.0.
        """
        most = self._widest + abs(mean)
        limits = _ratio(np.full(len(most), _MOST), most)
        away = side * (self.gains - mean)
        so_far = np.maximum(side * (self._sum - self._rows * mean), 0.0)
        following = _ratio(so_far, self._spread + self._rows * mean**2)
        tried = [effect * self._stakes for effect in _EFFECTS]
        found: Floats = np.full(len(away), -np.inf)
        for wanted, weight in zip([*tried, following], [*_WEIGHTS, _FOLLOWING], strict=True):
            stakes = np.minimum(wanted, limits)
            found = np.logaddexp(found, math.log(weight) + np.cumsum(np.log1p(stakes * away)))
        return found

    def sequence(self, confidence: float) -> tuple[float, float]:
        """Return the ends of the confidence sequence of the mean gain, each at `confidence`."""
        needed = -math.log(1 - confidence)
        middle, far = float(self.gains.mean()), _FARTHEST * max(float(self.losses.mean()), 1e-300)
        ends = []
        for side in (1.0, -1.0):
            inside, outside = middle, middle - side * far
            if self.wealth(side, outside)[-1] < needed:
                ends.append(-side * math.inf)
                continue
            for _ in range(_STEPS):
                at = (inside + outside) / 2
                if self.wealth(side, at)[-1] >= needed:
                    outside = at
                else:
                    inside = at
            ends.append(outside)
        return ends[0], ends[1]

    def ratio(self, gain: float, power: float) -> float | None:
        """Return the ratio of the losses at a mean gain, as a ratio of the metric."""
        mean = float(self.losses.mean())
        if not mean > 0 or not math.isfinite(gain):
            return None
        return float(max(1 - gain / mean, 0.0) ** power)


def _ratio(one: Floats, other: Floats) -> Floats:
    """Return one / other (n,), 0 where the other is 0."""
    found: Floats = np.divide(one, other, out=np.zeros_like(other), where=other > 0)
    return found


def _before(values: Floats) -> Floats:
    """Return the sum of the values (n,) before each."""
    return np.concatenate([[0.0], np.cumsum(values)[:-1]])


def _capped(logarithm: float) -> float:
    return float(min(math.exp(min(logarithm, 700.0)), _HIGHEST))
