"""Recent reality against the baseline of the version that made the predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from housing_cli.config import Settings
from housing_cli.config.window import Window, parse_window
from housing_cli.data.metrics import METRICS
from housing_cli.errors import RegistryError
from housing_cli.judging import gate
from housing_cli.judging.budget import BudgetVerdict
from housing_cli.judging.drift import Drift, compare_columns
from housing_cli.judging.houses import newest_of_each, repeats
from housing_cli.judging.labels import repeated
from housing_cli.judging.power import SIZES, Power, power_of
from housing_cli.judging.reference import Reference, baseline_value, load_reference
from housing_cli.judging.segments import SegmentError, compare_segments
from housing_cli.judging.sums import quantiles, segments, sums_of
from housing_cli.loop.answered import answered_coverage, served_by
from housing_cli.loop.budget import judge_budget
from housing_cli.loop.evaluation import Evaluation, Labels, VersionRow
from housing_cli.loop.late import LateLabels, late_labels
from housing_cli.loop.recent import Recent, intervals_of, read_recent
from housing_cli.loop.whom import Speaking, speaking
from housing_cli.prediction_log import Labeled, Predictions, open_log
from housing_cli.prediction_log.records import PREDICTED, Broken, Knots
from housing_cli.registry import ModelRegistry, Version, open_registry
from housing_cli.registry.audit import verify_metadata, verify_move
from housing_cli.registry.history import promotions

SHARES = (0.1, 0.5, 0.9)
USUAL_CONFIDENCE = 0.95


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
    known = load_reference(registry, version), *intervals_of(registry, version)
    read = _read(settings, version, window, known)
    reference, recent, rule = known[0], read.recent, settings.evaluate
    baseline = reference.baseline(version, rule.metric)
    drift = _against_training(version, reference, recent.seen)
    whom = speaking(version, reference, recent, rule.metric, baseline.value)
    decides = drift_decides and any(column.drifted for column in drift)
    verdict, reasons = _decided(settings, baseline, read, whom, drifted=decides)
    return Evaluation(
        version=version,
        verdict=verdict,
        window=window,
        labels=replace(_labels(recent), late=read.late),
        versions=_versions(settings, registry, version, recent.versions),
        drift=drift,
        selection=_selection(version, reference, recent.seen),
        power=_power(settings, baseline, verdict.n),
        reasons=reasons,
        segment_errors=_segment_errors(version, reference, recent, rule.metric, known[2]),
        rows=recent.rows,
        sums=recent.sums,
        reference=reference,
        budget=read.budget,
        whom=whom,
        broken=read.broken,
        moves=_moves(registry),
        **_figures(registry, version, known, read),
    )


_Known = tuple[Reference, float | None, Knots | None]
"""What a version remembers of its training, the coverage of its intervals, and their ends."""


@dataclass(frozen=True, slots=True)
class _Read:
    """What a judgment takes from the log; adapting: where intervals follow labels, see `served_by`.

    late, budget, broken: as in `Labels` and `Evaluation`.
    """

    recent: Recent
    budget: BudgetVerdict | None
    late: LateLabels | None
    adapting: Labeled | None
    broken: tuple[Broken, ...]


def _read(settings: Settings, version: Version, window: Window, known: _Known) -> _Read:
    reference, _, knots = known
    rule, price = settings.evaluate, reference.axes(version)[-1]
    doubt = reference.label_rule(settings.retrain.max_level)
    log = open_log(settings.log.url, version.metadata.schema, fsync=settings.log.fsync)
    try:
        recent = read_recent(log, version, window, rule.metric, price, knots, doubt)
        per_year = rule.false_alarms_per_year
        return _Read(
            recent,
            judge_budget(log, version, reference, window, recent, knots, per_year, doubt),
            late_labels(log, version.name, window, recent.labeled),
            served_by(log, version) if settings.serve.adapt_intervals else None,
            tuple(log.broken()) if recent.rows.skipped else (),
        )
    finally:
        log.close()


def _decided(
    settings: Settings, baseline: gate.Baseline, read: _Read, whom: Speaking, *, drifted: bool
) -> tuple[gate.Verdict, tuple[str, ...]]:
    """Return the verdict and its reasons; drifted: there is drift, and it decides."""
    rule, budget = settings.evaluate, read.budget
    verdict = gate.judge(
        read.recent.judged(rule.metric),
        baseline,
        threshold=rule.threshold,
        min_samples=rule.min_samples,
        metric=rule.metric,
        confidence=rule.confidence,
    )
    if budget is not None and verdict.verdict != "insufficient":
        verdict = replace(verdict, verdict="degraded" if budget.alarm else "healthy")
    reasons = ["error"] if verdict.verdict == "degraded" else []
    if reasons and budget is not None:
        reasons = [str(finding.channel) for finding in budget.alarms]
    if drifted:
        reasons.append("drift")
        verdict = replace(verdict, verdict="degraded")
    if whom.silent(rule.unlabeled) and verdict.verdict == "healthy":
        reasons.append("unlabeled")
        verdict = replace(verdict, verdict="insufficient")
    return verdict, tuple(reasons)


def _moves(registry: ModelRegistry) -> tuple[tuple[float, str], ...]:
    """Return what became production when; nothing where a later line of the history is broken.

    That the judged version is told of was seen to before; these are marks on a chart.
    """
    try:
        return tuple(promotions(registry.history()))
    except RegistryError:
        return ()


def _figures(
    registry: ModelRegistry, version: Version, known: _Known, read: _Read
) -> dict[str, Any]:
    """Return the metrics of the judged rows, their bands of price, and the quantiles of these."""
    reference, target, _ = known
    recent, price = read.recent, reference.axes(version)[-1]
    answered = answered_coverage(registry, version, recent.looked, read.adapting)
    prices = quantiles(recent.sums, price, SHARES, version.name) or ()
    return {
        "recent": recent.figures(target, answered),
        "segments": tuple(segments(recent.sums, price, version.name)),
        "quantiles": {f"{share:g}": found for share, found in zip(SHARES, prices, strict=False)},
    }


def _power(settings: Settings, baseline: gate.Baseline, n: int) -> Power:
    rule = settings.evaluate
    return power_of(
        baseline.absolute,
        baseline.rows,
        n,
        sizes=sorted({rule.threshold, *SIZES} - {0.0}),
        confidence=rule.confidence or USUAL_CONFIDENCE,
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
    """Return the judged version, every aliased one and those that made rows, if readable."""
    metric = settings.evaluate.metric
    aliases = registry.aliases()
    found = []
    for name in dict.fromkeys([judged.name, *aliases.values(), *made]):
        version = registry.readable(name)
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
