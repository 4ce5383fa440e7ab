"""What adapted intervals do after a rise of prices: `python -m tests.benchmarks.bench_intervals 2`.

The argument is how many seeds each shape has. A version learns from a table (Boston: 379 rows, its
left-out rows are asked for; the others: shapes of `bench_feature_coverage`), ten labels come in a
day for 60 days, then real prices rise by 30 % for good. Judged are 300 predictions after the rise,
with labels 0 and 21 days late, and 350 before it. 30 draws of each seed. `bound`: the coverage that
no method exceeds by more than chance whose labels of the new prices are not there before: as
trained until then, 90 % after it. The oracle knows of the rise: its width is 1.3 times that of the
intervals as trained.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray

from housing_cli.data.table import read_table
from housing_cli.learning.conformal import fit_intervals
from housing_cli.learning.fitting import fit, measure
from housing_cli.learning.pipeline import as_served
from housing_cli.learning.spread import fit_spread
from housing_cli.model.adapting import factors
from tests.benchmarks.bench_feature_coverage import (
    DATA,
    LEARNED,
    LOOKED_AT,
    SHAPES,
    Floats,
    Table,
    settings_of,
)

A_DAY, BEFORE, AFTER, CALM, DRAWS = 10, 600, 300, 250, 30
RISE = 1.3


def split(name: str, seed: int) -> tuple[Table, Table]:
    """Return the rows that a version learns from and those that are asked for."""
    if name == "Boston":
        table = read_table(DATA, settings_of(seed).schema())
        order = np.random.default_rng(seed).permutation(len(table))
        known, unseen = np.split(order, [len(table) * 3 // 4])
        features, target = table.features, table.target
    else:
        features, target = SHAPES[name](np.random.default_rng(seed), LEARNED + LOOKED_AT)
        known, unseen = np.split(np.arange(len(target)), [LEARNED])
    return (features[known], target[known]), (features[unseen], target[unseen])


def answers(name: str, seed: int) -> tuple[Floats, Floats, Floats]:
    """Return real prices, predicted ones and offsets (n, 2) of rows that a version has not seen."""
    known, unseen = split(name, seed)
    settings = settings_of(seed)
    out_of_fold = measure(settings, *known).prices
    pipeline = fit(settings, *known)
    spread = fit_spread(pipeline, *known, out_of_fold, seed)
    known_spreads = None if spread is None else spread.out_of_fold
    intervals = fit_intervals(known[1], out_of_fold, spreads=known_spreads)
    prices = np.asarray(pipeline.predict(unseen[0]), dtype=np.float64)
    spreads: Floats = np.ones(len(prices))
    if spread is not None:
        spreads = spread.model.predict(as_served(pipeline["imputer"].transform(unseen[0])))
    return unseen[1], prices, intervals.offsets(prices, spreads)


def year(
    real: Floats, predicted: Floats, offsets: Floats, late: int, rng: np.random.Generator
) -> Floats:
    """Return the figures of one draw, in the order of the table's columns."""
    rows = rng.integers(0, len(real), BEFORE + AFTER)
    real, predicted, offsets = real[rows].copy(), predicted[rows], offsets[rows]
    real[BEFORE:] *= RISE
    until = np.maximum(np.arange(len(rows)) - late * A_DAY, 0)
    stretched = offsets * factors(real - predicted, offsets, until, 0.9)
    calm, risen = slice(CALM, BEFORE), slice(BEFORE, None)
    trained = inside(real, predicted, offsets)
    adapted = inside(real, predicted, stretched)
    wide, usual = (widths(predicted, ends) for ends in (stretched, offsets))
    blind = min(late * A_DAY, AFTER)
    bound = (blind * trained[risen].mean() + (AFTER - blind) * 0.9) / AFTER
    calm_score = score(real[calm], predicted[calm], stretched[calm])
    return np.array(
        [
            adapted[calm].mean(),
            wide[calm].mean() / usual[calm].mean(),
            calm_score / score(real[calm], predicted[calm], offsets[calm]),
            trained[risen].mean(),
            bound,
            adapted[risen].mean(),
            wide[risen].mean() / (RISE * usual[risen].mean()),
        ]
    )


def inside(real: Floats, predicted: Floats, offsets: Floats) -> NDArray[np.bool_]:
    """Return whether real prices lie within their intervals."""
    found: NDArray[np.bool_] = (real >= np.maximum(predicted + offsets[:, 0], 0.0)) & (
        real <= predicted + offsets[:, 1]
    )
    return found


def widths(predicted: Floats, offsets: Floats) -> Floats:
    """Return how wide intervals are."""
    found: Floats = predicted + offsets[:, 1] - np.maximum(predicted + offsets[:, 0], 0.0)
    return found


def score(real: Floats, predicted: Floats, offsets: Floats) -> float:
    """Return the mean interval score at 90 %."""
    low, high = np.maximum(predicted + offsets[:, 0], 0.0), predicted + offsets[:, 1]
    out = np.maximum(low - real, 0.0) + np.maximum(real - high, 0.0)
    return float((high - low + 20 * out).mean())


def main(seeds: int) -> None:
    """Print the table."""
    print(f"seeds 0 to {seeds - 1}, {DRAWS} draws each; means over them\n")
    print(
        "| shape | labels late | calm: coverage | width | score | after: as trained | bound |",
        end="",
    )
    print(" adapted | width / oracle's |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for name in ("Boston", *SHAPES):
        tables = [answers(name, seed) for seed in range(seeds)]
        for late in (0, 21):
            rng = np.random.default_rng(0)
            found = [year(*table, late, rng) for table in tables for _ in range(DRAWS)]
            covered, width, scored, trained, bound, adapted, ratio = np.mean(found, axis=0)
            calm = f"{covered:.1%} | {width:.3f} | {scored:.3f}"
            print(
                f"| {name} | {late} days | {calm} | {trained:.1%} | {bound:.1%} | {adapted:.1%} |"
                f" {ratio:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
