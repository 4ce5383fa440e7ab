"""Verify a version, compare it with what it replaces, move the alias."""

from __future__ import annotations

import math
from collections.abc import Mapping

from housing_cli.config import Settings
from housing_cli.data.metrics import METRICS
from housing_cli.errors import (
    GateRefused,
    HousingError,
    VersionCorrupt,
    VersionNotFound,
)
from housing_cli.judging.reference import baseline_value
from housing_cli.loop import canary
from housing_cli.loop.approval import Approve, Asked, approved
from housing_cli.loop.promotion import Promotion, gone, stands, told
from housing_cli.loop.shadow import evidence_of
from housing_cli.loop.trials import begin, refuse_production
from housing_cli.loop.verify import load_verified
from housing_cli.registry import ModelRegistry, Version, open_registry
from housing_cli.registry.audit import refusing, verify_metadata, verify_move
from housing_cli.registry.names import CANDIDATE
from housing_cli.registry.store import PREVIOUS, PRODUCTION, check_alias
from housing_cli.registry.trials import TRIALS


def promote(
    settings: Settings,
    ref: str,
    *,
    to: str = PRODUCTION,
    weight: float | None = None,
    force: bool = False,
    reason: str = "",
    approve: Approve | None = None,
) -> Promotion:
    """Point alias `to` at the version that REF names.

    weight: percent of the rows that a canary answers; by default what it has, or `WEIGHT`. approve:
    asks who approves a version of production, on the evidence that is found. Raises
    `VersionCorrupt` where files or golden rows do not match, and `GateRefused` where the
    version is worse than what it replaces, unless forced.
    """
    check_alias(to)
    registry = open_registry(settings)
    registry.check_signing()
    version = registry.get(ref)
    verify_move(registry, ref, version)
    replaced = registry.aliases().get(to)
    load_verified(registry, version)
    if to in TRIALS:
        return begin(registry, version, to, weight=weight, reason=reason)
    if to == CANDIDATE:
        refuse_production(registry.readable(PRODUCTION), version)
    if replaced == version.name and stands(registry, to, version):
        return Promotion(version, to, replaced, None)
    evidence: dict[str, object] = {}
    if to == PRODUCTION and replaced not in {None, version.name}:
        try:
            evidence = _evidence(settings, registry, version, str(replaced))
            evidence |= evidence_of(settings, registry, version)
            evidence |= canary.evidence_of(settings, registry, version)
        except VersionCorrupt as error:  # a broken champion must not stay for ever
            if not force:
                error.hint = (
                    f"restore {replaced}, or replace it all the same: "
                    f"`housing promote {version.name} --force`"
                )
                raise
            evidence = {"champion": replaced, "refused": error.message}
        if evidence.get("refused") and not force:
            raise GateRefused(
                f"{version.name} is not better than {replaced}: {evidence['refused']}",
                f"see `{_where(evidence, version, str(replaced))}`, or use `--force --reason TEXT`",
                evidence,
            )
    tried: dict[str, object] = {}
    if to == PRODUCTION:
        tried = told(registry, version)
        tried |= approved(settings, Asked(version, replaced, evidence | tried), approve)
    before = registry.aliases()
    event = registry.point(
        to,
        version,
        why=reason or ("forced" if force else "promote"),
        evidence=evidence | tried | ({"forced": True} if force else {}),
        expected=replaced,
    )
    return Promotion(version, to, replaced, event, ended=gone(registry, before))


def refusal(settings: Settings, version: Version) -> str:
    """Return why `promote` would refuse `version` as production, nothing where it would not.

    Its files and golden rows are not checked.
    """
    registry = open_registry(settings)
    replaced = registry.aliases().get(PRODUCTION)
    try:
        registry.check_signing()
        if replaced in {None, version.name}:
            return ""
        return str(_evidence(settings, registry, version, str(replaced)).get("refused", ""))
    except HousingError as error:
        return error.message


