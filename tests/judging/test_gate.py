"""Verdicts: the plain rule, the confident rule, and what they rest on."""

from __future__ import annotations

import time

import numpy as np
import pytest

from housing_cli.data.metrics import METRICS
from housing_cli.judging import gate

RNG = np.random.default_rng


def baseline_of(errors: np.ndarray, metric: str = "rmse") -> gate.Baseline:
    loss = METRICS[metric].loss(np.zeros(len(errors)), errors)
    return gate.Baseline(METRICS[metric].value(loss.mean()), loss, np.abs(errors), len(errors))


def judged(
    errors: np.ndarray,
    before: np.ndarray | None = None,
    *,
    threshold: float = 0.1,
    min_samples: int = 30,
    metric: str = "rmse",
    confidence: float | None = None,
) -> gate.Verdict:
    before = RNG(0).normal(0, 3, 506) if before is None else before
    real = np.full(len(errors), 20.0)
    return gate.judge(
        gate.recent_rows(real, real + errors, metric), baseline_of(before, metric),
        threshold=threshold, min_samples=min_samples, metric=metric, confidence=confidence,
    )  # fmt: skip


def test_the_ratio_is_current_over_baseline() -> None:
    verdict = judged(np.full(40, 4.0), np.full(50, 2.0))
    assert (verdict.current, verdict.baseline, verdict.ratio) == (4.0, 2.0, 2.0)
    assert verdict.verdict == "degraded"


@pytest.mark.parametrize(("error", "verdict"), [(2.2, "healthy"), (2.2001, "degraded")])
def test_exactly_the_threshold_is_healthy(error: float, verdict: str) -> None:
    assert judged(np.full(40, error), np.full(50, 2.0)).verdict == verdict


def test_a_zero_threshold_fires_on_anything_worse() -> None:
    assert judged(np.full(40, 2.001), np.full(50, 2.0), threshold=0.0).verdict == "degraded"


@pytest.mark.parametrize("n", [0, 1, 29])
def test_fewer_rows_than_asked_for_are_insufficient(n: int) -> None:
    verdict = judged(np.full(n, 99.0))
    assert verdict.verdict == "insufficient"
    assert verdict.n == n


def test_no_rows_have_no_figures() -> None:
    verdict = judged(np.empty(0))
    assert (verdict.current, verdict.ratio, verdict.interval, verdict.p_value) == (None,) * 4


def test_mae_is_judged_on_absolute_errors() -> None:
    errors = np.array([1.0] * 39 + [40.0])
    assert judged(errors, np.full(50, 2.0), metric="mae").verdict == "healthy"
    assert judged(errors, np.full(50, 2.0), metric="rmse").verdict == "degraded"


def test_the_interval_holds_the_ratio_and_shrinks_with_rows() -> None:
    few, many = (judged(RNG(1).normal(0, 3, n), RNG(2).normal(0, 3, 4000)) for n in (40, 4000))
    for verdict in (few, many):
        assert verdict.interval is not None and verdict.ratio is not None
        assert verdict.interval[0] < verdict.ratio < verdict.interval[1]
    width = [v.interval[1] - v.interval[0] for v in (few, many)]  # type: ignore[index]
    assert width[1] < width[0] / 5


def test_an_uncertain_baseline_widens_the_interval() -> None:
    errors = RNG(1).normal(0, 3, 1000)
    narrow, wide = (judged(errors, RNG(2).normal(0, 3, m)).interval for m in (5000, 50))
    assert narrow is not None and wide is not None
    assert wide[1] - wide[0] > 2 * (narrow[1] - narrow[0])


def test_the_same_rows_give_the_same_verdict() -> None:
    errors = RNG(3).standard_t(3, 200)
    assert judged(errors) == judged(errors)


def test_confidence_forgives_what_may_be_chance() -> None:
    before, chance = RNG(4).normal(0, 3, 506), RNG(5).normal(0, 3, 30)
    chance *= 3.4 / np.sqrt((chance**2).mean())
    plain, sure = judged(chance, before), judged(chance, before, confidence=0.95)
    assert (plain.verdict, sure.verdict) == ("degraded", "healthy")
    assert sure.p_value is not None and sure.p_value > 0.05


