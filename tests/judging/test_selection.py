"""The error of all predictions from those with labels, and whom labels say nothing of."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from housing_cli.judging.selection import (
    FEWEST_LABELS,
    MIN_ROWS,
    Rows,
    corrected,
    unlabeled_segment,
)
from housing_cli.prediction_log.records import PREDICTED, Axis

EDGES = (12.0, 15.0, 18.0, 20.0, 22.0, 25.0, 28.0, 32.0, 40.0)


def world(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.random.Generator]:
    """Return features (n, 2), predicted prices and absolute errors that grow with both."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 2))
    predicted = np.exp(3 + 0.4 * features[:, 0] + 0.1 * rng.normal(size=n))
    losses = 0.1 * predicted * np.exp(0.6 * features[:, 1]) * np.abs(rng.normal(size=n))
    return features, predicted, losses, rng


def rows(
    features: np.ndarray, predicted: np.ndarray, losses: np.ndarray, labeled: np.ndarray
) -> Rows:
    return Rows(features, predicted, np.where(labeled, losses, np.nan), np.ones(len(losses)))


@pytest.mark.parametrize(("column", "limit"), [("price", 0.05), ("feature", 0.08)])
@pytest.mark.parametrize("known", [False, True])
def test_soft_selection_is_corrected(column: str, limit: float, known: bool) -> None:
    """By either model alone: `known`, the expected error is right; else it is the same for all."""
    plain, found, true, held = [], [], [], 0
    for seed in range(40):
        features, predicted, losses, rng = world(1_000, seed)
        by = (predicted - 20) / 8 if column == "price" else features[:, 1]
        labeled = rng.random(1_000) < expit(-0.9 - 1.2 * by)
        expected = predicted * np.exp(0.6 * features[:, 1]) if known else np.ones(1_000)
        answer = corrected(rows(features, predicted, losses, labeled), expected)
        assert answer is not None
        plain.append(losses[labeled].mean())
        assert answer.plain == pytest.approx(plain[-1])
        found.append(answer.mean)
        true.append(losses.mean())
        held += answer.interval[0] <= 2.16 <= answer.interval[1]
        assert MIN_ROWS < answer.labels < labeled.sum()
    assert np.mean(plain) / np.mean(true) < 0.85
    assert abs(np.mean(found) / np.mean(true) - 1) < limit
    assert held >= 32


def test_labels_that_come_by_the_error_itself_cannot_be_corrected() -> None:
    found, true = [], []
    for seed in range(20):
        features, predicted, losses, rng = world(1_000, seed)
        labeled = rng.random(1_000) < expit(0.5 - 1.0 * losses)
        answer = corrected(rows(features, predicted, losses, labeled), np.ones(1_000))
        assert answer is not None
        found.append(answer.mean)
        true.append(losses.mean())
    assert np.mean(found) / np.mean(true) < 0.85


def test_few_rows_of_a_side_are_not_corrected() -> None:
    features, predicted, losses, _ = world(200, 0)
    for n in (MIN_ROWS - 1, 200 - MIN_ROWS + 1):
        labeled = np.arange(200) < n
        assert corrected(rows(features, predicted, losses, labeled), np.ones(200)) is None


def test_weights_stand_for_predictions_that_were_not_read() -> None:
    """Half of the unlabeled rows, counted twice, say about the same."""
    features, predicted, losses, rng = world(6_000, 3)
    labeled = rng.random(6_000) < expit(-0.9 - 1.2 * (predicted - 20) / 8)
    whole = corrected(rows(features, predicted, losses, labeled), np.ones(6_000))
    kept = labeled | (rng.random(6_000) < 0.5)
    part = rows(features[kept], predicted[kept], losses[kept], labeled[kept])
    half = corrected(
        Rows(part.features, part.predicted, part.losses, np.where(part.labeled, 1.0, 2.0)),
        np.ones(int(kept.sum())),
    )
    assert whole is not None and half is not None
    assert half.mean == pytest.approx(whole.mean, rel=0.05)


def test_errors_of_nothing_and_equal_features_break_nothing() -> None:
    labeled = np.arange(100) % 2 == 0
    answer = corrected(
        rows(np.full((100, 1), np.nan), np.full(100, 20.0), np.zeros(100), labeled), np.ones(100)
    )
    assert answer is not None
    assert (answer.mean, answer.interval) == (0.0, (0.0, 0.0))


def axes(features: np.ndarray, predicted: np.ndarray) -> list[tuple[Axis, np.ndarray]]:
    return [(Axis("x", (-1.0, 0.0, 1.0)), features[:, 1]), (Axis(PREDICTED, EDGES), predicted)]


