"""A signature proves one version, or one move of one alias, and nothing else."""

from __future__ import annotations

import pytest

from housing_cli.errors import ConfigError, VersionUntrusted
from housing_cli.registry.digests import sha256
from housing_cli.registry.minisign import sign
from housing_cli.registry.signatures import Move, alias_line, claimed, trust_in
from tests.registry.signing import Keys

KEYS, OTHER = Keys(), Keys()
METADATA = b'{"tag": "first"}'
TRUST = KEYS.trust()
SIGNED = KEYS.signer().version("v3", METADATA)
MOVED = KEYS.signer().alias("production", "v3", METADATA, 17)


def test_what_was_signed_is_trusted() -> None:
    assert TRUST.version("v3", METADATA, SIGNED) == KEYS.name
    assert TRUST.alias("production", "v3", METADATA, MOVED) == Move(sha256(METADATA), 17)


@pytest.mark.parametrize(
    ("name", "metadata", "signed", "why"),
    [
        ("v3", METADATA, None, "v3 is not signed"),
        ("v3", METADATA, b"", "is none: "),
        ("v3", METADATA, b"\xff", "is none: "),
        ("v3", METADATA + b" ", SIGNED, "does not fit"),
        ("v4", METADATA, SIGNED, "the signature of v4 is that of something else"),
        ("v3", METADATA, OTHER.signer().version("v3", METADATA), f"{OTHER.name}, which"),
        ("v3", alias_line("v3"), MOVED, "something else"),
        ("v3", METADATA, sign(KEYS.secret, METADATA, "").encode(), "something else"),
    ],
    # Keys are made anew in each process; all of them must name the tests alike.
    ids=["unsigned", "empty", "noise", "changed", "renamed", "stranger", "move", "uncommented"],
)
def test_a_version_is_refused(name: str, metadata: bytes, signed: bytes | None, why: str) -> None:
    with pytest.raises(VersionUntrusted, match=why) as raised:
        TRUST.version(name, metadata, signed)
    assert f"registry sign {name} --untrusted" in raised.value.hint


def commented(comment: str) -> bytes:
    return sign(KEYS.secret, alias_line("v3"), comment).encode()


@pytest.mark.parametrize(
    ("alias", "name", "metadata", "signed", "why"),
    [
        ("production", "v3", METADATA, None, "alias `production`, which names v3, is not signed"),
        ("staging", "v3", METADATA, MOVED, "something else"),
        ("production", "v4", METADATA, MOVED, "does not fit"),
        ("production", "v3", b"{}", MOVED, "something else"),
        ("production", "v3", METADATA, SIGNED, "does not fit"),
        ("production", "v3", METADATA, commented("version:v3"), "something else"),
        ("production", "v3", METADATA,
         commented(f"alias:production\tversion:v3\tmetadata_sha256:{sha256(METADATA)}\tevent:\xb2"),
         "something else"),
    ],
)  # fmt: skip
def test_a_move_is_refused(
    alias: str, name: str, metadata: bytes, signed: bytes | None, why: str
) -> None:
    with pytest.raises(VersionUntrusted, match=why) as raised:
        TRUST.alias(alias, name, metadata, signed)
    assert "housing promote" in raised.value.hint


def test_a_key_with_the_name_of_another_is_not_that_key() -> None:
    named = type(OTHER.secret.public)(KEYS.secret.public.key_id, OTHER.secret.public.key)
    forged = type(OTHER.secret)(OTHER.secret.seed, named)
    signed = sign(forged, METADATA, "version:v3").encode()
    assert claimed(signed) == KEYS.name
    with pytest.raises(VersionUntrusted, match=r"does not fit"):
        TRUST.version("v3", METADATA, signed)
    assert named not in TRUST


def test_any_of_several_keys_counts() -> None:
    both = trust_in([OTHER.line, KEYS.line])
    assert both is not None
    assert both.version("v3", METADATA, SIGNED) == KEYS.name
    assert trust_in([]) is None


def test_a_line_that_is_no_key_is_named_by_its_place() -> None:
    with pytest.raises(ConfigError, match=r"key 2 of `registry.trusted_keys` is no public key"):
        trust_in([KEYS.line, KEYS.line[:-1]])


def test_what_a_signature_says_of_itself() -> None:
    assert claimed(SIGNED) == KEYS.name
    assert claimed(None) is claimed(b"\xff") is None
