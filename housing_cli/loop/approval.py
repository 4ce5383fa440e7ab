"""Approval: with `promote.require_approval` a person says what becomes production.

It keeps jobs from promoting by themselves. Who may change the settings can turn it off: it is no
access control.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from housing_cli.config import Settings
from housing_cli.errors import GateRefused
from housing_cli.registry import Metadata, ModelRegistry, Version
from housing_cli.registry.names import APPROVED_BY, CANDIDATE, PRODUCTION, storable


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person is asked to approve: `version` in place of `replaced`, on this evidence."""

    version: Version
    replaced: str | None
    evidence: Mapping[str, object]


Approve = Callable[[Asked], str]
"""Returns who approves; an empty name is a no."""


def refuse_unattended(settings: Settings, instead: str) -> None:
    """Raise `GateRefused` where production needs approval; instead: the command that may be run."""
    if settings.promote.require_approval:
        raise GateRefused(
            "`promote.require_approval` is set: nothing becomes production unattended",
            f"`{instead}`, and a person promotes it",
        )


def approved(settings: Settings, asked: Asked, approve: Approve | None) -> dict[str, object]:
    """Return who approved, as evidence. Raises `GateRefused` where somebody must and nobody does.

    approve: `None` where nobody is there to be asked.
    """
    name = storable(approve(asked).strip()) if approve else ""
    if name:
        return {APPROVED_BY: name}
    if not settings.promote.require_approval:
        return {}
    version = asked.version.name
    if approve is None:
        raise GateRefused(
            f"{version} needs a person's approval (`promote.require_approval`)",
            "on a terminal it is asked for; elsewhere "
            f"`housing promote {version} --approved-by NAME`",
            asked.evidence,
        )
    stays = f"{asked.replaced} stays production" if asked.replaced else "there is no production"
    raise GateRefused(
        f"{version} was not approved: {stays}",
        f"see `housing registry show {version}`",
        asked.evidence,
    )


def add_version(
    settings: Settings,
    registry: ModelRegistry,
    metadata: Metadata,
    files: Mapping[str, bytes],
    *,
    promote: bool | None,
) -> tuple[Version, bool]:
    """Register what was trained; say whether it is the candidate for a first production.

    promote: as in `ModelRegistry.add`, where no approval is needed; with it no first version
    becomes production by itself.
    """
    held = promote is None and settings.promote.require_approval
    version = registry.add(metadata, files, promote=False if held else promote, why="train")
    unsigned = registry.trust is not None and registry.signer is None
    waits = held and not unsigned and PRODUCTION not in registry.aliases()
    if waits:
        registry.point(CANDIDATE, version, why="first version")
    return version, waits
