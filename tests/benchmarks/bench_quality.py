"""Quality of the shipped settings on the shipped data: ten shuffles of 5-fold cross-validation.

    python -m tests.benchmarks.bench_quality

The limits: R2 at least 0.865, RMSE at most 3.35 (thousands of US dollars); with 20 cells knocked
out in each of six columns the RMSE rises by at most 8 %.
"""

from __future__ import annotations

import sys

import numpy as np

from housing_cli.config import load_settings
from housing_cli.data.table import read_table
from housing_cli.judging.gate import metrics
from housing_cli.learning import fitting
from tests.conftest import FEATURES, ROOT, SHIPPED

HOLES = ("CRIM", "ZN", "INDUS", "CHAS", "AGE", "LSTAT")


def measure(shuffles: int, trees: int | None = None, holes: bool = False) -> tuple[float, float]:
    """Return the mean RMSE and R2 over `shuffles`, with or without 120 missing cells."""
    sets = [f"train.repeats={shuffles}", "train.seed=100"]
    sets += [f"model.params.n_estimators={trees}"] if trees else []
    settings = load_settings(ROOT / "configs" / "housing.toml", sets=sets, environ={})
    table = read_table(SHIPPED, settings.schema())
    features = table.features.copy()
    if holes:
        rng = np.random.default_rng(0)
        for name in HOLES:
            features[rng.choice(len(features), 20, replace=False), FEATURES.index(name)] = np.nan
    prices = fitting.measure(settings, features, table.target).prices
    each = [metrics(table.target, shuffle) for shuffle in prices]
    rmse, r2 = (float(np.mean([m[name] for m in each])) for name in ("rmse", "r2"))
    return rmse, r2


def main() -> int:
    """Measure, say it, and fail where a limit is broken."""
    rmse, r2 = measure(10)
    torn, _ = measure(10, holes=True)
    print(f"RMSE {rmse:.3f} (at most 3.35), R2 {r2:.4f} (at least 0.865)")
    print(f"with 120 missing cells: RMSE {torn:.3f}, {torn / rmse - 1:+.1%} (at most +8 %)")
    return int(rmse > 3.35 or r2 < 0.865 or torn / rmse > 1.08)


if __name__ == "__main__":
    sys.exit(main())
