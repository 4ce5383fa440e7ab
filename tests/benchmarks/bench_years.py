"""Years with a false alarm, and days until a change is seen, when `housing evaluate` runs daily.

Run: python -m tests.benchmarks.bench_years [--years 2000] [--confident 60] [--seed 0]

Each year has a deployment of its own (see `tests.benchmarks.years`), 10 labels a day and a window
of 30 days, and is looked at on each of 365 days. A change comes after 60 quiet days; a year
whose alarm came before it says nothing of it and is left out. The rule with a confidence needs its
bootstrap on many days, two seconds a year, so fewer years of it are simulated.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.stats import beta

from tests.benchmarks import years
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


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--years", type=int, default=2000)
    parser.add_argument("--confident", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rules: dict[str, tuple[Rule, int]] = {
        "plain": (years.plain_alarm, asked.years),
        "budget 0.05": (years.budget_alarm, asked.years),
        "confidence 0.95": (partial(years.plain_alarm, confidence=0.95), asked.confident),
        "confidence 0.99": (partial(years.plain_alarm, confidence=0.99), asked.confident),
    }
    for pool_name, pool in (("Boston", years.boston()), ("California", years.california_shape())):
        for name, (rule, n) in rules.items():
            began = time.monotonic()
            share, upper = rate(pool, rule, World(), n, asked.seed)
            seen = [
                "{}: {:.0f} / {:.0f} days, {:.0%} never".format(
                    what, *delays(pool, rule, change, max(n // 10, 20), asked.seed)
                )
                for what, change in CHANGES.items()
            ]
            print(f"{pool_name}, {name}: {share:.1%} of {n} years (upper {upper:.1%}); "
                  f"{'; '.join(seen)} [{time.monotonic() - began:.0f} s]", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
