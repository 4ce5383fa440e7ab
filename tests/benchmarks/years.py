"""Simulated years of a deployed version: rows, labels, their delays and selection, daily looks.

A *deployment* is what a version remembers of its training: m rows drawn from a pool of rows with
out-of-fold prices. A *year* is what comes in afterwards: rows drawn from the same pool, whose
prices may have changed from a given day on. So the baseline's own sampling error is in every
figure. Pools: the shipped data as the shipped forest prices it out of fold; and a table of the
shape of California housing (20,640 rows, 8 features, prices up to 5), made here from a seed, as
`HistGradientBoostingRegressor` prices it. Its RMSE of 0.43 at a mean of 1.94 is near the 0.45 at
2.07 of the real one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from housing_cli.config import load_settings
from housing_cli.data.table import read_table
from housing_cli.judging import gate
from housing_cli.judging.alternatives import detector
from housing_cli.judging.arrivals import relative_bands
from housing_cli.judging.resampling import Moments, p_greater
from housing_cli.judging.sums import band_edges
from housing_cli.learning.conformal import fit_intervals
from housing_cli.learning.fitting import measure
from housing_cli.prediction_log.records import PREDICTED, Axis, Knots

Floats = NDArray[np.float64]
Change = Callable[[Floats, Floats, np.random.Generator], Floats]
"""Real prices (n,), predicted prices (n,) and a generator to the real prices after a change."""

ROOT = Path(__file__).parents[2]
DAYS = 365


@dataclass(frozen=True, slots=True)
class Pool:
    """Rows that deployments and years are drawn from.

    real, predicted: (n,), prices, and what models that had not seen the row said. rows: how many
    rows a deployment is trained on. kept: how many of them its reference keeps.
    """

    real: Floats
    predicted: Floats
    rows: int
    kept: int

    def deployment(self, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Return real and predicted prices (kept,) of a version's reference."""
        at = rng.integers(0, len(self.real), self.kept)
        return self.real[at], self.predicted[at]


@dataclass(frozen=True, slots=True)
class World:
    """How labels come in.

    per_day: predictions a day. delay: days until a real price arrives, drawn uniformly up to
    it. labels: the chance of a label for each predicted price; by default all get one. change: of
    the real prices, from `change_day` on.
    """

    per_day: int = 10
    delay: int = 0
    days: int = DAYS
    labels: Callable[[Floats], Floats] | None = None
    change: Change | None = None
    change_day: int = 0


@dataclass(frozen=True, slots=True)
class Year:
    """Labeled rows in the order of their arrival; days count from 0.

    real, predicted: (n,). made, arrived: (n,), the days of prediction and of the real price.
    """

    real: Floats
    predicted: Floats
    made: NDArray[np.int64]
    arrived: NDArray[np.int64]
    window: int = field(default=30)

    def looks(self) -> Iterator[tuple[int, NDArray[np.intp]]]:
        """Yield each day, and which rows a look at its end takes into account."""
        for day in range(int(self.made.max()) + 1):
            last = int(np.searchsorted(self.arrived, day, side="right"))
            yield day, np.flatnonzero(self.made[:last] > day - self.window)


def draw_year(pool: Pool, world: World, rng: np.random.Generator) -> Year:
    """Return one year of labels."""
    n = world.per_day * world.days
    at = rng.integers(0, len(pool.real), n)
    real, predicted = pool.real[at], pool.predicted[at]
    made = np.repeat(np.arange(world.days), world.per_day)
    arrived = made + (rng.integers(0, world.delay + 1, n) if world.delay else 0)
    if world.change is not None:
        later = made >= world.change_day
        real = np.where(later, world.change(real, predicted, rng), real)
    known = np.ones(n, dtype=bool)
    if world.labels is not None:
        known = rng.random(n) < world.labels(predicted)
    order = np.flatnonzero(known)[np.argsort(arrived[known], kind="stable")]
    return Year(real[order], predicted[order], made[order], arrived[order])