def rollback(settings: Settings, *, reason: str = "") -> Promotion:
    """Point `production` back at the version that it named before."""
    registry = open_registry(settings)
    registry.check_signing()
    aliases = registry.aliases()
    if PREVIOUS not in aliases:
        raise VersionNotFound(
            "there is no previous version to roll back to",
            "see the promotions with `housing registry history`",
        )
    version = registry.get(PREVIOUS)
    verify_move(registry, PREVIOUS, version)
    load_verified(registry, version)
    replaced = aliases.get(PRODUCTION)
    event = registry.point(
        PRODUCTION,
        version,
        why=reason or "rollback",
        event="rolled back",
        expected=replaced,
    )
    return Promotion(version, PRODUCTION, replaced, event, ended=gone(registry, aliases))


def _where(evidence: Mapping[str, object], version: Version, replaced: str) -> str:
    """Return the command that says more of a refusal."""
    tried = evidence.get("canary")
    if isinstance(tried, dict) and tried["verdict"] == "degraded":
        return "housing evaluate --canary"
    if "shadow" in evidence:
        return "housing evaluate --shadow"
    return f"housing registry diff {replaced} {version.name}"


def _evidence(
    settings: Settings, registry: ModelRegistry, version: Version, replaced: str
) -> dict[str, object]:
    """Return what `_compare` does; nothing where there is no version to compare with."""
    champion = registry.find(replaced)
    if champion is None:
        return {}
    verify_metadata(registry, champion)  # a baseline that was edited proves nothing
    verify_move(registry, PRODUCTION, champion)  # nor does one that nobody had put there
    with refusing(version):
        return _compare(settings, registry, version, champion)


def _compare(
    settings: Settings, registry: ModelRegistry, version: Version, champion: Version
) -> dict[str, object]:
    """Return the evidence for or against `version`; `refused` says why not, or is empty."""
    metric = settings.evaluate.metric
    if not version.metadata.schema.fits(champion.metadata.schema):
        return {"refused": "its features are not those of the version that is served"}
    comparison = version.metadata.evidence.get("comparison")
    lost = isinstance(comparison, dict) and not comparison["wins"]
    # What lost against its parent is not the better for another champion.
    if isinstance(comparison, dict) and (lost or version.metadata.parent == champion.name):
        refused = "" if comparison["wins"] else "; ".join(comparison["reasons"])
        return {"champion": champion.name, "comparison": comparison, "refused": refused}
    beaten = champion.metadata.evidence.get("comparison")
    if isinstance(beaten, dict) and champion.metadata.parent == version.name and beaten["wins"]:
        why = f"{champion.name} won against it on real prices"
        return {"champion": champion.name, "comparison": beaten, "refused": why}
    new, old = (baseline_value(registry, one, metric) for one in (version, champion))
    evidence: dict[str, object] = {
        "champion": champion.name,
        "metric": metric,
        "new": new,
        "old": old,
    }
    allowed = 1 + settings.evaluate.threshold
    if _table(version) == _table(champion):
        worse = new > old * allowed
        why, than = f"its baseline {METRICS[metric].label} {new:.3f}", f"{old:.3f}"
    else:
        # Prices of other tables may stand at another level: errors in units of their spread.
        new, old = (_error_share(v.metadata.metrics["r2"]) for v in (version, champion))
        worse = new > old * allowed
        why, than = f"its baseline error, {new:.3f} of its prices' spread,", f"{old:.3f}"
    limit = f"{100 * settings.evaluate.threshold:g}%"
    refused = f"{why} is more than {limit} above {than}" if worse else ""
    return evidence | {"refused": refused}


def _table(version: Version) -> tuple[str, str | None]:
    return version.metadata.data.sha256, version.metadata.data.feedback_sha256


def _error_share(r2: float) -> float:
    """Return RMSE / standard deviation of the target."""
    return math.sqrt(max(1.0 - r2, 0.0))
