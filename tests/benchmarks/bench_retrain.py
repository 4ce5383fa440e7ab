"""Which challengers the gate accepts: rates over seeds, and the error that RMSE alone would make.

Run: python -m tests.benchmarks.bench_retrain [SEEDS]

Every case trains v1 on a part of the shipped rows, predicts unseen ones, sends real prices, and
asks for `retrain --promote`. After an acceptance, fresh rows of the same world are judged.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from housing_cli.errors import GateRefused
from tests.in_process import Loop, shuffled

World = Callable[[pd.DataFrame, np.random.Generator], np.ndarray]
SETS = ("model.params.n_estimators=40", "train.repeats=1", "train.jobs=1")


def unmoved(rows: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Return the factors of an unchanged world."""
    return np.ones(len(rows))


def moved(rows: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Return the factors of a market that rose by 30 %."""
    return np.full(len(rows), 1.3)


def poisoned(rows: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Return the factors of prices of which a random half is a fifth of what it should be."""
    factor = np.ones(len(rows))
    factor[rng.permutation(len(rows))[: len(rows) // 2]] = 0.2
    return factor


def large_houses(rows: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Return the factors of a market in which large houses rose by 40 %."""
    return np.where(rows["RM"] > 6.2, 1.4, 1.0)


CASES: dict[str, tuple[int, int, int, World]] = {
    # base rows, unmoved labeled rows, rows of the case's world, the world
    "poison: half of 40 prices x 0.2": (466, 0, 40, poisoned),
    "poison: half of 106 prices x 0.2": (400, 0, 106, poisoned),
    "poison: half of 86 after 70 right ones": (350, 70, 86, poisoned),
    "market +30 %, all 60 labels": (400, 0, 60, moved),
    "market +30 %, 40 of 140 labels": (300, 100, 40, moved),
    "large houses +40 %, 140 labels": (300, 0, 140, large_houses),
    "three times the rows, same world": (100, 0, 300, unmoved),
    "half more rows, same world": (330, 0, 150, unmoved),
}


def run(case: tuple[int, int, int, World], seed: int) -> tuple[bool, bool, float]:
    """Return whether it was accepted, whether RMSE alone would have, and the ratio afterwards."""
    base, before, after, world = case
    rows, rng = shuffled(seed), np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        loop = Loop(Path(folder), rows[:base], SETS)
        if before:
            loop.live(rows[base : base + before])
        changed = rows[base + before : base + before + after]
        loop.live(changed, world(changed, rng))
        try:
            comparison = loop.retrain(promote=True).comparison
        except GateRefused as refused:
            lower = float(refused.evidence["difference"]) < 0  # type: ignore[arg-type]
            return False, lower, float("nan")
        fresh = rows[base + before + after :]
        if len(fresh) < 20:
            return True, True, float("nan")
        loop.live(fresh, world(fresh, rng))
        ratio = loop.evaluate(min_samples=10).verdict.ratio
        return True, comparison["difference"] < 0, float(ratio or "nan")


def main(seeds: int) -> None:
    """Print the table."""
    print("| case | accepted | RMSE alone would accept | ratio of fresh rows after it |")
    print("| --- | --- | --- | --- |")
    for name, case in CASES.items():
        found = np.array([run(case, seed) for seed in range(seeds)], dtype=float)
        ratios = found[:, 2][~np.isnan(found[:, 2])]
        ratio = f"{np.median(ratios):.2f} (median)" if len(ratios) else "-"
        print(
            f"| {name} | {found[:, 0].mean():.0%} | {found[:, 1].mean():.0%} | {ratio} |",
            flush=True,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
