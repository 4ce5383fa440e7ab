"""How often `housing evaluate --shadow` calls a challenger better, looked at after every label.

Run: python -m tests.benchmarks.bench_shadow [RUNS]

A world is a pair of real models on real rows: out-of-fold prices on the shipped data and on a table
like California's. Houses are drawn from it with replacement. The challenger's errors are scaled, so
that its metric is exactly 1.0, 1.05, 0.95, ... times production's, and stay correlated with them as
they are. `swapped`: equal in law, whichever of the two prices of a house is the challenger's.
`rare`: 5 % better, but for 2 % of the rows, on which it is so far off that its metric is 1.03 times
production's in all.

Beside it stand two tests of the metric's own losses that know more than anyone does: the paired
z-test at the one look after 500 labels (5 %), and the likelihood ratio of normal losses with the
true mean and spread, looked at after every label (Wald 1945).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.model_selection import KFold

from housing_cli.data.metrics import METRICS
from housing_cli.judging.shadow import Bets, training_of
from tests.tables import california

Floats = NDArray[np.float64]
DATA = Path(__file__).parents[2] / "data" / "HousingData.csv"
LABELS, LONG, FEWEST = 500, 1000, 30
NEEDED = np.log(20)


def tables() -> Iterator[tuple[str, Floats, Floats]]:
    """Yield names, features (n, k) and prices (n,)."""
    shipped = pd.read_csv(DATA)
    other = california(2000, 0)
    other["ocean_proximity"] = other["ocean_proximity"].astype("category").cat.codes
    for name, table, target in (
        ("shipped", shipped, "MEDV"),
        ("California", other, "median_house_value"),
    ):
        prices = table.pop(target).to_numpy(float)
        yield name, table.fillna(table.median()).to_numpy(float), prices


def errors_of(model: Callable[[int], object], x: Floats, y: Floats, share: float) -> Floats:
    """Return out-of-fold errors (n,) of a model that learned from a share of the other folds."""
    found = np.zeros(len(y))
    for fold, (learned, held) in enumerate(KFold(5, shuffle=True, random_state=1).split(x)):
        kept = np.random.default_rng(fold).permutation(learned)[: round(share * len(learned))]
        found[held] = model(fold).fit(x[kept], y[kept]).predict(x[held]) - y[held]  # type: ignore[attr-defined]
    return found


def pairs() -> Iterator[tuple[str, Floats, Floats]]:
    """Yield names and the errors of production and challenger on the same houses."""

    def forest(seed: int) -> object:
        return RandomForestRegressor(100, max_features=0.4, random_state=seed)

    def other_seed(seed: int) -> object:
        return forest(seed + 100)

    for name, x, y in tables():
        usual = errors_of(forest, x, y, 1.0)
        yield f"{name}: the same forest, another seed", usual, errors_of(other_seed, x, y, 1.0)
        fewer = errors_of(other_seed, x, y, 0.7)
        yield f"{name}: a forest, and one of 40 % more rows", fewer, usual
        trees = errors_of(lambda seed: ExtraTreesRegressor(100, random_state=seed), x, y, 1.0)
        yield f"{name}: a forest, and extra trees", usual, trees
        boosted = errors_of(lambda s: GradientBoostingRegressor(random_state=s), x, y, 1.0)
        yield f"{name}: a forest, and gradient boosting", usual, boosted


def scaled(production: Floats, shadow: Floats, metric: str, ratio: float) -> Floats:
    """Return the shadow's errors, so that its metric is `ratio` times production's."""
    rule, nothing = METRICS[metric], np.zeros(len(production))
    return shadow * ratio * rule.of(nothing, production) / rule.of(nothing, shadow)


def rare(production: Floats, shadow: Floats, metric: str, ratio: float) -> float:
    """Return the error of 2 % of the rows that makes a shadow, 5 % better elsewhere, so bad."""
    rule, nothing = METRICS[metric], np.zeros(len(production))
    wanted, have = (rule.loss(nothing, errors).mean() for errors in (production, shadow))
    whole = wanted * ratio ** (1 / rule.power)
    return float(((whole - 0.98 * have) / 0.02) ** rule.power)


def run(
    production: Floats,
    shadow: Floats,
    metric: str,
    n: int,
    rng: np.random.Generator,
    *,
    base: Floats,
    swap: bool = False,
    far: float = 0.0,
) -> int:
    """Return after how many labels the shadow passed, 0 where it never did."""
    at = rng.integers(0, len(production), n)
    one, two = production[at], shadow[at]
    if swap:
        turned = rng.random(n) < 0.5
        one, two = np.where(turned, two, one), np.where(turned, one, two)
    if far:
        two = np.where(rng.random(n) < 0.02, far * rng.choice([-1.0, 1.0], n), two)
    real, rule = np.zeros(n), METRICS[metric]
    bets = Bets(real, one, two, training_of(np.abs(base), metric))
    ahead = np.cumsum(rule.loss(real, two)) < np.cumsum(rule.loss(real, one))
    passes = np.flatnonzero(((bets.wealth(1.0) >= NEEDED) & ahead)[FEWEST - 1 :])
    return int(passes[0]) + FEWEST if len(passes) else 0


def oracles(
    production: Floats, shadow: Floats, metric: str, runs: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the power of the two tests that know the world; see above."""
    rule, nothing = METRICS[metric], np.zeros(len(production))
    gains = rule.loss(nothing, production) - rule.loss(nothing, shadow)
    mean, spread = gains.mean(), gains.std()
    drawn = gains[rng.integers(0, len(gains), (runs, LABELS))]
    fixed = drawn.mean(axis=1) / (drawn.std(axis=1) / np.sqrt(LABELS)) > 1.645
    ratio = np.cumsum(mean * drawn / spread**2 - mean**2 / spread**2 / 2, axis=1)
    return float(fixed.mean()), float((ratio >= NEEDED).any(axis=1).mean())


