"""What sums over rows tell of them: a judgment of ten million rows reads a few thousand records.

A log gives one record for each UTC day, version and band (`prediction_log.records.Sums`). Counts,
metrics, R², bias and coverage are exact; quantiles are read off the counts of bands, and therefore
approximate.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from housing_cli.data.metrics import METRICS
from housing_cli.judging.gate import Recent
from housing_cli.judging.labels import Levels
from housing_cli.judging.resampling import Moments
from housing_cli.prediction_log.records import CLASS, Axis, Kind, Knots, Labeled, Sums

Floats = NDArray[np.float64]

BANDS = 10
_KEYS = ("days", "versions", "axes", "bands")


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums of some records together; fields as in `Sums`."""

    n: float = 0
    labeled: float = 0
    error: float = 0
    absolute: float = 0
    squared: float = 0
    fourth: float = 0
    real: float = 0
    real_squared: float = 0
    covered: float = 0

    def __add__(self, other: Totals) -> Totals:
        """Return the sums of the records of both."""
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Totals(*(one + two for one, two in pairs))

    def metric(self, name: str) -> float:
        """Return a metric of the labeled rows, of which there must be one."""
        metric = METRICS[name]
        return metric.value(self._sum(metric.total) / self.labeled)

    def figures(self) -> dict[str, float]:
        """Return what `gate.metrics` returns of the rows, without metrics that need rows."""
        if not self.labeled:
            return {}
        spread = self.real_squared - self.real**2 / self.labeled
        return {
            **{name: self.metric(name) for name, metric in METRICS.items() if metric.total},
            "r2": 1.0 - self.squared / spread if spread > 0 else 0.0,
            "bias": self.error / self.labeled,
        }

    def recent(self, name: str) -> Recent | None:
        """Return what `gate.judge` needs of the labeled rows, `None` where there are none."""
        if not self.labeled:
            return None
        metric = METRICS[name]
        return Recent(
            self._moments(metric.total, metric.squares), self._moments("absolute", "squared")
        )

    def _moments(self, total: str | None, squares: str | None) -> Moments:
        mean = self._sum(total) / self.labeled
        variance = self._sum(squares) / self.labeled - mean**2
        return Moments(int(self.labeled), mean, math.sqrt(max(variance, 0.0)))

    def _sum(self, name: str | None) -> float:
        if name is None:
            raise ValueError("a metric that cannot be had from sums")
        found: float = getattr(self, name)
        return found


_FIGURES = tuple(field.name for field in fields(Totals))


@dataclass(frozen=True, slots=True)
class Segment:
    """The labeled rows whose value on `axis` lies from `low` up to below `high` (`None`: open).

    n: how many. figures: as `Totals.figures` returns them.
    """

    axis: str
    low: float | None
    high: float | None
    n: int
    figures: dict[str, float]


def total(sums: Sums, version: str | None = None) -> Totals:
    """Return the totals of all rows, or of those of one version."""
    return Totals(*_figures(sums)[_of(sums, version)].sum(axis=0).tolist())


def totals_by(
    sums: Sums, column: str, version: str | None = None, axis: str = ""
) -> dict[str | int, Totals]:
    """Return totals by a column of `Sums` (`days`, `versions` or `bands`), in its order.

    version: of this one alone. axis: of its records; by default of those of all rows.
    """
    picked = _of(sums, version, axis)
    keys, table = _grouped([np.asarray(getattr(sums, column))[picked]], _figures(sums)[picked])
    return {key: Totals(*row) for key, row in zip(keys[0].tolist(), table.tolist(), strict=True)}


def of_kinds(sums: Sums, left_out: Collection[int] = ()) -> Sums:
    """Return the sums of all rows but those of the kinds `left_out`, without telling kinds."""
    if sums.kinds is None:
        return sums
    picked = ~np.isin(sums.kinds, list(left_out))
    columns = [np.asarray(getattr(sums, key))[picked] for key in _KEYS]
    return _sums(*_grouped(columns, _figures(sums)[picked]), sums.skipped)


def count_kinds(sums: Sums, version: str | None = None) -> NDArray[np.int64]:
    """Return how many labels each kind has (`CODES`,), of all rows or those of one version."""
    counts = np.zeros(CLASS * CLASS, dtype=np.int64)
    picked = _of(sums, version)
    if sums.kinds is not None:
        np.add.at(counts, sums.kinds[picked], sums.labeled[picked])
    return counts


def levels(sums: Sums, version: str | None = None) -> Levels:
    """Return the levels of all labels, or of those of one version; kinds were asked for."""
    picked = _of(sums, version)
    far = np.zeros(len(picked), dtype=bool) if sums.kinds is None else sums.kinds == Kind.FAR
    found = []
    for side in (picked & ~far, picked & far):
        real = float(sums.real[side].sum())
        predicted = real + float(sums.error[side].sum())
        found.append(real / predicted if predicted > 0 else 0.0)
    return Levels(*found)


def merge(parts: Iterable[Sums]) -> Sums:
    """Return the sums of the rows of all parts, each record once, in order."""
    parts = list(parts)
    columns = [np.concatenate([np.asarray(getattr(p, key)) for p in parts]) for key in _KEYS]
    keys, table = _grouped(columns, np.concatenate([_figures(part) for part in parts]))
    return _sums(keys, table, sum(part.skipped for part in parts))


def segments(sums: Sums, axis: Axis, version: str | None = None) -> list[Segment]:
    """Return the labeled rows by bands of `axis`, lowest first; missing values are no segment."""
    ends = [None, *axis.edges, None]
    return [
        Segment(axis.name, ends[band], ends[band + 1], int(found.labeled), found.figures())
        for band, found in totals_by(sums, "bands", version, axis.name).items()
        if isinstance(band, int) and band >= 0 and found.labeled
    ]


