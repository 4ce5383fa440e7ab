"""Whether the canary works and prices as well as production; nothing is written."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from housing_cli.api.served import same_meaning
from housing_cli.config import Settings
from housing_cli.config.window import parse_window
from housing_cli.data.metrics import METRICS
from housing_cli.errors import HousingError
from housing_cli.judging.canary import (
    FEWEST_PAIRS,
    Decision,
    Errors,
    Latency,
    PriceJump,
    Quality,
    errors_of,
    jump_of,
    latency_of,
    quality_of,
    worst,
)
from housing_cli.judging.houses import crowding
from housing_cli.judging.label_rule import Rule
from housing_cli.judging.labels import counting, counts_of, doubts_of
from housing_cli.judging.reference import load_reference
from housing_cli.loop.promotion import both_sides
from housing_cli.loop.shadow import in_order
from housing_cli.loop.verify import load_verified
from housing_cli.model.compiled import CompiledModel
from housing_cli.prediction_log import Labeled, PredictionLog, open_log
from housing_cli.prediction_log.tried import Tried, TriedQuery
from housing_cli.registry import ModelRegistry, Trial, Version, open_registry
from housing_cli.registry.names import CANARY

Floats = NDArray[np.float64]

NEWEST = 200
"""Rows of the canary that are priced by both versions, and timed."""
CALLS = 60
"""Calls of each model that are timed, at least: of few rows some are asked again."""
_BEGIN = "try one with `housing promote REF --to canary --weight 10`"


@dataclass(frozen=True, slots=True)
class Canary:
    """How `version` does as the canary beside `production`.

    trial: since when, and with which weight. since: from when on rows are looked at, aware UTC.
    """

    version: Version
    production: Version
    trial: Trial
    since: datetime
    metric: str
    verdict: Decision
    errors: Errors
    latency: Latency
    price_jump: PriceJump
    quality: Quality
    min_samples: int
    skipped: int

    @property
    def doubt(self) -> str:
        """Return why servers will not ask it, or nothing."""
        same = same_meaning(self.version.metadata.schema, self.production.metadata.schema)
        return "" if same else f"its features are not those of {self.production.name}"

    @property
    def parts(self) -> dict[str, Errors | Latency | PriceJump | Quality]:
        """Return the parts that are judged, by name."""
        return {
            "errors": self.errors,
            "latency": self.latency,
            "price_jump": self.price_jump,
            "quality": self.quality,
        }

    def of(self, verdict: Decision) -> list[str]:
        """Return the names of the parts with that verdict."""
        return [name for name, part in self.parts.items() if part.verdict == verdict]


def judge_canary(settings: Settings) -> Canary:
    """Judge the canary. Raises `VersionNotFound` where there is none, or no production."""
    registry = open_registry(settings)
    trial, version, production = both_sides(registry, CANARY, _BEGIN)
    began = datetime.fromisoformat(trial.since)
    since = max(began, parse_window(settings.evaluate.window).since() or began)
    log = open_log(settings.log.url, production.metadata.schema, fsync=settings.log.fsync)
    try:
        query = TriedQuery(arm=CANARY, since=since, newest=NEWEST, features=True)
        tried = log.tried(query)
        return _judged(settings, registry, (version, production), trial, since, log, tried)
    finally:
        log.close()


def _judged(
    settings: Settings,
    registry: ModelRegistry,
    arms: tuple[Version, Version],
    trial: Trial,
    since: datetime,
    log: PredictionLog,
    tried: Tried,
) -> Canary:
    version, production = arms
    serve = settings.serve
    models = [load_verified(registry, one) for one in arms]
    asked = sum(made.n for made in tried.made)
    answered = sum(made.n for made in tried.made if made.version == version.name)
    errors = errors_of(asked, asked - answered, serve.canary_errors)
    latency = latency_of(*timed(models, tried.features), serve.canary_slower_ms)
    jump = jump_of(*_priced_twice(tried, version, models), serve.canary_jump)
    quality, skipped = _quality(settings, registry, arms, since, log)
    parts = errors.verdict, latency.verdict, jump.verdict, quality.verdict
    return Canary(
        version=version,
        production=production,
        trial=trial,
        since=since.astimezone(UTC),
        metric=settings.evaluate.metric,
        verdict=worst(parts),
        errors=errors,
        latency=latency,
        price_jump=jump,
        quality=quality,
        min_samples=settings.evaluate.min_samples,
        skipped=tried.skipped + skipped,
    )


def timed(models: list[CompiledModel], rows: Floats) -> tuple[Floats, Floats]:
    """Return milliseconds of single calls of two models, in turns on the same rows (n, k)."""
    found: list[list[float]] = [[], []]
    asked = [[None if np.isnan(x) else float(x) for x in row] for row in rows]
    rounds = -(-CALLS // len(asked)) if asked else 0
    for _ in range(rounds):
        for row in asked:
            for model, times in zip(models, found, strict=True):
                began = time.perf_counter()
                try:
                    model.score_few([row])
                except HousingError:  # that it fails is another part's matter
                    continue
                times.append(1000 * (time.perf_counter() - began))
    own, usual = (np.array(times) for times in found)
    return (own, usual) if len(own) and len(usual) else (np.empty(0), np.empty(0))


def _priced_twice(
    tried: Tried, version: Version, models: list[CompiledModel]
) -> tuple[Floats, Floats]:
    """Return prices of the same rows by the canary and by production.

    Those that servers sampled; where they are too few, all rows are priced anew by both.
    """
    own = np.array([name == version.name for name in tried.versions], dtype=bool)
    pairs = own & np.isfinite(tried.shadow_prices)
    if int(pairs.sum()) >= FEWEST_PAIRS:
        return tried.predicted[pairs], tried.shadow_prices[pairs]
    if not len(tried):
        return np.empty(0), np.empty(0)
    found = []
    for model in models:
        try:
            found.append(model.score(tried.features))
        except HousingError:
            return np.empty(0), np.empty(0)
    return found[0], found[1]


def _quality(
    settings: Settings,
    registry: ModelRegistry,
    arms: tuple[Version, Version],
    since: datetime,
    log: PredictionLog,
) -> tuple[Quality, int]:
    """Return how the labeled rows of both arms compare, and how many lines were broken."""
    rule, metric = settings.evaluate, METRICS[settings.evaluate.metric]
    reference = load_reference(registry, arms[1])
    doubt = reference.label_rule(settings.retrain.max_level)
    sides, skipped = [], 0
    for version in arms:
        rows = log.labeled(version=version.name, since=since)
        skipped = rows.skipped
        rows = _plain(rows, doubt)
        # Of each house the first label: one that is asked again and again shows no more than once.
        order = in_order(rows, np.arange(len(rows)), reference)
        sides.append((rows.real[order], rows.predicted[order]))
    errors = [np.abs(predicted - real) for real, predicted in sides]
    figures = [metric.of(*side) if len(side[0]) else None for side in sides]
    usual = float(reference.baseline(arms[1], rule.metric).absolute.mean())
    found = quality_of(
        errors[0],
        errors[1],
        (figures[0], figures[1]),
        usual,
        threshold=rule.threshold,
        min_samples=rule.min_samples,
    )
    return found, skipped


def _plain(rows: Labeled, rule: Rule) -> Labeled:
    """Return the rows whose label counts in a verdict."""
    doubts = doubts_of(counts_of(rows, rule), rows, rule, crowding(rows.features))
    return counting(rows, doubts, rule)


def evidence_of(settings: Settings, registry: ModelRegistry, version: Version) -> dict[str, object]:
    """Return what `promote` records of a version that is the canary; nothing where it is none.

    `canary` is what was found; `refused` is there where it is degraded. Too little evidence
    refuses nothing: a canary with few requests would wait for ever.
    """
    if registry.aliases().get(CANARY) != version.name:  # a broken alias is no matter of others
        return {}
    try:
        judged = judge_canary(settings)
    except HousingError as error:
        return {"canary": {"verdict": "insufficient", "reasons": [error.message]}}
    told = {name: asdict(part) for name, part in judged.parts.items()}
    evidence: dict[str, object] = {
        "canary": {"verdict": judged.verdict, "against": judged.production.name, **told}
    }
    if judged.verdict == "degraded":
        evidence["refused"] = "as a canary it is degraded: " + ", ".join(
            name.replace("_", " ") for name in judged.of("degraded")
        )
    return evidence
