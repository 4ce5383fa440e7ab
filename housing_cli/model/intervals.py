"""Prediction intervals: how far from a predicted price the real one usually lies.

`conformal.py` makes them at training time; this part only looks them up, in less than a
microsecond a price, so that the API can say the interval of every one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

import msgspec
import numpy as np
from numpy.typing import NDArray

_HIGHEST = float(np.finfo(np.float32).max)
"""No price is higher: models answer in float32."""


class _Ends(msgspec.Struct, frozen=True):
    """Knots and offsets as `intervals.json` holds them."""

    prices: list[float]
    low: list[float]
    high: list[float]

    def __post_init__(self) -> None:
        """Refuse what is no interval; msgspec turns it into a validation error."""
        if any(after <= before for before, after in pairwise(self.prices)):
            raise ValueError("the knots do not ascend")
        if max(self.low, default=0.0) > 0 or min(self.high, default=0.0) < 0:
            raise ValueError("an interval does not hold its own price")
        if any(abs(value) > _HIGHEST for value in (*self.prices, *self.low, *self.high)):
            raise ValueError("a number beyond all prices")


class _File(_Ends, frozen=True, kw_only=True):
    coverage: Annotated[float, msgspec.Meta(gt=0, lt=1)]
    scaled: _Ends | None = None


class IntervalModel:
    """Offsets of the interval's ends from the predicted price, by predicted price and spread.

    prices: ascending knots. low (at most 0) and high (at least 0): the offsets there; between two
    knots they are interpolated, beyond the ends they stay. coverage: the share of real prices that
    the interval is made to hold. All in the target's unit. scaled: an interval of the same kind
    whose offsets are multiplied with the spread of a row (`CompiledModel.scored`); where there is
    one, it is what is answered, and this one is for programs and sums that know prices alone.
    """

    __slots__ = ("_high", "_last", "_low", "_prices", "coverage", "scaled")

    def __init__(
        self,
        coverage: float,
        prices: Sequence[float],
        low: Sequence[float],
        high: Sequence[float],
        scaled: IntervalModel | None = None,
    ) -> None:
        if not len(prices) == len(low) == len(high) >= 1:
            raise ValueError("as many offsets as knots are needed")
        self.coverage = float(coverage)
        self._prices = [float(price) for price in prices]
        self._low = [float(offset) for offset in low]
        self._high = [float(offset) for offset in high]
        self._last = len(self._prices) - 1
        self.scaled = scaled

    @classmethod
    def from_json(cls, raw: bytes) -> IntervalModel:
        """Return what `to_json` wrote. Raises ValueError for anything else."""
        try:
            data = msgspec.json.decode(raw, type=_File)
        except RecursionError as error:
            raise ValueError("no prediction intervals") from error
        scaled, coverage = data.scaled, data.coverage
        own = None if scaled is None else cls(coverage, scaled.prices, scaled.low, scaled.high)
        return cls(coverage, data.prices, data.low, data.high, own)

    def to_json(self) -> bytes:
        """Return the bytes that stand in the version's `intervals.json`."""
        data: dict[str, object] = {"coverage": self.coverage} | self._ends()
        if self.scaled is not None:
            data["scaled"] = self.scaled._ends()
        return msgspec.json.encode(data)

    def with_scaled(self, scaled: IntervalModel) -> IntervalModel:
        """Return these intervals with those that are answered."""
        ends = (self._prices, self._low, self._high)
        return IntervalModel(self.coverage, *ends, scaled)

    @property
    def knots(self) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
        """Return the knots and the offsets there, low and high, by predicted price alone."""
        return tuple(self._prices), tuple(self._low), tuple(self._high)

    def _ends(self) -> dict[str, object]:
        return {"prices": self._prices, "low": self._low, "high": self._high}

    def interval(self, price: float, spread: float = 1.0) -> tuple[float, float]:
        """Return the ends of the interval around a predicted price, the lower at least 0."""
        if self.scaled is not None:
            return self.scaled.interval(price, spread)
        prices = self._prices
        at = bisect_right(prices, price)
        if at == 0:
            low, high = self._low[0], self._high[0]
        elif at > self._last:
            low, high = self._low[-1], self._high[-1]
        else:
            before = prices[at - 1]
            share = (price - before) / (prices[at] - before)
            low = self._low[at - 1] + share * (self._low[at] - self._low[at - 1])
            high = self._high[at - 1] + share * (self._high[at] - self._high[at - 1])
        low = price + spread * low
        return (low if low > 0.0 else 0.0), price + spread * high

    def intervals(
        self, prices: NDArray[np.float64], spreads: NDArray[np.float64] | float = 1.0
    ) -> NDArray[np.float64]:
        """Return the ends (n, 2) of the intervals around `prices` (n,): what `interval` returns.

        spreads: (n,), or one for all.
        """
        ends = prices[:, None] + self.offsets(prices, spreads)
        ends[:, 0] = np.maximum(ends[:, 0], 0.0)
        return ends

    def offsets(
        self, prices: NDArray[np.float64], spreads: NDArray[np.float64] | float = 1.0
    ) -> NDArray[np.float64]:
        """Return how far from `prices` (n,) the ends (n, 2) lie, also where that is below 0."""
        if self.scaled is not None:
            return self.scaled.offsets(prices, spreads)
        knots = np.array(self._prices)
        offsets = np.array([self._low, self._high])
        at = np.searchsorted(knots, prices, side="right")
        before, after = np.maximum(at - 1, 0), np.minimum(at, self._last)
        width = knots[after] - knots[before]
        share = np.divide(
            prices - knots[before], width, out=np.zeros(len(prices)), where=width > 0.0
        )
        found = offsets[:, before] + share * (offsets[:, after] - offsets[:, before])
        ends: NDArray[np.float64] = (spreads * found).T
        return ends

    def stretched(self, low: float, high: float) -> IntervalModel:
        """Return intervals whose offsets are multiplied with `low` and `high`, each its own."""
        return IntervalModel(
            self.coverage,
            self._prices,
            [offset * low for offset in self._low],
            [offset * high for offset in self._high],
            self.scaled and self.scaled.stretched(low, high),
        )
