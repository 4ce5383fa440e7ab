"""Prove that what the registry holds is what was registered, and that it still gives its prices."""

from __future__ import annotations

from dataclasses import dataclass

from housing_cli.api.served import read_intervals
from housing_cli.errors import VersionCorrupt, VersionNotFound
from housing_cli.model.compiled import CompiledModel
from housing_cli.registry import MODEL_FILE, ModelRegistry, Version
from housing_cli.registry.audit import audit, refusing, verify_files
from housing_cli.registry.history import Recorded


@dataclass(frozen=True, slots=True)
class Verified:
    """The names of the versions that are sound, and how many history events are."""

    versions: list[str]
    events: int


def load_verified(
    registry: ModelRegistry, version: Version, recorded: Recorded | None = None
) -> CompiledModel:
    """Return the compiled model of `version` after checking every hash and the golden rows.

    recorded: what `audit` returned; by default the history is read. Raises
    `VersionCorrupt`.
    """
    with refusing(version):
        verify_files(registry, version, recorded)
        intervals = read_intervals(registry, version)
        compiled = CompiledModel(
            registry.read_file(version, MODEL_FILE),
            len(version.metadata.schema.features),
            spreads=intervals is not None and intervals.scaled is not None,
        )
        compiled.check_golden(version.metadata.golden.inputs, version.metadata.golden.outputs)
    return compiled


def verify_registry(registry: ModelRegistry, ref: str | None = None) -> Verified:
    """Check one version, or all of them with every alias and the history.

    Raises `VersionCorrupt` or `VersionNotFound` at the first that is not sound.
    """
    if ref is not None:
        version = registry.get(ref)
        load_verified(registry, version)
        return Verified([version.name], 0)
    recorded = audit(registry)
    for alias in recorded.aliases:
        registry.resolve(alias)
    sound = []
    for name in sorted(recorded.versions, key=lambda name: int(name[1:])):
        try:
            load_verified(registry, registry.get(name), recorded)
        except (VersionCorrupt, VersionNotFound):
            if name in registry.names():
                raise
            continue  # removed while it was looked at
        sound.append(name)
    return Verified(sound, recorded.events)
