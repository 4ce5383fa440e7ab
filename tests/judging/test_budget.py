"""The judgment within a yearly budget: when it is right, and what it says."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest

from housing_cli.judging.alternatives import detector
from housing_cli.judging.arrivals import arrivals_of
from housing_cli.judging.budget import BudgetVerdict, judge_arrivals
from housing_cli.learning.conformal import fit_intervals
from housing_cli.prediction_log.records import ArrivalsQuery, Knots, Labeled
from tests.benchmarks import years
from tests.judging.test_alternatives import KNOTS, PREDICTED_PRICES, REAL, made

START = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
LOOKED_FOR = made()


def judged(rng: np.random.Generator, *days: float, spread: float = 1.0) -> BudgetVerdict:
    """Judge 10 labels for each of `days`, real prices times 1 + that number."""
    at = rng.integers(0, len(REAL), 10 * len(days))
    predicted = PREDICTED_PRICES[at]
    real = predicted + (REAL[at] - predicted) * spread
    return of(predicted, real * (1 + np.repeat(days, 10)))


def of(predicted: np.ndarray, real: np.ndarray) -> BudgetVerdict:
    n = len(real)
    times = np.array(START + 86_400.0 * (np.arange(n) // 10), dtype=np.float64)
    rows = Labeled([str(i) for i in range(n)], times, times, ["v1"] * n, np.empty((n, 0)),
                   predicted, real)  # fmt: skip
    query = ArrivalsQuery("v1", None, LOOKED_FOR.price, LOOKED_FOR.errors, KNOTS)
    return judge_arrivals(arrivals_of(rows, query), LOOKED_FOR, 0.05)


@pytest.mark.parametrize(("size", "channel"), [(0.1, "bias up"), (-0.1, "bias down")])
def test_a_level_that_moved_is_named_with_its_day_and_size(size: float, channel: str) -> None:
    found = judged(np.random.default_rng(1), *[0.0] * 15, *[size] * 15)
    assert found.alarm
    first = found.alarms[0]
    assert first.channel == channel
    assert first.direction == ("up" if size > 0 else "down")
    assert abs(int(str(found.since)[-2:]) - 16) <= 3
    assert first.shift == pytest.approx(size, abs=0.03)


def test_larger_errors_and_a_dear_segment_are_named() -> None:
    rng = np.random.default_rng(2)
    assert "error" in {a.channel for a in judged(rng, *[0.0] * 30, spread=1.6).alarms}
    at = rng.integers(0, len(REAL), 300)
    predicted, real = PREDICTED_PRICES[at], REAL[at]
    edge = LOOKED_FOR.price.edges[-1]
    found = of(predicted, np.where(predicted >= edge, real * 1.3, real))
    segment = next(c for c in found.channels if c.channel == "segment")
    assert found.alarm
    assert (segment.low, segment.high, segment.direction) == (edge, None, "up")


def test_one_absurd_price_in_fifty_flips_nothing() -> None:
    rng = np.random.default_rng(3)
    at = rng.integers(0, len(REAL), 300)
    real = REAL[at].copy()
    real[::50] *= 1000
    assert not of(PREDICTED_PRICES[at], real).alarm


def test_no_labels_are_no_alarm() -> None:
    found = of(np.empty(0), np.empty(0))
    assert (found.alarm, found.n, found.since, found.statistic) == (False, 0, None, 0.0)


def test_months_of_an_unchanged_world_are_quiet() -> None:
    rng = np.random.default_rng(4)
    assert sum(judged(rng, *[0.0] * 30).alarm for _ in range(200)) <= 2


def test_labels_of_cheap_houses_alone_are_no_change() -> None:
    """Errors differ by price: labels from some prices only would look like a change of errors."""
    rng = np.random.default_rng(6)
    cheap = np.flatnonzero(PREDICTED_PRICES < 20)
    real = np.where(PREDICTED_PRICES < 20, PREDICTED_PRICES * rng.lognormal(0, 0.4, 600), REAL)
    price = LOOKED_FOR.price
    looked_for = detector(real, PREDICTED_PRICES[None], price, None)
    query = ArrivalsQuery("v1", None, price, looked_for.errors, None)
    alarms = 0
    for _ in range(100):
        at = rng.choice(cheap, 300)
        times = np.array(START + 86_400.0 * (np.arange(300) // 10), dtype=np.float64)
        rows = Labeled([str(i) for i in range(300)], times, times, ["v1"] * 300,
                       np.empty((300, 0)), PREDICTED_PRICES[at], real[at])  # fmt: skip
        alarms += judge_arrivals(arrivals_of(rows, query), looked_for, 0.05).alarm
    assert alarms <= 2


def test_the_simulated_years_ask_the_same_rule() -> None:
    """With labels up to ten days late; the first day of an alarm is that of the rule itself."""
    pool = years.Pool(REAL, PREDICTED_PRICES, 600, 600)
    world = years.World(days=60, delay=10, change=years.level(0.1), change_day=20)
    year = years.draw_year(pool, world, np.random.default_rng(5))
    day = years.budget_alarm(year, (REAL, PREDICTED_PRICES), 600)
    assert day is not None
    assert 20 < day < 45
    fitted = msgspec.json.decode(fit_intervals(REAL, PREDICTED_PRICES[None]).to_json())
    knots = Knots(*(tuple(fitted[key]) for key in ("prices", "low", "high")))
    looked_for = made(knots)
    query = ArrivalsQuery("v1", None, looked_for.price, looked_for.errors, knots)

    def alarm(at: np.ndarray) -> bool:
        n = len(at)
        rows = Labeled([str(i) for i in at], year.made[at] * 86_400.0, year.arrived[at] * 86_400.0,
                       ["v1"] * n, np.empty((n, 0)), year.predicted[at], year.real[at])  # fmt: skip
        return judge_arrivals(arrivals_of(rows, query), looked_for, 0.05).alarm

    looks = dict(year.looks())
    assert alarm(looks[day])
    assert not any(alarm(looks[before]) for before in range(day))