def test_houses_without_labels_are_named() -> None:
    features, predicted, losses, _ = world(300, 0)
    found = unlabeled_segment(
        rows(features, predicted, losses, predicted < 18.0), axes(features, predicted)
    )
    assert found is not None
    assert (found.axis, found.low, found.high, found.labeled) == (PREDICTED, 18.0, None, 0)
    assert found.n == (predicted >= 18.0).sum()
    assert found.share == pytest.approx(found.n / 300)


def test_a_segment_between_others_is_named_and_a_label_or_two_do_not_hide_it() -> None:
    features, predicted, losses, _ = world(600, 1)
    without = (features[:, 1] >= 0.0) & (features[:, 1] < 1.0)
    labeled = ~without
    labeled[np.flatnonzero(without)[:2]] = True
    found = unlabeled_segment(rows(features, predicted, losses, labeled), axes(features, predicted))
    assert found is not None
    assert (found.axis, found.low, found.high, found.labeled) == ("x", 0.0, 1.0, 2)


@pytest.mark.parametrize("few", [FEWEST_LABELS + 1, 12])
def test_some_labels_do_not_hide_a_large_segment(few: int) -> None:
    """They would have to count for 70 and more houses each."""
    features, predicted, losses, rng = world(1_700, 2)
    without = predicted >= 20.0
    n = int(without.sum())
    assert n == 840
    labeled = ~without & (rng.random(1_700) < 0.6)
    labeled[rng.choice(np.flatnonzero(without), few, replace=False)] = True
    found = unlabeled_segment(rows(features, predicted, losses, labeled), axes(features, predicted))
    assert found is not None
    assert (found.axis, found.low, found.high) == (PREDICTED, 20.0, None)
    assert (found.n, found.labeled) == (n, few)
    labeled[rng.choice(np.flatnonzero(without), 80, replace=False)] = True  # now they can be heard
    known = rows(features, predicted, losses, labeled)
    assert unlabeled_segment(known, axes(features, predicted)) is None


def test_a_large_band_with_six_labels_is_not_passed_over_in_silence() -> None:
    predicted = np.concatenate([np.full(844, 30.0), np.full(600, 14.0)])
    labeled = predicted < 20.0
    labeled[:6] = True
    known = rows(np.zeros((1_444, 1)), predicted, np.ones(1_444), labeled)
    found = unlabeled_segment(known, [(Axis(PREDICTED, EDGES), predicted)])
    assert found is not None
    assert (found.low, found.high, found.n, found.labeled) == (28.0, 32.0, 844, 6)
    labeled[:17] = True  # one in fifty, which can be weighted
    known = rows(np.zeros((1_444, 1)), predicted, np.ones(1_444), labeled)
    assert unlabeled_segment(known, [(Axis(PREDICTED, EDGES), predicted)]) is None


def test_a_segment_does_not_reach_into_bands_that_have_labels() -> None:
    """800 rows without labels, beside 100 with 15: fewer than one in fifty of both together."""
    predicted = np.concatenate([np.full(800, 30.0), np.full(100, 26.0), np.full(600, 14.0)])
    labeled = predicted < 20.0
    labeled[800:815] = True
    known = rows(np.zeros((1_500, 1)), predicted, np.ones(1_500), labeled)
    found = unlabeled_segment(known, [(Axis(PREDICTED, EDGES), predicted)])
    assert found is not None
    assert (found.low, found.n, found.labeled) == (28.0, 800, 0)


@pytest.mark.parametrize(
    ("rate", "n", "worlds"),
    [(0.05, 300, 300), (0.6, 300, 300), (0.95, 300, 300), (0.02, 2_000, 200), (0.1, 2_000, 200)],
)
def test_labels_at_random_leave_no_segment(rate: float, n: int, worlds: int) -> None:
    named = 0
    for seed in range(worlds):
        features, predicted, losses, rng = world(n, seed)
        labeled = rng.random(n) < rate
        known = rows(features, predicted, losses, labeled)
        named += unlabeled_segment(known, axes(features, predicted)) is not None
    assert named <= 3


def test_without_labels_or_with_all_there_is_no_segment() -> None:
    features, predicted, losses, _ = world(100, 0)
    for labeled in (np.zeros(100, dtype=bool), np.ones(100, dtype=bool)):
        known = rows(features, predicted, losses, labeled)
        assert unlabeled_segment(known, axes(features, predicted)) is None
