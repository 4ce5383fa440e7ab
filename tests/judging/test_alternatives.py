"""What a version looks for, made of its own errors."""

from __future__ import annotations

import numpy as np
import pytest

from housing_cli.judging.alternatives import SHARES, Detector, detector
from housing_cli.judging.arrivals import relative_bands
from housing_cli.judging.sums import band_edges
from housing_cli.prediction_log.records import PREDICTED, Axis, Knots

RNG = np.random.default_rng(0)
PREDICTED_PRICES = RNG.uniform(10, 50, 600)
REAL = PREDICTED_PRICES * np.exp(0.12 * RNG.standard_t(4, 600))
KNOTS = Knots((10.0, 50.0), (-2.5, -12.0), (2.5, 12.0))


def made(knots: Knots | None = KNOTS, n: int = 600) -> Detector:
    price = Axis(PREDICTED, band_edges(PREDICTED_PRICES[:n]))
    return detector(REAL[:n], PREDICTED_PRICES[None, :n], price, knots)


def cells_of(looked_for: Detector) -> np.ndarray:
    """Return the cells of the training rows themselves."""
    low, high = (np.interp(PREDICTED_PRICES, KNOTS.prices, e) for e in (KNOTS.low, KNOTS.high))
    off = REAL - PREDICTED_PRICES
    bands = np.searchsorted(looked_for.price.edges, PREDICTED_PRICES, side="right")
    errors = relative_bands(REAL, PREDICTED_PRICES, looked_for.errors)
    return (bands * (len(looked_for.errors) + 1) + errors) * 2 + ((off >= low) & (off <= high))


def test_the_budget_is_shared_and_nothing_of_it_is_lost() -> None:
    assert sum(SHARES.values()) == pytest.approx(1.0)
    assert sum(a.share for a in made().alternatives) == pytest.approx(1.0)
    without = made(knots=None).alternatives
    assert sum(a.share for a in without) == pytest.approx(1 - SHARES["coverage"])


def test_the_training_rows_are_no_evidence_for_any_alternative() -> None:
    """The mean of each likelihood ratio is at most 1 in each band where nothing changed.

    It is less only where the most that a row may add cuts some off.
    """
    looked_for = made()
    cells = cells_of(looked_for)
    bands = cells // (looked_for.cells // 10)
    for alternative in looked_for.alternatives:
        ratios = np.exp(alternative.scores[cells])
        means = [ratios[bands == band].mean() for band in range(10)]
        assert min(means) > 0.75
        assert max(means) < 1.01
        counts = np.bincount(cells, minlength=looked_for.cells).astype(float)
        assert alternative.evidence(counts) < 0.0


def test_doubt_of_one_band_grows_with_its_rows_and_bands_share_none() -> None:
    looked_for = made()
    error = looked_for.alternatives[0]
    wide = looked_for.cells // 10

    def doubt(*rows: int) -> float:
        counts = np.zeros(looked_for.cells)
        counts[::wide][: len(rows)] = rows
        return float(counts @ error.scores - error.evidence(counts))

    assert doubt(20) == pytest.approx(2 * doubt(10))
    assert doubt(10, 10) == pytest.approx(np.hypot(doubt(10), doubt(0, 10)))


def test_a_segment_with_few_rows_is_no_channel() -> None:
    assert {a.channel for a in made(n=100).alternatives} == set(SHARES) - {"segment"}


def test_no_row_can_say_much() -> None:
    assert max(a.scores.max() for a in made().alternatives) <= 1.5
