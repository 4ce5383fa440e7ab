"""Worlds in which two models price the same houses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from housing_cli.data.metrics import METRICS
from housing_cli.judging.shadow import Bets, training_of

Floats = NDArray[np.float64]
FEWEST = 30


def worlds(
    count: int, n: int, correlation: float, tail: float, seed: int = 0
) -> list[tuple[Floats, Floats, Floats]]:
    """Return real prices and two models' for n houses, `count` times.

    Errors are t-distributed with `tail` degrees of freedom, equal in law, and correlated.
    """
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        scale = np.sqrt(tail / rng.chisquare(tail, n))
        common, *own = rng.normal(size=(3, n)) * scale
        share = np.sqrt(correlation)
        real = rng.normal(22, 6, n)
        one, two = (real + 3 * (share * common + np.sqrt(1 - correlation) * part) for part in own)
        found.append((real, one, two))
    return found


def passed(
    drawn: list[tuple[Floats, Floats, Floats]], metric: str, ratio: float, *, side: float = 1.0
) -> NDArray[np.bool_]:
    """Return in which worlds a shadow with `ratio` times the errors passes at any look.

    A look after every label from the `FEWEST`-th on, at 0.95; side -1.0: is called worse.
    """
    rule, found = METRICS[metric], []
    for real, production, shadow in drawn:
        tried = real + ratio * (shadow - real)
        training = training_of(np.abs(production - real), metric)
        ahead = np.cumsum(rule.loss(real, tried)) < np.cumsum(rule.loss(real, production))
        sure = Bets(real, production, tried, training).wealth(side) >= np.log(20)
        found.append(bool((sure & (ahead | (side < 0)))[FEWEST - 1 :].any()))
    return np.array(found)
