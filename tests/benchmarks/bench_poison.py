"""Prices that are wrong at random against markets that really changed: what the gate lets through.

Run: python -m tests.benchmarks.bench_poison [SEEDS [CASE]]

506 base rows and 400 real prices of new houses, and their price is what extremely randomized trees
of the shipped rows say, times a residual of these out of bag: drawn from the shipped rows, with a
little noise on the continuous columns. And real rows alone: 250 of them as base data, 256 real
prices. Printed: promoted; refused because prices scatter, or because a part of the
stock got worse at old prices; recent rows on which a segment got worse; ratio and explained share.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.impute import SimpleImputer

from housing_cli.config import load_settings
from housing_cli.data.table import Table
from housing_cli.judging.comparison import Comparison
from housing_cli.judging.reference import Reference, edges_of
from housing_cli.learning.export import export_onnx
from housing_cli.learning.fitting import fit, measure
from housing_cli.loop.all_rows import scatter_in, stock_in
from housing_cli.loop.challenger import Material, assemble, contest, gather
from housing_cli.model.compiled import CompiledModel
from housing_cli.prediction_log import Labeled
from housing_cli.prediction_log.records import PREDICTED, Axis
from tests.in_process import DATA

Floats = np.ndarray
Change = Callable[[Floats, np.random.Generator], Floats]
SETTINGS = load_settings(
    None, {}, ["model.params.n_estimators=20", "train.repeats=1", "train.jobs=1"], {}
)
SHIPPED = pd.read_csv(DATA)
NAMES = list(SHIPPED.columns[:-1])
FEW_VALUES = ("CHAS", "RAD", "TAX", "PTRATIO")
BASE, LABELS, REAL_BASE = 506, 400, 250


def wrong(factor: float, share: float = 0.5, level: float = 1.0) -> Change:
    """Return prices of which a random share stands at `factor` times, all at `level` times."""

    def change(rows: Floats, rng: np.random.Generator) -> Floats:
        return level * np.where(rng.permutation(len(rows)) < share * len(rows), factor, 1.0)

    return change


def market(factor: float, column: str = "", above: float = 0.0, since: float = 0.0) -> Change:
    """Return prices that moved, of houses above a value of a column, since a share of the rows."""

    def change(rows: Floats, rng: np.random.Generator) -> Floats:
        told = rows[:, NAMES.index(column)] > above if column else np.ones(len(rows), dtype=bool)
        return np.where(told & (np.arange(len(rows)) >= since * len(rows)), factor, 1.0)

    return change


CASES: dict[str, Change] = {
    "half x 0.7": wrong(0.7),
    "half x 0.8": wrong(0.8),
    "half x 1.4": wrong(1.4),
    "half x 0.7 in a market of +30 %": wrong(0.7, level=1.3),
    "no change": market(1.0),
    "market +30 %": market(1.3),
    "market +30 % since the middle": market(1.3, since=0.5),
    "large houses +40 %": market(1.4, "RM", 6.2),
    "LSTAT > 17 -25 %": market(0.75, "LSTAT", 17),
    "NOX > 0.6 -25 %": market(0.75, "NOX", 0.6),
    "AGE > 90 +40 %": market(1.4, "AGE", 90),
}


@dataclass(frozen=True, slots=True)
class Houses:
    """features (n, 13) and their prices (n,)."""

    features: Floats
    prices: Floats


class Synthetic:
    """Houses like the shipped ones, as many as are asked for."""

    def __init__(self) -> None:
        target = SHIPPED["MEDV"].to_numpy()
        self._rows = SimpleImputer(strategy="median").fit_transform(SHIPPED[NAMES])
        self._prices = ExtraTreesRegressor(
            200, min_samples_leaf=2, bootstrap=True, oob_score=True, random_state=0, n_jobs=1
        ).fit(self._rows, np.log(target))
        self._residuals = np.log(target) - self._prices.oob_prediction_

    def draw(self, n: int, rng: np.random.Generator) -> Houses:
        """Return n houses."""
        rows = self._rows[rng.integers(0, len(self._rows), n)]
        for place, name in enumerate(NAMES):
            if name not in FEW_VALUES:
                width = 0.1 * self._rows[:, place].std() * (rows[:, place] > 0)
                rows[:, place] = np.maximum(rows[:, place] + rng.normal(0, 1, n) * width, 0)
        noise = self._residuals[rng.integers(0, len(self._residuals), n)]
        return Houses(rows, np.exp(self._prices.predict(rows) + noise))


def real(rng: np.random.Generator) -> tuple[Houses, Houses]:
    """Return the shipped rows in two random parts."""
    rows = SHIPPED.to_numpy(dtype=float)[rng.permutation(len(SHIPPED))]
    parts = rows[:REAL_BASE], rows[REAL_BASE:]
    first, second = (Houses(part[:, :-1], part[:, -1]) for part in parts)
    return first, second


def compared(known: Houses, sold: Houses) -> Comparison:
    """Return how a challenger that learns `sold` compares with a champion that learned `known`."""
    base = Table(known.features, known.prices, "t.csv", "0" * 64)
    fitted, seen = fit(SETTINGS, *_columns(known)), measure(SETTINGS, *_columns(known))
    champion = CompiledModel(export_onnx(fitted, len(NAMES)), len(NAMES))
    edges = tuple(edges_of(known.features, seen.prices[0]))
    reference = Reference(
        *_columns(known), seen.prices, seen.importances, edges, np.ones(len(known.prices))
    )
    n = len(sold.prices)
    ids = [f"{k:08x}-0000-7000-8000-000000000000" for k in range(n)]
    times, predicted = np.arange(n, dtype=float), champion.score(sold.features)
    rows = Labeled(ids, times, times, ["v1"] * n, sold.features, predicted, sold.prices)
    material: Material = gather(SETTINGS, base, rows)
    features, target, _ = assemble(material)
    learned = measure(SETTINGS, features, target)
    told = (material, champion, reference, learned.prices)
    rule = SETTINGS.evaluate
    axes = [Axis(name, own) for name, own in zip([*NAMES, PREDICTED], edges, strict=True)]
    return contest(
        SETTINGS, material, champion, reference,
        scatter=scatter_in(*told),
        stock=stock_in(*told, axes, metric=rule.metric, threshold=rule.threshold),
    )  # fmt: skip


def _columns(houses: Houses) -> tuple[Floats, Floats]:
    return houses.features, houses.prices


def main(seeds: int, only: str = "") -> None:
    """Print the table; only: of the cases whose name has it."""
    synthetic = Synthetic()
    print("| rows | case | promoted | prices scatter | ruined | worse | ratio | explained |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, change in CASES.items():
        for rows in ("400 synthetic", "256 real"):
            found: list[Comparison] = []
            for seed in range(seeds if only in name else 0):
                rng = np.random.default_rng(seed)
                if rows == "256 real":
                    known, sold = real(rng)
                else:
                    known, sold = synthetic.draw(BASE, rng), synthetic.draw(LABELS, rng)
                moved = sold.prices * change(sold.features, rng)
                found.append(compared(known, Houses(sold.features, moved)))
            if found:
                print(f"| {rows} | {name} | {said(found)} |", flush=True)


def said(found: list[Comparison]) -> str:
    """Return the cells of one line."""
    scatters = [one.scatter for one in found if one.scatter is not None]
    ratio, explained = (np.median([getattr(one, key) for one in scatters])
                        for key in ("ratio", "explained"))  # fmt: skip
    wild = sum(one.wild for one in scatters)
    wins = sum(one.wins for one in found)
    ruined, worse = (sum(getattr(one.stock, key) for one in found) for key in ("ruined", "worse"))
    return f"{wins} of {len(found)} | {wild} | {ruined} | {worse} | {ratio:.2f} | {explained:.0%}"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20, *sys.argv[2:3])