def main(runs: int) -> None:
    """Print the table."""
    print(f"{runs} runs a cell, a look after every label from the {FEWEST}th on\n")
    print("| world | correlation | metric | swapped | equal | +2 % | +5 % | rare +3 % "
          "| -5 %, 500 labels | labels (half) | -10 % | z-test | sequential |")  # fmt: skip
    print("|" + " --- |" * 13)
    for name, production, shadow in pairs():
        together = np.corrcoef(production, shadow)[0, 1]
        for metric in ("rmse", "mae"):
            rng = np.random.default_rng(0)

            def rate(ratio: float, n: int, rng: np.random.Generator = rng, **more: bool) -> float:
                tried = scaled(production, shadow, metric, ratio)  # noqa: B023
                found = [run(production, tried, metric, n, rng, base=production, **more)  # noqa: B023
                         for _ in range(runs)]  # fmt: skip
                return float(np.mean(np.array(found) > 0))

            better = scaled(production, shadow, metric, 0.95)
            far = rare(production, better, metric, 1.03)
            first = np.array([
                run(production, better, metric, LABELS, rng, base=production)
                for _ in range(runs)
            ])  # fmt: skip
            seldom = np.mean([
                run(production, better, metric, LONG, rng, base=production, far=far) > 0
                for _ in range(runs)
            ])  # fmt: skip
            half = np.median(np.where(first > 0, first, LABELS + 1))
            cells = [
                f"{rate(1.0, LONG, swap=True):.1%}", f"{rate(1.0, LONG):.1%}",
                f"{rate(1.02, LONG):.1%}", f"{rate(1.05, LONG):.1%}", f"{seldom:.1%}",
                f"{(first > 0).mean():.0%}", f"{half:.0f}" if half <= LABELS else "more",
                f"{rate(0.9, LABELS):.0%}",
                *(f"{power:.0%}" for power in oracles(production, better, metric, runs, rng)),
            ]  # fmt: skip
            print(f"| {name} | {together:.2f} | {metric} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
