"""Whom the labels of a judgment speak for: its rows, joined with those that have no label."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from housing_cli.data.metrics import METRICS
from housing_cli.judging.expected_error import ExpectedError
from housing_cli.judging.reference import Reference
from housing_cli.judging.selection import (
    Corrected,
    Rows,
    Unlabeled,
    corrected,
    unlabeled_segment,
)
from housing_cli.loop.recent import Recent
from housing_cli.registry import Version

RELEVANT = 0.1
"""A segment without labels that has this share of the predictions leaves no healthy verdict."""
_LATE = 3600.0


@dataclass(frozen=True, slots=True)
class CorrectedError:
    """The metric of all predictions, corrected for which of them have labels.

    current: the estimate; interval: of it, at 95 %. ratio: to the baseline. plain: the metric of
    the labeled rows that were read. labels: how many labels the correction is worth. outside: the
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

    unlabeled: the largest segment that they say nothing of. corrected: the error of the others,
    `None` where too few are labeled, or too few are not. expected: the metric that the newest
    predictions, labeled or not, should have by the version's own training errors, `None` without
    predictions; expected_ratio: to the baseline.
    """

    unlabeled: Unlabeled | None
    corrected: CorrectedError | None
    expected: float | None
    expected_ratio: float | None

    @property
    def silent(self) -> bool:
        """Return whether labels say nothing of so many predictions that none of them is judged."""
        return self.unlabeled is not None and self.unlabeled.share >= RELEVANT


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
    rows = _rows(recent, metric, time.time() if at is None else at)
    axes = reference.axes(version)
    values = list(zip(axes, [*rows.features.T, rows.predicted], strict=True))
    # The newest of many predictions are too young for labels, and a feature may follow the time.
    segment = unlabeled_segment(rows, values[-1:] if recent.wide else values)
    if segment is not None:
        column = {axis.name: found for axis, found in values}[segment.axis]
        inside = (column >= (-np.inf if segment.low is None else segment.low)) & (
            column < (np.inf if segment.high is None else segment.high)
        )
        rows = rows.only(~inside)
    metric_of = METRICS[metric]
    losses = metric_of.loss(reference.target, reference.out_of_fold).mean(axis=0)
    model, seen = ExpectedError.fit(reference, losses), recent.seen
    expected = None
    if len(seen):
        expected = metric_of.value(float(model.of_rows(seen.features, seen.predicted).mean()))
    found = corrected(rows, model.of_rows(rows.features, rows.predicted))
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


def _rows(recent: Recent, metric: str, at: float) -> Rows:
    """Return the newest labeled rows, and the newest predictions without a label.

    Labels that are excluded (`recent.doubts`) are neither. Where the two are not of the same
    predictions, each side stands for as many as the window has of it.
    """
    looked, seen = recent.looked, recent.seen
    others = ~seen.labeled
    labeled = np.ones(len(looked), dtype=bool)
    delays = np.maximum(looked.labeled_at - looked.timestamps, 0.0)
    late = float(np.quantile(delays, 0.95)) if len(delays) else 0.0
    if late >= _LATE and not recent.wide:
        others &= seen.timestamps <= at - late
        labeled &= looked.timestamps <= at - late
    losses = METRICS[metric].loss(looked.real, looked.predicted)[labeled]
    n, rest = int(labeled.sum()), int(others.sum())
    weights = np.ones(n + rest)
    known = set(seen.ids)
    if n and rest and any(key not in known for key in looked.ids):
        share = recent.labeled / max(recent.predictions, 1)
        weights[:n], weights[n:] = share / n, (1 - share) / rest
        weights = np.maximum(weights, 1e-12)
    width = seen.features.shape[1]
    features = looked.features[labeled].reshape(-1, width)
    return Rows(
        np.concatenate([features, seen.features[others]]),
        np.concatenate([looked.predicted[labeled], seen.predicted[others]]),
        np.concatenate([losses, np.full(rest, np.nan)]),
        weights,
    )
