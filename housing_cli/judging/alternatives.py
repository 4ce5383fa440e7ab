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
_SURE = 2.5
"""Standard errors of the baseline by which the unchanged world may differ from it: the zone of
indifference."""
_MISSES = 1.75
"""How many times as often intervals miss in the world that coverage is looked at for."""
_SEGMENT = 0.2
"""By how much the real prices of a segment move in the worlds that it is looked at for."""
_FEWEST = 20
"""Rows of the reference that a segment needs to be a channel of its own."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way to go wrong.

    share: of the budget. segment: the band of the predicted price, `None` for all. scores:
    (cells,), what a row of each cell adds to the logarithm of the likelihood ratio, which is on
    average 1 in each price band of the training rows: so it does not matter which prices get
    labels. doubts: (price bands,), the variance that the baseline's sampling gives to what a row
    of the band adds, times the allowance squared.
    """

    channel: Channel
    share: float
    segment: int | None
    direction: Direction | None
    scores: Floats
    doubts: Floats

    def evidence(self, counts: Floats) -> Floats:
        """Return the logarithms of e-values of counts of labels (..., cells).

        The least that they are for any unchanged world within the allowance: rows of a band share
        its doubt, those of different bands have their own.
        """
        bands = len(self.doubts)
        rows = counts.reshape(*counts.shape[:-1], bands, counts.shape[-1] // bands).sum(axis=-1)
        least: Floats = counts @ self.scores - np.sqrt(rows**2 @ self.doubts)
        return least


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
    real = np.broadcast_to(target, out_of_fold.shape)
    errors = _bounds(real, out_of_fold)
    rows = _Rows(real, out_of_fold, price, errors)
    bands, width = len(price.edges) + 1, len(errors) + 1
    found = []

    def add(
        channel: Channel, share: float, worlds: tuple[Floats, Floats],
        segment: int | None = None, direction: Direction | None = None,
    ) -> None:  # fmt: skip
        picked = slice(None) if segment is None else slice(segment, segment + 1)
        scores, doubts = _scores(worlds[0][picked], worlds[1][picked])
        cells, all_doubts = np.zeros((bands, width, 2)), np.zeros(bands)
        cells[picked] = scores[:, None] if channel == "coverage" else scores[..., None]
        all_doubts[picked] = doubts
        share *= SHARES[channel]
        found.append(Alternative(channel, share, segment, direction, cells.ravel(), all_doubts))

    for (channel, share), after in _worlds(rows).items():
        direction: Direction | None = None
        if channel.startswith("bias"):
            direction = "up" if channel == "bias up" else "down"
        add(channel, share, (rows.before, after), direction=direction)
    if knots is not None:
        before = rows.covered(knots)
        missed, n = before[:, 0], before.sum(axis=1)
        after = np.column_stack([missed * _MISSES, n - missed * _MISSES])
        if missed.sum() and after.sum(axis=0).min() > 0:
            add("coverage", 1.0, (before, after))
    rich = np.flatnonzero(rows.before.sum(axis=1) >= _FEWEST).tolist()
    for band in rich:
        for direction, size in (("up", _SEGMENT), ("down", -_SEGMENT)):
            add("segment", 0.5 / len(rich), (rows.before, rows.moved(size)), band, direction)
    usual = float(relative(real, out_of_fold).mean())
    return Detector(price, errors, tuple(found), usual)


class _Rows:
    """Training rows (repeats, n), counted for a repeat by the bands of the predicted price.

    before: (price bands, error bands), how many rows have an error in each.
    """

    def __init__(
        self, real: Floats, predicted: Floats, price: Axis, errors: Sequence[float]
    ) -> None:
        self._real, self._predicted, self._errors = real, predicted, errors
        self._price = np.searchsorted(np.array(price.edges), predicted, side="right")
        self._bands = len(price.edges) + 1
        self.before = self._counts(real)

    def moved(self, size: float) -> Floats:
        """Return the counts if every real price moved by `size`."""
        return self._counts(self._real * (1 + size))

    def larger(self, size: float) -> Floats:
        """Return the counts if every error were larger by `size`."""
        return self._counts(self._predicted + (self._real - self._predicted) * (1 + size))

    def covered(self, knots: Knots) -> Floats:
        """Return how many rows their intervals miss and cover, (price bands, 2)."""
        low, high = (
            np.interp(self._predicted, knots.prices, ends) for ends in (knots.low, knots.high)
        )
        off = self._real - self._predicted
        return self._sorted(((off >= low) & (off <= high)).astype(np.intp), 2)

    def _counts(self, real: Floats) -> Floats:
        bands = relative_bands(real, self._predicted, self._errors)
        return self._sorted(bands, len(self._errors) + 1)

    def _sorted(self, kinds: NDArray[np.intp], width: int) -> Floats:
        cells = np.bincount((self._price * width + kinds).ravel(), minlength=self._bands * width)
        counts: Floats = cells.reshape(self._bands, width) / len(self._real)
        return counts


def _worlds(rows: _Rows) -> dict[tuple[Channel, float], Floats]:
    """Return counts in worlds that changed, by channel and share of its budget."""
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


def _scores(before: Floats, after: Floats) -> tuple[Floats, Floats]:
    """Return what a row of each cell adds to the evidence for `after`, and the doubts of each band.

    before, after: counts (price bands, kinds). The ratio is that of all bands together, clipped, as
    a band's own rows are too few to tell their ratio from chance; what makes it 1 on average is the
    band's own.
    """
    usual = _shares(before)
    scores = np.clip(np.log(_shares(after) / usual), -_MOST, _MOST)
    n = before.sum(axis=1)
    shares = (before + usual) / (n + 1)[:, None]
    mean, square = shares @ np.exp(scores), shares @ np.exp(2 * scores)
    doubts = _SURE**2 * np.maximum(square / mean**2 - 1, 0.0) / np.maximum(n, 1.0)
    return np.minimum(scores - np.log(mean)[:, None], _MOST), doubts


def _shares(counts: Floats) -> Floats:
    """Return the shares of the kinds in counts (price bands, kinds), (kinds,)."""
    # Half a row more of each: none is impossible (Jeffreys; Krichevsky & Trofimov 1981).
    more = counts.sum(axis=0) + 0.5
    shares: Floats = more / more.sum()
    return shares


def _bounds(real: Floats, predicted: Floats) -> tuple[float, ...]:
    """Return bounds of the bands of the relative error: quantiles, closest in the tails."""
    size = np.maximum(np.abs(predicted), 1e-75)
    return tuple(np.unique(np.quantile((predicted - real) / size, _QUANTILES)).tolist())
