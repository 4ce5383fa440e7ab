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
from housing_cli.learning.conformal import fit_intervals, interval_score
from housing_cli.learning.fitting import fit, measure
from housing_cli.learning.pipeline import as_served
from housing_cli.learning.spread import fit_spread

Floats = NDArray[np.float64]
Table = tuple[Floats, Floats]

DATA = Path(__file__).parents[2] / "data" / "HousingData.csv"
LEARNED, LOOKED_AT = 3_000, 20_000
MIN_SHARE = 0.05
"""Features with few values have bands that hold almost no row; those are no deciles."""


@dataclass(frozen=True, slots=True)
class Answered:
    """Unseen rows (n, k), whether their interval held the real price, and its width (n,).

    score: the mean interval score, in which misses and width count.
    """

    features: Floats
    inside: NDArray[np.bool_]
    widths: Floats
    score: float


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


def answer(settings: Settings, known: Table, unseen: Table) -> tuple[Answered, Answered]:
    """Return the intervals that versions which learned `known` give for `unseen`.

    First those of the predicted price alone, then those that are scaled where that is better.
    """
    out_of_fold = measure(settings, *known).prices
    pipeline = fit(settings, *known)
    spread = fit_spread(pipeline, *known, out_of_fold, settings.train.seed)
    prices = pipeline.predict(unseen[0])
    spreads = np.ones(len(prices))
    if spread is not None:
        spreads = spread.model.predict(as_served(pipeline["imputer"].transform(unseen[0])))
    found = []
    for known_spreads in (None, spread.out_of_fold if spread else None):
        intervals = fit_intervals(known[1], out_of_fold, spreads=known_spreads)
        ends = intervals.intervals(prices, spreads if intervals.scaled else 1.0)
        inside = (unseen[1] >= ends[:, 0]) & (unseen[1] <= ends[:, 1])
        score = interval_score(intervals, unseen[1], prices, spreads if intervals.scaled else 1.0)
        found.append(Answered(unseen[0], inside, ends[:, 1] - ends[:, 0], score))
    return found[0], found[1]


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


def boston(seeds: int) -> list[tuple[Answered, Answered]]:
    """Return what is answered to the rows left out of `seeds` splits of the shipped table, pooled.

    A decile of one split has a dozen rows.
    """
    table = read_table(DATA, settings_of(0).schema())
    parts = []
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(len(table))
        known, unseen = (
            (table.features[rows], table.target[rows])
            for rows in np.split(order, [len(table) * 3 // 4])
        )
        parts.append(answer(settings_of(seed), known, unseen))
    one, other = (
        Answered(
            np.concatenate([part[k].features for part in parts]),
            np.concatenate([part[k].inside for part in parts]),
            np.concatenate([part[k].widths for part in parts]),
            float(np.mean([part[k].score for part in parts])),
        )
        for k in range(2)
    )
    return [(one, other)]


def generated(name: str, seeds: int) -> list[tuple[Answered, Answered]]:
    """Return what `seeds` versions answer to rows of a shape."""
    found = []
    for seed in range(seeds):
        features, target = SHAPES[name](np.random.default_rng(seed), LEARNED + LOOKED_AT)
        known, unseen = (
            (features[rows], target[rows]) for rows in (slice(LEARNED), slice(LEARNED, None))
        )
        found.append(answer(settings_of(seed), known, unseen))
    return found


def main(seeds: int) -> None:
    """Print the table."""
    print(f"seeds 0 to {seeds - 1}; means over them\n")
    head = "coverage | worst decile | its lowest seed | best decile | mean width | interval score"
    print(f"| shape | intervals | {head} |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name in ("Boston", *SHAPES):
        pairs = boston(seeds) if name == "Boston" else generated(name, seeds)
        for at, kind in enumerate(("by price", "scaled")):
            parts = [pair[at] for pair in pairs]
            worst = [deciles(part).min() for part in parts]
            best = np.mean([deciles(part).max() for part in parts])
            coverage = np.mean([part.inside.mean() for part in parts])
            width, score = (
                np.mean([np.mean(getattr(part, field)) for part in parts])
                for field in ("widths", "score")
            )
            cells = f"{coverage:.1%} | {np.mean(worst):.1%} | {min(worst):.1%} | {best:.1%}"
            print(f"| {name} | {kind} | {cells} | {width:.4g} | {score:.4g} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
