"""How often `housing evaluate` cries wolf, and how often it sees a real degradation.

Run: python -m tests.benchmarks.bench_decisions [WORLDS]

Each world draws m errors for the baseline and n recent ones from the same population (unchanged),
or from one whose errors are larger by a quarter (+25 %), and asks the real `gate.judge` at the
default threshold 0.1. Populations: the out-of-fold errors on the shipped data, which have heavy
tails, and normal ones. Beside it the best possible test (Neyman & Pearson 1933): it knows the
distribution of the errors and the size of the degradation, which nobody does, and is set to 5 %
false alarms.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.stats import t as student

from housing_cli.config import load_settings
from housing_cli.data.metrics import METRICS
from housing_cli.data.table import read_table
from housing_cli.judging import gate
from housing_cli.learning.fitting import measure

DATA = Path(__file__).parents[2] / "data" / "HousingData.csv"
WORSE = 1.25
Draw = Callable[[int], np.ndarray]


def shipped_errors() -> np.ndarray:
    """Return the out-of-fold errors on the shipped data."""
    settings = load_settings(
        None,
        {"data.path": str(DATA)},
        ["model.params.n_estimators=100", "train.repeats=2"],
        {},
    )
    table = read_table(DATA, settings.schema())
    return (measure(settings, table.features, table.target).prices - table.target).ravel()


def judged(before: np.ndarray, now: np.ndarray, metric: str, confidence: float | None) -> bool:
    """Return whether the verdict is `degraded`."""
    base = np.zeros(len(before))
    value = gate.metrics(base, before)[metric]
    baseline = gate.Baseline(value, METRICS[metric].loss(base, before), np.abs(before), len(before))
    return (
        gate.judge(
            gate.recent_rows(np.zeros(len(now)), now, metric), baseline,
            threshold=0.1, min_samples=30, metric=metric, confidence=confidence,
        ).verdict
        == "degraded"
    )  # fmt: skip


def rates(draw: Draw, m: int, n: int, scale: float, worlds: int) -> list[float]:
    """Return how often the plain and the confident rule fire, by RMSE and by MAE."""
    fired = np.zeros(4)
    for _ in range(worlds):
        before, now = draw(m), draw(n) * scale
        for at, metric in enumerate(("rmse", "mae")):
            power = 2 if metric == "rmse" else 1
            means = [(np.abs(x) ** power).mean() ** (1 / power) for x in (now, before)]
            if means[0] > 1.1 * means[1]:  # the plain rule needs no bootstrap
                fired[2 * at] += 1
                fired[2 * at + 1] += judged(before, now, metric, 0.95)
    return list(fired / worlds)


def best(draw: Draw, n: int, worlds: int) -> float:
    """Return the power of the likelihood-ratio test of known distributions at 5 % false alarms."""
    df, _, spread = student.fit(draw(20_000), floc=0)

    def statistic(errors: np.ndarray) -> np.ndarray:
        larger = student.logpdf(errors / WORSE, df, 0, spread) - np.log(WORSE)
        total: np.ndarray = (larger - student.logpdf(errors, df, 0, spread)).sum(axis=1)
        return total

    usual = statistic(draw(worlds * n).reshape(worlds, n))
    worse = statistic(draw(worlds * n).reshape(worlds, n) * WORSE)
    return float((worse > np.quantile(usual, 0.95)).mean())


def main(worlds: int) -> None:
    """Print the tables."""
    rng = np.random.default_rng(0)
    shipped = shipped_errors()
    populations: dict[str, Draw] = {
        "errors of the shipped data (heavy tails)": lambda n: rng.choice(shipped, n),
        "normal errors": lambda n: rng.normal(0, 3, n),
    }
    for name, draw in populations.items():
        print(f"\n{name}; {worlds} worlds a cell; false alarms / detection of +25 %\n")
        print("| baseline rows | n | plain RMSE | confident RMSE | plain MAE | confident MAE "
              "| best possible |")  # fmt: skip
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for m in (506, 4000):
            for n in (30, 100, 300, 1000):
                usual, worse = (rates(draw, m, n, scale, worlds) for scale in (1.0, WORSE))
                cells = [f"{a:.1%} / {b:.0%}" for a, b in zip(usual, worse, strict=True)]
                known = f"5% / {best(draw, n, 2000):.0%}"
                print(f"| {m} | {n} | {' | '.join(cells)} | {known} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
