"""Which labels are doubtful: named always, never without cause, and when they do not count."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from housing_cli.judging.label_rule import Rule, rule_of
from housing_cli.judging.labels import (
    CODES,
    NAMED,
    beyond_chance,
    counting,
    counts_of,
    doubts_of,
    far_suspects,
    kinds,
    misses,
    repeated,
    sent_back,
)
from housing_cli.prediction_log.records import AGREES, CLASS, Kind, Labeled, LabelKinds

TOLD = LabelKinds(far=3.0, floor=5.0, steps=(0.01, 0.1, 1.0))
RULE = Rule(
    TOLD,
    9.0,
    1e-6,
    shares=(0.002, 0.002, 0.9, 0.1),
    hits=(1e-4, 1e-3, 0.01, 0.1),
    peaks=(0.12, 0.12),
)
World = tuple[np.ndarray, np.ndarray]


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


def named(real: np.ndarray, predicted: np.ndarray, rule: Rule) -> bool:
    return bool(sent_back(counts_of(labeled(real, predicted), rule), rule)[0])


def rounded(prices: np.ndarray, step: float) -> np.ndarray:
    return np.maximum(np.rint(prices / step), 1) * step


def test_the_kind_of_a_label() -> None:
    real = np.array([20.004, 20.4, 20.43, 20.431, 22.0, 60.1, 6.6, 18.2, 9.0, 16.0])
    predicted = np.array([20.004, 20.439, 20.432, 20.44, 21.8, 20.0, 20.0, 21.0, -3.0, -3.0])
    plain, equal, far = Kind.PLAIN, Kind.EQUAL, Kind.FAR
    assert kinds(real, predicted, TOLD).tolist() == [
        equal, 2 * CLASS + AGREES + 1, CLASS + AGREES, AGREES + 1, 3 * CLASS + AGREES + 2,
        far, far, 2 * CLASS + plain, 3 * CLASS + plain, far,
    ]  # fmt: skip
    assert misses(real, predicted, 5.0)[[0, 9]] == pytest.approx([1.0, 3.2])


def test_a_price_beyond_all_others_is_no_prediction() -> None:
    assert kinds(np.array([20.0, 3e38]), np.array([1.7e308, 20.0]), TOLD).tolist() == [
        Kind.PLAIN,
        Kind.FAR,
    ]


def test_a_float32_that_was_answered_is_recognized_by_its_shortest_digits() -> None:
    answered = np.random.default_rng(0).uniform(1, 1e6, 5000).astype(np.float32)
    shortest = np.array([float(str(price)) for price in answered])
    assert (kinds(shortest, answered.astype(float), TOLD) % CLASS == Kind.EQUAL).all()


@pytest.mark.parametrize("step", [0.1, 1.0])
@pytest.mark.parametrize("to", [None, 0.1, 0.01])
def test_honest_labels_are_never_named_and_five_percent_of_others_always(
    step: float, to: float | None
) -> None:
    """Sent back with all digits, and rounded to one and two more than prices have."""
    rng = np.random.default_rng(1)
    target, before = world(rng, 506, step)
    rule = rule_of(target, before[None], 3.0)
    without_cause = missed = 0
    for _ in range(200):
        real, predicted = world(rng, 300, step)
        without_cause += named(real, predicted, rule)
        real[:15] = predicted[:15] if to is None else rounded(predicted[:15], to * step)
        missed += not named(real, predicted, rule)
    assert (without_cause, missed) == (0, 0)


HONEST: dict[str, Callable[[np.ndarray, np.ndarray], World]] = {
    "to whole thousands": lambda real, predicted: (rounded(real, 1.0), predicted),
    "to the cent": lambda real, predicted: (rounded(real * 1.0371, 0.001), predicted),
    "priced better": lambda real, predicted: (
        rounded(predicted + (real - predicted) * 0.6, 0.1),
        predicted,
    ),
    "cheap houses": lambda real, predicted: (real[predicted < 18], predicted[predicted < 18]),
    "after a rise": lambda real, predicted: (rounded(real * 1.3, 0.1), predicted),
}


@pytest.mark.parametrize("kind", HONEST)
@pytest.mark.parametrize("n", [60, 600])
def test_honest_labels_of_another_kind_than_in_training_are_not_named(kind: str, n: int) -> None:
    rng = np.random.default_rng(2)
    target, before = world(rng, 506, 0.1)
    rule = rule_of(target, before[None], 3.0)
    assert not any(named(*HONEST[kind](*world(rng, n, 0.1)), rule) for _ in range(200))


def test_predictions_rounded_as_prices_are_need_more_labels() -> None:
    """An honest price is one in so many cases what they are: it takes an excess of them."""
    rng = np.random.default_rng(3)
    target, before = world(rng, 506, 0.1)
    rule = rule_of(target, before[None], 3.0)
    found = 0
    for _ in range(100):
        real, predicted = world(rng, 1000, 0.1)
        real[:100] = rounded(predicted[:100], 0.1)
        found += named(real, predicted, rule)
    assert found >= 95


def test_two_of_thirty_are_named_though_the_model_meets_prices_by_chance() -> None:
    """A forest of ten trees: its prices have one digit more than the real ones."""
    rng = np.random.default_rng(4)
    target, before = world(rng, 506, 0.1)
    rule = rule_of(target, rounded(before, 0.01)[None], 3.0)
    assert rule.coincidence > 0.0005
    found = without_cause = 0
    for _ in range(200):
        real, predicted = world(rng, 30, 0.1)
        predicted = rounded(predicted, 0.01)
        without_cause += named(real, predicted, rule)
        real[:2] = predicted[:2]
        found += named(real, predicted, rule)
    assert without_cause == 0
    assert found >= 0.75 * 200  # one price in ten has no digit more: with it, one is left


def test_a_house_with_many_labels_is_one_coincidence() -> None:
    rng = np.random.default_rng(5)
    target, before = world(rng, 506, 0.1)
    rule = rule_of(target, rounded(before, 0.01)[None], 3.0)
    real, predicted = world(rng, 60, 0.1)
    predicted = rounded(predicted, 0.01)
    real[0] = predicted[0] = 20.4
    again = np.repeat(np.arange(60), 100)
    counts = counts_of(labeled(real[again], predicted[again]), rule)
    assert sent_back(counts, rule)[0]
    assert not sent_back(counts, rule, 100.0)[0]
    real[1:30] = predicted[1:30]
    assert sent_back(counts_of(labeled(real[again], predicted[again]), rule), rule, 100.0)[0]


def test_prices_with_all_their_digits_are_not_called_rounded() -> None:
    rng = np.random.default_rng(6)
    target, before = world(rng, 506, 0.1)
    rule = rule_of(target, before[None], 3.0)
    real, predicted = world(rng, 300, 0.1)
    real[:60] = predicted[:60]
    assert sent_back(counts_of(labeled(real, predicted), rule), rule)[2] is None
    real[:60] = rounded(predicted[:60], 0.01)
    assert sent_back(counts_of(labeled(real, predicted), rule), rule)[2] == pytest.approx(0.01)


def test_a_model_of_a_price_list_meets_prices_by_right() -> None:
    rng = np.random.default_rng(2)
    listed = rng.choice([100.0, 150.0, 200.0], 800)
    prices = np.where(rng.random(800) < 0.4, listed, listed + 5)
    rule = rule_of(prices[:400], listed[None, :400], 3.0)
    assert not named(prices[400:500], listed[400:500], rule)
    prices[420:500] = listed[420:500]
    assert named(prices[400:500], listed[400:500], rule)


def test_chance_is_a_tail_of_the_binomial() -> None:
    assert beyond_chance(1, 20, 1e-6, 1e-4)
    assert not beyond_chance(0, 20, 1e-6, 1e-4)
    assert not beyond_chance(1, 20, 0.001, 1e-4)


def test_one_far_price_in_fifty_is_kept_out_and_more_are_not() -> None:
    for n, most in ((1, 1), (50, 1), (59, 2), (500, 10)):
        inside, beyond = far_suspects(n, most), far_suspects(n, most + 1)
        assert inside is not None and inside.excluded
        assert beyond is not None and not beyond.excluded
        assert beyond.limit == most
    assert far_suspects(100, 0) is None


def test_doubtful_labels_are_named_the_worst_and_the_newest_first() -> None:
    predicted = np.full(100, 20.0) + np.arange(100) / 7
    real = predicted * 1.1
    real[5], real[8] = predicted[5] * 10, predicted[8] * 1000
    real[20:40] = predicted[20:40]
    real[60:80] = rounded(predicted[60:80], 0.01)
    rows = labeled(real, predicted)
    doubts = doubts_of(counts_of(rows, RULE), rows, RULE)
    assert doubts.equal is not None and doubts.far is not None
    assert [one.id for one in doubts.far.examples] == ["8", "5"]
    assert [one.id for one in doubts.equal.examples] == ["79", "78", "77", "76", "75"][:NAMED]
    assert (doubts.equal.count, doubts.equal.rounded) == (40, 0.01)
    assert list(counting(rows, doubts, RULE).real) == [
        price for at, price in enumerate(real) if at not in {5, 8, *range(20, 40), *range(60, 80)}
    ]
    assert Kind.FAR in doubts.excluded and Kind.FAR not in doubts.sent_back
    rows = labeled(predicted * 1.1, predicted)
    counts = counts_of(rows, RULE)
    assert counts.shape == (CODES,)
    assert doubts_of(counts, rows, RULE).excluded == ()


def test_a_price_far_off_is_no_typing_error_where_all_prices_moved_as_far() -> None:
    predicted = np.full(100, 20.0) + np.arange(100) / 7
    off = np.random.default_rng(0).lognormal(0, 0.1, 100)

    def far(level: float, **typed: float) -> bool:
        real = predicted * off * level
        for at, times in typed.items():
            real[int(at[1:])] = predicted[int(at[1:])] * times
        rows = labeled(real, predicted)
        doubts = doubts_of(counts_of(rows, RULE), rows, RULE)
        return doubts.far is not None and doubts.far.excluded

    assert far(1.0, k5=3.5)
    assert not far(2.0, k5=3.5)  # all doubled: one that is at 3.5 times is 1.75 times off
    assert not far(0.5, k5=0.3)
    assert far(2.0, k5=2000.0)
    assert far(2.0, k5=3.5, k8=2000.0)  # one that is to be kept out, and the kind is one
    assert far(2.0, k5=0.3)


def test_repeated_houses_are_counted_and_missing_values_are_one_kind() -> None:
    rows = np.array([[1.0, np.nan], [1.0, np.nan], [1.0, 2.0], [0.0, 2.0], [-0.0, 2.0]])
    assert repeated(rows) == 2
    assert repeated(np.vstack([rows, rows.astype(np.float32)])) == 7
    assert repeated(np.full((5, 3), np.nan)) == 0
    assert repeated(np.empty((0, 3))) == 0
