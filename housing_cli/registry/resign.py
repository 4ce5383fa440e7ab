"""Sign what is there already: with a new key, or for the first time.

What an attacker put there must not be signed along: without being told so, only what a trusted key
signed is signed anew. All that is asked for is signed, or nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from housing_cli.errors import VersionCorrupt, VersionUntrusted
from housing_cli.files import replace_file
from housing_cli.registry.digests import sha256
from housing_cli.registry.history import read_history, sealed
from housing_cli.registry.names import (
    METADATA_FILE,
    SIGNATURE_FILE,
    SIGNATURES,
    statement_file,
)
from housing_cli.registry.reader import RESTORE
from housing_cli.registry.signatures import Signer, Trust, check_weight, claimed
from housing_cli.registry.store import ModelRegistry
from housing_cli.registry.transaction import locked


class Resigned(Struct, frozen=True):
    """What was signed now, versions and aliases, and which versions this key had signed before."""

    key_id: str
    versions: list[str]
    aliases: list[str]
    kept: list[str]


def resign(
    registry: ModelRegistry, signer: Signer, names: Iterable[str], *, untrusted: bool = False
) -> Resigned:
    """Sign the versions `names` and the aliases that name one of them.

    untrusted: also what no trusted key signed, because whoever asks vouches for it. Raises
    `VersionUntrusted` where that is needed, `VersionCorrupt` where the history tells otherwise.
    """
    names = list(names)
    trust = registry.trust or Trust([signer.public])
    with locked(registry.root, registry.lock_timeout), registry.reading():
        metadata = _registered(registry, names)
        aliases = {a: n for a, n in registry.aliases().items() if n in metadata}
        if not untrusted:
            _require_trusted(registry, trust, metadata, aliases)
        mine = signer.public.name
        new = [
            name for name, raw in metadata.items() if _signer(registry, trust, name, raw) != mine
        ]
        event = read_history(registry.history_file).count(b"\n")
        for name in new:
            signed = signer.version(name, metadata[name])
            replace_file(registry.directory(name) / SIGNATURE_FILE, signed, durable=True)
        moved = [
            alias
            for alias, name in aliases.items()
            if not _moved_by(registry, trust, alias, name, metadata[name], mine)
        ]
        for alias in moved:
            name = aliases[alias]
            (registry.root / SIGNATURES).mkdir(exist_ok=True)
            replace_file(
                registry.root / SIGNATURES / statement_file(alias, name),
                signer.alias(alias, name, metadata[name], event, registry.weight(alias)),
                durable=True,
            )
    for name in new:
        registry.record("signed", registry.get(name), why="sign", evidence={"key_id": mine})
    return Resigned(mine, new, moved, [name for name in metadata if name not in new])


def _registered(registry: ModelRegistry, names: Iterable[str]) -> dict[str, bytes]:
    """Return the metadata of each version: the very bytes that the history tells of."""
    recorded = sealed(registry.history_file)
    found = {name: (registry.directory(name) / METADATA_FILE).read_bytes() for name in names}
    for name, raw in found.items():
        if recorded.versions.get(name) != sha256(raw):
            raise VersionCorrupt(f"{name} was changed while it was being checked", RESTORE)
    return found


def _require_trusted(
    registry: ModelRegistry, trust: Trust, metadata: dict[str, bytes], aliases: dict[str, str]
) -> None:
    refused = []
    for name, raw in metadata.items():
        try:
            trust.version(name, raw, registry.signature(name))
        except VersionUntrusted as error:
            refused.append(error.message)
    for alias, name in aliases.items():
        try:
            move = trust.alias(alias, name, metadata[name], registry.statement(alias, name))
            check_weight(alias, registry.weight(alias), move)
        except VersionUntrusted as error:
            refused.append(error.message)
    if refused:
        raise VersionUntrusted(
            "nothing was signed: " + "; ".join(refused),
            "look at what they are and who made them (`housing registry history`); if you vouch "
            "for it all, add `--untrusted`",
        )


def _signer(registry: ModelRegistry, trust: Trust, name: str, metadata: bytes) -> str | None:
    """Return the trusted key that signed version `name`, if one did."""
    try:
        return trust.version(name, metadata, registry.signature(name))
    except VersionUntrusted:
        return None


def _moved_by(
    registry: ModelRegistry, trust: Trust, alias: str, name: str, metadata: bytes, key_id: str
) -> bool:
    """Say whether the key `key_id` signed that `alias` names `name`."""
    statement = registry.statement(alias, name)
    try:
        trust.alias(alias, name, metadata, statement)
    except VersionUntrusted:
        return False
    return claimed(statement) == key_id