def test_confidence_does_not_forgive_what_is_real() -> None:
    before = RNG(4).standard_t(3, 506)
    assert judged(RNG(5).standard_t(3, 300) * 2, before, confidence=0.99).verdict == "degraded"


def test_a_tail_alone_is_seen_when_rows_are_many() -> None:
    errors = RNG(6).normal(0, 3, 20_000) * 0.8
    errors[:400] *= 12  # the mean absolute error is as before
    assert judged(errors, confidence=0.95).verdict == "degraded"


def test_confidence_never_degrades_what_the_plain_rule_lets_pass() -> None:
    for seed in range(20):
        errors = RNG(seed).standard_t(3, 60) * 1.05
        if judged(errors).verdict == "healthy":
            assert judged(errors, confidence=0.5).verdict == "healthy"


def test_a_perfect_baseline_and_perfect_rows_are_no_error() -> None:
    verdict = judged(np.zeros(40), np.zeros(50))
    assert verdict.ratio == float("inf")
    assert verdict.current == 0.0


def test_five_million_rows_cost_little_more_than_their_metric() -> None:
    errors = RNG(0).normal(0, 3, 5_000_000)
    start = time.process_time()
    for _ in range(3):
        gate.metrics(np.full(len(errors), 20.0), 20.0 + errors)
    bare = (time.process_time() - start) / 3
    start = time.process_time()
    judged(errors)
    assert time.process_time() - start < 10 * bare


@pytest.mark.slow
def test_false_alarms_and_detection_keep_their_promise() -> None:
    """Errors with heavy tails (Student, 3 degrees), baseline of 506; 100 worlds a figure."""
    rng = RNG(7)
    alarms = {1.0: 0, 1.25: 0}
    for scale in alarms:
        for _ in range(100):
            before, now = rng.standard_t(3, 506), rng.standard_t(3, 300) * scale
            ratio = np.sqrt((now**2).mean() / (before**2).mean())
            if ratio > 1.1:  # a healthy plain verdict stays healthy
                alarms[scale] += judged(now, before, confidence=0.95).verdict == "degraded"
    assert alarms[1.0] / 100 <= 0.05 + 0.03
    assert alarms[1.25] / 100 >= 0.6


def test_metrics_of_a_perfect_and_a_shifted_model() -> None:
    real = np.array([10.0, 20.0, 30.0])
    assert gate.metrics(real, real) == dict.fromkeys(METRICS, 0.0) | {"r2": 1.0, "bias": 0.0}
    shifted = gate.metrics(real, real - 2)
    assert (shifted["rmse"], shifted["mae"], shifted["bias"]) == (2.0, 2.0, -2.0)


def test_one_row_is_never_significant_and_has_no_interval() -> None:
    far = np.array([60.0])
    verdict = judged(far, min_samples=1, confidence=0.95)
    assert (verdict.verdict, verdict.interval, verdict.p_value) == ("healthy", None, None)
    assert judged(far, min_samples=1).verdict == "degraded", "the plain rule is literal"
    assert judged(far).verdict == "insufficient"


def test_rows_in_their_order_are_parts_with_metric_and_bias() -> None:
    real, times = np.full(45, 20.0), np.arange(45.0)
    errors = np.where(times < 22, -1.0, 3.0)
    first, *between, last = gate.over_time(real, real + errors, times, "rmse", 24)
    assert len(between) == 2
    assert first == gate.Part(at=5.5, value=1.0, bias=-1.0, n=12)
    assert last == gate.Part(at=39.0, value=3.0, bias=3.0, n=11)
    (whole,) = gate.over_time(real, real + errors, times, "mae", 1)
    assert (whole.n, whole.value) == (45, pytest.approx(abs(errors).mean()))
    assert whole.bias == pytest.approx(errors.mean())
