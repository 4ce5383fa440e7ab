"""What became of an alias, for all that move one."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from housing_cli.errors import VersionCorrupt, VersionNotFound, VersionUntrusted
from housing_cli.registry import Event, ModelRegistry, Trial, Version
from housing_cli.registry.audit import verify_metadata, verify_move, verify_trial
from housing_cli.registry.names import PASSING, PRODUCTION
from housing_cli.registry.trials import TRIALS


@dataclass(frozen=True, slots=True)
class Promotion:
    """The move of an alias; `event` is `None` where it named the version already.

    weight: percent of the rows that a canary answers. ended: aliases that there are no more. doubt:
    why servers will not try the version, or nothing.
    """

    version: Version
    alias: str
    replaced: str | None
    event: Event | None
    weight: float = 0.0
    ended: tuple[str, ...] = ()
    doubt: str = ""


def stands(registry: ModelRegistry, alias: str, version: Version) -> bool:
    """Say whether a trusted key signed that `alias` names `version`, where one is asked for."""
    try:
        verify_move(registry, alias, version)
    except VersionUntrusted:
        return False
    return True


def gone(registry: ModelRegistry, before: Mapping[str, str]) -> tuple[str, ...]:
    """Return which of the aliases that there were `before` ended."""
    now = registry.aliases()
    return tuple(alias for alias in PASSING if alias in before and alias not in now)


def told(registry: ModelRegistry, version: Version) -> dict[str, object]:
    """Return how `version` is being tried, as evidence; nothing where it is not.

    Nor where the history does not tell of it: an alias that somebody wrote by hand hinders nobody.
    """
    found = []
    for alias, name in registry.aliases().items():
        if alias in TRIALS and name == version.name:
            with suppress(VersionCorrupt):
                found.append(msgspec.to_builtins(registry.trial(alias)))
    return {"trials": found} if found else {}


def both_sides(registry: ModelRegistry, alias: str, begin: str) -> tuple[Trial, Version, Version]:
    """Return the trial that `alias` names, its version and production, all checked.

    begin: how one is begun, for the hint. Raises `VersionNotFound` where either is missing.
    """
    trial = registry.trial(alias)
    if trial is None:
        raise VersionNotFound(f"there is no {alias} to judge", begin)
    version, production = registry.get(trial.version), registry.get(PRODUCTION)
    for one in (version, production):
        verify_metadata(registry, one)
    verify_trial(registry, trial, version)
    verify_move(registry, PRODUCTION, production)
    return trial, version, production
