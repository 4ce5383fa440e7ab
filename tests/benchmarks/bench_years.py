"""Years with a false alarm, and days until a change is seen, when `housing evaluate` runs daily.

Run: python -m tests.benchmarks.bench_years [--years 2000] [--confident 60] [--seed 0] [--only WHAT]

WHAT: `rules`; `worlds`, the rule within a yearly budget where nothing changed but labels are many,
late, or of some prices only; or `cusum`, an oracle and a calibrated CUSUM to compare with.

Each year has a deployment of its own (see `tests.benchmarks.years`), 10 labels a day and a window
of 30 days, and is looked at on each of 365 days. A change comes after 60 quiet days; a year
whose alarm came before it says nothing of it and is left out. The rule with a confidence needs its
bootstrap on many days, two seconds a year, so fewer years of it are simulated.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.stats import beta

from tests.benchmarks import cusum, years
from tests.benchmarks.years import Change, Pool, World, Year

Rule = Callable[[Year, tuple[years.Floats, years.Floats], int], int | None]
QUIET = 60


def rate(pool: Pool, rule: Rule, world: World, n: int, seed: int) -> tuple[float, float]:
    """Return the share of n years with an alarm, and its upper 95 % bound (Clopper & Pearson)."""
    alarms = sum(day is not None for day in _days(pool, rule, world, n, seed))
    return alarms / n, float(beta.ppf(0.95, alarms + 1, n - alarms)) if alarms < n else 1.0


def delays(
    pool: Pool, rule: Rule, change: Change, n: int, seed: int, world: World | None = None
) -> tuple[float, float, float]:
    """Return median and 90 % quantile of the days until an alarm, and the share never seen.

    The day of the change counts as the first. Not seen within 180 days counts as 180.
    """
    given = world or World()
    changed = World(given.per_day, given.delay, QUIET + 180, given.labels, change, change_day=QUIET)
    found = [day for day in _days(pool, rule, changed, n, seed) if day is None or day >= QUIET]
    waits = [180 if day is None else day - QUIET + 1 for day in found]
    return *np.quantile(waits, [0.5, 0.9]).tolist(), found.count(None) / len(found)


def _days(pool: Pool, rule: Rule, world: World, n: int, seed: int) -> list[int | None]:
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        before = pool.deployment(rng)
        found.append(rule(years.draw_year(pool, world, rng), before, pool.rows))
    return found


CHANGES: dict[str, Change] = {
    "prices +10 %": years.level(0.1),
    "prices -10 %": years.level(-0.1),
    "errors +25 %": years.errors(0.25),
    "5 % of rows off by 30 %": years.off(0.05, 0.3),
}


POOLS = {"Boston": years.boston, "California": years.california_shape}


def worlds(pool: Pool) -> dict[str, World]:
    """Return unchanged worlds by what they are like."""
    low, middle, high = np.quantile(pool.predicted, [0.3, 0.5, 0.7]).tolist()

    def softly(sign: int) -> Callable[[years.Floats], years.Floats]:
        return lambda price: 1 / (1 + np.exp(-2 * sign * (price - middle) / (high - low)))

    return {
        "2 labels a day": World(per_day=2),
        "30 labels a day": World(per_day=30),
        "100 labels a day": World(per_day=100),
        "up to 21 days late": World(delay=21),
        "up to 60 days late": World(delay=60),
        "the cheapest 30 % only, 9 a day": World(30, labels=lambda price: 1.0 * (price < low)),
        "the dearest 30 % only, 9 a day": World(30, labels=lambda price: 1.0 * (price > high)),
        "rather cheap ones, 10 a day": World(20, labels=softly(-1)),
        "rather dear ones, 10 a day": World(20, labels=softly(1)),
    }


def bench_rules(asked: argparse.Namespace) -> None:
    """Print how often each rule alarms for nothing, and how soon it sees a change."""
    rules: dict[str, tuple[Rule, int]] = {
        "budget 0.05": (years.budget_alarm, asked.years),
        "plain": (years.plain_alarm, asked.years),
        "confidence 0.95": (partial(years.plain_alarm, confidence=0.95), asked.confident),
        "confidence 0.99": (partial(years.plain_alarm, confidence=0.99), asked.confident),
    }
    for pool_name, made in POOLS.items():
        pool = made()
        for name, (rule, n) in rules.items():
            _print(pool_name, name, rate(pool, rule, World(), n, asked.seed), n)
            for what, change in CHANGES.items():
                _print_delays(what, delays(pool, rule, change, max(n // 10, 20), asked.seed))


def bench_worlds(asked: argparse.Namespace) -> None:
    """Print how often the rule within a yearly budget alarms for nothing in other worlds."""
    n = max(asked.years // 5, 20)
    for pool_name, made in POOLS.items():
        pool = made()
        for what, world in worlds(pool).items():
            _print(pool_name, what, rate(pool, years.budget_alarm, world, n, asked.seed), n)


def bench_cusum(asked: argparse.Namespace) -> None:
    """Print what the CUSUM rules do: the oracle with a limit for each change of its own."""
    n = max(asked.years // 4, 20)
    for pool_name, made in POOLS.items():
        pool = made()
        for what, change in CHANGES.items():
            rule = cusum.oracle(pool, change)
            _print(pool_name, "oracle", rate(pool, rule, World(), n, asked.seed), n)
            _print_delays(what, delays(pool, rule, change, n // 2, asked.seed))
        for per_day in (10, 30):
            rule, few = cusum.calibrated(), n // 5
            found = rate(pool, rule, World(per_day), few, asked.seed)
            _print(pool_name, f"calibrated for 10 labels a day, {per_day} come", found, few)


def _print(pool: str, rule: str, found: tuple[float, float], n: int) -> None:
    print(f"{pool}, {rule}: {found[0]:.1%} of {n} years (upper {found[1]:.1%})", flush=True)


def _print_delays(what: str, found: tuple[float, float, float]) -> None:
    print("  {}: {:.0f} / {:.0f} days, {:.0%} never".format(what, *found), flush=True)


def main() -> None:
    """Print the tables."""
    parts = {"rules": bench_rules, "worlds": bench_worlds, "cusum": bench_cusum}
    parser = argparse.ArgumentParser()
    parser.add_argument("--years", type=int, default=2000)
    parser.add_argument("--confident", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=parts)
    asked = parser.parse_args()
    for name, part in parts.items():
        if asked.only in (None, name):
            part(asked)


if __name__ == "__main__":
    main()
