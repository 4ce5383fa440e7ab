"""Coverage and width of the prediction intervals, beside the plain symmetric ones.

Run: python -m tests.benchmarks.bench_intervals [SPLITS]

Each split trains on three quarters of the rows and looks at the rest: the shipped data, and a
generated table whose errors grow with the price.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import numpy as np

from housing_cli.config import Settings, load_settings
from housing_cli.data.table import read_table
from housing_cli.learning.conformal import fit_intervals
from housing_cli.learning.fitting import fit, measure

DATA = Path(__file__).parents[2] / "data" / "HousingData.csv"
SETTINGS = load_settings(
    None, {"data.path": str(DATA)}, ["model.params.n_estimators=100", "train.repeats=2"], {}
)


def generated(seed: int, n: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """Return features (n, 4) and prices whose noise grows from 2 % to 27 %."""
    rng = np.random.default_rng(seed)
    features = rng.uniform(0, 1, (n, 4))
    level = 10 + 20 * features[:, 0] + 10 * features[:, 1] * features[:, 2]
    return features, np.maximum(level * np.exp(rng.normal(0, 0.02 + 0.25 * features[:, 0])), 1)


def shares(inside: np.ndarray, prices: np.ndarray) -> list[float]:
    """Return the share inside, of all rows and of each third of the predicted prices."""
    third = np.digitize(prices, np.quantile(prices, [1 / 3, 2 / 3]))
    return [float(inside.mean()), *(float(inside[third == k].mean()) for k in range(3))]


def split(
    settings: Settings, features: np.ndarray, target: np.ndarray, seed: int
) -> tuple[list[float], list[float]]:
    """Return coverage and mean width of our intervals and of the plain ones on unseen rows."""
    order = np.random.default_rng(seed).permutation(len(target))
    cut = len(target) * 3 // 4
    known, unseen = order[:cut], order[cut:]
    train = msgspec.structs.replace(settings.train, seed=seed)
    settings = msgspec.structs.replace(settings, train=train)
    out_of_fold = measure(settings, features[known], target[known]).prices
    model = fit_intervals(target[known], out_of_fold)
    prices = fit(settings, features[known], target[known]).predict(features[unseen])
    ends = np.array([model.interval(price) for price in prices])
    inside = (target[unseen] >= ends[:, 0]) & (target[unseen] <= ends[:, 1])
    level = min(1.0, np.ceil((cut + 1) * 0.9) / cut)
    width = float(np.quantile(np.abs(out_of_fold - target[known]), level))
    plain = np.abs(target[unseen] - prices) <= width
    ours = [*shares(inside, prices), float(np.diff(ends, axis=1).mean())]
    return ours, [*shares(plain, prices), 2 * width]


def main(splits: int) -> None:
    """Print the table."""
    table = read_table(DATA, SETTINGS.schema())
    print(f"mean over {splits} splits\n")
    print("| data | intervals | coverage | lowest third | middle | highest | mean width |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in ("shipped", "generated"):
        found = []
        for seed in range(splits):
            features, target = (
                (table.features, table.target) if name == "shipped" else generated(seed)
            )
            found.append(split(SETTINGS, features, target, seed))
        for at, kind in enumerate(("scaled, asymmetric", "plain symmetric")):
            means = np.mean([pair[at] for pair in found], axis=0)
            cells = " | ".join(f"{share:.1%}" for share in means[:4])
            print(f"| {name} | {kind} | {cells} | {means[4]:.2f} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
