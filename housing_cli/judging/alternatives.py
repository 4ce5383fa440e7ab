"""The ways in which a version can go wrong, as likelihood ratios of bands of its own errors.

Each is made of the training rows and their out-of-fold prices: what their errors would be if real
prices had moved, errors had grown, intervals had missed, or one segment had moved. A log answers by
counts of bands, and one absurd price is one row in an outer band, whose ratio is bounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from housing_cli.judging.arrivals import relative, relative_bands
from housing_cli.prediction_log.records import Axis, Knots

Floats = NDArray[np.float64]
Channel = Literal["error", "bias up", "bias down", "coverage", "segment"]
Direction = Literal["up", "down"]

SHARES: dict[Channel, float] = {
    "error": 0.3, "bias up": 0.25, "bias down": 0.2, "coverage": 0.05, "segment": 0.2,
}  # fmt: skip
"""How the budget is shared; they add up to 1."""
_QUANTILES = (0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.975, 0.99)
_MOST = 1.5
"""The most that one row may add to the evidence (a logarithm of a likelihood ratio)."""
_SURE, _SURER = 1.0, 2.0
"""Standard errors of the baseline by which the unchanged world may differ from it: the zone of
indifference. The second for coverage, which was fitted to the same rows, and for segments, of which
the luckiest of ten would be the first to cry."""
_SEGMENT = 0.2
"""By how much the real prices of a segment move in the worlds that it is looked at for."""
_FEWEST = 20
"""Rows of the reference that a segment needs to be a channel of its own."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way to go wrong.

    share: of the budget. segment: the band of the predicted price, `None` for all. scores:
    (cells,), what a row of each cell adds to the logarithm of the likelihood ratio, the allowance
    for the baseline's sampling error taken off.
    """

    channel: Channel
    share: float
    segment: int | None
    direction: Direction | None
    scores: Floats


@dataclass(frozen=True, slots=True)
class Detector:
    """What is looked for, from a version's own out-of-fold errors.

    price: bands of the predicted price. errors: inner bounds of the bands of the relative error,
    (predicted - real) / |predicted|. A cell is (price band * error bands + error band) * 2 +
    covered. usual: the mean of `relative` over the training rows.
    """

    price: Axis
    errors: tuple[float, ...]
    alternatives: tuple[Alternative, ...]
    usual: float

    @property
    def cells(self) -> int:
        """How many cells there are."""
        return (len(self.price.edges) + 1) * (len(self.errors) + 1) * 2


def detector(target: Floats, out_of_fold: Floats, price: Axis, knots: Knots | None) -> Detector:
    """Return what is looked for, from n training rows: target (n,), out_of_fold (repeats, n).

    price: bands of the predicted price. knots: the version's intervals; without them coverage is
    no channel.
    """
    predicted = out_of_fold
    real = np.broadcast_to(target, predicted.shape)
    errors = _bounds(real, predicted)
    rows = _Rows(real, predicted, errors)
    bands, width = len(price.edges) + 1, len(errors) + 1
    segments = np.searchsorted(np.array(price.edges), predicted, side="right")
    found = []

    def add(
        channel: Channel, share: float, scores: Floats,
        segment: int | None = None, direction: Direction | None = None,
    ) -> None:  # fmt: skip
        cells = np.zeros((bands, width, 2))
        cells[slice(None) if segment is None else segment] = scores
        share *= SHARES[channel]
        found.append(Alternative(channel, share, segment, direction, cells.ravel()))

    for (channel, share), after in _worlds(rows).items():
        direction: Direction | None = None
        if channel.startswith("bias"):
            direction = "up" if channel == "bias up" else "down"
        add(channel, share, rows.scores(after)[:, None], direction=direction)
    if knots is not None:
        low, high = (np.interp(predicted, knots.prices, ends) for ends in (knots.low, knots.high))
        missed = float(1 - ((real - predicted >= low) & (real - predicted <= high)).mean())
        before = np.array([missed, 1 - missed])
        after = np.array([missed * 1.75, 1 - missed * 1.75])
        if 0 < missed * 1.75 < 1:
            add("coverage", 1.0, _scores(before, after, target.size, _SURER))
    rich = [band for band in range(bands) if _rows_in(segments == band) >= _FEWEST]
    for band in rich:
        own = rows.where(segments == band)
        for direction, size in (("up", _SEGMENT), ("down", -_SEGMENT)):
            scores = own.scores(own.moved(size), _SURER)
            add("segment", 0.5 / len(rich), scores[:, None], band, direction)
    return Detector(price, errors, tuple(found), rows.usual)


class _Rows:
    """Training rows by the bands of their relative error: of all, or of a segment."""

    def __init__(
        self, real: Floats, predicted: Floats, errors: Sequence[float],
        picked: NDArray[np.bool_] | None = None,
    ) -> None:  # fmt: skip
        self._real, self._predicted, self._errors = real, predicted, errors
        self._picked = np.ones(real.shape, dtype=bool) if picked is None else picked
        self._m = _rows_in(self._picked)
        self.before = self._shares(real)
        self.usual = float(relative(real, predicted)[self._picked].mean())

    def where(self, picked: NDArray[np.bool_]) -> _Rows:
        """Return the rows that are picked (repeats, n)."""
        return _Rows(self._real, self._predicted, self._errors, picked)

    def moved(self, size: float) -> Floats:
        """Return the shares of the bands if every real price moved by `size`."""
        return self._shares(self._real * (1 + size))

    def larger(self, size: float) -> Floats:
        """Return the shares of the bands if every error were larger by `size`."""
        return self._shares(self._predicted + (self._real - self._predicted) * (1 + size))

    def scores(self, after: Floats, sure: float = _SURE) -> Floats:
        """Return what a row of each band adds to the evidence for `after`."""
        return _scores(self.before, after, self._m, sure)

    def _shares(self, real: Floats) -> Floats:
        bands = relative_bands(real[self._picked], self._predicted[self._picked], self._errors)
        counts = np.bincount(bands, minlength=len(self._errors) + 1) / len(self._real)
        # Half a row more in each band: none is impossible (Jeffreys; Krichevsky & Trofimov 1981).
        shares: Floats = (counts + 0.5) / (counts + 0.5).sum()
        return shares


def _rows_in(picked: NDArray[np.bool_]) -> float:
    """Return how many training rows are picked, of those in each repeat (repeats, n)."""
    return float(picked.sum() / len(picked))


def _worlds(rows: _Rows) -> dict[tuple[Channel, float], Floats]:
    """Return shares of the bands in worlds that changed, by channel and share of its budget."""
    some_off = 0.95 * rows.before + 0.025 * (rows.moved(0.3) + rows.moved(-0.3))
    return {
        ("error", 0.65): rows.larger(0.25),
        ("error", 0.2): rows.larger(0.6),
        ("error", 0.15): some_off,
        ("bias up", 0.8): rows.moved(0.1),
        ("bias up", 0.2): rows.moved(0.25),
        ("bias down", 0.8): rows.moved(-0.1),
        ("bias down", 0.2): rows.moved(-0.25),
    }


def _scores(before: Floats, after: Floats, rows: float, sure: float) -> Floats:
    """Return clipped log likelihood ratios, less what makes them an e-value in unchanged worlds.

    before, after: shares of bands, (b,). rows: how many `before` was counted from. The mean of the
    ratio before is known from these with a standard error; `sure` of them are allowed for.
    """
    scores = np.clip(np.log(after / before), -_MOST, _MOST)
    ratio = np.exp(scores)
    mean = float(before @ ratio)
    error = float(np.sqrt(max(before @ ratio**2 - mean**2, 0.0) / rows))
    allowed: Floats = np.minimum(scores - np.log(mean + sure * error), _MOST)
    return allowed


def _bounds(real: Floats, predicted: Floats) -> tuple[float, ...]:
    """Return bounds of the bands of the relative error: quantiles, closest in the tails."""
    size = np.maximum(np.abs(predicted), 1e-75)
    return tuple(np.unique(np.quantile((predicted - real) / size, _QUANTILES)).tolist())
