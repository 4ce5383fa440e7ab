"""How long `housing train` takes, against the bare scikit-learn script that does the same fits.

    python -m tests.benchmarks.bench_train

The script reads the table, fits 25 folds and the final model with the shipped settings, uses all
cores in the forest, and dumps the pipeline. The limit: 1.5 times.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.conftest import ROOT, SHIPPED
from tests.system.processes import HOUSING, environment

RUNS = 3
LIMIT = 1.5
SCRIPT = """
import sys, joblib, pandas as pd, numpy as np
from sklearn.ensemble import RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.metrics import r2_score, root_mean_squared_error
from sklearn.model_selection import RepeatedKFold, cross_validate
from sklearn.pipeline import make_pipeline

table = pd.read_csv(sys.argv[1])
X, y = table.drop(columns="MEDV"), table["MEDV"]
inner, outer = (-1, None) if sys.argv[2] == "trees" else (1, -1)
model = make_pipeline(
    SimpleImputer(strategy="median"),
    RandomForestRegressor(n_estimators=300, max_features=0.4, random_state=42, n_jobs=inner),
)
folds = RepeatedKFold(n_splits=5, n_repeats=5, random_state=42)
scoring = ["neg_root_mean_squared_error", "r2"]
cross_validate(model, X, y, cv=folds, scoring=scoring, n_jobs=outer)
joblib.dump(model.set_params(randomforestregressor__n_jobs=-1).fit(X, y), "model.joblib")
"""


def seconds(words: list[str], cwd: Path) -> float:
    """Return the wall time of one run."""
    start = time.perf_counter()
    subprocess.run(words, cwd=cwd, env=environment(), check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> int:
    """Measure, say it, and fail above the limit."""
    config = str(ROOT / "configs" / "housing.toml")
    train = [*HOUSING, "train", "--config", config, "--data-path", str(SHIPPED)]
    times: dict[str, list[float]] = {"housing train": [], "trees": [], "folds": []}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(RUNS):
            times["housing train"].append(seconds(train, Path(folder)))
            for how in ("trees", "folds"):
                bare = [sys.executable, "-c", SCRIPT, str(SHIPPED), how]
                times[how].append(seconds(bare, Path(folder)))
    for name, each in times.items():
        print(f"{name}: {min(each):.2f} s at best, {statistics.median(each):.2f} s median")
    ratio = min(times["housing train"]) / min(*times["trees"], *times["folds"])
    print(f"housing train: {ratio:.2f} times the faster script (at most {LIMIT})")
    return int(ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
