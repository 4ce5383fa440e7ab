"""Whom the labels of a judgment speak for: its rows, joined with those that have no label."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from housing_cli.data.metrics import METRICS
from housing_cli.judging.expected_error import ExpectedError
from housing_cli.judging.reference import Reference
from housing_cli.judging.selection import (
    Corrected,
    Mask,
    Rows,
    Unlabeled,
    corrected,
    unlabeled_segment,
)
from housing_cli.loop.recent import Recent
from housing_cli.prediction_log.records import Axis
from housing_cli.registry import Version

_LATE = 3600.0
_OLD_ENOUGH = 0.1


@dataclass(frozen=True, slots=True)
class CorrectedError:
    """The metric of all predictions, corrected for which of them have labels.

    current: the estimate; interval: of it, at 95 %. ratio: to the baseline. plain: the metric of
    the labeled ones among these. labels: how many labels the correction is worth. outside: the
    segment that it does not speak of was left out.
    """

    current: float
    interval: tuple[float, float]
    ratio: float | None
    plain: float
    labels: float
    outside: bool


@dataclass(frozen=True, slots=True)
class Speaking:
    """Whom the labels speak for.

    unlabeled: the largest segment that they say nothing of. corrected: the error of the others
    among the newest predictions, `None` where too few of these are labeled, too few are not, or
    none is old enough. expected: the metric that the newest predictions, labeled or not, should
    have by the version's own training errors, `None` without predictions; expected_ratio: to the
    baseline.
    """

    unlabeled: Unlabeled | None
    corrected: CorrectedError | None
    expected: float | None
    expected_ratio: float | None

    def silent(self, share: float) -> bool:
        """Return whether labels say nothing of this share of the predictions; never of 1.

        It leaves no healthy verdict.
        """
        return share < 1 and self.unlabeled is not None and self.unlabeled.share >= share


def speaking(
    version: Version,
    reference: Reference,
    recent: Recent,
    metric: str,
    baseline: float,
    at: float | None = None,
) -> Speaking:
    """Return whom the labels of `recent` speak for.

    at: epoch seconds, now unless given. Predictions younger than 95 % of the labels needed are left
    out where labels need an hour and more: nobody knows yet which of them will have one.
    """
    read = _read(recent, metric, time.time() if at is None else at)
    segment = _segment(read, reference.axes(version))
    metric_of = METRICS[metric]
    losses = metric_of.loss(reference.target, reference.out_of_fold).mean(axis=0)
    model, seen = ExpectedError.fit(reference, losses), recent.seen
    expected = None
    if len(seen):
        features = reference.ordered(seen.features)
        each = model.of_all(features, seen.predicted, reference.target, metric_of.loss)
        expected = metric_of.value(float(each.mean()))
    found = None
    if read.old:
        rows = read.rows.only(read.together & ~_inside(read.rows, segment, reference.axes(version)))
        rows = replace(rows, features=reference.ordered(rows.features))
        each = model.of_all(rows.features, rows.predicted, reference.target, metric_of.loss)
        found = corrected(rows, each)
    return Speaking(
        segment,
        None if found is None else _in_units(found, metric, baseline, segment is not None),
        expected,
        _ratio(expected, baseline),
    )


def _in_units(found: Corrected, metric: str, baseline: float, outside: bool) -> CorrectedError:
    value = METRICS[metric].value
    low, high = found.interval
    current = value(found.mean)
    return CorrectedError(
        current,
        (value(low), value(high)),
        _ratio(current, baseline),
        value(found.plain),
        found.labels,
        outside,
    )


def _ratio(current: float | None, baseline: float) -> float | None:
    return current / baseline if current is not None and baseline > 0 else None


@dataclass(frozen=True, slots=True)
class _Read:
    """The newest labeled rows, and the newest predictions without a label.

    together: (N,), which of `rows` are of the newest predictions, with a label or without; the
    others are labeled and older, and their weight is 0. old: those without one are old enough.
    """

    rows: Rows
    together: Mask
    old: bool


def _read(recent: Recent, metric: str, at: float) -> _Read:
    """Return the rows that labels are compared in, without labels that do not count.

    Where older predictions than the newest have labels, and hardly any of the newest could have one
    yet, all of the newest stand for what is asked for.
    """
    looked, seen = recent.looked, recent.seen
    known = set(seen.ids)
    together = np.array([key in known for key in looked.ids], dtype=bool)
    delays = np.maximum(looked.labeled_at - looked.timestamps, 0.0)
    late = float(np.quantile(delays, 0.95)) if len(delays) else 0.0
    until = at - late if late >= _LATE else np.inf
    labeled, aged = looked.timestamps <= until, seen.timestamps <= until
    old = bool(together.all() or aged.mean() >= _OLD_ENOUGH)
    others = ~seen.labeled & (aged | (not old))
    together = np.concatenate([together[labeled], np.ones(int(others.sum()), dtype=bool)])
    losses = METRICS[metric].loss(looked.real, looked.predicted)[labeled]
    features = looked.features[labeled].reshape(-1, seen.features.shape[1])
    rows = Rows(
        np.concatenate([features, seen.features[others]]),
        np.concatenate([looked.predicted[labeled], seen.predicted[others]]),
        np.concatenate([losses, np.full(int(others.sum()), np.nan)]),
        together.astype(float),
    )
    return _Read(rows, together, old)


def _segment(read: _Read, axes: Sequence[Axis]) -> Unlabeled | None:
    """Return the largest segment that labels say nothing of.

    By any axis among predictions of the same time, else by the price alone: a feature may follow
    the time.
    """
    newest = read.rows.only(read.together)
    found = unlabeled_segment(newest, _valued(newest, axes)) if read.old else None
    if found is None and not read.together.all():
        found = unlabeled_segment(read.rows, _valued(read.rows, axes)[-1:])
    return found


def _valued(rows: Rows, axes: Sequence[Axis]) -> list[tuple[Axis, NDArray[np.float64]]]:
    """Return each axis with its value for every row."""
    return list(zip(axes, [*rows.features.T, rows.predicted], strict=True))


def _inside(rows: Rows, segment: Unlabeled | None, axes: Sequence[Axis]) -> Mask:
    """Return which rows are in a segment."""
    if segment is None:
        return np.zeros(len(rows.losses), dtype=bool)
    values = {axis.name: found for axis, found in _valued(rows, axes)}[segment.axis]
    low = -np.inf if segment.low is None else segment.low
    high = np.inf if segment.high is None else segment.high
    return np.asarray((values >= low) & (values < high))
