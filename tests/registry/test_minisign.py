"""Signatures and keys are minisign's: it reads ours, and we read its."""

from __future__ import annotations

import base64
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from housing_cli.errors import ConfigError
from housing_cli.registry.minisign import (
    is_secret,
    library,
    new_key,
    parse_public,
    parse_secret,
    parse_signature,
    proves,
    secret_text,
    sign,
)
from tests.conftest import ROOT

# Made by minisign 0.11: `minisign -G -W`, and `minisign -S -m m -t ...` over the bytes `v3\n`.
PUBLIC = "RWQ1lUiAcfTwd3uHioTr/t/PzLCz1dXI3qVuO0A2Dm9KbnMNg34msVK8"
SECRET = (
    "RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAANZVIgHH08HcSHBkPfD"
    "6IfITZJ1CrKtWfkxkxZeRtsjbkAI9xykffCXuHioTr/t/PzLCz1dXI3qVuO0A2Dm9KbnMNg34msVK8AAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
)
SIGNED = """untrusted comment: signature from minisign secret key
RUQ1lUiAcfTwdxQ+Lhb4XqbCrWkfKSBpKkrTWIkhFjKCYjGJRSY6d5M7RNPA+vSZH3vXMDQrAssPzDOhZApdzBB/zPxlWvDMxwc=
trusted comment: alias:x\tversion:v3
b5i2/J1JDAy+VD37wJvMYAAU3Xb173fE8Ssgtdwhp39b18CHBeF/u3MuSMcXZRCYkqU4hYm3ZFGONYiwNLKaBg==
"""
MESSAGE = b"v3\n"


def test_what_minisign_signed_is_checked() -> None:
    signature, key = parse_signature(SIGNED), parse_public(PUBLIC)
    assert signature.signer == key.name == "77F0F47180489535"
    assert signature.comment == "alias:x\tversion:v3"
    assert proves(signature, MESSAGE, key)
    assert not proves(signature, b"v4\n", key)


def test_a_key_of_minisign_signs_as_minisign_does() -> None:
    """Ed25519 gives the same bytes for the same message: all but the free comment is equal."""
    key = parse_secret(SECRET)
    assert key.public == parse_public(PUBLIC)
    ours = sign(key, MESSAGE, "alias:x\tversion:v3")
    assert ours.splitlines()[1:] == SIGNED.splitlines()[1:]


def test_whatever_is_changed_of_a_signature_it_proves_nothing() -> None:
    key = parse_public(PUBLIC)
    lines = SIGNED.splitlines()
    for number in (1, 3):
        raw = bytearray(base64.b64decode(lines[number]))
        for place in range(len(raw)):
            raw[place] ^= 1
            changed = [*lines]
            changed[number] = base64.b64encode(raw).decode()
            raw[place] ^= 1
            try:
                signature = parse_signature("\n".join(changed))
            except ValueError:
                assert place < 2 and number == 1  # another algorithm
                continue
            assert not proves(signature, MESSAGE, key), (number, place)
    moved = SIGNED.replace("version:v3", "version:v4")
    assert not proves(parse_signature(moved), MESSAGE, key)
    other = new_key().public
    assert not proves(parse_signature(SIGNED), MESSAGE, other)


def test_line_ends_and_the_first_comment_do_not_matter() -> None:
    changed = SIGNED.replace("\n", "\r\n").replace("minisign secret", "any other")
    assert proves(parse_signature(changed), MESSAGE, parse_public(PUBLIC))


@pytest.mark.parametrize(
    "text",
    ["", "x", "\n" * 4, SIGNED.replace("RUQ1", "RWQ1"), SIGNED.replace("trusted comment: a", "a"),
     SIGNED + "more", SIGNED.replace("Bg==", "Bg="), SIGNED.replace("\tversion", "\u2028version")],
)  # fmt: skip
def test_what_is_no_signature_is_said(text: str) -> None:
    with pytest.raises(ValueError, match=r"^it is no "):
        parse_signature(text)


@pytest.mark.parametrize(
    "text", ["", PUBLIC[:-4], SECRET, "RWQ" + PUBLIC, PUBLIC.replace("RWQ", "RUQ")]
)
def test_what_is_no_public_key_is_said(text: str) -> None:
    with pytest.raises(ValueError, match=r"^it is "):
        parse_public(text)


def test_a_new_key_is_read_again_and_is_another_one_each_time() -> None:
    key = new_key()
    text = secret_text(key)
    assert parse_secret(text) == key
    assert parse_public(text.splitlines()[0].rpartition(" ")[2]) == key.public
    assert is_secret(text)
    assert is_secret(SECRET)
    assert not is_secret("keys/housing.key")
    assert new_key().public != key.public


def test_a_key_that_is_locked_or_damaged_is_told_from_others_and_not_repeated() -> None:
    raw = bytearray(base64.b64decode(SECRET))
    raw[2:4] = b"Sc"
    with pytest.raises(ValueError, match=r"locked with a password"):
        parse_secret(base64.b64encode(raw).decode())
    raw[2:4] = b"\0\0"
    raw[80] ^= 1
    with pytest.raises(ValueError, match=r"two halves") as raised:
        parse_secret(base64.b64encode(raw).decode())
    with pytest.raises(ValueError, match=r"no base64 of 158 bytes") as short:
        parse_secret(SECRET[:-4])
    for error in (raised, short):
        assert SECRET[60:90] not in str(error.value)
    assert "seed" not in repr(new_key())


@pytest.mark.skipif(shutil.which("minisign") is None, reason="minisign is not installed")
def test_minisign_reads_our_keys_and_signatures_and_we_its(tmp_path: Path) -> None:
    key = new_key()
    (tmp_path / "our.key").write_text(secret_text(key))
    (tmp_path / "m").write_bytes(MESSAGE)
    (tmp_path / "m.minisig").write_text(sign(key, MESSAGE, "version:v3"))

    def minisign(*words: str) -> str:
        done = subprocess.run(
            ["minisign", *words], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    said = minisign("-Vm", "m", "-P", key.public.line)
    assert "Signature and comment signature verified" in said
    assert "Trusted comment: version:v3" in said
    minisign("-S", "-s", "our.key", "-m", "m", "-x", "theirs", "-t", "version:v4")
    theirs = parse_signature((tmp_path / "theirs").read_text())
    assert theirs.comment == "version:v4"
    assert proves(theirs, MESSAGE, key.public)


def test_a_missing_library_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.startswith("cryptography.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(ConfigError, match=r"need the package cryptography") as raised:
        library()
    assert "[sign]" in raised.value.hint


def test_nothing_of_it_is_loaded_where_nothing_is_signed() -> None:
    code = (
        "import sys\nfrom housing_cli.config import load_settings\n"
        "from housing_cli.registry import open_reader, open_registry\n"
        "import housing_cli.registry.audit\n"
        "open_registry(load_settings()); open_reader(load_settings())\n"
        "print([n for n in sys.modules if n.startswith('cryptography')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
