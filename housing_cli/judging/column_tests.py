"""Tests of one column then and now: the right one for its kind, each with an effect size.

Continuous values: Kolmogorov-Smirnov (Smirnov 1939). Two values: Fisher's exact test (1922). A few
values: Pearson's chi-squared (1900), levels pooled until each is expected five times. Missing or
not: Fisher's. All p values are two-sided.

Not by `scipy.stats`: to import it takes 1 s, as long as a whole `housing evaluate` may; what is
special about these tests, their distributions, is `scipy.special`'s. The tests of this module hold
them against `scipy.stats`. Holm's correction it does not have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, gammaln, kolmogorov

from housing_cli.judging.sums import BANDS

Floats = NDArray[np.float64]

FEW_VALUES = BANDS
"""A column of so many distinct values at most is one of levels, not a continuous one."""
_EXPECTED = 5.0
# Tables as likely as the one found count as well, though their sums of logarithms differ.
_AS_LIKELY = 1e-7


class Tested(NamedTuple):
    """What a test found.

    effect: share of rows, 0 to 1: the largest gap between the distribution functions for
    `Kolmogorov-Smirnov`, half the sum of changed shares for the others (total variation distance).
    cohens_h: of the level whose share changed most on the scale of Cohen (1988), 0 to pi, which
    sees that 7 % became none; 0 for continuous values.
    """

    test: str
    p_value: float
    effect: float
    cohens_h: float = 0.0


NOTHING = Tested("none", 1.0, 0.0)


def values_test(before: Floats, now: Floats, *, codes: bool = False) -> Tested:
    """Test known values (m,) and (n,), none of them NaN; nothing is said where one side is empty.

    The values of `before` decide what kind of column it is. codes: they have no order.
    """
    if not len(before) or not len(now):
        return NOTHING
    levels = np.unique(before)
    if len(levels) > FEW_VALUES and not codes:
        return kolmogorov_smirnov(before, now)
    # A value that was never there is one more level, whichever it is.
    return levels_test(
        np.append(np.bincount(np.searchsorted(levels, before), minlength=len(levels)), 0),
        _counts(levels, now),
    )


def missing_test(before: Floats, now: Floats) -> Tested:
    """Test whether more or fewer values are missing (NaN) among (m,) and (n,)."""
    gone = [int(np.isnan(column).sum()) for column in (before, now)]
    if not any(gone):
        return NOTHING
    sides = zip((before, now), gone, strict=True)
    return levels_test(*(np.array([len(column) - lost, lost]) for column, lost in sides))


def kolmogorov_smirnov(before: Floats, now: Floats) -> Tested:
    """Return the two-sample Kolmogorov-Smirnov test, its p value as for many rows.

    Of values that repeat it says too large a p, never too small a one.
    """
    old, new = np.sort(before), np.sort(now)
    values = np.concatenate([old, new])
    gap = np.abs(
        np.searchsorted(old, values, side="right") / len(old)
        - np.searchsorted(new, values, side="right") / len(new)
    ).max()
    rows = len(old) * len(new) / (len(old) + len(new))
    return Tested("Kolmogorov-Smirnov", float(kolmogorov(np.sqrt(rows) * gap)), float(gap))


def levels_test(before: NDArray[np.int64], now: NDArray[np.int64]) -> Tested:
    """Test counts (k,) of the same k levels; each side counts at least one row."""
    table = np.stack([before, now])
    shares = table / table.sum(axis=1, keepdims=True)
    effect = float(np.abs(shares[1] - shares[0]).sum() / 2)
    h = float(np.abs(np.diff(2 * np.arcsin(np.sqrt(shares)), axis=0)).max())
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] > 2:  # noqa: PLR2004 - two values have an exact test
        table = _pooled(table)
    if table.shape[1] < 2:  # noqa: PLR2004 - one value has nothing to test
        return Tested("none", 1.0, effect, h)
    if table.shape[1] == 2:  # noqa: PLR2004
        return Tested("Fisher", fisher(table), effect, h)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    statistic = ((table - expected) ** 2 / expected).sum()
    return Tested("chi-squared", float(chdtrc(table.shape[1] - 1, statistic)), effect, h)


def fisher(table: NDArray[np.int64]) -> float:
    """Return the two-sided p value of Fisher's exact test for counts (2, 2)."""
    (first, _), _ = table.tolist()
    row, column, total = int(table[0].sum()), int(table[:, 0].sum()), int(table.sum())
    cell = np.arange(max(0, row + column - total), min(row, column) + 1)
    likely = -sum(
        gammaln(count + 1)
        for count in (cell, row - cell, column - cell, total - row - column + cell)
    )  # up to a constant, the logarithm of the hypergeometric probability
    weights = np.exp(likely - likely.max())
    found = likely <= likely[first - cell[0]] + _AS_LIKELY
    return min(1.0, float(weights[found].sum() / weights.sum()))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values corrected for being many (Holm 1979): the smallest counts k times."""
    order = np.argsort(p_values)
    corrected = [1.0] * len(p_values)
    highest = 0.0
    for rank, position in enumerate(order.tolist()):
        highest = max(highest, min(1.0, p_values[position] * (len(p_values) - rank)))
        corrected[position] = highest
    return corrected


def _counts(levels: Floats, values: Floats) -> NDArray[np.int64]:
    """Return how often each level stands among `values`, and last how many are no level."""
    places = np.minimum(np.searchsorted(levels, values), len(levels) - 1)
    places = np.where(levels[places] == values, places, len(levels))
    return np.bincount(places, minlength=len(levels) + 1)


def _pooled(table: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return counts (2, k) with the rarest levels as one, so that chi-squared holds."""
    table = table[:, np.argsort(table.sum(axis=0), kind="stable")]
    smaller = table.sum(axis=1).min() / table.sum()
    expected = np.cumsum(table.sum(axis=0)) * smaller
    each = table.sum(axis=0) * smaller
    if each[0] >= _EXPECTED:
        return table
    enough = np.flatnonzero(expected >= _EXPECTED)
    most = max(int((each < _EXPECTED).sum()), int(enough[0]) + 1 if len(enough) else len(each))
    return np.column_stack([table[:, :most].sum(axis=1), table[:, most:]])
