"""Figures that report and model card share: arrays in, charts out."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from housing_cli.pages import charts

Floats = NDArray[np.float64]

MOST_SPOTS, BINS = 1_500, 24


def prices(predicted: Floats, real: Floats, unit: str) -> Markup:
    """Return predicted against real prices (n,), of `MOST_SPOTS` rows spread evenly over all."""
    n = len(real)
    spots = np.unique(np.linspace(0, n - 1, min(n, MOST_SPOTS)).astype(np.intp))
    pairs = list(zip(predicted[spots].tolist(), real[spots].tolist(), strict=True))
    return charts.scatter(pairs, "predicted", f"real {unit}")


def errors(now: Floats, before: Floats) -> Markup:
    """Return the distribution of errors now (n,), and before (m,) as an outline.

    The rarest are counted at the edges.
    """
    every = now if now is before else np.concatenate([now, before])
    low, high = np.quantile(every, [0.005, 0.995]).tolist()
    edges = np.linspace(min(low, -1e-6), max(high, 1e-6), BINS + 1)
    of_now, of_before = (
        (np.histogram(np.clip(side, edges[0], edges[-1]), edges)[0] / len(side)).tolist()
        for side in (now, before)
    )
    return charts.histogram(edges.tolist(), of_now, of_before, "error")
