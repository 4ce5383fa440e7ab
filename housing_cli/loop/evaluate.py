"""Recent reality against the baseline of the version that made the predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from housing_cli.config import Settings
from housing_cli.config.window import Window, parse_window
from housing_cli.data.metrics import METRICS
from housing_cli.judging import gate
from housing_cli.judging.budget import BudgetVerdict
from housing_cli.judging.drift import Drift, compare_columns
from housing_cli.judging.houses import newest_of_each, repeats
from housing_cli.judging.labels import Doubts, repeated
from housing_cli.judging.power import SIZES, Power, power_of
from housing_cli.judging.reference import Reference, baseline_value, load_reference
from housing_cli.judging.segments import SegmentError, compare_segments, worst_segment
from housing_cli.judging.sums import Segment, over_days, quantiles, segments, sums_of
from housing_cli.loop.answered import answered_coverage, served_by
from housing_cli.loop.budget import judge_budget
from housing_cli.loop.late import LateLabels, late_labels
from housing_cli.loop.recent import Recent, intervals_of, read_recent
from housing_cli.loop.whom import Speaking, speaking
from housing_cli.prediction_log import Labeled, Predictions, open_log
from housing_cli.prediction_log.records import PREDICTED, Broken, Knots, Sums
from housing_cli.registry import ModelRegistry, Version, open_registry
from housing_cli.registry.audit import verify_metadata, verify_move

SHARES = (0.1, 0.5, 0.9)
USUAL_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Labels:
    """How the real prices come in, over the newest predictions of the window, or all of them.

    predictions: how many were looked at. labeled: how many of them have a real price. coverage:
    labeled / predictions. delay_p50, delay_p95: seconds from prediction to real price, of the
    newest labeled rows. doubts: labels that may be none; what it excludes is in `labeled`, but not
    in the verdict. repeated: how many of the newest predictions that were read ask for a house that
    a newer one asks for too; repeated_share: of these predictions. late: what came
    too late for the window.
    """

    predictions: int
    labeled: int
    coverage: float | None
    delay_p50: float | None
    delay_p95: float | None
    doubts: Doubts
    repeated: int
    repeated_share: float | None
    late: LateLabels | None = None


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One version's own rows in the window, or among its newest labeled ones."""

    version: str
    aliases: tuple[str, ...]
    n: int
    baseline: float
    current: float | None
    ratio: float | None
    bias: float | None


