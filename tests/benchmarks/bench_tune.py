"""What `housing train --tune` finds, against the shipped forest and the shipped california.toml.

    python -m tests.benchmarks.bench_tune [boston|california|serving] ...

boston: the shipped data, `--tune 10`. california: a synthetic table of the shape of California
housing (20,640 rows, 8 features), `--tune 6`, beside the forest that configs/california.toml named
before. Each with three seeds: the RMSE of one shuffled 5-fold cross-validation whose folds no
search has seen, and the seconds of the search and of the cross-validation, with the CPU's, which a
busy machine inflates less. serving: the size of `model.onnx`, and the time of a call of
`CompiledModel.score_few` for the forest and for what the search finds.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from housing_cli.config import Model, Settings, load_settings
from housing_cli.data.table import read_table
from housing_cli.learning.candidates import voting
from housing_cli.learning.export import export_onnx
from housing_cli.learning.fitting import fit_pipeline, measure
from housing_cli.learning.pipeline import build_pipeline
from housing_cli.learning.search import with_params
from housing_cli.learning.spaces import STARTS, basis
from housing_cli.learning.tuning import tune
from housing_cli.model.compiled import CompiledModel
from tests.conftest import ROOT, SHIPPED

Floats = NDArray[np.float64]
Run = Callable[[Settings, Floats, Floats], tuple[float, str]]

SEEDS = (1, 2, 3)
CONFIG = ROOT / "configs" / "california.toml"
FOREST = [
    "model.regressor=RandomForestRegressor",
    "model.params.n_estimators=200",
    "model.params.max_features=0.4",
    "model.params.min_samples_leaf=2",
]


def california(seed: int = 0, rows: int = 20_640) -> tuple[Floats, Floats]:
    """Return features and prices of the shape of California housing, as in `years.py`."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 8))
    x[:, 6] = rng.uniform(32, 42, rows)
    level = 0.52 + 0.42 * x[:, 0] - 0.12 * np.sin(x[:, 1]) + 0.1 * x[:, 2] * x[:, 3]
    level += 0.06 * np.tanh(x[:, 7]) - 0.18 * np.cos(x[:, 6])
    return x, np.clip(np.exp(level + 0.15 * rng.standard_t(4, rows)), 0.15, 5.00001)


def told(what: str, seed: int, run: Callable[[], tuple[float, str]]) -> None:
    """Run, and print the RMSE, what it says, and how long it took."""
    start, cpu = time.perf_counter(), time.process_time()
    rmse, words = run()
    took, worked = time.perf_counter() - start, time.process_time() - cpu
    load = os.getloadavg()[0]
    print(
        f"{what}, seed {seed}: RMSE {rmse:.4f}, {took:.0f} s, {worked:.0f} s of CPU, "
        f"load {load:.1f}{words}",
        flush=True,
    )


def untuned(settings: Settings, features: Floats, target: Floats) -> tuple[float, str]:
    """Return the RMSE of the settings' model."""
    prices = measure(settings, features, target).prices
    return float(np.sqrt(((prices - target) ** 2).mean())), ""


def tuned(settings: Settings, features: Floats, target: Floats) -> tuple[float, str]:
    """Return the RMSE of what the folds' searches found, and what these and the final one chose."""
    cpu = time.process_time()
    found = tune(settings, features, target)
    searched = time.process_time() - cpu
    prices = measure(settings, features, target, models=found.outer).prices
    words = f", {searched:.0f} of these the search, {found.evidence['trials']} trials: "
    words += f"{found.model.params.get('estimators', found.model.regressor)}, in the folds "
    words += str(found.evidence["nested_regressors"])
    return float(np.sqrt(((prices - target) ** 2).mean())), words


def boston() -> None:
    """Compare on the shipped data."""
    for seed in SEEDS:
        for name, run, trials in (("forest", untuned, 0), ("tuned", tuned, 10)):
            sets = [f"train.seed={seed}", "train.repeats=1", f"train.tune={trials}"]
            settings = load_settings(ROOT / "configs" / "housing.toml", {}, sets, {})
            table = read_table(SHIPPED, settings.schema())
            told(f"Boston, {name}", seed, partial(run, settings, table.features, table.target))


def california_shape() -> None:
    """Compare on the synthetic table."""
    features, target = california()
    runs: list[tuple[str, Run, list[str]]] = [
        ("california.toml", untuned, []),
        ("tuned", tuned, FOREST),
        ("forest", untuned, FOREST),
    ]
    for seed in SEEDS:
        for name, run, model in runs:
            sets = [*model, f"train.seed={seed}", "train.tune=6"]
            settings = load_settings(CONFIG, {}, sets, {})
            told(f"California's shape, {name}", seed, partial(run, settings, features, target))


def best_seconds(call: Callable[[], object], calls: int = 3_000) -> float:
    """Return the seconds of the fastest call: others use the machine too."""
    each = []
    for _ in range(calls):
        start = time.perf_counter()
        call()
        each.append(time.perf_counter() - start)
    return min(each)


def serving() -> None:
    """Print size and speed of the compiled forest and of a vote."""
    settings = load_settings(ROOT / "configs" / "housing.toml", {}, [], {})
    table = read_table(SHIPPED, settings.schema())
    extra, boosted, histogram = (
        with_params(basis(name, settings.model, len(table)), STARTS[name][0])
        for name in list(STARTS)[1:]
    )
    models: Sequence[Model] = (settings.model, extra, boosted, histogram, voting(extra, boosted))
    rows = [[float(v) for v in row] for row in table.features[:16]]
    for model in models:
        pipeline = build_pipeline(model, seed=42, jobs=1)
        fit_pipeline(pipeline, table.features, table.target)
        onnx = export_onnx(pipeline, len(settings.data.features))
        compiled = CompiledModel(onnx, len(settings.data.features))
        one, many = (best_seconds(partial(compiled.score_few, rows[:n])) for n in (1, 16))
        print(
            f"{model.params.get('estimators', model.regressor)}: {len(onnx) / 1e6:.2f} MB, "
            f"{one * 1e6:.1f} us for 1 row, {many * 1e6:.1f} us for 16",
            flush=True,
        )


def main(what: Sequence[str]) -> None:
    """Run what is named, or all."""
    parts = {"boston": boston, "california": california_shape, "serving": serving}
    for name in what or parts:
        parts[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
