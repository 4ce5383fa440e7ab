"""Since when a version is worse: the change point of its losses, where the evidence shows one.

The losses lie in the order of their predictions. Their mean before the change is known, from
training; after it, it is not. For each possible start the generalized likelihood ratio is the sum
of what the losses are above that mean, squared, over their number (Lorden 1971; Basseville &
Nikiforov, Detection of abrupt changes, 1993, section 2.4.3); the start with the largest is the
estimate. Whether there is a change at all is seen in worlds without one, drawn from the version's
own out-of-fold losses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SURE = 0.05
"""At most so many unchanged worlds show a change."""
FEWEST = 10
"""Fewer rows before or after a change are no evidence of when it was."""
DRAWS = 200


@dataclass(frozen=True, slots=True)
class Change:
    """Where losses grew: from part `at` on. n: rows from there on; p_value: of any change.

    from_start: there are not `FEWEST` rows before it; it may have been earlier.
    """

    at: int
    n: int
    from_start: bool
    p_value: float


def change_in(totals: Floats, counts: Floats, training: Floats, seed: int = 0) -> Change | None:
    """Return since when losses are larger than at training, `None` where evidence is thin.

    totals, counts: (m,), sums of the losses and numbers of rows of m parts in order of time: rows
    with a count of 1, or days. training: (t,), out-of-fold losses. All losses are at most the same
    bound, so that one absurd price is no change.
    """
    if not len(totals) or counts.sum() < FEWEST:
        return None
    usual = float(training.mean())
    seen = _ratios((totals - counts * usual)[None], counts)[0]
    at = int(seen.argmax())
    rng = np.random.default_rng(seed)
    if counts.max() == 1:
        worlds = training[rng.integers(0, len(training), (DRAWS, len(totals)))] - usual
    else:  # a day of few rows is skewed, but days of many decide
        worlds = rng.normal(size=(DRAWS, len(totals))) * training.std() * np.sqrt(counts)
    chance = (1 + (_ratios(worlds, counts).max(axis=1) >= seen[at]).sum()) / (1 + DRAWS)
    n = int(counts[at:].sum())
    if chance > SURE or n < FEWEST:
        return None
    start = bool(counts[:at].sum() < FEWEST)
    return Change(0 if start else at, int(counts.sum()) if start else n, start, float(chance))


def _ratios(excess: Floats, counts: Floats) -> Floats:
    """Return for each start (w, m) the ratio: how evidently losses are larger from there on."""
    since = np.cumsum(excess[:, ::-1], axis=1)[:, ::-1]
    rows = np.cumsum(counts[::-1])[::-1]
    found: Floats = np.maximum(since, 0.0) ** 2 / np.maximum(rows, 1)
    return found
