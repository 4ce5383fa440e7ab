"""Keys and signatures as minisign writes them (https://jedisct1.github.io/minisign/).

A signature is a file of four lines; the third is a trusted comment, which is signed with it.
Whoever has `minisign` checks ours without this program, and signs for it. Ed25519 itself is the
library's (`cryptography`), which is loaded where something is signed or checked, and not before.

Signatures are of the BLAKE2b-512 of what is signed (`ED`); the older kind, of the thing itself
(`Ed`), is refused. Secret keys are those without a password (`minisign -G -W`): who signs is a job
that nobody sits before.
"""

from __future__ import annotations

import base64
import binascii
from types import ModuleType
from typing import TYPE_CHECKING

from msgspec import Struct

from housing_cli.errors import ConfigError
from housing_cli.words import install_hint

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_KEY, _HASHED = b"Ed", b"ED"
_PLAIN, _BLAKE2 = b"\0\0", b"B2"
_SALT_AND_LIMITS = 48
_CHECKSUM = 32
_SECRET_SIZE, _PUBLIC_SIZE, _SIGNATURE_SIZE, _GLOBAL_SIZE = 158, 42, 74, 64
_UNTRUSTED, _TRUSTED = "untrusted comment: ", "trusted comment: "


class PublicKey(Struct, frozen=True):
    """A public key: its 8 bytes of name and its 32 bytes of Ed25519."""

    key_id: bytes
    key: bytes

    @property
    def name(self) -> str:
        """Return the name as minisign prints it: 16 upper-case hexadecimal digits."""
        return name_of(self.key_id)

    @property
    def line(self) -> str:
        """Return the key as one line of base64, which begins with `RW`."""
        return base64.b64encode(_KEY + self.key_id + self.key).decode()


class SecretKey(Struct, frozen=True):
    """A secret key: the 32 bytes that all else comes of, and its public half."""

    seed: bytes
    public: PublicKey

    def __repr__(self) -> str:
        """Name the key, and show nothing of it."""
        return f"SecretKey({self.public.name})"


class Signature(Struct, frozen=True):
    """What a signature file says: who signed, the trusted comment, and the bytes that prove it."""

    key_id: bytes
    signature: bytes
    comment: str
    of_comment: bytes

    @property
    def signer(self) -> str:
        """Return the name of the key that it says to be from."""
        return name_of(self.key_id)


def name_of(key_id: bytes) -> str:
    """Return how minisign prints the name of a key: as a little-endian number."""
    return key_id[::-1].hex().upper()


def parse_public(text: str) -> PublicKey:
    """Return the public key in `text`: its line, or a `.pub` file. Raises `ValueError`."""
    raw = _decoded(_lines(text)[-1], _PUBLIC_SIZE)
    if not raw.startswith(_KEY):
        raise ValueError("it is for another algorithm than Ed25519")
    return PublicKey(raw[2:10], raw[10:])


def is_secret(text: str) -> bool:
    """Say whether `text` is a secret key itself, and no path to one."""
    try:
        _decoded(_lines(text)[-1], _SECRET_SIZE)
    except ValueError:
        return False
    return True


def parse_secret(text: str) -> SecretKey:
    """Return the secret key in `text`: its line, or a key file.

    Raises `ValueError`, which repeats nothing of the text.
    """
    raw = _decoded(_lines(text)[-1], _SECRET_SIZE)
    if raw[:2] != _KEY:
        raise ValueError("it is for another algorithm than Ed25519")
    if raw[2:4] != _PLAIN:
        raise ValueError("it is locked with a password")
    body = raw[6 + _SALT_AND_LIMITS : -_CHECKSUM]
    public = PublicKey(body[:8], body[40:])
    seed = body[8:40]
    if _private(seed).public_key().public_bytes_raw() != public.key:
        raise ValueError("its two halves do not belong together")
    return SecretKey(seed, public)


def parse_signature(text: str) -> Signature:
    """Return what a signature file says, whoever signed it. Raises `ValueError`."""
    lines = _lines(text)
    if len(lines) != 4 or not lines[2].startswith(_TRUSTED):  # noqa: PLR2004
        raise ValueError("it is no file of four lines with a trusted comment")
    raw = _decoded(lines[1], _SIGNATURE_SIZE)
    if not raw.startswith(_HASHED):
        raise ValueError("it is no Ed25519 signature of a BLAKE2b hash (`ED`)")
    comment = lines[2].removeprefix(_TRUSTED)
    return Signature(raw[2:10], raw[10:], comment, _decoded(lines[3], _GLOBAL_SIZE))


def new_key() -> SecretKey:
    """Return a new key out of the system's randomness."""
    import os

    seed = os.urandom(32)
    return SecretKey(seed, PublicKey(os.urandom(8), _private(seed).public_key().public_bytes_raw()))


def secret_text(key: SecretKey) -> str:
    """Return what a key file holds; the first line carries the public key as well."""
    unused = bytes(_SALT_AND_LIMITS)
    halves = key.public.key_id + key.seed + key.public.key
    raw = _KEY + _PLAIN + _BLAKE2 + unused + halves + _checksum(_KEY + halves)
    comment = f"{_UNTRUSTED}minisign secret key, whose public key is {key.public.line}"
    return f"{comment}\n{base64.b64encode(raw).decode()}\n"


def sign(key: SecretKey, message: bytes, comment: str) -> str:
    """Return the signature file for `message` with this trusted comment, one line."""
    private = _private(key.seed)
    signature = private.sign(_hash(message))
    raw = base64.b64encode(_HASHED + key.public.key_id + signature).decode()
    of_comment = base64.b64encode(private.sign(signature + comment.encode())).decode()
    untrusted = f"{_UNTRUSTED}signature from key {key.public.name}"
    return f"{untrusted}\n{raw}\n{_TRUSTED}{comment}\n{of_comment}\n"


def proves(signature: Signature, message: bytes, key: PublicKey) -> bool:
    """Say whether `key` signed `message` and the trusted comment beside it."""
    if signature.key_id != key.key_id:
        return False
    ed25519 = library()
    from cryptography.exceptions import InvalidSignature

    commented = signature.signature + signature.comment.encode()
    try:
        public = ed25519.Ed25519PublicKey.from_public_bytes(key.key)
        public.verify(signature.signature, _hash(message))
        public.verify(signature.of_comment, commented)
    except (InvalidSignature, ValueError):  # bytes may be no point of the curve
        return False
    return True


def library() -> ModuleType:
    """Return the module that signs and checks. Raises `ConfigError` where it is not installed."""
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "cryptography":
            raise
        raise ConfigError(
            "`registry.signing_key` and `registry.trusted_keys` need the package cryptography, "
            "which is not installed",
            f"{install_hint('sign')}; into an image: `docker build --build-arg EXTRAS=sign`",
        ) from None
    return ed25519


def _private(seed: bytes) -> Ed25519PrivateKey:
    private: Ed25519PrivateKey = library().Ed25519PrivateKey.from_private_bytes(seed)
    return private


def _hash(message: bytes) -> bytes:
    import hashlib

    return hashlib.blake2b(message).digest()


def _checksum(keys: bytes) -> bytes:
    import hashlib

    return hashlib.blake2b(keys, digest_size=_CHECKSUM).digest()


def _lines(text: str) -> list[str]:
    return text.strip().splitlines() or [""]


def _decoded(line: str, size: int) -> bytes:
    try:
        raw = base64.b64decode(line.strip(), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != size:
        raise ValueError(f"it is no base64 of {size} bytes")
    return raw
