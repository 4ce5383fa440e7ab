"""Which labels are doubtful: named always, never without cause, and when they do not count."""

from __future__ import annotations

import math

import numpy as np
import pytest

from housing_cli.judging.labels import (
    NAMED,
    Rule,
    coincidence,
    doubts_of,
    equal_suspects,
    far_factor,
    far_suspects,
    grid_step,
    kinds,
    misses,
    repeated,
    rule_of,
)
from housing_cli.prediction_log.records import Kind, Labeled

RULE = Rule(far=3.0, absurd=9.0, coincidence=1e-5)


def labeled(real: np.ndarray, predicted: np.ndarray) -> Labeled:
    times = np.arange(len(real), dtype=np.float64)
    ids = [str(k) for k in range(len(real))]
    return Labeled(ids, times, times, ["v1"] * len(real), np.empty((len(real), 0)), predicted, real)


def world(rng: np.random.Generator, n: int, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Return real prices in steps, and what an average of many of them predicts."""
    truth = 22 * rng.lognormal(0, 0.4, n)
    real = np.maximum(np.rint(truth * np.exp(0.1 * rng.standard_t(4, n)) / step), 1) * step
    predicted = np.rint(truth * np.exp(0.05 * rng.standard_normal(n)) / step * 100) * step / 100
    return real, predicted


def test_the_kind_of_a_label() -> None:
    predicted = np.array([20.0, 20.0, 20.0, 20.0, 20.0, 20.0, -3.0])
    nearly = float(np.float32(20.0)) * (1 + 5e-8)
    real = np.array([20.0, nearly, 20.001, 60.0, 60.1, 6.6, 5.0])
    plain, equal, far = Kind.PLAIN, Kind.EQUAL, Kind.FAR
    assert kinds(real, predicted, 3.0).tolist() == [equal, equal, plain, plain, far, far, plain]
    assert misses(real, predicted)[[0, 3]] == pytest.approx([1.0, 3.0])


def test_a_float32_that_was_answered_is_recognized_by_its_shortest_digits() -> None:
    answered = np.random.default_rng(0).uniform(1, 1e6, 5000).astype(np.float32)
    shortest = np.array([float(str(price)) for price in answered])
    assert (kinds(shortest, answered.astype(float), 3.0) == Kind.EQUAL).all()


@pytest.mark.parametrize(("step", "want"), [(0.1, 0.1), (0.01, 0.01), (1.0, 1.0), (1000.0, 1000.0)])
def test_the_step_of_prices(step: float, want: float) -> None:
    rng = np.random.default_rng(0)
    assert grid_step(rng.integers(100, 900, 500).astype(np.float64) * step) == pytest.approx(want)
    assert grid_step(rng.lognormal(3, 1, 500)) == pytest.approx(1e-9)


@pytest.mark.parametrize("step", [0.1, 1.0])
def test_honest_labels_are_never_named_and_five_percent_of_others_always(step: float) -> None:
    rng = np.random.default_rng(1)
    target, before = world(rng, 506, step)
    rule = rule_of(target, before[None], 3.0)
    named = missed = 0
    for _ in range(300):
        real, predicted = world(rng, 300, step)
        count = int((kinds(real, predicted, rule.far) == Kind.EQUAL).sum())
        named += equal_suspects(300, count, rule) is not None
        real[:15] = predicted[:15]
        count = int((kinds(real, predicted, rule.far) == Kind.EQUAL).sum())
        missed += equal_suspects(300, count, rule) is None
    assert (named, missed) == (0, 0)


def test_a_model_of_a_price_list_meets_prices_by_right() -> None:
    rng = np.random.default_rng(2)
    listed = rng.choice([100.0, 150.0, 200.0], 400)
    prices = np.where(rng.random(400) < 0.4, listed, listed + 5)
    rate = coincidence(prices, listed[None])
    assert 0.4 < rate < 0.6
    rule = Rule(3.0, 9.0, rate)
    assert equal_suspects(100, 45, rule) is None
    assert equal_suspects(100, 90, rule) is not None


def test_few_equal_labels_are_enough_where_chance_meets_none() -> None:
    found = equal_suspects(40, 2, RULE)
    assert found is not None and found.excluded and found.share == 0.05
    assert equal_suspects(40, 0, RULE) is None
    assert equal_suspects(40, 2, Rule(3.0, 9.0, 0.001)) is None


def test_one_far_price_in_fifty_is_kept_out_and_more_are_not() -> None:
    for n, most in ((1, 1), (50, 1), (59, 2), (500, 10)):
        inside, beyond = far_suspects(n, most), far_suspects(n, most + 1)
        assert inside is not None and inside.excluded
        assert beyond is not None and not beyond.excluded
        assert beyond.limit == most
    assert far_suspects(100, 0) is None


def test_the_far_factor_is_at_least_two_and_grows_with_the_errors_of_training() -> None:
    rng = np.random.default_rng(3)
    target = rng.lognormal(3, 0.4, 2000)
    assert far_factor(target, target * 1.01) == 2.0
    poor = target * np.exp(0.4 * rng.standard_normal(2000))
    assert far_factor(target, poor) == pytest.approx(math.exp(1.5 * 0.4 * 2.807), rel=0.15)
    assert rule_of(target, poor[None], 3.0).absurd == 3 * far_factor(target, poor)


def test_doubtful_labels_are_named_the_worst_and_the_newest_first() -> None:
    predicted = np.full(100, 20.0) + np.arange(100) / 7
    real = predicted * 1.1
    real[5], real[8] = predicted[5] * 10, predicted[8] * 1000
    real[20:40] = predicted[20:40]
    rows = labeled(real, predicted)
    doubts = doubts_of([78, 20, 2], rows, RULE)
    assert doubts.equal is not None and doubts.far is not None
    assert [one.id for one in doubts.far.examples] == ["8", "5"]
    assert [one.id for one in doubts.equal.examples] == ["39", "38", "37", "36", "35"][:NAMED]
    assert doubts.excluded == (Kind.EQUAL, Kind.FAR)
    assert doubts_of([100, 0, 0], labeled(predicted * 1.1, predicted), RULE).excluded == ()


def test_repeated_houses_are_counted_and_missing_values_are_one_kind() -> None:
    rows = np.array([[1.0, np.nan], [1.0, np.nan], [1.0, 2.0], [0.0, 2.0], [-0.0, 2.0]])
    assert repeated(rows) == 2
    assert repeated(np.empty((0, 3))) == 0
