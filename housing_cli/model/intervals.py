"""Prediction intervals: how far from a predicted price the real one usually lies.

`conformal.py` makes them at training time; this part only looks them up, in less than a
microsecond a price, so that the API can say the interval of every one.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class IntervalModel:
    """Offsets of the interval's ends from the predicted price, by predicted price.

    prices: ascending knots. low (at most 0) and high (at least 0): the offsets there; between two
    knots they are interpolated, beyond the ends they stay. coverage: the share of real prices that
    the interval is made to hold. All in the target's unit.
    """

    __slots__ = ("_high", "_last", "_low", "_prices", "coverage")

    def __init__(
        self,
        coverage: float,
        prices: Sequence[float],
        low: Sequence[float],
        high: Sequence[float],
    ) -> None:
        if not len(prices) == len(low) == len(high) >= 1:
            raise ValueError("as many offsets as knots are needed")
        self.coverage = float(coverage)
        self._prices = [float(price) for price in prices]
        self._low = [float(offset) for offset in low]
        self._high = [float(offset) for offset in high]
        self._last = len(self._prices) - 1

    @classmethod
    def from_json(cls, raw: bytes) -> IntervalModel:
        """Return what `to_json` wrote. Raises ValueError for anything else."""
        try:
            data = json.loads(raw)
            return cls(data["coverage"], data["prices"], data["low"], data["high"])
        except (KeyError, TypeError) as error:
            raise ValueError("no prediction intervals") from error

    def to_json(self) -> bytes:
        """Return the bytes that stand in the version's `intervals.json`."""
        data = {
            "coverage": self.coverage,
            "prices": self._prices,
            "low": self._low,
            "high": self._high,
        }
        return json.dumps(data).encode()

    def interval(self, price: float) -> tuple[float, float]:
        """Return the ends of the interval around a predicted price, the lower at least 0."""
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
        low += price
        return (low if low > 0.0 else 0.0), price + high

    def intervals(self, prices: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the ends (n, 2) of the intervals around `prices` (n,): what `interval` returns."""
        knots = np.array(self._prices)
        offsets = np.array([self._low, self._high])
        at = np.searchsorted(knots, prices, side="right")
        before, after = np.maximum(at - 1, 0), np.minimum(at, self._last)
        width = knots[after] - knots[before]
        share = np.divide(
            prices - knots[before], width, out=np.zeros(len(prices)), where=width > 0.0
        )
        ends = offsets[:, before] + share * (offsets[:, after] - offsets[:, before]) + prices
        return np.stack([np.maximum(ends[0], 0.0), ends[1]], axis=1)
