"""Labels that do not come from everywhere: errors shown, corrected, and expected.

Run: python -m tests.benchmarks.bench_selection [--worlds 200] [--seed 0]

Each world draws a deployment (training rows with out-of-fold prices) and a window of predictions
from one population, and gives some of them labels: `random`; softly by the predicted price, by a
feature, or by the size of the error itself (a logit of the rank: 77 % at the low end, 5 % at the
high one); or `cheapest 30 %`, which alone have labels, and the dear fifth is off by 30 %.
Bias: mean estimate over worlds against the mean of the error of all the window's predictions.
Coverage: how often the interval at 95 % holds that of the population. No overlap: how often
a segment is named; silent: how often it has a tenth of the predictions, which takes the verdict;
of labels at random, rare ones too, in five times as many worlds. Delays: the same for logs of which
no more than the newest 5,000 predictions are read.
The last table asks before there is any label: predictions are drawn with the dear, or a feature's
high end, seven times as often, and the error expected of them is compared with what it is.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import numpy as np
from scipy.special import expit

from housing_cli.config import Settings, load_settings
from housing_cli.data.metrics import METRICS
from housing_cli.judging.expected_error import ExpectedError
from housing_cli.judging.selection import Rows, corrected, unlabeled_segment
from housing_cli.learning.conformal import fit_intervals
from housing_cli.learning.fitting import measure
from housing_cli.loop.recent import LOOKED_AT
from housing_cli.loop.whom import speaking
from housing_cli.prediction_log.records import PREDICTED, Labeled, Predictions
from tests.benchmarks.bench_segments_worst import Population, shipped

if TYPE_CHECKING:
    from housing_cli.loop.recent import Recent
    from housing_cli.registry import Version

Floats = np.ndarray
ROOT = Path(__file__).parents[2]
RELEVANT = Settings().evaluate.unlabeled
RATE = 0.3
STEEP = 1.2
DAY = 86_400.0


def california_shape(seed: int = 0, rows: int = 20_640) -> Population:
    """Return the table of `tests.benchmarks.years.california_shape`, with its features."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 8))
    x[:, 6] = rng.uniform(32, 42, rows)
    level = 0.52 + 0.42 * x[:, 0] - 0.12 * np.sin(x[:, 1]) + 0.1 * x[:, 2] * x[:, 3]
    level += 0.06 * np.tanh(x[:, 7]) - 0.18 * np.cos(x[:, 6])
    target = np.clip(np.exp(level + 0.15 * rng.standard_t(4, rows)), 0.15, 5.00001)
    settings = load_settings(
        ROOT / "configs" / "california.toml",
        {},
        ["model.regressor=HistGradientBoostingRegressor", "model.params={}", "train.jobs=1"],
        {},
    )
    return Population(x, target, measure(settings, x, target).prices[:1], 5_000)


def chosen(values: Floats, rng: np.random.Generator, rate: float = RATE) -> Floats:
    """Return which rows have labels, the likelier the lower `values` (n,) are by rank."""
    rank = (np.argsort(np.argsort(values)) / len(values) - 0.5) * np.sqrt(12)
    chance = expit(np.log(rate / (1 - rate)) - STEEP * rank)
    return np.asarray(rng.random(len(values)) < chance)


