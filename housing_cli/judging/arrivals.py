"""Labels by the day on which they came in, counted by bands: of rows, as a log counts its own.

The relative error is (predicted - real) / |predicted|: a market that moved by a tenth moves it by
a tenth, whatever a house costs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from housing_cli.judging.labels import kinds
from housing_cli.prediction_log.records import HIGHEST_PRICE, Arrivals, ArrivalsQuery, Labeled

Floats = NDArray[np.float64]
Bands = NDArray[np.int64]

_SMALLEST = 1e-75
"""What is smaller counts as 0, as in the logs' statements: a database could not square it."""


def relative_bands(real: Floats, predicted: Floats, bounds: Sequence[float]) -> Bands:
    """Return how many `bound * |predicted|` are at or below predicted - real, for each row."""
    error, size = _error_and_size(real, predicted)
    bands: Bands = (error[..., None] >= np.array(bounds) * size[..., None]).sum(axis=-1)
    return bands


def relative(real: Floats, predicted: Floats) -> Floats:
    """Return (real - predicted) / |predicted| of rows, from -1 to 1."""
    error, size = _error_and_size(real, predicted)
    within = np.abs(error) < size
    return np.where(
        within, -error / np.where(within, size, 1.0), np.where(error >= size, -1.0, 1.0)
    )


def arrivals_of(rows: Labeled, query: ArrivalsQuery) -> Arrivals:
    """Return the counts of labeled rows of one version, as a log gives them of its own."""
    if query.kinds is not None and query.left_out:
        rows = rows.where(~np.isin(kinds(rows.real, rows.predicted, query.kinds), query.left_out))
    days = np.floor(rows.labeled_at / 86_400).astype("M8[D]").astype(str)
    bands = np.searchsorted(np.array(query.price.edges), rows.predicted, side="right")
    off = relative_bands(rows.real, rows.predicted, query.errors)
    covered = np.zeros(len(rows), dtype=np.int64)
    if query.knots is not None:
        low, high = (
            np.interp(rows.predicted, query.knots.prices, ends)
            for ends in (query.knots.low, query.knots.high)
        )
        covered += (rows.real >= low + rows.predicted) & (rows.real <= rows.predicted + high)
    width, segments = len(query.errors) + 1, len(query.price.edges) + 1
    names, day = np.unique(days, return_inverse=True)
    found, places = np.unique((day * segments + bands) * width + off, return_inverse=True)
    n = len(found)
    return Arrivals(
        names[found // (segments * width)].tolist(),
        found // width % segments,
        found % width,
        np.bincount(places, minlength=n).astype(np.int64),
        np.bincount(places, covered, n).astype(np.int64),
        np.bincount(places, relative(rows.real, rows.predicted), n).astype(np.float64),
        rows.skipped,
    )


def _error_and_size(real: Floats, predicted: Floats) -> tuple[Floats, Floats]:
    error, size = (
        np.where(np.abs(values) < _SMALLEST, 0.0, np.clip(values, -HIGHEST_PRICE, HIGHEST_PRICE))
        for values in (predicted - real, np.abs(predicted))
    )
    return error, size
