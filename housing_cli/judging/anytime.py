"""Evidence that holds at any time: look as often as rows come in, and stop whenever you like.

A confidence sequence is an interval for every n; with probability `confidence` all of them hold the
true value at once. An e-value is what a bet against "no difference" has made of one unit; it
exceeds 20 at some time in at most one unchanged world of 20 (Ville 1939).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, xlog1py, xlogy

Floats = NDArray[np.float64]

_GRID = 1001
_CHUNK = 500
# At most this part of what a bet could lose is staked (Waudby-Smith & Ramdas 2024, section 4).
_STAKE = 0.75


class Share(NamedTuple):
    """A share of n rows, its confidence sequence, and the e-value against one half."""

    value: float
    interval: tuple[float, float]
    e_value: float


def mean_sequence(values: Floats, bound: float, confidence: float) -> tuple[float, float]:
    """Return the confidence sequence at n of the mean of `values` (n,), each within +-`bound`.

    Oldest first. Hedged capital with predictable plug-in bets: Waudby-Smith & Ramdas, Estimating
    means of bounded random variables by betting, JRSS B 86 (2024), theorem 3. All that is assumed
    is that rows have the same mean given those before them.
    """
    if not bound > 0:
        return 0.0, 0.0
    alpha = 1 - confidence
    scaled = np.clip((values / bound + 1) / 2, 0.0, 1.0)
    bets = _bets(scaled, alpha)
    means = np.linspace(0.0, 1.0, _GRID)
    capital = np.zeros((2, _GRID))
    with np.errstate(divide="ignore"):
        most = np.stack([_STAKE / means, _STAKE / (1 - means)])
    for start in range(0, len(scaled), _CHUNK):
        away = scaled[start : start + _CHUNK, None] - means
        bet = bets[start : start + _CHUNK, None]
        capital[0] += np.log1p(np.minimum(bet, most[0]) * away).sum(axis=0)
        capital[1] += np.log1p(-np.minimum(bet, most[1]) * away).sum(axis=0)
    # Half of the stake on each side: the mean is where neither has multiplied it by 1 / alpha.
    kept = np.flatnonzero(capital.max(axis=0) < math.log(2 / alpha))
    if not len(kept):  # rows of no common mean refute every one
        at = float(scaled.mean())
        return (2 * at - 1) * bound, (2 * at - 1) * bound
    # Between two points of the grid the true end lies farther out.
    low, high = means[max(kept[0] - 1, 0)], means[min(kept[-1] + 1, _GRID - 1)]
    return float((2 * low - 1) * bound), float((2 * high - 1) * bound)


def share_sequence(successes: int, n: int, confidence: float) -> Share:
    """Return what n rows say of the share of successes.

    The method of mixtures (Robbins 1970) with Jeffreys' prior: at n it holds every share whose
    likelihood is within 1 / alpha of that of the mixture.
    """
    if n == 0:
        return Share(0.5, (0.0, 1.0), 1.0)
    mixed = float(betaln(successes + 0.5, n - successes + 0.5) - betaln(0.5, 0.5))
    shares = np.linspace(0.0, 1.0, _GRID)
    with np.errstate(divide="ignore"):
        likely = xlogy(successes, shares) + xlog1py(n - successes, -shares)
    kept = np.flatnonzero(mixed - likely < -math.log(1 - confidence))
    e_value = math.exp(min(mixed + n * math.log(2), 700.0))
    low, high = shares[max(kept[0] - 1, 0)], shares[min(kept[-1] + 1, _GRID - 1)]
    return Share(successes / n, (float(low), float(high)), e_value)


def _bets(scaled: Floats, alpha: float) -> Floats:
    """Return how much is staked on each row (n,), from the rows before it alone."""
    at = np.arange(1, len(scaled) + 1)
    means = (0.5 + np.cumsum(scaled)) / (at + 1)
    variance = (0.25 + np.cumsum((scaled - means) ** 2)) / (at + 1)
    known = np.concatenate([[0.25], variance[:-1]])
    found: Floats = np.sqrt(2 * math.log(2 / alpha) / (known * at * np.log(at + 1)))
    return found
