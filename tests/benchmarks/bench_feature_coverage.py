"""Coverage of the prediction intervals in every decile of every feature, and their mean width.

Run: python -m tests.benchmarks.bench_feature_coverage [SEEDS]

Boston's own rows (three quarters learned from, the rest looked at, pooled over the splits), and
seeded tables of the shapes of California (8 features, prices capped), Ames (20 features, log-normal
prices) and King County (15 features, log-normal prices, heavy tails): 3,000 rows are learned from
and 20,000 more are looked at. In each, the errors' size goes with a feature of which the price
tells little. A decile of 2,000 rows has a standard error of 0.7 points, and the worst of 80 to 200
deciles lies about 2.5 of them too low.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from housing_cli.config import Settings, load_settings
from housing_cli.data.table import read_table
from housing_cli.judging.sums import band_edges
from housing_cli.learning.conformal import fit_intervals
from housing_cli.learning.fitting import fit, measure

Floats = NDArray[np.float64]

DATA = Path(__file__).parents[2] / "data" / "HousingData.csv"
LEARNED, LOOKED_AT = 3_000, 20_000
MIN_SHARE = 0.05
"""Features with few values have bands that hold almost no row; those are no deciles."""


@dataclass(frozen=True, slots=True)
class Answered:
    """Unseen rows (n, k), whether their interval held the real price, and its width (n,)."""

    features: Floats
    inside: NDArray[np.bool_]
    widths: Floats


def california(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    """Return features (n, 8) and prices: incomes and places tell them, occupancy their spread."""
    x = rng.uniform(0, 1, (n, 8))
    income = rng.gamma(3, 0.33, n)
    x[:, 0] = income
    level = 0.5 + 1.2 * income + 0.8 * np.cos(5 * x[:, 1]) * x[:, 2] + 0.3 * x[:, 3]
    spread = 0.20 + 0.25 * x[:, 5] ** 2 + 0.08 * (x[:, 4] < 0.2)
    return x, np.clip(np.maximum(level, 0.3) * np.exp(spread * rng.normal(0, 1, n)), 0.15, 5.0)


def ames(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    """Return features (n, 20) and prices: the spread goes with age and with a rare condition."""
    x = rng.uniform(0, 1, (n, 20))
    x[:, 1] = np.round(1 + 9 * rng.beta(4, 3, n))
    log_price = 11.2 + 0.12 * x[:, 1] + 0.5 * x[:, 2] + 0.25 * x[:, 3] - 0.1 * x[:, 0]
    rare = x[:, 6] > 0.92
    spread = 0.08 + 0.07 * x[:, 0] ** 2 + 0.04 * rare
    return x, np.exp(log_price + spread * rng.standard_t(6, n)) / 1000


def king_county(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    """Return features (n, 15) and prices: the spread goes with lot and latitude, tails heavy."""
    x = rng.uniform(0, 1, (n, 15))
    log_price = 12.2 + 1.1 * x[:, 1] + 0.7 * x[:, 2] * x[:, 3] + 0.4 * np.sin(4 * x[:, 4])
    spread = 0.12 + 0.12 * x[:, 7] ** 3 + 0.10 * np.abs(x[:, 4] - 0.5)
    return x, np.exp(log_price + spread * rng.standard_t(5, n)) / 1000


SHAPES: dict[str, Callable[[np.random.Generator, int], tuple[Floats, Floats]]] = {
    "California": california,
    "Ames": ames,
    "King County": king_county,
}


def answer(
    settings: Settings, known: tuple[Floats, Floats], unseen: tuple[Floats, Floats]
) -> Answered:
    """Return the intervals that a version which learned `known` gives for `unseen`."""
    out_of_fold = measure(settings, *known).prices
    intervals = fit_intervals(known[1], out_of_fold)
    prices = fit(settings, *known).predict(unseen[0])
    ends = intervals.intervals(prices)
    inside = (unseen[1] >= ends[:, 0]) & (unseen[1] <= ends[:, 1])
    return Answered(unseen[0], inside, ends[:, 1] - ends[:, 0])


def deciles(answered: Answered) -> Floats:
    """Return the coverage in every band of every feature that holds `MIN_SHARE` of the rows."""
    found = []
    for column in answered.features.T:
        known = ~np.isnan(column)
        band = np.searchsorted(band_edges(column), column[known], side="right")
        counts = np.bincount(band)
        shares = np.bincount(band, answered.inside[known]) / np.maximum(counts, 1)
        found.append(shares[counts >= MIN_SHARE * len(column)])
    return np.concatenate(found)


def settings_of(seed: int) -> Settings:
    """Return the settings of a run: the shipped forest with 100 trees, three folds."""
    pairs = [f"train.seed={seed}", "model.params.n_estimators=100", "train.folds=5",
             "train.repeats=1", "train.jobs=1"]  # fmt: skip
    return load_settings(None, {"data.path": str(DATA)}, pairs, {})


def boston(seeds: int) -> list[Answered]:
    """Return the rows left out of `seeds` splits of the shipped table, pooled."""
    table = read_table(DATA, settings_of(0).schema())
    parts = []
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(len(table))
        known, unseen = np.split(order, [len(table) * 3 // 4])
        pair = [(table.features[rows], table.target[rows]) for rows in (known, unseen)]
        parts.append(answer(settings_of(seed), pair[0], pair[1]))
    columns = ([getattr(part, name) for part in parts] for name in ("features", "inside", "widths"))
    return [Answered(*map(np.concatenate, columns))]


def generated(name: str, seeds: int) -> list[Answered]:
    """Return what `seeds` versions answer to rows of a shape."""
    found = []
    for seed in range(seeds):
        features, target = SHAPES[name](np.random.default_rng(seed), LEARNED + LOOKED_AT)
        known, unseen = slice(LEARNED), slice(LEARNED, None)
        pair = [(features[rows], target[rows]) for rows in (known, unseen)]
        found.append(answer(settings_of(seed), pair[0], pair[1]))
    return found


def main(seeds: int) -> None:
    """Print the table."""
    print(f"seeds 0 to {seeds - 1}; means over them\n")
    print("| shape | coverage | worst decile | its lowest seed | best decile | mean width |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in ("Boston", *SHAPES):
        parts = boston(seeds) if name == "Boston" else generated(name, seeds)
        worst = [deciles(part).min() for part in parts]
        best = np.mean([deciles(part).max() for part in parts])
        coverage = np.mean([part.inside.mean() for part in parts])
        width = np.mean([part.widths.mean() for part in parts])
        cells = f"{coverage:.1%} | {np.mean(worst):.1%} | {min(worst):.1%} | {best:.1%}"
        print(f"| {name} | {cells} | {width:.3g} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