def plain_alarm(
    year: Year, before: tuple[Floats, Floats], rows: int, confidence: float | None = None
) -> int | None:
    """Return the first day on which `gate.judge` says degraded: RMSE, threshold 0.1, 30 labels.

    before: real and predicted prices of the reference. Days on which the ratio is at most 1.1 are
    not asked of it, nor is the interval where the errors' p decides alone: it says the same.
    """
    real, predicted = before
    losses, absolute = (predicted - real) ** 2, np.abs(predicted - real)
    baseline = gate.Baseline(float(losses.mean() ** 0.5), losses, absolute, rows)
    now = (year.predicted - year.real) ** 2
    for day, at in year.looks():
        if len(at) < 30 or now[at].mean() <= (1.1 * baseline.value) ** 2:
            continue
        if confidence is None:
            return day
        errors = Moments.of(now[at] ** 0.5)
        if p_greater(errors, Moments.of(absolute), rows) <= 1 - confidence:
            return day
        verdict = gate.judge(
            gate.recent_rows(year.real[at], year.predicted[at], "rmse"), baseline,
            threshold=0.1, min_samples=30, metric="rmse", confidence=confidence,
        )  # fmt: skip
        if verdict.verdict == "degraded":
            return day
    return None


def budget_alarm(
    year: Year, before: tuple[Floats, Floats], rows: int, per_year: float = 0.05
) -> int | None:
    """Return the first day on which the rule within a yearly budget alarms.

    As `judge_arrivals` of the counts of each look (a test compares them), from rows: their scores
    are looked up once a year, and not counted again on each day.
    """
    real, predicted = before
    price = Axis(PREDICTED, band_edges(predicted))
    fitted = msgspec.json.decode(fit_intervals(real, predicted[None]).to_json())
    knots = Knots(*(tuple(fitted[key]) for key in ("prices", "low", "high")))
    looked_for = detector(real, predicted[None], price, knots)
    low, high = (np.interp(year.predicted, knots.prices, e) for e in (knots.low, knots.high))
    covered = (year.real >= year.predicted + low) & (year.real <= year.predicted + high)
    bands = np.searchsorted(np.array(price.edges), year.predicted, side="right")
    off = relative_bands(year.real, year.predicted, looked_for.errors)
    cells = (bands * (len(looked_for.errors) + 1) + off) * 2 + covered
    scores = np.array([found.scores for found in looked_for.alternatives]).T[cells]
    doubts = np.array([found.doubts for found in looked_for.alternatives]).T
    shares = np.array([found.share for found in looked_for.alternatives])
    in_band = np.eye(len(doubts))[bands]
    for day, at in year.looks():
        if not len(at):
            continue
        firsts = np.unique(year.arrived[at], return_index=True)[1]
        sums, labels = (np.cumsum(of[at][::-1], axis=0)[::-1][firsts] for of in (scores, in_band))
        evidence = sums - np.sqrt(labels**2 @ doubts)
        if logsumexp(evidence + np.log(shares)) >= np.log(DAYS / per_year):
            return day
    return None


def boston() -> Pool:
    """Return the shipped data with the out-of-fold prices of the shipped forest (half a minute)."""
    settings = load_settings(
        None, {"data.path": str(ROOT / "data" / "HousingData.csv")}, ["train.repeats=1"], {}
    )
    table = read_table(Path(settings.data.path), settings.schema())
    prices = measure(settings, table.features, table.target).prices
    return Pool(table.target, prices[0], len(table.target), len(table.target))


def california_shape(seed: int = 0, rows: int = 20_640) -> Pool:
    """Return the synthetic table with out-of-fold prices (10 seconds)."""
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
    return Pool(target, measure(settings, x, target).prices[0], rows, min(rows, 5_000))


def level(size: float) -> Change:
    """Return a change that moves every real price by `size` (0.1: ten percent up)."""
    return lambda real, _predicted, _rng: real * (1 + size)


def errors(size: float) -> Change:
    """Return a change that makes every error larger by `size`."""
    return lambda real, predicted, _rng: predicted + (real - predicted) * (1 + size)


def off(share: float, size: float) -> Change:
    """Return a change that moves a random `share` of the real prices by `size`, up or down."""

    def change(real: Floats, _predicted: Floats, rng: np.random.Generator) -> Floats:
        hit = rng.random(len(real)) < share
        return np.where(hit, real * (1 + size * rng.choice([-1, 1], len(real))), real)

    return change


def dear_off(share: float, size: float, above: float) -> Change:
    """Return a change that moves real prices by `size` where the predicted one is above `above`.

    share: how many of these rows.
    """

    def change(real: Floats, predicted: Floats, rng: np.random.Generator) -> Floats:
        hit = (predicted > above) & (rng.random(len(real)) < share)
        return np.where(hit, real * (1 + size), real)

    return change
