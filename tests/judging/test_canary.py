"""Four parts of a canary, each healthy only where its rows show it."""

from __future__ import annotations

import numpy as np
import pytest

from housing_cli.judging.canary import (
    Decision,
    Floats,
    Quality,
    errors_of,
    jump_of,
    latency_of,
    quality_of,
    ratio_sequence,
    worst,
)

LIMIT = 0.01


def quality(canary: Floats, production: Floats) -> Quality:
    return quality_of(
        canary,
        production,
        (1.0, 1.0),
        1.0,
        threshold=0.1,
        min_samples=30,
    )


def test_nothing_is_known_without_rows() -> None:
    none = np.empty(0)
    assert errors_of(0, 0, LIMIT).verdict == "insufficient"
    assert latency_of(none, none, 20.0).verdict == "insufficient"
    assert jump_of(none, none, 0.5).verdict == "insufficient"
    nothing = quality_of(none, none, (None, None), 1.0, threshold=0.1, min_samples=30)
    assert (nothing.verdict, nothing.ratio, nothing.interval) == ("insufficient", None, None)
    gaps = jump_of(np.array([np.nan] * 50), np.ones(50), 0.5)
    assert (gaps.verdict, gaps.n, gaps.jump) == ("insufficient", 0, None)


@pytest.mark.parametrize(
    ("n", "failed", "verdict"),
    [
        (90, 0, "insufficient"),  # three a day, thirty days
        (298, 0, "insufficient"),
        (299, 0, "healthy"),  # rules out 1 % with 95 %
        (2, 2, "degraded"),
        (1, 1, "insufficient"),
        (20, 4, "degraded"),
        (300, 1, "insufficient"),
        (1000, 4, "healthy"),
    ],
)
def test_failures_are_judged_by_what_the_rows_rule_out(
    n: int, failed: int, verdict: Decision
) -> None:
    found = errors_of(n, failed, LIMIT)
    assert found.verdict == verdict
    assert found.share == failed / n
    assert found.highest is not None
    assert failed / n <= found.highest <= 1


def test_the_upper_bound_is_that_of_clopper_and_pearson() -> None:
    from scipy.stats import binomtest

    for n, failed in ((50, 0), (50, 3), (7, 7)):
        bound = binomtest(failed, n).proportion_ci(0.9, method="exact").high
        assert errors_of(n, failed, LIMIT).highest == pytest.approx(bound)


def test_a_canary_that_throws_is_degraded_within_twenty_rows() -> None:
    random = np.random.default_rng(1)
    late = 0
    for _ in range(200):
        failed = np.cumsum(random.random(20) < 0.5)
        verdicts = [errors_of(n + 1, int(failed[n]), LIMIT).verdict for n in range(20)]
        late += "degraded" not in verdicts
    assert late <= 1


def test_three_rows_a_day_stay_too_few_for_thirty_days() -> None:
    assert {errors_of(3 * day, 0, LIMIT).verdict for day in range(31)} == {"insufficient"}


def test_time_is_judged_by_what_a_call_takes_more() -> None:
    usual = np.full(60, 1.0)
    assert latency_of(usual + 19, usual, 20.0).verdict == "healthy"
    slow = latency_of(usual + 21, usual, 20.0)
    assert (slow.verdict, slow.canary, slow.slower) == ("degraded", 22.0, 21.0)


def test_the_level_of_prices_is_judged_on_the_same_rows() -> None:
    usual = np.linspace(10, 50, 40)
    assert jump_of(usual * 1.3, usual, 0.5).verdict == "healthy"
    doubled = jump_of(usual * 2, usual, 0.5)
    assert (doubled.verdict, doubled.level) == ("degraded", pytest.approx(2))
    assert jump_of(usual[:19] * 2, usual[:19], 0.5).verdict == "insufficient"
    assert jump_of(-usual, usual, 0.5).verdict == "degraded"


def test_errors_that_are_twice_as_large_are_found_and_equal_ones_are_not() -> None:
    random = np.random.default_rng(2)
    errors = np.abs(random.normal(size=(2, 600)))
    assert quality(errors[0], errors[1]).verdict == "healthy"
    worse = quality(2 * errors[0], errors[1])
    assert worse.verdict == "degraded"
    assert worse.interval is not None
    low, high = worse.interval
    assert low is not None and high is not None
    assert 1.1 < low < 2 < high
    assert quality(errors[0][:29], errors[1]).verdict == "insufficient"
    assert quality(errors[0], errors[1][:29]).verdict == "insufficient"


def test_an_equal_canary_is_hardly_ever_degraded_however_often_one_looks() -> None:
    random = np.random.default_rng(3)
    wrong = 0
    for _ in range(40):
        errors = np.abs(random.standard_t(3, size=(2, 400)))
        looks = [quality(errors[0][:n], errors[1][: 3 * n]).verdict for n in range(30, 400, 30)]
        wrong += "degraded" in looks
    assert wrong <= 2


def test_one_terrible_row_decides_nothing() -> None:
    random = np.random.default_rng(4)
    errors = np.abs(random.normal(size=(2, 100)))
    errors[0][5] = 1e9
    assert quality(errors[0], errors[1]).verdict == "healthy"


def test_there_is_no_sequence_without_rows_or_a_scale() -> None:
    some, none = np.ones(5), np.empty(0)
    assert ratio_sequence(some, none, 1.0) is None
    assert ratio_sequence(none, some, 1.0) is None
    assert ratio_sequence(some, some, 0.0) is None


def test_the_worst_part_decides() -> None:
    assert worst(("healthy", "healthy")) == "healthy"
    assert worst(("healthy", "insufficient")) == "insufficient"
    assert worst(("insufficient", "degraded", "healthy")) == "degraded"


def test_larger_errors_that_may_be_chance_are_not_called_healthy() -> None:
    errors = np.abs(np.random.default_rng(2).normal(size=(2, 60)))
    assert quality(errors[0] / errors[0].mean(), errors[1] / errors[1].mean()).verdict == "healthy"
    assert quality(1.5 * errors[0], errors[1]).verdict == "insufficient"


def test_a_house_that_is_asked_for_again_and_again_counts_once() -> None:
    assert jump_of(np.full(50, 10.0), np.full(50, 30.0), 0.5).verdict == "insufficient"
    assert jump_of(np.full(50, 10.0), np.full(50, 30.0), 0.5).n == 1
