"""Check that what the registry holds is what its history tells."""

from __future__ import annotations

from contextlib import nullcontext

from housing_cli.errors import VersionCorrupt
from housing_cli.registry.digests import sha256
from housing_cli.registry.history import Recorded, check_chain, read_history, replay
from housing_cli.registry.metadata import Version
from housing_cli.registry.names import METADATA_FILE, PREVIOUS, printable
from housing_cli.registry.reader import RESTORE, RegistryReader
from housing_cli.registry.store import ModelRegistry
from housing_cli.registry.transaction import locked, writable


def verify_files(
    registry: RegistryReader, version: Version, recorded: Recorded | None = None
) -> None:
    """Raise `VersionCorrupt` unless every file of `version` is the one that was registered.

    recorded: what `audit` returned; by default the history is read.
    """
    for name in version.metadata.files:
        registry.read_file(version, name)
    if recorded is None:
        recorded = replay(registry.history())
    with registry.reading():
        digest = sha256((version.directory / METADATA_FILE).read_bytes())
    if recorded.versions.get(version.name, digest) != digest:
        raise VersionCorrupt(
            f"`{METADATA_FILE}` of {version.name} is not the one that was registered", RESTORE
        )


def audit(registry: ModelRegistry) -> Recorded:
    """Check that versions and aliases are those that the history tells; return what it tells.

    Raises `VersionCorrupt` where the chain of lines is broken or something differs.
    """
    root, file = registry.root, registry.history_file
    # Where one may write, the lock keeps others from changing things between the looks.
    lock = locked(root, registry.lock_timeout) if writable(root) else nullcontext()
    with lock, registry.reading():
        recorded = check_chain(read_history(file), file)
        names, aliases = registry.names(), registry.aliases()
    _check_versions(registry, recorded, names)
    _check_aliases(registry, recorded, aliases)
    return recorded


def _check_versions(registry: RegistryReader, recorded: Recorded, names: list[str]) -> None:
    for name in sorted({*recorded.versions, *names}):
        directory = registry.directory(name)
        if name not in names:
            raise VersionCorrupt(
                f"{name} was registered and never removed, but is not there",
                f"restore `{directory}` from a backup",
            )
        if name not in recorded.versions:
            raise VersionCorrupt(
                f"{name} is there, but `{registry.history_file}` does not tell of it",
                f"restore the history from a backup, or remove `{directory}`",
            )


def _check_aliases(registry: RegistryReader, recorded: Recorded, aliases: dict[str, str]) -> None:
    for alias in sorted({*recorded.aliases, *aliases}):
        told, found = recorded.aliases.get(alias), aliases.get(alias)
        if told != found:
            raise VersionCorrupt(
                f"alias `{alias}` names {printable(found or 'nothing')}, but "
                f"`{registry.history_file}` says {told or 'nothing'}",
                f"point it with `housing promote REF --to {alias}`"
                if alias != PREVIOUS
                else f"write `{told}` into `{registry.alias_path(alias)}`",
            )