class World:
    """One deployment and one window of n predictions."""

    def __init__(self, pool: Population, n: int, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.reference = pool.training(self.rng)
        self.at = self.rng.integers(0, len(pool.target), n)
        self.features = pool.features[self.at]
        self.predicted = pool.prices[seed % len(pool.prices), self.at]
        self.real = pool.target[self.at]
        self.axes = pool.axes(self.reference)

    def labeled(self, how: str) -> Floats:
        """Return which predictions have labels (n,)."""
        if how.startswith("random"):
            return np.asarray(self.rng.random(len(self.at)) < float(how.split()[1]))
        if how == "cheapest 30 %":
            return np.asarray(self.predicted <= np.quantile(self.predicted, 0.3))
        if how == "price":
            return chosen(self.predicted, self.rng)
        if how == "residual":
            return chosen(abs(self.predicted - self.real), self.rng)
        values = self.features[:, int(how)]
        return chosen(np.where(np.isnan(values), np.nanmedian(values), values), self.rng)

    def rows(self, labeled: Floats, loss: Callable[[Floats, Floats], Floats]) -> Rows:
        """Return what is known of the window."""
        losses = np.where(labeled, loss(self.real, self.predicted), np.nan)
        return Rows(self.features, self.predicted, losses, np.ones(len(losses)))


def selection(pool: Population, n: int, how: str, metric: str, worlds: int, seed: int) -> str:
    """Return bias of plain and corrected error, coverage, and how often no overlap is seen."""
    loss, value = METRICS[metric].loss, METRICS[metric].value
    population = float(loss(pool.target, pool.prices).mean())
    true, plain, found, held, named, silent = [], [], [], 0, 0, 0
    for number in range(seed, seed + worlds):
        world = World(pool, n, number)
        labeled = world.labeled(how)
        if how == "cheapest 30 %":
            dear = world.predicted >= np.quantile(world.predicted, 0.8)
            world.real = np.where(dear, world.real * 1.3, world.real)
        rows = world.rows(labeled, loss)
        values = [*world.features.T, world.predicted]
        segment = unlabeled_segment(rows, list(zip(world.axes, values, strict=True)))
        named += segment is not None
        silent += segment is not None and segment.share >= RELEVANT
        reference = world.reference
        model = ExpectedError.fit(
            reference, loss(reference.target, reference.out_of_fold).mean(axis=0)
        )
        answer = corrected(rows, model.of_rows(world.features, world.predicted), number)
        true.append(value(loss(world.real, world.predicted).mean()))
        plain.append(value(float(np.nanmean(rows.losses))))
        if answer is not None:
            found.append(value(answer.mean))
            held += answer.interval[0] <= population <= answer.interval[1]
    mean = np.mean(true)
    return (
        f"plain {np.mean(plain) / mean - 1:+.1%}, corrected {np.mean(found) / mean - 1:+.1%} "
        f"(sd {np.std(found) / mean:.1%}), coverage {held / len(found):.0%}, "
        f"segment named {named / worlds:.1%}, silent {silent / worlds:.1%}"
    )


def at_random(pool: Population, n: int, how: str, worlds: int, seed: int) -> str:
    """Return how often labels at random seem to leave a segment out."""
    named = silent = 0
    for number in range(seed, seed + worlds):
        world = World(pool, n, number)
        rows = world.rows(world.labeled(how), METRICS["mae"].loss)
        values = [*world.features.T, world.predicted]
        segment = unlabeled_segment(rows, list(zip(world.axes, values, strict=True)))
        named += segment is not None
        silent += segment is not None and segment.share >= RELEVANT
    return f"segment named {named / worlds:.2%}, silent {silent / worlds:.2%} of {worlds}"


def wide(pool: Population, mean: float, how: str, worlds: int, seed: int) -> str:
    """Return how often a segment is named in a log of 21,000 predictions in 30 days.

    As many as are read of it are: the newest 5,000 predictions, and labels. mean: of the delay of
    a label in days, exponential. how: labels come to 30 % `at random`, or to `the cheaper 80 %`
    alone. The first feature follows the time.
    """
    named = silent = by_feature = corrected_too = 0
    end, n = 30 * DAY, 21_000
    for number in range(seed, seed + worlds):
        world = World(pool, n, number)
        at = np.sort(world.rng.uniform(0, end, n))
        features = world.features.copy()
        features[:, 0] = at / end
        later = at + world.rng.exponential(mean * DAY, n)
        known = (world.rng.random(n) < RATE) & (later <= end)
        if how != "at random":
            known &= world.predicted < np.quantile(world.predicted, 0.8)
        ids, looked, seen = (
            np.arange(n).astype(str),
            np.flatnonzero(known)[-LOOKED_AT:],
            np.s_[-LOOKED_AT:],
        )
        recent = SimpleNamespace(
            looked=Labeled(
                ids[looked].tolist(), at[looked], later[looked], [], features[looked],
                world.predicted[looked], world.real[looked],
            ),
            seen=Predictions(
                ids[seen].tolist(), at[seen], [], features[seen], world.predicted[seen], known[seen]
            ),
        )  # fmt: skip
        names = [axis.name for axis in world.axes[:-1]]
        version = SimpleNamespace(metadata=SimpleNamespace(schema=SimpleNamespace(features=names)))
        found = speaking(
            cast("Version", version), world.reference, cast("Recent", recent), "rmse", 1.0, end
        )
        named += found.unlabeled is not None
        by_feature += found.unlabeled is not None and found.unlabeled.axis != PREDICTED
        silent += found.silent(RELEVANT)
        corrected_too += found.corrected is not None
    return (
        f"segment named {named} of {worlds} (by a feature {by_feature}), silent {silent}, "
        f"corrected {corrected_too}"
    )


def expected(pool: Population, n: int, how: str, metric: str, worlds: int, seed: int) -> str:
    """Return bias and spread of the error expected without labels: regression, intervals' width."""
    loss, value = METRICS[metric].loss, METRICS[metric].value
    ratios: dict[str, list[float]] = {"training's": [], "regression": [], "width": []}
    for number in range(seed, seed + worlds):
        world = World(pool, 8 * n, number)
        values = world.predicted if how == "price" else world.features[:, int(how)]
        values = np.where(np.isnan(values), np.nanmedian(values), values)
        rank = np.argsort(np.argsort(values)) / len(values)
        weights = 1 + 6.0 * (rank > 0.7)
        at = world.rng.choice(len(values), n, replace=False, p=weights / weights.sum())
        predicted, features = world.predicted[at], world.features[at]
        reference = world.reference
        losses = loss(reference.target, reference.out_of_fold).mean(axis=0)
        intervals = fit_intervals(reference.target, reference.out_of_fold)
        widths = [
            np.array([high - low for low, high in map(intervals.interval, prices.tolist())])
            for prices in (reference.out_of_fold[0], predicted)
        ]
        power = 1 / METRICS[metric].power
        scale = losses.mean() / (widths[0] ** power).mean()
        true = value(loss(world.real[at], predicted).mean())
        model = ExpectedError.fit(reference, losses)
        ratios["training's"].append(value(losses.mean()) / true)
        ratios["regression"].append(value(model.of_rows(features, predicted).mean()) / true)
        ratios["width"].append(value(scale * (widths[1] ** power).mean()) / true)
    return ", ".join(
        f"{name} {np.mean(found) - 1:+.1%} (rms {np.sqrt(np.mean(np.square(np.log(found)))):.1%})"
        for name, found in ratios.items()
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--worlds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    pools = (("Boston", shipped(), "12", "5"), ("California", california_shape(), "0", "2"))
    for name, pool, *features in pools:
        for n in (300, 1000):
            for how in ("random 0.6", "price", *features, "residual", "cheapest 30 %"):
                for metric in METRICS:
                    began = time.monotonic()
                    said = selection(pool, n, how, metric, asked.worlds, asked.seed)
                    took = (time.monotonic() - began) / asked.worlds
                    print(f"{name}, n={n}, {how}, {metric}: {said} [{took:.3f} s]", flush=True)
        for n in (300, 1000, 5000):
            for how in ("random 0.02", "random 0.05", "random 0.3"):
                said = at_random(pool, n, how, 5 * asked.worlds, asked.seed)
                print(f"{name}, n={n}, {how}: {said}", flush=True)
        for mean in (0.02, 3.0, 12.0):
            for how in ("at random", "the cheaper 80 %"):
                said = wide(pool, mean, how, asked.worlds, asked.seed)
                print(f"{name}, delay {mean:g} days, {how}: {said}", flush=True)
        for how in ("price", *features):
            for metric in METRICS:
                said = expected(pool, 300, how, metric, asked.worlds, asked.seed)
                print(f"{name}, before labels, {how}, {metric}: {said}", flush=True)


if __name__ == "__main__":
    main()
