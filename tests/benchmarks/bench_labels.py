"""How often predicted prices sent back are named, and honest ones without cause.

`python -m tests.benchmarks.bench_labels [draws]` prints for each model and number of labels n the
share of draws in which labels were named: honest ones of several kinds (the aim is 0), then 5 % and
10 % of labels that are the predicted price, to its last digit and rounded to each step. Models
price the shipped table out of fold (three shuffles), and a made table in dollars of 4,000 rows
(seed 0): four prices in five are whole thousands. Rows of one draw are different houses; the rule
is learned from a resample of the rows, one of ten.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import (
    ExtraTreesRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from housing_cli.judging.label_rule import Rule, rule_of
from housing_cli.judging.labels import CODES, kinds, sent_back
from tests.in_process import DATA

Floats = NDArray[np.float64]
Pool = tuple[Floats, Floats]
SIZES = (30, 100, 300, 500)


def main() -> None:
    """Print the table."""
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    for name, (real, predicted) in pools().items():
        rng = np.random.default_rng(0)
        rules = []
        for _ in range(10):
            at = rng.integers(0, len(real), len(real))
            rules.append(rule_of(real[at], predicted[:, at], 3.0))
        told = rules[0].kinds
        print(f"{name}: far off beyond {told.far:.2f} times, steps {told.steps}")
        for n in SIZES:
            found = [f"{k} {r:.1%}" for k, r in rates(real, predicted[0], rules, n, draws).items()]
            print(f"  n={n}: " + ", ".join(found), flush=True)


def pools() -> dict[str, Pool]:
    """Return real prices (n,) and out-of-fold prices (3, n) by name."""
    table = pd.read_csv(DATA)
    features, prices = table.drop(columns="MEDV").to_numpy(float), table["MEDV"].to_numpy(float)
    models = {
        "forest of 100": RandomForestRegressor(100, random_state=0),
        "forest of 20": RandomForestRegressor(20, random_state=0),
        "forest of 10": RandomForestRegressor(10, random_state=0),
        "ExtraTrees": ExtraTreesRegressor(100, random_state=0),
        "Ridge": Ridge(),
    }
    found = {name: (prices, priced(model, features, prices)) for name, model in models.items()}
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(4000, 6))
    log = 13 + 0.5 * inputs[:, 0] + 0.2 * inputs[:, 1] * inputs[:, 2]
    paid = np.exp(log + 0.15 * rng.standard_t(4, 4000))
    dollars = np.where(rng.random(4000) < 0.8, np.rint(paid / 1000) * 1000, np.rint(paid))
    model = HistGradientBoostingRegressor(max_iter=60)
    return {**found, "dollars, boosting": (dollars, priced(model, inputs, dollars))}


def priced(model: object, features: Floats, prices: Floats) -> Floats:
    """Return out-of-fold prices (3, n)."""
    pipeline = make_pipeline(SimpleImputer(), model)
    folds = [KFold(5, shuffle=True, random_state=seed) for seed in range(3)]
    return np.array([cross_val_predict(pipeline, features, prices, cv=cut) for cut in folds])


def rates(
    real: Floats, predicted: Floats, rules: list[Rule], n: int, draws: int
) -> dict[str, float]:
    """Return how often labels of each kind are named."""
    steps = rules[0].kinds.steps
    usual, cheap = steps[-2], np.argsort(predicted)[: int(0.3 * len(real))]
    honest: dict[str, Callable[[Floats, Floats], Pool]] = {
        "honest": lambda real, predicted: (real, predicted),
        "to the largest step": lambda real, predicted: (rounded(real, usual), predicted),
        "to more digits": lambda real, predicted: (real * 1.00371, predicted),
        "errors x0.6": lambda real, predicted: (
            rounded(0.4 * predicted + 0.6 * real, usual / 10), predicted,
        ),
        "after +30 %": lambda real, predicted: (rounded(real * 1.3, usual / 10), predicted),
    }  # fmt: skip
    found = {}
    for name, change in honest.items():
        rng = np.random.default_rng(1)
        named = 0
        for draw in range(draws):
            at = rng.permutation(len(real))[:n]
            named += is_named(*change(real[at], predicted[at]), rules[draw % len(rules)])
        found[name] = named / draws
    if n <= len(cheap):
        rng = np.random.default_rng(1)
        picks = [rng.permutation(cheap)[:n] for _ in range(draws)]
        found["cheapest 30 % only"] = float(
            np.mean([is_named(real[at], predicted[at], rules[0]) for at in picks])
        )
    for share in (0.05, 0.1):
        for step in (None, *steps[:-1]):
            rng = np.random.default_rng(2)
            named = 0
            for draw in range(draws):
                at = rng.permutation(len(real))[:n]
                labels, made = real[at].copy(), predicted[at]
                sent = max(round(share * n), 1)
                labels[:sent] = made[:sent] if step is None else rounded(made[:sent], step)
                named += is_named(labels, made, rules[draw % len(rules)])
            to = "all digits" if step is None else f"{step:g}"
            found[f"{share:.0%} to {to}"] = named / draws
    return found


def rounded(prices: Floats, step: float) -> Floats:
    """Return prices as multiples of a step, at least one of it."""
    return np.maximum(np.rint(prices / step), 1) * step


def is_named(real: Floats, predicted: Floats, rule: Rule) -> bool:
    """Return whether some labels are said to be sent back."""
    counts = np.bincount(kinds(real, predicted, rule.kinds), minlength=CODES)
    return bool(sent_back(counts, rule)[0])


if __name__ == "__main__":
    main()
