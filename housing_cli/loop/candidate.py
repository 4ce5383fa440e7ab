"""The candidate: a version that won, and waits for a person to promote it by its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from housing_cli.config import Settings
from housing_cli.errors import GateRefused, HousingError
from housing_cli.loop.promote import refusal
from housing_cli.loop.promotion import Promotion, stands
from housing_cli.registry import ModelRegistry, Version
from housing_cli.registry.audit import verify_metadata
from housing_cli.registry.metadata import ABORTED
from housing_cli.registry.names import CANDIDATE
from housing_cli.registry.trials import trial_of


@dataclass(frozen=True, slots=True)
class Candidate:
    """What waits: since when (as `Event.when`, `None` where the history does not tell), and why.

    comparison: with production when it was made, as `comparison.Comparison` has it; `None` where
    it was not compared. refused: why `promote` would refuse it, or nothing.
    """

    version: str
    since: str | None
    comparison: Mapping[str, Any] | None
    refused: str

    @property
    def command(self) -> str:
        """Return the words after `housing` that promote it.

        By its number: the alias may name another by the time that they are typed.
        """
        return f"promote {self.version}{' --force' if self.refused else ''}"


def waiting(settings: Settings, registry: ModelRegistry) -> Candidate | None:
    """Return the candidate, `None` where none waits; one that is broken waits, too."""
    name = registry.aliases().get(CANDIDATE)
    if name is None:
        return None
    told = trial_of(registry.history(), CANDIDATE, name)
    comparison, refused = None, ""
    try:
        version = registry.get(name)
        comparison = version.metadata.evidence.get("comparison")
        refused = refusal(settings, version)
    except HousingError as error:
        refused = error.message
    found = comparison if isinstance(comparison, dict) else None
    return Candidate(name, told.since if told else None, found, refused)


def put_forward(
    registry: ModelRegistry, version: Version, *, why: str, evidence: Mapping[str, object]
) -> Promotion:
    """Let `candidate` name `version` in place of an older one; nothing else moves."""
    verify_metadata(registry, version)  # one that waited may have been changed, or be unsigned
    replaced = registry.aliases().get(CANDIDATE)
    if replaced == version.name and stands(registry, CANDIDATE, version):
        return Promotion(version, CANDIDATE, replaced, None)
    event = registry.point(CANDIDATE, version, why=why, evidence=evidence, expected=replaced)
    return Promotion(version, CANDIDATE, replaced, event)


def refuse_given_up(registry: ModelRegistry, version: Version) -> None:
    """Raise `GateRefused` where somebody gave up `version` as candidate.

    A job that runs every night must not bring it back.
    """
    last = None
    for event in registry.history():
        if event.alias == CANDIDATE and version.name in {event.to, event.from_}:
            last = event
    if last is not None and last.event == ABORTED:
        raise GateRefused(
            f"{version.name} was given up on {last.when[:10]}: {last.why}",
            f"wait for new real prices, or `housing promote {version.name} --to candidate`",
            {"challenger_version": version.name},
        )
