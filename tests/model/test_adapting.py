"""Factors of intervals follow recent labels, within bounds, whatever the labels are."""

from __future__ import annotations

import numpy as np
import pytest

from housing_cli.model.adapting import (
    LEAST,
    MOST,
    STEP,
    USUAL_LEAST,
    WINDOW,
    factors,
    factors_at,
    newest_factors,
)

COVERAGE = 0.9
END = 1.645
"""Of the central 90 % of a normal distribution."""


def ends(n: int) -> np.ndarray:
    return np.tile([-END, END], (n, 1))


def test_without_labels_intervals_are_as_trained() -> None:
    assert newest_factors(np.empty(0), ends(0), COVERAGE) == (1.0, 1.0)


def test_errors_as_trained_leave_coverage_and_width_as_they_are() -> None:
    residuals = np.random.default_rng(0).normal(size=5_000)
    until = np.arange(500, 5_000)
    found = factors(residuals, ends(5_000), until, COVERAGE)
    low, high = -END * found[:, 0], END * found[:, 1]
    inside = (residuals[until] >= low) & (residuals[until] <= high)
    assert inside.mean() == pytest.approx(0.9, abs=0.02)
    assert found.mean() == pytest.approx(1.0, abs=0.06)


def test_after_a_rise_of_30_percent_the_next_300_labels_are_covered_at_little_more_width() -> None:
    rng = np.random.default_rng(1)
    end = 0.13 * END  # of a price of 1
    inside, widths, plain = [], [], []
    for _ in range(20):
        real = 1 + rng.normal(0, 0.13, 800)
        real[500:] *= 1.3
        until = np.arange(500, 800)
        residuals = real - 1
        found = end * factors(residuals, np.tile([-end, end], (800, 1)), until, COVERAGE)
        late = residuals[until]
        inside.append((late >= -found[:, 0]) & (late <= found[:, 1]))
        plain.append(np.abs(late) <= end)
        widths.append(found.sum(axis=1))
    assert np.mean(plain) < 0.35
    assert np.mean(inside) >= 0.88
    assert np.mean(widths) <= 1.3 * (1.3 * 2 * end)


def test_each_end_follows_its_own_side() -> None:
    up = newest_factors(np.full(60, 3.0), ends(60), COVERAGE)
    down = newest_factors(np.full(60, -3.0), ends(60), COVERAGE)
    assert up == down[::-1]
    assert up[1] > 3.0 / END - STEP > 1.0 > up[0]


def test_one_mistyped_price_moves_an_end_by_a_step_however_far_off_it_is() -> None:
    near, far = (newest_factors(np.array([wrong]), ends(1), COVERAGE) for wrong in (2.0, 2e30))
    assert near == far
    assert far[1] - 1 < STEP


@pytest.mark.parametrize("wrong", [0.0, 1e30, -1e30, np.inf])
def test_poison_does_not_move_factors_beyond_their_bounds(wrong: float) -> None:
    found = newest_factors(np.full(5 * WINDOW, wrong), ends(5 * WINDOW), COVERAGE)
    assert all(LEAST <= one <= MOST for one in found)
    if wrong == 0.0:  # predicted prices sent back
        assert found == (USUAL_LEAST, USUAL_LEAST)


def test_factors_are_those_of_the_newest_labels_alone() -> None:
    rng = np.random.default_rng(2)
    residuals = rng.normal(size=2 * WINDOW)
    whole = factors(residuals, ends(2 * WINDOW), np.array([0, 7, 2 * WINDOW]), COVERAGE)
    alone = newest_factors(residuals[WINDOW:], ends(WINDOW), COVERAGE)
    assert tuple(whole[2]) == alone
    assert tuple(whole[1]) == newest_factors(residuals[:7], ends(7), COVERAGE)
    assert tuple(whole[0]) == (1.0, 1.0)


def read_as_served(
    moment: float, arrived: np.ndarray, counts: np.ndarray, residuals: np.ndarray, own: np.ndarray
) -> tuple[float, float]:
    """What a server reads at a moment: the newest predictions with a label, less some."""
    newest = np.flatnonzero(arrived < moment)[-WINDOW:]
    rows = newest[counts[newest]]
    rows = rows[np.argsort(arrived[rows], kind="stable")]
    return newest_factors(residuals[rows], own[rows], COVERAGE)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_factors_of_each_moment_are_what_the_server_had(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 2 * WINDOW
    asked = np.arange(n, dtype=float)
    arrived = asked + rng.choice([0.5, 0.5, 40.0, 700.0], n)  # some labels are late, some very
    counts = rng.random(n) < 0.7
    residuals = rng.normal(0.4, 1.3, n)
    own = ends(n) * rng.uniform(0.5, 2, (n, 1))
    moments = np.array([-1.0, 0.0, 3.0, 100.0, 501.0, 640.0, 990.0, 1e6])
    found = factors_at(moments, arrived, counts, residuals, own, COVERAGE)
    for moment, told in zip(moments, found, strict=True):
        assert tuple(told) == read_as_served(moment, arrived, counts, residuals, own)
    assert tuple(found[1]) == (1.0, 1.0) != tuple(found[-1])


def test_without_labels_the_factors_of_each_moment_are_as_trained() -> None:
    empty = np.empty(0)
    found = factors_at(np.arange(3.0), empty, empty.astype(bool), empty, ends(0), COVERAGE)
    assert found.tolist() == [[1.0, 1.0]] * 3
