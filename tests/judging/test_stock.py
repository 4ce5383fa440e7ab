"""Which part of the stock a challenger ruins, on prices alone."""

from __future__ import annotations

import numpy as np
import pytest

from housing_cli.judging.segments import SegmentContest
from housing_cli.judging.stock import Priced, Stock, coarser, stock_of
from housing_cli.judging.sums import band_edges
from housing_cli.prediction_log.records import PREDICTED, Axis

RNG = np.random.default_rng(0)
FEATURES = RNG.uniform(0, 1, (400, 2))
REAL = RNG.uniform(10, 50, 400)
AXES = [
    *(Axis(name, band_edges(column)) for name, column in zip("ab", FEATURES.T, strict=True)),
    Axis(PREDICTED, band_edges(REAL)),
]  # fmt: skip


def priced(seed: int, n: int = 400, by: float = 0.0, above: float = 0.8) -> Priced:
    """Return n houses; the challenger is off by `by` more where the first feature is `above`."""
    rng = np.random.default_rng(seed)
    real = REAL[:n]
    off = np.where(FEATURES[:n, 0] > above, by * np.where(rng.random(n) < 0.5, -1, 1), 0.0)
    champion, challenger = (real + rng.normal(0, 2, n) for _ in range(2))
    return Priced(FEATURES[:n], real, champion, challenger + off)


def judged(old: Priced, recent: Priced) -> Stock:
    return stock_of(old, recent, AXES, metric="rmse", threshold=0.1)


@pytest.mark.parametrize("seed", range(5))
def test_the_part_that_got_worse_is_found_on_each_side(seed: int) -> None:
    fine, bad = priced(seed), priced(seed + 100, by=5.0)
    for found, part in (
        (judged(bad, fine), "old"), (judged(fine, bad), "recent"),
    ):  # fmt: skip
        assert (found.ruined, found.worse) == (part == "old", part == "recent")
        worst = getattr(found, part)
        assert isinstance(worst, SegmentContest)
        assert (worst.axis, worst.high) == ("a", None)
        assert worst.low == pytest.approx(0.8, abs=0.05)
        assert worst.challenger > 1.5 * worst.champion
        assert worst.bounds == f"a {worst.low:.4g} and more"


def test_equal_models_ruin_nothing_more_often_than_promised() -> None:
    found = [judged(priced(seed), priced(seed + 1000)) for seed in range(60)]
    assert sum(one.ruined for one in found) <= 8
    assert sum(one.worse for one in found) <= 8
    assert all(one.old is not None for one in found)


def test_beyond_chance_but_within_the_threshold_is_no_ruin() -> None:
    rows = priced(1)
    slightly = Priced(
        rows.features, rows.real, rows.champion, rows.real + 1.05 * (rows.champion - rows.real)
    )
    found = judged(slightly, priced(2))
    assert found.old is not None
    assert found.old.worse
    assert not found.ruined


def test_few_rows_are_not_tested() -> None:
    found = judged(priced(0, 49, by=50.0), priced(0, 0))
    assert found == Stock(49, None, False, None, False)
    assert judged(priced(0, 60, by=50.0, above=0.5), priced(0)).ruined


@pytest.mark.parametrize(("bands", "kept"), [(2, 1), (5, 4), (10, 9), (20, 9)])
def test_bands_are_joined_and_none_is_new(bands: int, kept: int) -> None:
    axis = coarser(AXES[0], bands)
    assert len(axis.edges) == kept
    assert set(axis.edges) <= set(AXES[0].edges)
    counts = np.histogram(FEATURES[:, 0], [-1, *axis.edges, 2])[0]
    assert counts.max() - counts.min() <= 2
