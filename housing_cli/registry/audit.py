"""Check that what the registry holds is what its history tells."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from housing_cli.errors import HousingError, VersionCorrupt
from housing_cli.files import read_file, reason
from housing_cli.registry.altered import CHECK_OUT, line_ends_changed
from housing_cli.registry.digests import sha256
from housing_cli.registry.history import Recorded, check_chain, read_history, sealed
from housing_cli.registry.metadata import Version, parse_metadata
from housing_cli.registry.names import METADATA_FILE, PREVIOUS, printable
from housing_cli.registry.reader import RESTORE, RegistryReader
from housing_cli.registry.signatures import Move, check_weight
from housing_cli.registry.store import ModelRegistry
from housing_cli.registry.transaction import locked, writable
from housing_cli.registry.trials import Trial


def verify_files(
    registry: RegistryReader, version: Version, recorded: Recorded | None = None
) -> None:
    """Raise `VersionCorrupt` unless every file of `version` is the one that was registered.

    recorded: what `audit` returned; by default the history is read.
    """
    verify_metadata(registry, version, recorded)
    for name in version.metadata.files:
        registry.read_file(version, name)


def verify_metadata(
    registry: RegistryReader, version: Version, recorded: Recorded | None = None
) -> None:
    """Raise `VersionCorrupt` unless the history tells of `version` and of this very metadata.

    The metadata hold the hashes of the other files, the golden rows and the baseline: what they are
    worth is decided here. Takes no lock. Where signatures are asked for, raises `VersionUntrusted`
    unless a trusted key signed these metadata for this version.
    """
    if recorded is None:
        with registry.reading():
            recorded = sealed(registry.history_file)
    try:
        raw = read_file(version.directory / METADATA_FILE)
    except OSError as error:
        raise VersionCorrupt(
            f"`{METADATA_FILE}` of {version.name} cannot be read: {reason(error)}", RESTORE
        ) from error
    if version.name not in recorded.versions:
        raise _not_told(registry, version.name)
    registered = recorded.versions[version.name]
    if line_ends_changed(raw, lambda written: sha256(written) == registered):
        raise VersionCorrupt(
            f"`{METADATA_FILE}` of {version.name} is not the one that was registered: its line "
            "ends were changed",
            CHECK_OUT,
        )
    if registered != sha256(raw) or parse_metadata(raw) != version.metadata:
        raise VersionCorrupt(
            f"`{METADATA_FILE}` of {version.name} is not the one that was registered", RESTORE
        )
    if registry.trust is not None:
        registry.trust.version(version.name, raw, registry.signature(version.name))


def verify_move(registry: RegistryReader, ref: str, version: Version) -> Move | None:
    """Return what is signed of the alias REF, which was found to name `version`.

    `None` where signatures are not asked for, or where REF is no alias, but a number, `latest` or a
    tag. Raises `VersionUntrusted` where no trusted key signed that the alias names what it does.
    """
    if registry.trust is None or not registry.is_alias(ref, version):
        return None
    name = version.name
    with registry.reading():
        raw = read_file(version.directory / METADATA_FILE)
    return registry.trust.alias(ref, name, raw, registry.statement(ref, name))


def verify_trial(registry: RegistryReader, trial: Trial, version: Version) -> Move | None:
    """Return what `verify_move` does for the alias of `trial`, whose weight is signed as well.

    version: what it tries. Raises `VersionUntrusted`.
    """
    move = verify_move(registry, trial.alias, version)
    if move is not None:
        check_weight(trial.alias, trial.weight, move)
    return move


@contextmanager
def refusing(version: Version) -> Iterator[None]:
    """Turn whatever goes wrong while `version` is loaded into `VersionCorrupt`.

    Its files may have been made by anybody, and the one that loads them may be a server: an error
    that nobody foresaw must not end it.
    """
    try:
        yield
    except HousingError:
        raise
    except Exception as error:
        raise VersionCorrupt(
            f"{version.name} cannot be loaded: {type(error).__name__}, {reason(error)}", RESTORE
        ) from error


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
            raise _not_told(registry, name)


def _not_told(registry: RegistryReader, name: str) -> VersionCorrupt:
    return VersionCorrupt(
        f"{name} is there, but `{registry.history_file}` does not tell of it",
        f"restore the history from a backup, or remove `{registry.directory(name)}`",
    )


def _check_aliases(registry: RegistryReader, recorded: Recorded, aliases: dict[str, str]) -> None:
    for alias in sorted({*recorded.aliases, *aliases}):
        told, found = recorded.aliases.get(alias), aliases.get(alias)
        if told != found:
            if mark := registry.alias_mark(alias):
                raise VersionCorrupt(
                    f"alias `{alias}` names no version: its file begins with {mark}",
                    f"write `{told}` into `{registry.alias_path(alias)}` as UTF-8 without one"
                    if told
                    else f"remove `{registry.alias_path(alias)}`",
                )
            raise VersionCorrupt(
                f"alias `{alias}` names {printable(found or 'nothing')}, but "
                f"`{registry.history_file}` says {told or 'nothing'}",
                f"point it with `housing promote REF --to {alias}`"
                if alias != PREVIOUS
                else f"write `{told}` into `{registry.alias_path(alias)}`",
            )
