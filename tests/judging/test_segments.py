"""Segments against their training errors: unchanged worlds name none, a bad decile is named."""

from __future__ import annotations

import numpy as np

from housing_cli.judging.reference import Reference
from housing_cli.judging.segments import (
    MIN_ROWS,
    compare_segments,
    contest_segments,
    worst_segment,
)
from housing_cli.judging.sums import band_edges, sums_of
from housing_cli.prediction_log.records import PREDICTED, Axis, Labeled
from tests.benchmarks.bench_segments_worst import changed, made, unchanged

WORLD = made(n=4000, width=4, known=506)


def judged(reference: Reference, at: np.ndarray, factor: np.ndarray) -> tuple:  # type: ignore[type-arg]
    """Compare rows `at` of the world, real prices `factor` as high."""
    predicted, real, times = WORLD.prices[0, at], WORLD.target[at] * factor, np.full(len(at), 1e9)
    names = [""] * len(at)
    rows = Labeled(names, times, times, ["v1"] * len(at), WORLD.features[at], predicted, real)
    axes = WORLD.axes(reference)
    sums = sums_of(rows, list(zip(axes, [*WORLD.features[at].T, predicted], strict=True)))
    return compare_segments(sums, reference, axes, metric="rmse")


def test_an_unchanged_world_names_a_segment_in_few_looks() -> None:
    assert unchanged(WORLD, 300, 60) <= 0.12  # 5 %, and three standard errors


def test_a_decile_that_is_off_by_30_percent_is_named() -> None:
    anything, itself = changed(WORLD, 1000, 12)
    assert anything == 1.0
    assert itself >= 0.75


def test_figures_are_those_of_the_rows() -> None:
    rng = np.random.default_rng(0)
    reference = WORLD.training(rng)
    at = rng.integers(0, len(WORLD.target), 400)
    found = judged(reference, at, np.ones(400))
    axis = WORLD.axes(reference)[1]
    one = next(s for s in found if s.axis == axis.name and s.low == axis.edges[2])
    inside = (WORLD.features[at, 1] >= axis.edges[2]) & (WORLD.features[at, 1] < axis.edges[3])
    error = (WORLD.prices[0, at] - WORLD.target[at])[inside]
    assert one.n == inside.sum()
    assert np.isclose(one.current, np.sqrt((error**2).mean()))
    assert np.isclose(one.bias, error.mean())
    known = (reference.features[:, 1] >= axis.edges[2]) & (reference.features[:, 1] < axis.edges[3])
    before = (reference.out_of_fold[0] - reference.target)[known]
    assert one.baseline_rows == known.sum()
    assert one.baseline is not None
    assert np.isclose(one.baseline, np.sqrt((before**2).mean()))
    assert {s.axis for s in found} == {"x0", "x1", "x2", "x3", PREDICTED}


def test_few_rows_are_not_tested() -> None:
    rng = np.random.default_rng(0)
    reference = WORLD.training(rng)
    found = judged(reference, rng.integers(0, len(WORLD.target), MIN_ROWS - 1), np.ones(19) * 3)
    assert found and all(segment.p_value is None for segment in found)
    assert worst_segment(found) is None
    assert worst_segment(()) is None


def test_a_challenger_that_ruins_a_segment_is_told() -> None:
    rng = np.random.default_rng(3)
    values = rng.uniform(0, 1, 500)
    axis = Axis("x", band_edges(values))
    real = rng.lognormal(3, 0.3, 500)
    champion = real * np.exp(rng.normal(0, 0.15, 500))
    other = real * np.exp(rng.normal(0, 0.15, 500))
    bad = values < axis.edges[0]
    found = contest_segments(
        real, champion, np.where(bad, other * 1.4, other), [(axis, values)], metric="rmse"
    )
    assert [segment.worse for segment in found] == [True] + [False] * 9
    assert found[0].challenger > found[0].champion and found[0].n == bad.sum()
    swapped = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        a, b = (real * np.exp(0.15 * rng.standard_t(4, 500)) for _ in range(2))
        again = contest_segments(real, a, b, [(axis, values)], metric="rmse", seed=seed)
        swapped += any(segment.worse for segment in again)
    assert swapped <= 8  # 5 % of 60, and three standard errors
