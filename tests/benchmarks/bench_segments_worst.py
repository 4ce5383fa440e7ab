"""How often an unchanged world names a segment as worse, and how often a bad one is named.

Run: python -m tests.benchmarks.bench_segments_worst [WORLDS]

Each world draws m training rows and n labeled ones from the same population and asks the real
`compare_segments` for its worst segment. Populations: the shipped rows with their out-of-fold
prices (13 features), and made rows of the size and shape of California housing (8 features, errors
that grow with the price and have heavy tails; a reference keeps 5,000 of 20,640). Unchanged: also
where labels come from the cheapest 30 % alone. Changed: real prices of one decile of one feature,
each in turn, are 1.3 times as high. `at all`: anything is named; `itself`: the worst one that is
named is that decile, or shares at least half of its rows with it.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import numpy as np

from housing_cli.config import load_settings
from housing_cli.data.table import read_table
from housing_cli.judging.reference import Reference, edges_of
from housing_cli.judging.segments import SegmentError, compare_segments, worst_segment
from housing_cli.judging.sums import sums_of
from housing_cli.learning.fitting import measure
from housing_cli.prediction_log.records import PREDICTED, Axis, Labeled
from tests.conftest import ROOT, SHIPPED

Floats = np.ndarray


@dataclass(frozen=True)
class Population:
    """Rows that worlds are drawn from: features (n, k), target (n,), prices (repeats, n)."""

    features: Floats
    target: Floats
    prices: Floats
    known: int

    def axes(self, reference: Reference) -> tuple[Axis, ...]:
        """Return the axes of a reference, as a version would name them."""
        names = [*(f"x{k}" for k in range(self.features.shape[1])), PREDICTED]
        return tuple(Axis(name, edges) for name, edges in zip(names, reference.edges, strict=True))

    def training(self, rng: np.random.Generator) -> Reference:
        """Return what a version of this world remembers."""
        at = rng.integers(0, len(self.target), self.known)
        features, prices = self.features[at], self.prices[:, at]
        edges = tuple(edges_of(features, prices[0]))
        return Reference(features, self.target[at], prices, np.empty(0), edges, np.ones(self.known))


def shipped(trees: int = 100) -> Population:
    """Return the shipped rows."""
    sets = [f"model.params.n_estimators={trees}", "train.repeats=2"]
    settings = load_settings(ROOT / "configs" / "housing.toml", sets=sets, environ={})
    table = read_table(SHIPPED, settings.schema())
    prices = measure(settings, table.features, table.target).prices
    return Population(table.features, table.target, prices, len(table))


def made(n: int = 20_640, width: int = 8, known: int = 5_000) -> Population:
    """Return rows of correlated features, prices of some, and errors that grow with the price."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(n, width)) @ rng.normal(size=(width, width)) / np.sqrt(width)
    real = np.exp(0.6 + 0.4 * features[:, 0] + 0.2 * np.tanh(features[:, 1]))
    miss = 0.15 * (1 + 0.5 * (features[:, 2] > 1)) * rng.standard_t(4, (1, n))
    return Population(features, real, real * np.exp(miss), known)


def found_in(
    world: Population, reference: Reference, at: Floats, factor: Floats, seed: int
) -> SegmentError | None:
    """Return the worst segment where rows `at` came in, with real prices `factor` as high."""
    repeat = seed % len(world.prices)
    predicted, real = world.prices[repeat, at], world.target[at] * factor
    times = np.full(len(at), 1.7e9)
    features = world.features[at]
    rows = Labeled([""] * len(at), times, times, ["v1"] * len(at), features, predicted, real, 0)
    axes = world.axes(reference)
    sums = sums_of(rows, list(zip(axes, [*features.T, predicted], strict=True)))
    return worst_segment(compare_segments(sums, reference, axes, metric="rmse", seed=seed))


def unchanged(world: Population, n: int, worlds: int, share: float = 1.0) -> float:
    """Return how often something is named; labels are of the cheapest `share`."""
    named = 0
    cheap = np.flatnonzero(world.prices[0] <= np.quantile(world.prices[0], share))
    for seed in range(worlds):
        rng = np.random.default_rng(seed)
        reference = world.training(rng)
        worst = found_in(world, reference, rng.choice(cheap, n), np.ones(n), seed)
        named += worst is not None and worst.significant
    return named / worlds


def changed(world: Population, n: int, worlds: int, factor: float = 1.3) -> tuple[float, float]:
    """Return how often anything is named, and how often the decile itself."""
    anything = itself = asked = 0
    for seed in range(worlds):
        rng = np.random.default_rng(seed)
        reference = world.training(rng)
        axes = [axis for axis in world.axes(reference)[:-1] if len(axis.edges) > 1]
        axis = axes[seed % len(axes)]
        band = int(rng.integers(len(axis.edges) + 1))
        at = rng.integers(0, len(world.target), n)
        values = world.features[at, int(axis.name[1:])]
        bad = np.searchsorted(axis.edges, values, side="right") == band
        if bad.sum() < n // 20:
            continue
        asked += 1
        worst = found_in(world, reference, at, np.where(bad, factor, 1.0), seed)
        if worst is None or not worst.significant:
            continue
        anything += 1
        features = {a.name: k for k, a in enumerate(world.axes(reference)[:-1])}
        columns = [*world.features[at].T, world.prices[seed % len(world.prices), at]]
        named = columns[features.get(worst.axis, -1)]
        low, high = worst.low, worst.high
        inside = (named >= (-np.inf if low is None else low)) & (
            named < (np.inf if high is None else high)
        )
        itself += (inside & bad).sum() >= 0.5 * bad.sum()
    return anything / max(asked, 1), itself / max(asked, 1)


def main(worlds: int) -> int:
    """Print the rates; fail where an unchanged world is named too often."""
    worst = 0.0
    for name, world in (("Boston", shipped()), ("California-like", made())):
        for n, share in ((60, 1.0), (300, 1.0), (1000, 1.0), (300, 0.3)):
            began = time.perf_counter()
            rate = unchanged(world, n, worlds, share)
            each = (time.perf_counter() - began) / worlds * 1000
            worst = max(worst, rate)
            print(
                f"{name}, n = {n}, labels of {share:.0%}: named {rate:.1%} of {worlds} "
                f"({each:.0f} ms a look)",
                flush=True,
            )
        for n in (300, 1000):
            anything, itself = changed(world, n, worlds)
            print(f"{name}, n = {n}, +30 %: at all {anything:.1%}, itself {itself:.1%}", flush=True)
    # 5 %, and what chance adds in so many worlds.
    return int(worst > 0.05 + 2 * np.sqrt(0.05 * 0.95 / worlds))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 400))
