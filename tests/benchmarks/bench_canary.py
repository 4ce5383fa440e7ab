"""Simulate canaries that are looked at again and again: what they are called, and how soon.

Run: python -m tests.benchmarks.bench_canary [--runs 2000] (about six minutes on two cores)

Errors of both arms are drawn from the out-of-fold errors of a forest on the shipped table; a canary
that is worse has them times a factor. Days bring `CANARY` rows to the canary and `USUAL` to
production, each with its label, and every `LOOK` days somebody evaluates.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline

from housing_cli.judging.canary import errors_of, jump_of, latency_of, quality_of, worst
from tests.conftest import SHIPPED

Floats = NDArray[np.float64]

DAYS, LOOK = 40, 2
CANARY, USUAL = 10, 30
FACTORS = (1.0, 1.05, 1.5, 2.0, 3.0)
SHARE = 0.01
"""Of its rows a canary may fail on, `serve.canary_errors`."""


def residuals() -> Floats:
    """Return absolute errors of the shipped rows, each by a forest that had not seen it."""
    table = pd.read_csv(SHIPPED)
    features, target = table.drop(columns="MEDV").to_numpy(), table["MEDV"].to_numpy()
    model = make_pipeline(SimpleImputer(), RandomForestRegressor(100, random_state=1))
    found: Floats = np.abs(cross_val_predict(model, features, target, cv=5) - target)
    return found


def life(seed: int, errors: Floats, factor: float) -> int:
    """Return on which day the quality of a canary was first called degraded, 0 for never."""
    random = np.random.default_rng(seed)
    own = factor * random.choice(errors, CANARY * DAYS)
    usual = random.choice(errors, USUAL * DAYS)
    for day in range(LOOK, DAYS + 1, LOOK):
        found = quality_of(
            own[: CANARY * day],
            usual[: USUAL * day],
            (1.0, 1.0),
            float(errors.mean()),
            threshold=0.1,
            min_samples=30,
        )
        if found.verdict == "degraded":
            return day
    return 0


def throwing(seed: int, share: float) -> int:
    """Return after how many rows a canary is degraded that fails on `share`; 0: not in 1,000."""
    failed = np.cumsum(np.random.default_rng(seed).random(1000) < share)
    for n in range(1, 1001):
        if errors_of(n, int(failed[n - 1]), SHARE).verdict == "degraded":
            return n
    return 0


def quiet(seed: int, a_day: int, days: int, errors: Floats) -> set[str]:
    """Return all verdicts of a sound canary with so few rows, in the window of 30 days."""
    random = np.random.default_rng(seed)
    found: set[str] = set()
    for day in range(days + 1):
        n = a_day * min(day, 30)
        own, usual = random.choice(errors, n), random.choice(errors, 30 * min(day, 30))
        metrics = (1.0, 1.0) if n else (None, None)
        quality = quality_of(own, usual, metrics, 1.0, threshold=0.1, min_samples=30)
        prices: Floats = np.linspace(20.0, 50.0, n)
        parts = (errors_of(n, 0, SHARE), latency_of(prices, prices, 20.0),
                 jump_of(prices, prices, 0.5), quality)  # fmt: skip
        found.add(worst(tuple(part.verdict for part in parts)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    runs = parser.parse_args().runs
    errors = residuals()
    with ProcessPoolExecutor(2) as pool:
        for factor in FACTORS:
            n = runs if factor == 1.0 else max(runs // 10, 20)
            days = np.array(
                list(pool.map(partial(life, errors=errors, factor=factor), range(n), chunksize=10))
            )
            seen = days[days > 0]
            when = f", median day {np.median(seen):.0f}" if len(seen) else ""
            print(
                f"errors x {factor:<4g} degraded in {len(seen)} of {n} ({len(seen) / n:.1%}){when}"
            )
    for share in (0.01, 0.05, 0.2, 0.5, 1.0):
        rows = np.array([throwing(seed, share) for seed in range(runs)])
        within = (rows > 0) & (rows <= 20)
        ever = rows[rows > 0]
        said = f", median row {np.median(ever):.0f}" if len(ever) else ""
        print(f"fails on {share:.0%}: degraded within 20 rows {within.mean():.1%}, "
              f"within 1,000 {(rows > 0).mean():.1%}{said}")  # fmt: skip
    for a_day in (3, 10, 30):
        verdicts = set().union(
            *(quiet(seed, a_day, 120, errors) for seed in range(max(runs // 100, 5)))
        )
        print(f"{a_day} rows a day for 120 days: {', '.join(sorted(verdicts))}")


if __name__ == "__main__":
    main()
