"""Who is in a canary's part, and when a server leaves it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from housing_cli.api.arms import CanaryArm, Guard, Limits, Part, tail
from housing_cli.api.gatherer import UNMARKED, Mark
from housing_cli.api.served import Served, load_served
from housing_cli.config.settings import Serve
from housing_cli.errors import VersionCorrupt
from housing_cli.registry import ModelRegistry, Trial
from tests.api.serving import FEATURES, add_version

LIMITS = Limits(0.01, 20.0, 0.5)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    registry = ModelRegistry(tmp_path_factory.mktemp("arms") / "artifacts")
    add_version(registry)
    return load_served(registry, "v1")


def arm_of(served: Served, weight: float, limits: Limits | None = LIMITS) -> CanaryArm:
    trial = Trial("canary", served.name, "2026-01-01T00:00:00.000Z", weight, 3)
    return CanaryArm(trial, served, weight, limits)


def rows_of(n: int) -> list[tuple[float, ...]]:
    random = np.random.default_rng(3)
    return [tuple(row) for row in random.normal(size=(n, len(FEATURES))).tolist()]


@pytest.mark.parametrize("weight", [0.5, 10.0, 30.0, 99.0])
def test_the_part_is_as_large_as_the_weight(served: Served, weight: float) -> None:
    n, share = 20_000, weight / 100
    arm = arm_of(served, weight)
    keys = [Mark(house=str(number)) for number in range(n)]
    found = sum(arm.picks((), mark) for mark in keys) / n
    assert abs(found - share) < 4 * math.sqrt(share * (1 - share) / n)


def test_who_is_in_stays_in_when_the_part_grows(served: Served) -> None:
    parts = []
    for weight in (5.0, 10.0, 50.0, 100.0):
        arm = arm_of(served, weight)
        parts.append({at for at, row in enumerate(rows_of(500)) if arm.picks(row, UNMARKED)})
    assert parts[0] < parts[1] < parts[2] < parts[3]
    assert len(parts[3]) == 500


def test_a_route_comes_before_a_house_and_a_house_before_the_row(served: Served) -> None:
    arm = arm_of(served, 50.0)
    rows = rows_of(200)
    for mark in (Mark(b"me"), Mark(None, "house"), Mark(b"me", "house")):
        assert len({arm.picks(row, mark) for row in rows}) == 1
    routed = [arm.picks(rows[0], Mark(b"%d" % number, "house")) for number in range(50)]
    assert set(routed) == {True, False}


def test_a_row_is_the_same_row_whatever_is_missing_in_it(served: Served) -> None:
    arm = arm_of(served, 50.0)
    rows = [(None, *row[1:]) for row in rows_of(100)]
    first = [arm.picks(row, UNMARKED) for row in rows]
    assert first == [arm.picks((math.nan, *row[1:]), UNMARKED) for row in rows]
    assert set(first) == {True, False}


def test_another_version_has_another_part(served: Served, tmp_path: Path) -> None:
    registry = ModelRegistry(tmp_path / "artifacts")
    for seed in range(2):
        add_version(registry, seed)
    first, second = (arm_of(load_served(registry, name), 50.0) for name in ("v1", "v2"))
    rows = rows_of(100)
    picked = [[arm.picks(row, UNMARKED) for row in rows] for arm in (first, second)]
    assert picked[0] != picked[1]


def test_prices_are_those_of_the_version_and_are_counted(served: Served) -> None:
    arm = arm_of(served, 50.0)
    rows = rows_of(70)  # more than one call
    prices, spreads = arm.prices(rows)
    assert prices == [served.model.score_few([row])[0] for row in rows]
    assert len(spreads) == 70
    assert (arm.guard.rows, arm.guard.failed, arm.guard.left) == (70, 0, "")
    assert arm.prices([]) == ([], [])


class Throwing:
    """A model that fails on every call, or gives no number."""

    def __init__(self, price: float | None = None) -> None:
        self.price = price

    def scored_few(self, rows: Any) -> tuple[list[float], list[float]]:
        if self.price is None:
            raise VersionCorrupt("the compiled model failed", "train again")
        return [self.price] * len(rows), [1.0] * len(rows)


@pytest.mark.parametrize("price", [None, math.nan, math.inf])
def test_a_canary_that_fails_is_left_after_a_few_rows(served: Served, price: float | None) -> None:
    import msgspec

    arm = arm_of(msgspec.structs.replace(served, model=Throwing(price)), 50.0)
    asked = 0
    while not arm.guard.left:
        prices, _ = arm.prices(rows_of(1))
        assert not math.isfinite(prices[0])
        asked += 1
        assert asked <= 3
    assert arm.guard.left == "it failed on 2 of 2 rows, and 1% may fail"


def test_a_canary_that_throws_often_is_left_within_twenty_rows() -> None:
    random = np.random.default_rng(5)
    left = 0
    for _ in range(200):
        guard = Guard(LIMITS)
        for _ in range(20):
            guard.answered(1, int(random.random() < 0.5))
        left += bool(guard.left)
    assert left >= 199


def test_a_canary_that_fails_as_rarely_as_it_may_is_followed() -> None:
    random = np.random.default_rng(5)
    left = 0
    for _ in range(200):
        guard = Guard(LIMITS)
        for _ in range(1000):
            guard.answered(1, int(random.random() < 0.005))
        left += bool(guard.left)
    assert left <= 2


def test_a_slow_canary_is_left_and_one_that_is_as_slow_as_production_is_not() -> None:
    guard = Guard(LIMITS)
    for _ in range(4):
        guard.took(0.001, usual=True)
        guard.took(0.05, usual=False)
    assert guard.left == ""  # too few calls
    guard.took(0.05, usual=False)
    assert guard.left.startswith("a call of its model takes 49 ms more")
    slow = Guard(LIMITS)
    for _ in range(50):
        slow.took(0.05, usual=True)
        slow.took(0.06, usual=False)
    slow.took(5.0, usual=False)  # one hiccup
    assert slow.left == ""


def test_prices_at_another_level_are_left() -> None:
    usual = [20.0 + at for at in range(25)]
    guard = Guard(LIMITS)
    guard.compared([price / 2 for price in usual[:19]], usual[:19])
    assert guard.left == ""
    guard.compared([usual[19] / 2], usual[19:20])
    assert guard.left.startswith("half of its prices are more than 2 times off production's")
    near = Guard(LIMITS)
    near.compared(
        [*(price * 1.1 for price in usual[:15]), *(price / 9 for price in usual[15:])], usual
    )
    assert near.left == ""
    wrong = Guard(LIMITS)
    wrong.compared([-price for price in usual], usual)
    assert wrong.left


def test_a_house_that_is_asked_for_again_and_again_counts_once() -> None:
    guard = Guard(LIMITS)
    for _ in range(60):
        guard.compared([10.0], [30.0])
    assert guard.left == ""
    for at in range(300):  # the newest 200 are kept
        guard.compared([20.0 + at], [20.0 + at])
    assert guard.left == ""


def test_minus_zero_is_zero(served: Served) -> None:
    arm = arm_of(served, 50.0)
    rows = [(0.0, *row[1:]) for row in rows_of(60)]
    same = [(-0.0, *row[1:]) for row in rows]
    assert [arm.picks(row, UNMARKED) for row in rows] == [arm.picks(row, UNMARKED) for row in same]


def test_nothing_is_left_where_the_settings_say_so() -> None:
    assert Limits.of(Serve(canary_abort=False)) is None
    assert Limits.of(Serve()) == LIMITS
    guard = Guard(None)
    guard.answered(100, 100)
    guard.compared([float(at) for at in range(1, 51)], [900.0] * 50)
    for _ in range(20):
        guard.took(9.0, usual=False)
    assert guard.left == ""


@pytest.mark.parametrize(
    ("failed", "rows", "share"), [(0, 5, 0.01), (1, 1, 0.01), (3, 20, 0.01), (40, 1000, 0.02)]
)
def test_the_tail_is_that_of_the_binomial_distribution(
    failed: int, rows: int, share: float
) -> None:
    from scipy.stats import binom

    assert tail(failed, rows, share) == pytest.approx(binom.sf(failed - 1, rows, share), rel=1e-6)


def test_a_part_is_split_with_all_that_belongs_to_its_rows(served: Served) -> None:
    waiting: list[Any] = ["a", "b", "c"]
    part = Part(served, [(1.0,), (2.0,), (3.0,)], waiting, [UNMARKED] * 3, [1, 2, 3], [4, 5, 6])
    own, others = part.split([True, False, True])
    assert (own.rows, own.waiting, own.prices, own.spreads) == (
        [(1.0,), (3.0,)], ["a", "c"], [1, 3], [4, 6],
    )  # fmt: skip
    assert others.group == ("v1", [(2.0,)], [2])
