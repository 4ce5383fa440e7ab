"""Which houses base data and feedback have in common."""

from __future__ import annotations

import numpy as np
import pytest

from housing_cli.learning import overlap as module
from housing_cli.learning.overlap import overlap_of


def houses(n: int, seed: int, low: float = 0.0, high: float = 1.0) -> np.ndarray:
    """Return features (n, 3); the first lies between `low` and `high`."""
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.uniform(low, high, n), rng.normal(size=(n, 2))])


@pytest.mark.parametrize("n", [40, 200])
def test_houses_of_one_kind_overlap(n: int) -> None:
    found = overlap_of(houses(300, 0), houses(n, 1), seed=0)
    assert 0.35 < found.auc < 0.65
    assert found.base.shape == (300,) and found.feedback.shape == (n,)
    assert found.share > 0.95 and found.base.mean() > 0.9


def test_a_new_district_does_not() -> None:
    found = overlap_of(houses(300, 0, 0, 0.5), houses(60, 1, 0.6, 1), seed=0)
    assert found.auc > 0.99
    assert found.share == 0.0
    assert found.base.mean() < 0.05


def test_of_a_mixture_each_row_is_told() -> None:
    base, old, new = houses(300, 0, 0, 0.5), houses(60, 1, 0, 0.5), houses(60, 2, 0.7, 1)
    found = overlap_of(base, np.vstack([old, new]), seed=0)
    assert found.feedback[:60].mean() > 0.9
    assert found.feedback[60:].mean() < 0.05


def test_the_same_houses_sold_again_overlap() -> None:
    base = houses(200, 0)
    found = overlap_of(base, base[:80], seed=0)
    assert found.share > 0.95
    assert found.base[:80].mean() > 0.95


def test_a_house_that_is_asked_for_often_counts_once() -> None:
    base, feedback = houses(300, 0), houses(40, 1)
    once, often = (overlap_of(base, np.repeat(feedback, k, axis=0), seed=0) for k in (1, 20))
    assert often.feedback[::20].tolist() == once.feedback.tolist()
    assert often.auc == once.auc


def test_missing_values_are_values() -> None:
    base, feedback = houses(300, 0), houses(60, 1)
    feedback[:, 0] = np.nan
    assert overlap_of(base, feedback, seed=0).share < 0.05
    base[::2, 0] = np.nan
    feedback[1::2] = houses(30, 2)
    assert overlap_of(base, feedback, seed=0).share > 0.9


def test_of_large_sides_a_sample_is_learned_and_the_rest_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 150)
    base = houses(600, 0, 0, 0.5)
    feedback = np.vstack([houses(200, 1, 0, 0.5), houses(200, 2, 0.7, 1)])
    found = overlap_of(base, feedback, seed=0)
    assert found.feedback[:200].mean() > 0.8
    assert found.feedback[200:].mean() < 0.05
    assert found.base.mean() > 0.8
