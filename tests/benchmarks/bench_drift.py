"""How often drift is seen where there is none, and where there is some.

Run: python -m tests.benchmarks.bench_drift [WORLDS]

Each world draws new houses with the distributions and rank correlations of the shipped table (a
Gaussian copula): m of them are the training rows, n the recent ones, 14 columns with the price. A
false alarm is any column that drifted; a change is seen when its own column drifted. `halves`
splits the shipped rows themselves at random, 253 against 253. World k has the seed k.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.special import ndtr, ndtri

from housing_cli.judging.column_tests import FEW_VALUES
from housing_cli.judging.drift import compare_columns
from housing_cli.judging.houses import newest_of_each, repeats

DATA = Path(__file__).parents[2] / "data" / "HousingData.csv"
NAMES = DATA.read_text().splitlines()[0].split(",")
ROWS = np.genfromtxt(DATA, delimiter=",", skip_header=1)
CONTINUOUS = [k for k in range(14) if len(np.unique(ROWS[~np.isnan(ROWS[:, k]), k])) > FEW_VALUES]

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def _loadings() -> np.ndarray:
    """Return the Cholesky factor of the normal scores' correlations."""
    filled = np.where(np.isnan(ROWS), np.nanmedian(ROWS, axis=0), ROWS)
    ranks = filled.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
    scores = ndtri((ranks + 0.5) / len(ROWS))
    factor: np.ndarray = np.linalg.cholesky(np.corrcoef(scores.T) + 1e-6 * np.eye(14))
    return factor


LOADINGS = _loadings()


def houses(rng: np.random.Generator, n: int) -> np.ndarray:
    """Return n new houses (n, 14), 4 % of six columns missing as in the shipped table."""
    at = ndtr(rng.normal(size=(n, 14)) @ LOADINGS.T)
    drawn = np.empty((n, 14))
    for k in range(14):
        known = ROWS[~np.isnan(ROWS[:, k]), k]
        if k in CONTINUOUS:
            drawn[:, k] = np.quantile(known, at[:, k])
        else:
            drawn[:, k] = np.quantile(known, at[:, k], method="inverted_cdf")
        drawn[rng.random(n) < np.isnan(ROWS[:, k]).mean(), k] = np.nan
    return drawn


def drifted(before: np.ndarray, now: np.ndarray) -> list[str]:
    """Return which columns drifted, as `housing evaluate` compares them."""
    picked = newest_of_each(now[:, :-1], repeats(before[:, :-1]))
    return [found.name for found in compare_columns(NAMES, before, now[picked]) if found.drifted]


def unchanged(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return rows


def through_float32(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return rows.astype(np.float32).astype(np.float64)


def asked(times: int) -> Change:
    return lambda rows, rng: rows[rng.permutation(np.repeat(np.arange(len(rows)), times))]


def set_to(name: str, value: float, share: float = 1.0) -> Change:
    def change(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        rows = rows.copy()
        rows[rng.random(len(rows)) < share, NAMES.index(name)] = value
        return rows

    return change


def moved(name: str, by: float) -> Change:
    at = NAMES.index(name)

    def change(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        rows = rows.copy()
        rows[:, at] += by * np.nanstd(ROWS[:, at])
        return rows

    return change


def rate(change: Change, m: int, n: int, worlds: int, name: str | None = None) -> float:
    """Return the share of worlds in which `name` drifted, or any column where it is `None`."""
    seen = 0
    for seed in range(worlds):
        rng = np.random.default_rng(seed)
        found = drifted(houses(rng, m), change(houses(rng, n), rng))
        seen += bool(found) if name is None else name in found
    return seen / worlds


def halves(change: Change, worlds: int) -> float:
    """Return the share of random splits of the shipped rows in which any column drifted."""
    seen = 0
    for seed in range(worlds):
        rng = np.random.default_rng(seed)
        rows = ROWS[rng.permutation(len(ROWS))]
        seen += bool(drifted(rows[:253], change(rows[253:], rng)))
    return seen / worlds


def main() -> None:
    """Print a table: what happened, training rows, recent houses, share of worlds."""
    worlds = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    same = {
        "unchanged": unchanged,
        "through float32": through_float32,
        "each house 5 times": asked(5),
        "each house 20 times": asked(20),
    }
    print(f"{worlds} worlds each, seeds 0 to {worlds - 1}")
    for words, change in same.items():
        print(f"false alarm, halves of the shipped rows, {words}: {halves(change, worlds):.2%}")
        for m in (506, 5000):
            print(f"false alarm, m={m} n=300, {words}: {rate(change, m, 300, worlds):.2%}")
    few = max(worlds // 5, 20)
    for n in (300, 1000, 5000):
        gone = rate(set_to("CHAS", 0.0), 506, n, few, "CHAS")
        print(f"seen, m=506 n={n}, CHAS from 7 % to 0: {gone:.2%} of {few}")
    for name in ("RM", "TAX", "RAD", "LSTAT"):
        for share in (0.05, 0.1):
            lost = rate(set_to(name, np.nan, share), 506, 300, few, name)
            print(f"seen, m=506 n=300, {share:.0%} of {name} missing: {lost:.2%} of {few}")
    for k in CONTINUOUS:
        up = rate(moved(NAMES[k], 0.5), 506, 300, few, NAMES[k])
        print(f"seen, m=506 n=300, {NAMES[k]} up by half a standard deviation: {up:.2%} of {few}")


if __name__ == "__main__":
    main()