@dataclass(frozen=True, slots=True)
class Course:
    """The metric over time: values, oldest first, and epoch seconds of where they begin and end."""

    values: list[float]
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The verdict on one version, and what it rests on.

    recent: metrics of the judged rows, with `interval_coverage` where the version has intervals.
    segments: the judged rows by bands of the predicted price. quantiles: of their predicted prices
    at `SHARES`, approximate. rows: the judged rows; of a wide window the newest `LOOKED_AT`. sums:
    of all of them.
    segment_errors: the newest `LOOKED_AT` of them by bands of each feature and of the predicted
    price, against the training errors there.
    drift: of the inputs and the predicted price against the training rows; empty for too few
    predictions. selection: the same of labeled rows against those without a real price. reasons:
    what made it degraded: `error`, `drift`, or channels of the budget. budget: where one was set.
    whom: the labels speak for; healthy is `insufficient`, for the reason `unlabeled`, where they
    say nothing of a relevant part of the predictions. broken: the first line of each file of the
    log that is no row.
    """

    version: Version
    verdict: gate.Verdict
    window: Window
    recent: dict[str, float]
    labels: Labels
    versions: tuple[VersionRow, ...]
    drift: tuple[Drift, ...]
    selection: tuple[Drift, ...]
    power: Power
    reasons: tuple[str, ...]
    segments: tuple[Segment, ...]
    segment_errors: tuple[SegmentError, ...]
    quantiles: dict[str, float]
    rows: Labeled
    sums: Sums
    reference: Reference
    budget: BudgetVerdict | None = None
    whom: Speaking | None = None
    broken: tuple[Broken, ...] = ()

    def over_time(self, most: int) -> Course:
        """Return the metric of at most `most` parts of the judged rows, of which there is one."""
        rows, metric = self.rows, self.verdict.metric
        if self.verdict.n > len(rows):
            days = over_days(self.sums, metric, most, self.version.name)
            if len(days) > 1:
                start = datetime.fromisoformat(days[0][0]).replace(tzinfo=UTC).timestamp()
                return Course([value for _, value in days], start, float(rows.timestamps[-1]))
        values = gate.over_time(rows.real, rows.predicted, metric, most)
        return Course(values, *rows.timestamps[[0, -1]].tolist())

    @property
    def worst_segment(self) -> SegmentError | None:
        """Return the segment whose errors grew most evidently, `None` where rows are too few."""
        return worst_segment(self.segment_errors)

    @property
    def drifted(self) -> tuple[Drift, ...]:
        """Return what drifted."""
        return tuple(column for column in self.drift if column.drifted)

    @property
    def biased(self) -> tuple[Drift, ...]:
        """Return in what the labeled rows differ from the others."""
        return tuple(column for column in self.selection if column.drifted)


def evaluate(
    settings: Settings, ref: str = "production", *, drift_decides: bool = False
) -> Evaluation:
    """Judge the version that REF names on its own recent, labeled predictions.

    drift_decides: drifted inputs or predictions are a degradation, with or without real prices.
    """
    window = parse_window(settings.evaluate.window)
    registry = open_registry(settings)
    version = registry.get(ref)
    verify_metadata(registry, version)  # a baseline that was edited judges nothing
    verify_move(registry, ref, version)
    reference = load_reference(registry, version)
    target, knots = intervals_of(registry, version)
    price = reference.axes(version)[-1]
    doubt = reference.label_rule(settings.retrain.max_level)
    log = open_log(settings.log.url, version.metadata.schema, fsync=settings.log.fsync)
    try:
        recent = read_recent(log, version, window, settings.evaluate.metric, price, knots, doubt)
        per_year = settings.evaluate.false_alarms_per_year
        budget = judge_budget(log, version, reference, window, recent, knots, per_year, doubt)
        late = late_labels(log, version.name, window, recent.labeled)
        adapting = served_by(log, version) if settings.serve.adapt_intervals else None
        broken = log.broken() if recent.rows.skipped else []
    finally:
        log.close()
    rule = settings.evaluate
    baseline = reference.baseline(version, rule.metric)
    verdict = gate.judge(
        recent.judged(rule.metric),
        baseline,
        threshold=rule.threshold,
        min_samples=rule.min_samples,
        metric=rule.metric,
        confidence=rule.confidence,
    )
    drift = _against_training(version, reference, recent.seen)
    if budget is not None and verdict.verdict != "insufficient":
        verdict = replace(verdict, verdict="degraded" if budget.alarm else "healthy")
    reasons = ["error"] if verdict.verdict == "degraded" else []
    if reasons and budget is not None:
        reasons = [str(finding.channel) for finding in budget.alarms]
    if drift_decides and any(column.drifted for column in drift):
        reasons.append("drift")
        verdict = replace(verdict, verdict="degraded")
    whom = speaking(version, reference, recent, rule.metric, baseline.value)
    if whom.silent(rule.unlabeled) and verdict.verdict == "healthy":
        reasons.append("unlabeled")
        verdict = replace(verdict, verdict="insufficient")
    answered = answered_coverage(registry, version, recent.looked, adapting)
    prices = quantiles(recent.sums, price, SHARES, version.name) or ()
    return Evaluation(
        version=version,
        verdict=verdict,
        window=window,
        recent=recent.figures(target, answered),
        labels=replace(_labels(recent), late=late),
        versions=_versions(settings, registry, version, recent.versions),
        drift=drift,
        selection=_selection(version, reference, recent.seen),
        power=power_of(
            baseline.absolute,
            baseline.rows,
            verdict.n,
            sizes=sorted({rule.threshold, *SIZES} - {0.0}),
            confidence=rule.confidence or USUAL_CONFIDENCE,
        ),
        reasons=tuple(reasons),
        segments=tuple(segments(recent.sums, price, version.name)),
        segment_errors=_segment_errors(version, reference, recent, rule.metric, knots),
        quantiles={f"{share:g}": found for share, found in zip(SHARES, prices, strict=False)},
        rows=recent.rows,
        sums=recent.sums,
        reference=reference,
        budget=budget,
        whom=whom,
        broken=tuple(broken),
    )


def _segment_errors(
    version: Version, reference: Reference, recent: Recent, metric: str, knots: Knots | None
) -> tuple[SegmentError, ...]:
    """Return the segments of the newest labeled rows; without rows there are none.

    Not by the log's own sums: by 14 axes instead of one they take twice as long in csv and 37 times
    in SQLite (a million predictions), and a few thousand rows tell what got worse as well.
    """
    rows, axes = recent.looked, reference.axes(version)
    if not len(rows):
        return ()
    sums = sums_of(rows, list(zip(axes, [*rows.features.T, rows.predicted], strict=True)), knots)
    known = metric if METRICS[metric].total else "mae"
    return compare_segments(sums, reference, axes, metric=known, knots=knots)


def _labels(recent: Recent) -> Labels:
    rows, seen = recent.rows, recent.seen
    n, labeled = recent.predictions, recent.labeled
    delays = np.maximum(rows.labeled_at - rows.timestamps, 0.0)
    p50, p95 = np.quantile(delays, [0.5, 0.95]).tolist() if len(rows) else (None, None)
    again = repeated(seen.features)
    share = again / len(seen) if len(seen) else None
    return Labels(n, labeled, labeled / n if n else None, p50, p95, recent.doubts, again, share)


def _versions(
    settings: Settings,
    registry: ModelRegistry,
    judged: Version,
    made: dict[str, tuple[int, dict[str, float]]],
) -> tuple[VersionRow, ...]:
    """Return the judged version, every aliased one and those that made rows."""
    metric = settings.evaluate.metric
    aliases = registry.aliases()
    found = []
    for name in dict.fromkeys([judged.name, *aliases.values(), *made]):
        version = registry.find(name)
        if version is None:
            continue
        baseline = baseline_value(registry, version, metric)
        n, figures = made.get(name, (0, {}))
        current, bias = figures.get(metric), figures.get("bias")
        ratio = current / baseline if current is not None and baseline > 0 else None
        pointing = tuple(alias for alias, to in aliases.items() if to == name)
        found.append(VersionRow(name, pointing, n, baseline, current, ratio, bias))
    return tuple(found)


def _against_training(
    version: Version, reference: Reference, seen: Predictions
) -> tuple[Drift, ...]:
    """Return the drift of each feature and of the predicted price, each house counted once."""
    before = np.column_stack([reference.features, reference.out_of_fold[0]])
    now = np.column_stack([seen.features, seen.predicted])
    houses = newest_of_each(seen.features, repeats(reference.features))
    kinds = version.metadata.schema.kinds
    return compare_columns(_names(version), before, now[houses], kinds=kinds)


def _selection(version: Version, reference: Reference, seen: Predictions) -> tuple[Drift, ...]:
    """Return in what labeled rows differ from the others; on each side a house counts once."""
    usual = repeats(reference.features)
    sides = []
    for picked in (~seen.labeled, seen.labeled):
        features = seen.features[picked]
        columns = np.column_stack([features, seen.predicted[picked]])
        sides.append(columns[newest_of_each(features, usual)])
    return compare_columns(_names(version), *sides, kinds=version.metadata.schema.kinds)


def _names(version: Version) -> Sequence[str]:
    return [*version.metadata.schema.features, PREDICTED]
