"""Where a version got worse: each segment against the version's own training errors there.

A segment is a band of a feature or of the predicted price. All segments with enough rows are tested
at once, and the p-values are adjusted for it: with 13 features a row lies in 14 segments, so that
about 130 tests are asked of the same rows. Holm and Benjamini-Hochberg would need p-values that are
right far out in the tail, which those of a few heavy-tailed errors are not, and count dependent
tests as if each were alone. Here the smallest p-value is compared with the smallest p-values of
worlds in which nothing changed, drawn from the version's own out-of-fold errors (the min-p method
of Westfall & Young 1993): as many rows, the same bands, the same dependence, the same tails.

Champion and challenger priced the same rows. There an unchanged world is one in which they swap
their prices at random, row by row (Fisher's randomization test, 1935), and the smallest p-value is
judged the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from housing_cli.data.metrics import METRICS
from housing_cli.judging.gate import INTERVAL
from housing_cli.judging.multiplicity import adjusted, grown, shifted
from housing_cli.judging.reference import Reference
from housing_cli.judging.resampling import Moments
from housing_cli.judging.sums import Totals, totals_by
from housing_cli.prediction_log.records import PREDICTED, Axis, Knots, Sums
from housing_cli.words import figure

Floats = NDArray[np.float64]

MIN_ROWS = 20
"""Fewer rows in a segment, now or at training time, are not tested."""
SURE = 0.05
"""At most so many looks at an unchanged world name a segment as significantly worse."""
DRAWS = 500


@dataclass(frozen=True, slots=True)
class SegmentError:
    """One segment, `low` up to below `high` on `axis` (`None`: open), now and at training time.

    n: labeled rows. current: the metric; interval: of it, at `gate.INTERVAL`. baseline: the
    version's own out-of-fold metric there, over `baseline_rows`. bias: mean of predicted - real.
    coverage: share of real prices within their interval, `None` for versions without any. p_value:
    how often chance alone makes the errors of any tested segment grow as evidently as here; `None`
    for too few rows. Errors, bias: in the target's unit. word: as in `in_words`.
    """

    axis: str
    low: float | None
    high: float | None
    n: int
    metric: str
    current: float
    interval: tuple[float, float] | None
    baseline: float | None
    baseline_rows: int
    bias: float
    coverage: float | None
    p_value: float | None
    word: str | None = None

    @property
    def significant(self) -> bool:
        """Return whether the errors grew beyond chance."""
        return self.p_value is not None and self.p_value <= SURE

    @property
    def bounds(self) -> str:
        """Return the segment in words, as `LSTAT 17.1 to 21`."""
        return in_words(self.axis, self.low, self.high, self.word)


@dataclass(frozen=True, slots=True)
class SegmentContest:
    """Champion and challenger on the same n rows of one segment; difference: challenger - champion.

    champion, challenger: the metric. p_value: how often chance alone makes the challenger as
    evidently worse in any tested segment; `None` for too few rows.
    """

    axis: str
    low: float | None
    high: float | None
    n: int
    champion: float
    challenger: float
    difference: float
    p_value: float | None
    word: str | None = None

    @property
    def worse(self) -> bool:
        """Return whether the challenger is worse there beyond chance."""
        return self.p_value is not None and self.p_value <= SURE

    @property
    def bounds(self) -> str:
        """Return the segment in words, as `SegmentError` does."""
        return in_words(self.axis, self.low, self.high, self.word)


def compare_segments(
    sums: Sums,
    reference: Reference,
    axes: Sequence[Axis],
    *,
    metric: str,
    knots: Knots | None = None,
    version: str | None = None,
    seed: int = 0,
) -> tuple[SegmentError, ...]:
    """Return every segment with labeled rows, in the order of axes and bands.

    sums: records of `axes`, of rows or of a log, which say the same. axes: all that
    `Reference.axes` gives, in its order. metric: one that sums can tell. version: of its rows
    alone. Axes of one band are no segments, and neither are missing values.
    """
    segments = segments_of(axes)
    training = _Training(reference, axes, metric)
    by_axis = {axis.name: totals_by(sums, "bands", version, axis.name) for axis in axes}
    now = [by_axis[axis.name].get(band, Totals()) for axis, band in segments]
    p_values = training.p_values(np.array([[t.labeled, t.absolute, t.squared] for t in now]), seed)
    found = []
    for at, ((axis, band), own) in enumerate(zip(segments, now, strict=True)):
        if not own.labeled:
            continue
        known = int(training.rows[at])
        found.append(
            SegmentError(
                *_ends(axis, band),
                n=int(own.labeled),
                metric=metric,
                current=own.metric(metric),
                interval=_interval(own, metric),
                baseline=METRICS[metric].value(training.losses[at]) if known else None,
                baseline_rows=known,
                bias=own.error / own.labeled,
                coverage=None if knots is None else own.covered / own.labeled,
                p_value=None if np.isnan(p_values[at]) else float(p_values[at]),
                word=_word(axis, band),
            )
        )
    return tuple(found)


def worst_segment(found: Sequence[SegmentError]) -> SegmentError | None:
    """Return the segment whose errors grew most evidently, `None` where none was tested."""
    tested = [segment for segment in found if segment.p_value is not None]
    return min(tested, key=_evidence, default=None)


def contest_segments(
    real: Floats,
    champion: Floats,
    challenger: Floats,
    columns: Sequence[tuple[Axis, Floats]],
    *,
    metric: str,
    seed: int = 0,
) -> tuple[SegmentContest, ...]:
    """Compare two models' prices for the same n rows, segment by segment.

    real, champion, challenger: (n,). columns: each axis with its value for every row (n,).
    """
    segments = segments_of([axis for axis, _ in columns])
    inside = indicators([axis for axis, _ in columns], [values for _, values in columns])
    old, new = (METRICS[metric].loss(real, prices) for prices in (champion, challenger))
    counts = inside.sum(axis=0)
    # Absolute errors, whatever the metric, as in `gate.judge`.
    worse = np.abs(challenger - real) - np.abs(champion - real)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], (DRAWS, len(real)))
    square = (worse**2) @ inside
    tested = counts >= MIN_ROWS
    null = shifted(counts, (signs * worse) @ inside, square)
    p_values = adjusted(shifted(counts, worse @ inside, square), null, tested)
    found = []
    for at, (axis, band) in enumerate(segments):
        if not counts[at]:
            continue
        before, after = (
            METRICS[metric].value(loss @ inside[:, at] / counts[at]) for loss in (old, new)
        )
        p_value = None if np.isnan(p_values[at]) else float(p_values[at])
        found.append(
            SegmentContest(
                *_ends(axis, band), int(counts[at]), before, after, after - before, p_value,
                _word(axis, band),
            )
        )  # fmt: skip
    return tuple(found)


def segments_of(axes: Sequence[Axis]) -> list[tuple[Axis, int]]:
    """Return axis and band of every segment, s of them."""
    return [(axis, band) for axis in axes if axis.edges for band in range(len(axis.edges) + 1)]


def indicators(axes: Sequence[Axis], columns: Sequence[Floats]) -> Floats:
    """Return which rows lie in which of `segments_of(axes)`, 0 or 1 (n, s); columns: (n,) each."""
    blocks = [np.empty((len(columns[0]), 0))]
    for axis, values in zip(axes, columns, strict=True):
        if axis.edges:
            band = np.searchsorted(np.array(axis.edges), values, side="right")
            band = np.where(np.isnan(values), -1, band)
            blocks.append((band[:, None] == np.arange(len(axis.edges) + 1)).astype(np.float64))
    return np.hstack(blocks)


class _Training:
    """The reference by its s segments, which the unchanged worlds are drawn from.

    rows, losses: (s,), how many rows and their mean loss, over the repeats. The predicted price of
    a row, and with it its band, differs from repeat to repeat.
    """

    def __init__(self, reference: Reference, axes: Sequence[Axis], metric: str) -> None:
        loss = METRICS[metric].loss(reference.target, reference.out_of_fold)
        self._priced = np.array([axis.name == PREDICTED for axis, _ in segments_of(axes)], bool)
        self._figures, counts, losses = [], [], []
        for prices, own in zip(reference.out_of_fold, loss, strict=True):
            features = dict(zip((axis.name for axis in axes), reference.features.T, strict=False))
            inside = indicators(axes, [{**features, PREDICTED: prices}[a.name] for a in axes])
            error = np.abs(prices - reference.target)[:, None]
            self._figures.append(np.stack([inside, inside * error, inside * error**2]))
            counts.append(inside.sum(axis=0))
            losses.append(own @ inside)
        self.rows: Floats = np.mean(counts, axis=0)
        self.losses: Floats = np.sum(losses, axis=0) / np.maximum(np.sum(counts, axis=0), 1.0)

    def p_values(self, now: Floats, seed: int) -> Floats:
        """Return the adjusted p-value of each segment, NaN where it is not tested.

        now: (s, 3), labeled rows, sum of absolute errors, and of their squares. In an unchanged
        world both samples come from the training errors, the training rows themselves included:
        they are a sample as well, and their baselines no better known than that.
        """
        now = now.T
        averaged = np.mean(self._figures, axis=0)
        before = averaged.sum(axis=1)
        tested = (now[0] >= MIN_ROWS) & (before[0] >= MIN_ROWS)
        if not tested.any():
            return np.full(now.shape[1], np.nan)
        rng, m = np.random.default_rng(seed), averaged.shape[1]
        rates = now[0, self._priced] / np.maximum(before[0, self._priced], 1.0)
        nulls = []
        for figures in self._figures:
            draws = -(-DRAWS // len(self._figures))
            # Labels may come from some prices more than from others: each band as often as now.
            share = figures[0][:, self._priced] @ rates if len(rates) else now[0].max() / m
            recent = rng.poisson(share, (draws, m)) @ figures[:, :, tested]
            known = rng.poisson(1.0, (draws, m)) @ averaged[:, :, tested]
            nulls.append(grown(recent, known))
        null = np.ones((sum(map(len, nulls)), len(tested)))
        null[:, tested] = np.concatenate(nulls)
        return adjusted(grown(now, before), null, tested)


def _ends(axis: Axis, band: int) -> tuple[str, float | None, float | None]:
    ends = (None, *axis.edges, None)
    return axis.name, ends[band], ends[band + 1]


def _word(axis: Axis, band: int) -> str | None:
    return axis.words[band] if axis.words else None


def in_words(axis: str, low: float | None, high: float | None, word: str | None = None) -> str:
    """Return a segment in words, as `LSTAT 17.1 to 21`.

    word: what the band is called, where its values are codes or days.
    """
    if word is not None:
        return f"{axis} {word}"
    ends = [None if end is None else figure(end) for end in (low, high)]
    if ends[0] is None:
        return f"{axis} below {ends[1]}"
    return f"{axis} {ends[0]} " + ("and more" if ends[1] is None else f"to {ends[1]}")


def _evidence(segment: SegmentError) -> tuple[float, float]:
    # Adjusted p-values have a floor, the share of one draw: below it the growth decides.
    growth = segment.current / segment.baseline if segment.baseline else np.inf
    return segment.p_value or 0.0, -float(np.log(max(growth, 1e-9)) * np.sqrt(segment.n))


def _interval(own: Totals, metric: str) -> tuple[float, float] | None:
    """Return the interval of a metric from sums: Student's, on the log scale (delta method)."""
    recent = own.recent(metric)
    if recent is None or recent.loss.n < MIN_ROWS or recent.loss.mean <= 0:
        return None
    loss: Moments = recent.loss
    wide = float(stdtrit(loss.n - 1, (1 + INTERVAL) / 2)) * loss.relative_error()
    power, value = METRICS[metric].power, own.metric(metric)
    return value * float(np.exp(-wide * power)), value * float(np.exp(wide * power))