def quantiles(
    sums: Sums, axis: Axis, shares: Sequence[float], version: str | None = None
) -> list[float] | None:
    """Return approximate quantiles of `axis` over the labeled rows, `None` where there are none.

    Read off the counts of the bands, as if values lay evenly within each. The outer bands have no
    outer end: a quantile in one of them is its inner end, at most a band's share of rows off.
    """
    found = totals_by(sums, "bands", version, axis.name)
    counts = np.array([found.get(band, Totals()).labeled for band in range(len(axis.edges) + 1)])
    if not axis.edges or not counts.sum():
        return None
    below = np.cumsum(counts)[:-1] / counts.sum()
    found_at: list[float] = np.interp(shares, below, axis.edges).tolist()
    return found_at


def over_days(sums: Sums, most: int, version: str | None = None) -> list[tuple[str, Totals]]:
    """Return at most `most` runs of days with about equally many labels: first day and totals."""
    picked = _of(sums, version) & (sums.labeled > 0)
    (days,), table = _grouped([np.asarray(sums.days)[picked]], _figures(sums)[picked])
    labels = table[:, _FIGURES.index("labeled")]
    runs = ((np.cumsum(labels) - labels) * most // max(labels.sum(), 1)).astype(np.int64)
    (numbers,), table = _grouped([runs], table)
    firsts = days[np.searchsorted(runs, numbers)].tolist()
    return [(first, Totals(*row)) for first, row in zip(firsts, table.tolist(), strict=True)]


def band_edges(values: Floats) -> tuple[float, ...]:
    """Return the inner bounds of bands: deciles of `values`, or between them where they are few.

    Missing values (NaN) do not count.
    """
    known = values[~np.isnan(values)]
    distinct = np.unique(known)
    if len(distinct) <= BANDS:
        return tuple(((distinct[1:] + distinct[:-1]) / 2).tolist())
    return tuple(np.unique(np.quantile(known, np.linspace(0, 1, BANDS + 1)[1:-1])).tolist())


def word_edges(codes: Floats) -> tuple[float, ...]:
    """Return bounds that leave each of the commonest codes a band of its own, NaN not counted.

    What lies between two such bands are other words.
    """
    words, counts = np.unique(codes[~np.isnan(codes)], return_counts=True)
    common = words[np.argsort(-counts, kind="stable")[:BANDS]]
    return tuple(np.unique(np.concatenate([common, common + 1])).tolist())


def sums_of(
    rows: Labeled, columns: Sequence[tuple[Axis, Floats]] = (), knots: Knots | None = None
) -> Sums:
    """Return the sums of labeled rows, as a log gives them of its own.

    columns: each axis with its value for every row (n,). knots: what `covered` is counted by.
    """
    error, one = rows.predicted - rows.real, np.ones(len(rows))
    covered = 0 * one
    if knots is not None:
        low, high = (np.interp(rows.predicted, knots.prices, e) for e in (knots.low, knots.high))
        covered = ((-error >= low) & (-error <= high)).astype(np.float64)
    figures = np.column_stack([
        one, one, error, abs(error), error**2, error**4, rows.real, rows.real**2, covered,
    ])  # fmt: skip
    days = np.floor(rows.timestamps / 86_400).astype("M8[D]")
    versions = np.array(rows.versions, dtype=str)
    bands = {"": np.zeros(len(rows), dtype=np.int64)}
    for axis, values in columns:
        band = np.searchsorted(np.array(axis.edges), values, side="right")
        bands[axis.name] = np.where(np.isnan(values), -1, band)
    parts = []
    for name, band in bands.items():
        (day, version, number), table = _grouped([days, versions, band], figures)
        keys = [day.astype(str), version, np.full(len(day), name), number]
        parts.append(_sums(keys, table, 0 if name else rows.skipped))
    return merge(parts)


def _of(sums: Sums, version: str | None, axis: str = "") -> NDArray[np.bool_]:
    """Return which records are of `axis`, and of `version` where it is given."""
    picked: NDArray[np.bool_] = np.asarray(sums.axes) == axis
    return picked if version is None else picked & (np.asarray(sums.versions) == version)


def _figures(sums: Sums) -> Floats:
    return np.column_stack([getattr(sums, name) for name in _FIGURES]).astype(np.float64)


def _grouped(keys: Sequence[NDArray[Any]], figures: Floats) -> tuple[list[NDArray[Any]], Floats]:
    """Return the distinct rows of the key columns, in order, and the sums of their figures."""
    named = [np.unique(key, return_inverse=True) for key in keys]
    shape = [max(len(values), 1) for values, _ in named]
    codes = np.ravel_multi_index([places for _, places in named], shape)
    found, places = np.unique(codes, return_inverse=True)
    table = np.zeros((len(found), len(_FIGURES)))
    np.add.at(table, places, figures)
    at = np.unravel_index(found, shape)
    return [values[k] for (values, _), k in zip(named, at, strict=True)], table


def _sums(keys: Sequence[NDArray[Any]], table: Floats, skipped: int) -> Sums:
    days, versions, axes, bands = keys
    n, labeled = table[:, :2].T.astype(np.int64)
    rest = dict(zip(_FIGURES[2:], table[:, 2:].T, strict=True))
    return Sums(
        days.tolist(), versions.tolist(), axes.tolist(), bands.astype(np.int64), n, labeled,
        skipped=skipped, **rest,
    )  # fmt: skip
