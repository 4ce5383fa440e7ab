"""How another version would have done on the labeled rows of the window; nothing is written."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from housing_cli.config import Settings
from housing_cli.config.window import Window, parse_window
from housing_cli.data.metrics import METRICS
from housing_cli.errors import SchemaMismatch
from housing_cli.judging.anytime import Share, mean_sequence, share_sequence
from housing_cli.judging.houses import as_served, crowding, newest_of_each, repeats
from housing_cli.judging.labels import counts_of, doubts_of, kinds
from housing_cli.judging.reference import Reference, baseline_value, load_reference
from housing_cli.loop.verify import load_verified
from housing_cli.prediction_log import Labeled, open_log
from housing_cli.registry import ModelRegistry, Version, open_registry

Floats = NDArray[np.float64]

MOST_ROWS = 5_000
USUAL_CONFIDENCE = 0.95
# Losses count up to twice what all but one training row in a hundred stay below.
_CLIP_QUANTILE, _CLIP_TIMES = 0.99, 2.0


@dataclass(frozen=True, slots=True)
class Compared:
    """Two prices for each of n rows: that of the log and that of the replayed version.

    answered, replayed: the metric; difference: replayed - answered, negative where the replayed
    version is better. mean_difference, sequence: of the rows' losses, each at most the clip, and
    its confidence sequence. differing: rows with two different errors; better: how many of these
    the replayed version is nearer to the real price.
    """

    answered: float
    replayed: float
    difference: float
    mean_difference: float
    sequence: tuple[float, float]
    differing: int
    better: Share


@dataclass(frozen=True, slots=True)
class Replay:
    """How `version` would have done on the labeled rows of the window.

    labeled: rows of the window, the newest `MOST_ROWS` at most. learned: of these the version may
    have learned from. own: it answered itself. doubtful: their real price is none, by the rule of
    `judging.labels` for the version that answered. repeated: older rows of a house that is
    compared. n: the others, which are compared. skipped: broken lines. baseline: of the version.
    clip: the highest loss that a row counts with. verdict: `better`, `worse`, `undecided`, or
    `insufficient` for fewer than `min_samples` rows.
    """

    version: Version
    window: Window
    metric: str
    baseline: float
    confidence: float
    min_samples: int
    labeled: int
    learned: int
    own: int
    doubtful: int
    repeated: int
    skipped: int
    n: int
    clip: float
    compared: Compared | None
    verdict: str


def replay(settings: Settings, ref: str) -> Replay:
    """Price the labeled rows of the window with the version that REF names.

    Raises `SchemaMismatch` for a version of other features than the log's, `VersionCorrupt`.
    """
    window = parse_window(settings.evaluate.window)
    registry = open_registry(settings)
    version = registry.get(ref)
    require_schema(settings, version)
    reference = load_reference(registry, version)
    log = open_log(settings.log.url, version.metadata.schema, fsync=settings.log.fsync)
    try:
        newest = min(window.newest or MOST_ROWS, MOST_ROWS)
        rows = log.labeled(newest=newest, since=window.since())
    finally:
        log.close()
    learned = may_have_learned(rows, version, reference)
    own = ~learned & (np.array(rows.versions, dtype=object) == version.name)
    counts = ~doubtful(rows, registry, settings.retrain.max_level)
    fair = np.flatnonzero(~learned & ~own & counts)
    once = fair[newest_of_each(rows.features[fair], repeats(reference.features))]
    # By the arrival of labels: a late one never changes what was seen before it.
    picked = once[np.argsort(rows.labeled_at[once], kind="stable")]
    rule, metric = settings.evaluate, settings.evaluate.metric
    confidence, clip = rule.confidence or USUAL_CONFIDENCE, clip_of(reference, metric)
    compared = None
    if len(picked):
        prices = load_verified(registry, version).score(rows.features[picked])
        sides = rows.real[picked], rows.predicted[picked], prices
        compared = compare_prices(*sides, metric=metric, clip=clip, confidence=confidence)
    return Replay(
        version=version,
        window=window,
        metric=metric,
        baseline=baseline_value(registry, version, metric),
        confidence=confidence,
        min_samples=rule.min_samples,
        labeled=len(rows),
        learned=int(learned.sum()),
        own=int(own.sum()),
        doubtful=int((~learned & ~own & ~counts).sum()),
        repeated=len(fair) - len(once),
        skipped=rows.skipped,
        n=len(picked),
        clip=clip,
        compared=compared,
        verdict=_verdict(compared, len(picked), rule.min_samples),
    )


def doubtful(rows: Labeled, registry: ModelRegistry, max_level: float) -> NDArray[np.bool_]:
    """Return which labels (n,) would not count in a verdict on the version that answered them."""
    names, found = np.array(rows.versions, dtype=object), np.zeros(len(rows), dtype=bool)
    for name in dict.fromkeys(rows.versions):
        version = registry.readable(name)
        if version is not None:
            rule = load_reference(registry, version).label_rule(max_level)
            own = rows.where(names == name)
            left_out = doubts_of(counts_of(own, rule), own, rule, crowding(own.features)).excluded
            found[names == name] = np.isin(kinds(own.real, own.predicted, rule.kinds), left_out)
    return found


def may_have_learned(rows: Labeled, version: Version, reference: Reference) -> NDArray[np.bool_]:
    """Return which rows (n,) `version` may have learned from.

    Those of the time that its feedback is from, whenever their price came in, and whatever repeats
    a house of these or of its training rows (of which a version remembers up to 5,000).
    """
    told = version.metadata.evidence.get("feedback", {})
    during = np.zeros(len(rows), dtype=bool)
    if told.get("rows"):
        during = (rows.timestamps >= told["oldest"]) & (rows.timestamps <= told["newest"])
    keys = _keys(rows.features)
    known = set(_keys(reference.features))
    known.update(key for key, inside in zip(keys, during, strict=True) if inside)
    learned: NDArray[np.bool_] = during | np.array([key in known for key in keys], dtype=bool)
    return learned


def clip_of(reference: Reference, metric: str) -> float:
    """Return the highest loss that a row counts with, from the training errors alone.

    So it is known before the first row is compared, as betting requires.
    """
    losses = METRICS[metric].loss(reference.target, reference.out_of_fold)
    once = float(np.quantile(losses, _CLIP_QUANTILE))
    # Twice an error, whatever power of it the loss is.
    return float(once * _CLIP_TIMES ** (1 / METRICS[metric].power))


def compare_prices(
    real: Floats,
    answered: Floats,
    replayed: Floats,
    *,
    metric: str,
    clip: float,
    confidence: float,
) -> Compared:
    """Compare two prices for each of n >= 1 rows, in the order in which their labels came."""
    rule = METRICS[metric]
    before, after = rule.loss(real, answered), rule.loss(real, replayed)
    clipped = np.minimum(after, clip) - np.minimum(before, clip)
    differing = int((after != before).sum())
    old, new = rule.value(before.mean()), rule.value(after.mean())
    return Compared(
        answered=old,
        replayed=new,
        difference=new - old,
        mean_difference=float(clipped.mean()),
        sequence=mean_sequence(clipped, clip, confidence),
        differing=differing,
        better=share_sequence(int((after < before).sum()), differing, confidence),
    )


def _verdict(compared: Compared | None, n: int, fewest: int) -> str:
    if compared is None or n < fewest:
        return "insufficient"
    low, high = compared.sequence
    if high < 0:
        return "better"
    return "worse" if low > 0 else "undecided"


def require_schema(settings: Settings, version: Version) -> None:
    """Raise `SchemaMismatch` where the version has other features or another target."""
    known, wanted = version.metadata.schema, settings.schema()
    if (known.features, known.target) != (wanted.features, wanted.target):
        raise SchemaMismatch(
            f"{version.name} has other features or another target than the settings name: "
            "it cannot price the rows of this log",
            "replay a version of the same table, or use the settings file that "
            f"{version.name} was trained with (`--config FILE`) and its log",
        )


def _keys(features: Floats) -> list[bytes]:
    return [row.tobytes() for row in as_served(features)]
