"""Recent reality against the baseline of the version that made the predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from housing_cli.config import Settings
from housing_cli.judging import gate
from housing_cli.judging.drift import Drift, compare_columns
from housing_cli.judging.power import SIZES, Power, power_of
from housing_cli.judging.reference import Reference, baseline_value, load_reference
from housing_cli.judging.window import Window, parse_window
from housing_cli.learning.conformal import coverage_of
from housing_cli.model.intervals import IntervalModel
from housing_cli.prediction_log import Labeled, PredictionLog, Predictions, open_log
from housing_cli.registry import ModelRegistry, Version

PREDICTED = "predicted_price"
INTERVALS = "intervals.json"
LOOKED_AT = 5_000
"""Newest predictions that coverage, drift and the table of versions look at: a sample is enough,
and a log of ten million rows is not read for it."""
USUAL_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Labels:
    """How the real prices come in, over the newest predictions of the window.

    predictions: how many were looked at. labeled: how many of them have a real price. coverage:
    labeled / predictions. delay_p50, delay_p95: seconds from prediction to real price.
    """

    predictions: int
    labeled: int
    coverage: float | None
    delay_p50: float | None
    delay_p95: float | None


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One version's own rows among the newest labeled ones of the window."""

    version: str
    aliases: tuple[str, ...]
    n: int
    baseline: float
    current: float | None
    ratio: float | None
    bias: float | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The verdict on one version, and what it rests on.

    recent: metrics of the judged rows, with `interval_coverage` where the version has intervals.
    drift: of the inputs and the predicted price against the training rows; empty for too few
    predictions. selection: the same of labeled rows against those without a real price. reasons:
    what made it degraded: `error`, `drift`.
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
    rows: Labeled
    reference: Reference

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
    registry = ModelRegistry(settings.registry.path, settings.registry.lock_timeout)
    version = registry.get(ref)
    reference = load_reference(registry, version)
    log = open_log(settings.log.url, version.metadata.schema, fsync=settings.log.fsync)
    try:
        rows, seen, lately = _read(log, version, window)
    finally:
        log.close()
    rule = settings.evaluate
    baseline = reference.baseline(version, rule.metric)
    verdict = gate.judge(
        gate.recent_rows(rows.real, rows.predicted, rule.metric),
        baseline,
        threshold=rule.threshold,
        min_samples=rule.min_samples,
        metric=rule.metric,
        confidence=rule.confidence,
    )
    drift = _against_training(version, reference, seen)
    reasons = ["error"] if verdict.verdict == "degraded" else []
    if drift_decides and any(column.drifted for column in drift):
        reasons.append("drift")
        verdict = replace(verdict, verdict="degraded")
    return Evaluation(
        version=version,
        verdict=verdict,
        window=window,
        recent=_recent(registry, version, rows),
        labels=_labels(seen, rows),
        versions=_versions(settings, registry, version, lately),
        drift=drift,
        selection=_selection(version, seen),
        power=power_of(
            baseline.absolute,
            baseline.rows,
            len(rows),
            sizes=sorted({rule.threshold, *SIZES} - {0.0}),
            confidence=rule.confidence or USUAL_CONFIDENCE,
        ),
        reasons=tuple(reasons),
        rows=rows,
        reference=reference,
    )


def _read(
    log: PredictionLog, version: Version, window: Window
) -> tuple[Labeled, Predictions, Labeled]:
    """Return judged rows, the newest predictions, and the newest labeled rows of all versions."""
    since = window.since()
    rows = log.labeled(version=version.name, newest=window.newest, since=since, features=False)
    seen = log.predictions(version=version.name, newest=LOOKED_AT, since=since)
    lately = log.labeled(newest=min(window.newest or LOOKED_AT, LOOKED_AT), since=since)
    return rows, seen, lately


def _recent(registry: ModelRegistry, version: Version, rows: Labeled) -> dict[str, float]:
    if not len(rows):
        return {}
    found = gate.metrics(rows.real, rows.predicted)
    if INTERVALS in version.metadata.files:
        model = IntervalModel.from_json(registry.read_file(version, INTERVALS))
        newest = slice(-LOOKED_AT, None)
        covered = coverage_of(model, rows.real[newest], rows.predicted[newest])
        found |= {"interval_coverage": covered, "interval_target": model.coverage}
    return found


def _labels(seen: Predictions, rows: Labeled) -> Labels:
    n, labeled = len(seen), int(seen.labeled.sum())
    delays = np.maximum(rows.labeled_at - rows.timestamps, 0.0)
    p50, p95 = np.quantile(delays, [0.5, 0.95]).tolist() if len(rows) else (None, None)
    return Labels(n, labeled, labeled / n if n else None, p50, p95)


def _versions(
    settings: Settings, registry: ModelRegistry, judged: Version, lately: Labeled
) -> tuple[VersionRow, ...]:
    """Return the judged version, every aliased one and those that made the newest rows."""
    metric = settings.evaluate.metric
    aliases = registry.aliases()
    names = np.array(lately.versions, dtype=object)
    found = []
    for name in dict.fromkeys([judged.name, *aliases.values(), *sorted(set(lately.versions))]):
        version = registry.find(name)
        if version is None:
            continue
        own = names == name
        baseline = baseline_value(registry, version, metric)
        current = bias = ratio = None
        if own.any():
            scores = gate.metrics(lately.real[own], lately.predicted[own])
            current, bias = scores[metric], scores["bias"]
            ratio = current / baseline if baseline > 0 else None
        pointing = tuple(alias for alias, to in aliases.items() if to == name)
        found.append(VersionRow(name, pointing, int(own.sum()), baseline, current, ratio, bias))
    return tuple(found)


def _against_training(
    version: Version, reference: Reference, seen: Predictions
) -> tuple[Drift, ...]:
    """Return the drift of each feature and of the predicted price."""
    before = np.column_stack([reference.features, reference.out_of_fold[0]])
    now = np.column_stack([seen.features, seen.predicted])
    return compare_columns(_names(version), before, now)


def _selection(version: Version, seen: Predictions) -> tuple[Drift, ...]:
    columns = np.column_stack([seen.features, seen.predicted])
    return compare_columns(_names(version), columns[~seen.labeled], columns[seen.labeled])


def _names(version: Version) -> Sequence[str]:
    return [*version.metadata.schema.features, PREDICTED]
