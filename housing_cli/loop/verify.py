"""Prove that what the registry holds is what was registered, and that it still gives its prices."""

from __future__ import annotations

from dataclasses import dataclass, field

from housing_cli.api.served import read_intervals
from housing_cli.errors import VersionCorrupt, VersionNotFound, VersionUntrusted
from housing_cli.model.compiled import CompiledModel
from housing_cli.registry import MODEL_FILE, ModelRegistry, Version
from housing_cli.registry.audit import audit, refusing, verify_files, verify_move
from housing_cli.registry.history import Recorded
from housing_cli.registry.signatures import claimed


@dataclass(frozen=True, slots=True)
class Verified:
    """The names of the versions that are sound, and how many history events are.

    signed_by: of each version the key that its signature is from, `None` where it has none.
    checked: whether that was proved, by `registry.trusted_keys`, or only stands there.
    """

    versions: list[str]
    events: int
    signed_by: dict[str, str | None] = field(default_factory=dict)
    checked: bool = False


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
        verify_move(registry, ref, version)
        return _verified(registry, [version.name], 0)
    recorded = audit(registry)
    for alias in recorded.aliases:
        registry.resolve(alias)
    sound, untrusted = [], []
    for name in sorted(recorded.versions, key=lambda name: int(name[1:])):
        try:
            load_verified(registry, registry.get(name), recorded)
        except VersionUntrusted as error:
            untrusted.append(error)
            continue
        except (VersionCorrupt, VersionNotFound):
            if name in registry.names():
                raise
            continue  # removed while it was looked at
        sound.append(name)
    if untrusted:  # all that are in one go: they are signed in one go, too
        raise VersionUntrusted("; ".join(e.message for e in untrusted), untrusted[0].hint)
    for alias in recorded.aliases:
        verify_move(registry, alias, registry.get(alias))
    return _verified(registry, sound, recorded.events)


def _verified(registry: ModelRegistry, names: list[str], events: int) -> Verified:
    signed_by = {name: claimed(registry.signature(name)) for name in names}
    return Verified(names, events, signed_by, registry.trust is not None)
