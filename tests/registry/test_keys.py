"""A signing key comes from a setting, and is never repeated in a message."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from housing_cli.errors import ConfigError, RegistryError
from housing_cli.registry.keys import signer_of, write_new_key
from housing_cli.registry.minisign import parse_secret
from tests.registry.signing import Keys


def test_a_key_its_text_and_its_file_are_the_same(tmp_path: Path) -> None:
    keys = Keys()
    file = tmp_path / "housing.key"
    file.write_text(keys.text)
    file.chmod(0o640)
    line = keys.text.splitlines()[1]
    for setting in (keys.text, f"\n{keys.text}\n", line, str(file)):
        assert signer_of(setting, keys.trust()).public == keys.secret.public


def test_a_new_key_is_for_its_owner_alone_and_replaces_nothing(tmp_path: Path) -> None:
    file = tmp_path / "housing.key"
    public = write_new_key(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert parse_secret(file.read_text()).public == public
    before = file.read_text()
    with pytest.raises(RegistryError, match=r"cannot be written to"):
        write_new_key(file)
    assert file.read_text() == before
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nothing")
    with pytest.raises(RegistryError):
        write_new_key(link)
    assert not (tmp_path / "nothing").exists()


def test_a_file_that_strangers_may_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "housing.key"
    write_new_key(file)
    file.chmod(0o604)
    with pytest.raises(ConfigError, match=r"open to everyone") as raised:
        signer_of(str(file), None)
    assert "chmod" in raised.value.hint


def test_a_key_that_nobody_trusts_signs_nothing() -> None:
    one, other = Keys(), Keys()
    with pytest.raises(ConfigError, match=f"is key {one.name}, which `registry.trusted_keys`") as e:
        signer_of(one.text, other.trust())
    assert one.line in e.value.hint
    assert signer_of(one.text, other.trust(one)).public.line == one.line


def test_no_message_repeats_a_key(tmp_path: Path) -> None:
    line = Keys().text.splitlines()[1]
    text = tmp_path / "text"
    text.write_bytes(b"\xff")
    text.chmod(0o600)
    for setting in (line[:-1], f"comment\n{line[:-5]}", line[:200] + "x", str(text), str(tmp_path)):
        with pytest.raises(ConfigError) as raised:
            signer_of(setting, None)
        assert "registry.signing_key" in raised.value.message
        assert line[100:150] not in f"{raised.value.message} {raised.value.hint}"
        assert raised.value.__cause__ is None
