"""Challenger against champion: learn from base data and real prices, compare, register."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from housing_cli.config import Settings
from housing_cli.data.table import read_table
from housing_cli.errors import ExportError, GateRefused, InsufficientEvidence, SchemaMismatch
from housing_cli.judging.reference import load_reference
from housing_cli.learning.fitting import Progress, silent
from housing_cli.learning.tuning import inherited
from housing_cli.loop.challenger import assemble, contest, gather
from housing_cli.loop.evaluate import Evaluation, evaluate
from housing_cli.loop.train import TrainingRows, build_version, data_info
from housing_cli.loop.verify import load_verified
from housing_cli.prediction_log import Labeled, open_log
from housing_cli.registry import DataInfo, ModelRegistry, Version, open_registry
from housing_cli.registry.store import PRODUCTION, check_tag


@dataclass(frozen=True, slots=True)
class Retrained:
    """The challenger, how it compares, and whether it is production now.

    reused: the challenger was there already, made of the same labels.
    """

    version: Version
    champion: Version
    evidence: Mapping[str, Any]
    promoted: bool
    reused: bool = False

    @property
    def comparison(self) -> Mapping[str, Any]:
        """Return the evidence of the comparison, as `comparison.Comparison` has it."""
        found: Mapping[str, Any] = self.evidence["comparison"]
        return found


def retrain(
    settings: Settings,
    *,
    tag: str | None = None,
    promote: bool = False,
    force: bool = False,
    progress: Progress = silent,
) -> Retrained:
    """Make a challenger from base data and feedback, and compare it with production.

    A tuned champion hands its parameters down (`tuning.inherited`); retraining itself never tunes.
    The challenger is registered whether or not it wins, so that it can be inspected. Raises
    `GateRefused` where it does not win, or learned nothing new, and is not forced.
    """
    if tag is not None:
        check_tag(tag)
    registry = open_registry(settings)
    champion = registry.get(PRODUCTION)
    known = champion.metadata
    settings, tuning = inherited(settings, champion.name, known.regressor, known.evidence)
    if champion.metadata.schema.features != settings.schema().features:
        raise SchemaMismatch(
            f"{champion.name} has other features than the settings name",
            "use the settings file that it was trained with (`--config FILE`)",
        )
    compiled = load_verified(registry, champion)
    base = read_table(settings.data.path, settings.schema())
    feedback = _feedback(settings)
    _require_labels(settings, feedback)
    info = msgspec.structs.replace(
        data_info(base), feedback_rows=len(feedback), feedback_sha256=_fingerprint(feedback)
    )
    version = None if force else _same_labels(settings, registry, champion, info)
    reused = version is not None
    if version is None:
        material = gather(settings, base, feedback)
        reference = load_reference(registry, champion)
        comparison = contest(settings, material, compiled, reference, progress)
        evidence: dict[str, object] = {
            "champion": champion.name,
            "comparison": asdict(comparison),
            "feedback": _described(feedback),
            "settings_sha256": _settings_hash(settings),
            **tuning,
        }
        features, target, _ = assemble(material)
        try:
            metadata, files, _ = build_version(
                settings,
                TrainingRows(features, target, msgspec.structs.replace(info, rows=len(target))),
                tag=tag,
                parent=champion.name,
                evidence=evidence,
                progress=progress,
            )
        except ExportError:
            if comparison.wins or force:
                raise
            # Prices beyond reason are beyond the precision of what is served, too.
            raise GateRefused(
                f"the challenger is not better than {champion.name}: "
                + "; ".join(comparison.reasons),
                "look for wrong real prices in the log, and correct them through `/feedback`",
                asdict(comparison),
            ) from None
        version = registry.add(metadata, files, promote=False, why="retrain")
    done = Retrained(version, champion, version.metadata.evidence, promote, reused)
    _require_win(registry, done, force)
    if promote:
        wins = done.comparison["wins"]
        registry.point(
            PRODUCTION,
            version,
            why="retrain" if wins else "retrain, forced",
            evidence={**done.evidence, "forced": force and not wins},
            expected=champion.name,
        )
    return done


def needed(settings: Settings) -> Evaluation | None:
    """Return the judgment that calls for no retraining, `None` where production is degraded."""
    judged = evaluate(settings)
    return None if judged.verdict.verdict == "degraded" else judged


def _require_win(registry: ModelRegistry, done: Retrained, force: bool) -> None:
    if done.comparison["wins"] or force:
        return
    name = done.version.name
    why = "; ".join(done.comparison["reasons"])
    evidence = {"challenger_version": name, **done.comparison}
    if not done.reused:
        registry.record("refused", done.version, why=why, evidence=evidence)
    raise GateRefused(
        f"{name} is not better than {done.champion.name}: {why}",
        f"{done.champion.name} stays; look at `housing registry show {name}`, "
        "or use `--force` if you know better",
        evidence,
    )


def _same_labels(
    settings: Settings, registry: ModelRegistry, champion: Version, info: DataInfo
) -> Version | None:
    """Return the challenger that was already made of these data, if it still waits.

    Raises `GateRefused` where it has been in production: there is nothing new to learn.
    """
    settings_hash = _settings_hash(settings)
    served = {event.to for event in registry.history() if event.alias == PRODUCTION}
    for version in reversed(registry.versions()):
        data, evidence = version.metadata.data, version.metadata.evidence
        if (data.feedback_sha256, data.sha256) != (info.feedback_sha256, info.sha256):
            continue
        if evidence.get("settings_sha256") != settings_hash:
            continue
        if version.name in served:
            raise GateRefused(
                f"{version.name} learned from the same {info.feedback_rows} real prices already",
                "wait for new real prices, or use `--force` to learn from them once more",
                {"challenger_version": version.name, **evidence.get("comparison", {})},
            )
        if version.metadata.parent == champion.name:
            return version
    return None


def _feedback(settings: Settings) -> Labeled:
    log = open_log(settings.log.url, settings.schema(), fsync=settings.log.fsync)
    try:
        return log.labeled()
    finally:
        log.close()


def _require_labels(settings: Settings, feedback: Labeled) -> None:
    needed = max(settings.retrain.min_samples, 2)
    if len(feedback) < needed:
        raise InsufficientEvidence(
            f"{len(feedback)} labeled predictions are too few to retrain on: {needed} are needed",
            "send real prices to `/feedback`, or set `retrain.min_samples` lower",
        )


def _described(feedback: Labeled) -> dict[str, object]:
    versions = list(feedback.versions)
    return {
        "rows": len(feedback),
        "versions": {name: versions.count(name) for name in sorted(set(versions))},
        "oldest": float(feedback.timestamps.min()),
        "newest": float(feedback.timestamps.max()),
    }


def _settings_hash(settings: Settings) -> str:
    """Return what tells two experiments on the same data apart."""
    told = (settings.model, settings.train.seed, settings.retrain)
    return hashlib.sha256(msgspec.json.encode(told, order="sorted")).hexdigest()


def _fingerprint(rows: Labeled) -> str:
    """Return the SHA-256 of which prediction has which real price."""
    lines = (f"{i},{p!r}\n" for i, p in zip(rows.ids, rows.real.tolist(), strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
