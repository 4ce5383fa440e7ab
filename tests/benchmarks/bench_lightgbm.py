"""LightGBM beside the default forest and histogram boosting: errors, time, size, on the same folds.

    python -m tests.benchmarks.bench_lightgbm [shipped|words|california] ...

shipped: the 506 rows, five shuffles. words: 5,000 rows of `tests/tables.py`, like California with
`ocean_proximity`; one shuffle. california: 20,640 rows of eight numbers, as in `bench_tune.py`; one
shuffle. Of each model the RMSE of a 5-fold cross-validation, the CPU's seconds for it, and the
size of `model.onnx`.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from housing_cli.config import Settings, load_settings
from housing_cli.data.table import read_table
from housing_cli.learning.export import export_onnx
from housing_cli.learning.fitting import fit, measure
from tests.benchmarks.bench_tune import california as numbers
from tests.conftest import SHIPPED
from tests.tables import california

Floats = NDArray[np.float64]

TARGET = "median_house_value"
MODELS = {
    "forest of 300 (default)": [],
    "HistGradientBoosting": [
        "model.regressor=HistGradientBoostingRegressor",
        "model.params.max_iter=500",
        "model.params.early_stopping=false",
        "model.params.learning_rate=0.06",
        "model.params.max_leaf_nodes=31",
        "model.params.l2_regularization=1.0",
        "model.params.max_features=0.5",
    ],
    "LightGBM, as it comes": ["model.regressor=LGBMRegressor"],
    "LightGBM, 500 slow trees": [
        "model.regressor=LGBMRegressor",
        "model.params.n_estimators=500",
        "model.params.learning_rate=0.06",
        "model.params.num_leaves=31",
        "model.params.reg_lambda=1.0",
        "model.params.colsample_bynode=0.5",
    ],
}


def settings(path: Path | str, repeats: int, *sets: str) -> Settings:
    """Return the settings for a table, one core."""
    more = ("train.jobs=1", f"train.repeats={repeats}")
    return load_settings(None, {"data.path": str(path)}, (*more, *sets), {})


def compare(given: Settings, features: Floats, target: Floats, name: str) -> None:
    """Measure one model, and print a row of a table."""
    cpu = time.process_time()
    prices = measure(given, features, target).prices
    worked = time.process_time() - cpu
    rmse = float(np.sqrt(((prices - target) ** 2).mean()))
    size = len(export_onnx(fit(given, features, target), features.shape[1])) / 1e6
    print(f"| {name} | {rmse:.5g} | {worked:.0f} s | {size:.1f} MB |", flush=True)


def main() -> None:
    """Compare on the tables that are named, or on all."""
    for what in sys.argv[1:] or ["shipped", "words", "california"]:
        print(what, flush=True)
        for name, sets in MODELS.items():
            if what == "shipped":
                given = settings(SHIPPED, 5, *sets)
                table = read_table(SHIPPED, given.schema())
                compare(given, table.features, table.target, name)
            elif what == "california":
                compare(settings(SHIPPED, 1, *sets), *numbers(), name)
            else:
                with tempfile.TemporaryDirectory() as folder:
                    path = Path(folder) / "t.csv"
                    frame = california(5_000, 1)
                    frame.to_csv(path, index=False)
                    columns = json.dumps([one for one in frame if one != TARGET])
                    own = [f"data.features={columns}", f"data.target={TARGET}", *sets]
                    given = settings(path, 1, *own)
                    table = read_table(path, given.schema(), given.data.kinds)
                    compare(given.learned(table.kinds), table.features, table.target, name)


if __name__ == "__main__":
    main()
