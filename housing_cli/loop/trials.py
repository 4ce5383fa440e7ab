"""Try a version on real traffic: begin a trial, give a canary more or fewer rows, give it up."""

from __future__ import annotations

from housing_cli.api.served import same_meaning
from housing_cli.config import Settings
from housing_cli.errors import RegistryError, VersionCorrupt, VersionNotFound
from housing_cli.loop.promotion import Promotion, stands
from housing_cli.registry import Event, ModelRegistry, Version, open_registry
from housing_cli.registry.audit import verify_trial
from housing_cli.registry.names import CANARY, SHADOW
from housing_cli.registry.store import PRODUCTION
from housing_cli.registry.trials import WEIGHT

FIRST_WEIGHT = 10.0
"""Percent of the rows that a canary answers where nobody says how many."""
_BEGIN = {
    SHADOW: "try one with `housing promote REF --to shadow`",
    CANARY: "try one with `housing promote REF --to canary --weight 10`",
}


def begin(
    registry: ModelRegistry, version: Version, alias: str, *, weight: float | None, reason: str
) -> Promotion:
    """Let `shadow` or `canary` name `version`; weight: as in `promote`.

    It asks for no comparison: that is what a trial is for. Raises `RegistryError` where the version
    is production already.
    """
    production = registry.readable(PRODUCTION)
    refuse_production(production, version)
    replaced = registry.aliases().get(alias)
    same = replaced == version.name and _told(registry, alias)
    if alias == CANARY and weight is None:
        weight = registry.weight(alias) if same else FIRST_WEIGHT
    weight = weight if alias == CANARY and weight is not None else 0.0
    doubt = _doubt(version, production)
    if same and weight == registry.weight(alias) and stands(registry, alias, version):
        return Promotion(version, alias, replaced, None, weight, doubt=doubt)
    event = registry.point(
        alias,
        version,
        why=reason or ("weight" if same and alias == CANARY else "promote"),
        event="weighted" if same and alias == CANARY else "promoted",
        evidence={WEIGHT: weight} if alias == CANARY else {},
        expected=replaced,
    )
    return Promotion(version, alias, replaced, event, weight, doubt=doubt)


def refuse_production(production: Version | None, version: Version) -> None:
    """Raise `RegistryError` where `version` is production: it is not tried, and does not wait."""
    if production is not None and production.name == version.name:
        raise RegistryError(
            f"{version.name} is production: there is nothing to compare it with",
            "try another version: see `housing registry ls`",
        )


def reweigh(settings: Settings, weight: float, *, reason: str = "") -> Promotion:
    """Give the canary another percent of the rows. Raises `VersionNotFound` without a canary."""
    registry = open_registry(settings)
    registry.check_signing()
    trial = registry.trial(CANARY)
    if trial is None:
        raise VersionNotFound("there is no canary", _BEGIN[CANARY])
    version = registry.get(trial.version)
    verify_trial(registry, trial, version)
    return begin(registry, version, CANARY, weight=weight, reason=reason)


def abort(settings: Settings, alias: str | None = None, *, reason: str = "") -> Event:
    """Give up what `alias` names; `None`: what is tried, the canary before the shadow.

    Nothing is checked of the version, which may be broken, and nothing is signed: servers stay with
    production, which is. Returns what the history tells of it. Raises `VersionNotFound` where
    there is nothing to give up.
    """
    registry = open_registry(settings)
    there = registry.aliases()
    found = alias or next((name for name in (CANARY, SHADOW) if name in there), None)
    if found is None or found not in there:
        what = f"no {found}" if found else "neither a canary nor a shadow"
        raise VersionNotFound(f"there is {what} to give up", _BEGIN.get(found or CANARY, ""))
    return registry.end(found, why=reason or "abort")


def _told(registry: ModelRegistry, alias: str) -> bool:
    """Say whether the history tells of what `alias` tries: a file may be written by hand."""
    try:
        return registry.trial(alias) is not None
    except VersionCorrupt:
        return False


def _doubt(version: Version, production: Version | None) -> str:
    """Return why servers will not try `version`, or nothing."""
    if production is None:
        return "there is no production version that it could stand beside"
    if not same_meaning(version.metadata.schema, production.metadata.schema):
        return f"its features are not those of {production.name}: servers will not try it"
    return ""
