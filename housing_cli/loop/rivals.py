"""How other versions do on the rows that production is degraded on: each prices the same rows.

A row is fair to a pair of versions that may not have learned from it, whichever of them answered
it. Where one answered, its answer counts; where not, it prices the row now.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from housing_cli.config import Settings
from housing_cli.errors import HousingError
from housing_cli.judging.houses import newest_of_each, repeats
from housing_cli.judging.reference import baseline_value, load_reference
from housing_cli.loop.evaluation import Evaluation
from housing_cli.loop.replay import (
    MOST_ROWS,
    USUAL_CONFIDENCE,
    Compared,
    clip_of,
    compare_prices,
    doubtful,
    may_have_learned,
    require_schema,
)
from housing_cli.loop.verify import load_verified
from housing_cli.prediction_log import Labeled, open_log
from housing_cli.registry import ModelRegistry, Version, open_registry
from housing_cli.registry.store import PREVIOUS

Floats = NDArray[np.float64]

NEWEST = 3
"""So many of the newest versions are asked, beside those that an alias names."""
_HALF = 0.5


@dataclass(frozen=True, slots=True)
class Rival:
    """Another version on n rows that are fair to it and to the judged one.

    compared: `answered` is the judged version's metric there, `replayed` the rival's. ratio: of
    the latter to the rival's own baseline. healthy: of enough rows it is below the limit. better:
    healthy, its error is lower, and beyond chance either its losses are or most rows are nearer.
    """

    version: Version
    aliases: tuple[str, ...]
    n: int
    baseline: float
    compared: Compared
    ratio: float | None
    healthy: bool
    better: bool


def rivals_of(settings: Settings, judged: Evaluation, since: float) -> tuple[Rival, ...]:
    """Return how other versions do on rows predicted at `since` (epoch seconds) or later.

    Those that cannot be asked (other features, files that do not match) are left out; the best
    first.
    """
    registry = open_registry(settings)
    schema = judged.version.metadata.schema
    log = open_log(settings.log.url, schema, fsync=settings.log.fsync)
    try:
        rows = log.labeled(newest=MOST_ROWS, since=datetime.fromtimestamp(since, UTC))
    finally:
        log.close()
    fair = ~doubtful(rows, registry, settings.retrain.max_level)
    fair &= ~may_have_learned(rows, judged.version, judged.reference)
    rows = rows.where(fair)
    if not len(rows):
        return ()
    own = _prices(registry, judged.version, rows)
    found = []
    for version in _candidates(registry, judged.version.name):
        try:
            require_schema(settings, version)
            rival = _rival(settings, registry, version, rows, own)
        except HousingError:
            continue
        if rival is not None:
            found.append(rival)
    return tuple(sorted(found, key=lambda one: (not one.better, one.compared.replayed)))


def _candidates(registry: ModelRegistry, judged: str) -> Iterator[Version]:
    aliases = registry.aliases()
    # `previous` first, then what is tried out, then the newest.
    named = [
        aliases.get(PREVIOUS, judged),
        *aliases.values(),
        *registry.names()[: -NEWEST - 1 : -1],
    ]
    for name in dict.fromkeys(named):
        version = registry.readable(name) if name != judged else None
        if version is not None:
            yield version


def _rival(
    settings: Settings, registry: ModelRegistry, version: Version, rows: Labeled, own: Floats
) -> Rival | None:
    """Compare `version` with the prices `own` (n,) of the judged one; `None` without fair rows."""
    rule, reference = settings.evaluate, load_reference(registry, version)
    fair = np.flatnonzero(~may_have_learned(rows, version, reference))
    once = fair[newest_of_each(rows.features[fair], repeats(reference.features))]
    if not len(once):
        return None
    # By the arrival of labels: a late one never changes what was seen before it.
    picked = once[np.argsort(rows.labeled_at[once], kind="stable")]
    asked = np.zeros(len(rows), dtype=bool)
    asked[picked] = True
    prices = np.empty(len(rows))
    prices[asked] = _prices(registry, version, rows.where(asked))
    compared = compare_prices(
        rows.real[picked],
        own[picked],
        prices[picked],
        metric=rule.metric,
        clip=clip_of(reference, rule.metric),
        confidence=rule.confidence or USUAL_CONFIDENCE,
    )
    baseline = baseline_value(registry, version, rule.metric)
    ratio = compared.replayed / baseline if baseline > 0 else None
    healthy = len(picked) >= rule.min_samples and ratio is not None and ratio <= 1 + rule.threshold
    aliases = tuple(alias for alias, to in registry.aliases().items() if to == version.name)
    surely = compared.sequence[1] < 0 or compared.better.interval[0] > _HALF
    better = healthy and surely and compared.difference < 0
    return Rival(version, aliases, len(picked), baseline, compared, ratio, healthy, better)


def _prices(registry: ModelRegistry, version: Version, rows: Labeled) -> Floats:
    """Return the prices (n,) of a version: what it answered, or what it would have."""
    prices = rows.predicted.copy()
    others = np.array(rows.versions, dtype=object) != version.name
    model = load_verified(registry, version)
    if others.any():
        prices[others] = model.score(rows.features[others])
    return prices
