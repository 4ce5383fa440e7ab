"""What is signed of a registry, who signs it, and whose word is taken.

Of a version its `metadata.json`, which holds the hashes of all its files; the trusted comment says
which version it is, so that the signature of one proves nothing of another. Of an alias the line in
its file; the trusted comment says which alias, the hash of the version's metadata, and after how
many events of the history it moved: a running server takes no move from before the last one it saw.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from msgspec import Struct

from housing_cli.errors import ConfigError, VersionUntrusted
from housing_cli.registry.digests import sha256
from housing_cli.registry.minisign import (
    PublicKey,
    SecretKey,
    Signature,
    library,
    parse_public,
    parse_signature,
    proves,
    sign,
)


class Move(Struct, frozen=True):
    """What a signed alias says: the hash of its version's metadata, and when it moved.

    event: of how many events the history told when it had moved. weight: the percent of the rows
    that a canary answers, in digits; 0 for any other alias.
    """

    metadata_sha256: str
    event: int
    weight: str = "0"


class Signer:
    """Signs versions and moves with one secret key."""

    def __init__(self, key: SecretKey) -> None:
        self._key = key

    @property
    def public(self) -> PublicKey:
        """Return the public half, which `registry.trusted_keys` names."""
        return self._key.public

    def version(self, name: str, metadata: bytes) -> bytes:
        """Return the signature of version `name`; metadata: the bytes of `metadata.json`."""
        return self._sign(metadata, version=name)

    def alias(
        self, alias: str, name: str, metadata: bytes, event: int, weight: float = 0.0
    ) -> bytes:
        """Return the signature that says that `alias` names version `name` from `event` on.

        weight: as in `Move`.
        """
        told = {"alias": alias, "version": name, "metadata_sha256": sha256(metadata)}
        share = {"weight": f"{weight:g}"} if weight else {}
        return self._sign(alias_line(name), **told, event=str(event), **share)

    def _sign(self, message: bytes, **told: str) -> bytes:
        told = {"timestamp": str(int(time.time())), **told}
        comment = "\t".join(f"{key}:{value}" for key, value in told.items())
        return sign(self._key, message, comment).encode()


class Trust:
    """The keys whose signatures count."""

    def __init__(self, keys: Iterable[PublicKey]) -> None:
        self._keys = {key.key_id: key for key in keys}

    def __contains__(self, key: PublicKey) -> bool:
        """Say whether `key` is one of them."""
        return self._keys.get(key.key_id) == key

    def ready(self) -> None:
        """Raise `ConfigError` where signatures cannot be checked at all."""
        library()

    def version(self, name: str, metadata: bytes, signed: bytes | None) -> str:
        """Return the name of the key that signed version `name`. Raises `VersionUntrusted`.

        metadata: the bytes of its `metadata.json`; signed: those of its signature, `None` where it
        has none.
        """
        hint = (
            f"see what it is (`housing registry show {name}`); if you vouch for it, sign it: "
            f"`housing registry sign {name} --untrusted`"
        )
        signature = self._checked(name, metadata, signed, hint)
        if _told(signature).get("version") != name or "alias" in _told(signature):
            raise VersionUntrusted(f"the signature of {name} is that of something else", hint)
        return signature.signer

    def alias(self, alias: str, name: str, metadata: bytes, signed: bytes | None) -> Move:
        """Return what the signature says of `alias`, which names `name`.

        Raises `VersionUntrusted`.
        """
        what = f"alias `{alias}`, which names {name},"
        hint = f"if {name} is right, `housing promote {name} --to {alias}` signs that it is"
        if alias == "previous":
            hint = "promote a version by its name: see `housing registry ls`"
        signature = self._checked(what, alias_line(name), signed, hint)
        told = _told(signature)
        expected = {"alias": alias, "version": name, "metadata_sha256": sha256(metadata)}
        event = told.get("event", "")
        if not (event.isascii() and event.isdigit()) or expected.items() - told.items():
            raise VersionUntrusted(f"the signature of {what} is that of something else", hint)
        return Move(expected["metadata_sha256"], int(event), told.get("weight", "0"))

    def _checked(self, what: str, message: bytes, signed: bytes | None, hint: str) -> Signature:
        """Return the signature where one of the keys made it."""
        if signed is None:
            raise VersionUntrusted(f"{what} is not signed", hint)
        try:
            signature = parse_signature(signed.decode())
        except ValueError as error:
            raise VersionUntrusted(f"the signature of {what} is none: {error}", hint) from None
        key = self._keys.get(signature.key_id)
        if key is None:
            raise VersionUntrusted(
                f"{what} is signed by key {signature.signer}, which `registry.trusted_keys` does "
                "not name",
                hint,
            )
        if not proves(signature, message, key):
            raise VersionUntrusted(
                f"the signature of {what} does not fit: it or what it signs was changed", hint
            )
        return signature


def check_weight(alias: str, weight: float, move: Move) -> None:
    """Raise `VersionUntrusted` unless `weight`, which the history tells, is that of `move`."""
    if move.weight != f"{weight:g}":
        raise VersionUntrusted(
            f"the history gives `{alias}` {weight:g} % of the rows, and {move.weight} % are signed",
            f"say it anew: `housing promote --weight {weight:g}`",
        )


def alias_line(name: str) -> bytes:
    """Return what the file of an alias holds that names version `name`."""
    return f"{name}\n".encode()


def claimed(signed: bytes | None) -> str | None:
    """Return the name of the key that a signature says to be from; nothing is checked."""
    try:
        return None if signed is None else parse_signature(signed.decode()).signer
    except ValueError:
        return None


def trust_in(lines: Iterable[str]) -> Trust | None:
    """Return the keys of `registry.trusted_keys`; `None` where it names none: all is trusted.

    Raises `ConfigError` at a line that is no public key.
    """
    keys = []
    for number, line in enumerate(lines, start=1):
        try:
            keys.append(parse_public(line))
        except ValueError as error:
            raise ConfigError(
                f"key {number} of `registry.trusted_keys` is no public key of minisign: {error}",
                "give the line that begins with `RW`, which `housing registry sign --new-key FILE` "
                "prints and a `.pub` file ends with",
            ) from None
    return Trust(keys) if keys else None


def _told(signature: Signature) -> dict[str, str]:
    """Return what the trusted comment says: `key:value` after `key:value`, tabs between."""
    pairs = (part.partition(":") for part in signature.comment.split("\t"))
    return {key: value for key, _, value in pairs}
