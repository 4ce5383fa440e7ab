"""Where a signing key comes from: a setting, which is a key or the path of its file; new keys."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from housing_cli.errors import ConfigError, RegistryError
from housing_cli.files import reason
from housing_cli.registry.minisign import (
    PublicKey,
    is_secret,
    new_key,
    parse_secret,
    secret_text,
)
from housing_cli.registry.signatures import Signer, Trust

_OTHERS = stat.S_IRWXO
_MAKE = "make one with `housing registry sign --new-key FILE`, or with `minisign -G -W`"


def signer_of(setting: str, trust: Trust | None) -> Signer:
    """Return who signs with what `registry.signing_key` holds: a key's text, or its file's path.

    The messages repeat nothing of the setting, which may be a key that lost a character.

    Raises:
        ConfigError: there is no such key, strangers may read its file, or `trust` does not name it.
    """
    given = "\n" in setting.strip() or is_secret(setting)
    text = setting if given else _read(Path(setting))
    try:
        signer = Signer(parse_secret(text))
    except ValueError as error:
        where = "`registry.signing_key`" if given else "the file that `registry.signing_key` names"
        locked = "password" in str(error)
        hint = "`minisign -C -W -s FILE` takes the password off" if locked else _MAKE
        raise ConfigError(f"{where} holds no signing key: {error}", hint) from None
    if trust is not None and signer.public not in trust:
        raise ConfigError(
            f"`registry.signing_key` is key {signer.public.name}, which `registry.trusted_keys` "
            "does not name: what it signs would be refused",
            f"add `{signer.public.line}` there, or sign with a key that is trusted",
        )
    return signer


def write_new_key(file: Path) -> PublicKey:
    """Write a new key into `file`, which must not exist and which its owner alone may read.

    Returns the public half. Raises `RegistryError`.
    """
    key = new_key()
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(file, flags, 0o600), "w", encoding="ascii") as out:  # noqa: PTH123
            out.write(secret_text(key))
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise RegistryError(
            f"a new key cannot be written to `{file}`: {reason(error)}",
            "name a file that does not exist, in a directory that you may write",
        ) from error
    return key.public


def _read(file: Path) -> str:
    try:
        with file.open(encoding="utf-8") as opened:
            open_to_others = os.fstat(opened.fileno()).st_mode & _OTHERS
            text = opened.read()
    except (OSError, ValueError) as error:
        why = reason(error) if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(
            f"the file that `registry.signing_key` names cannot be read: {why}", _MAKE
        ) from None
    if open_to_others:
        raise ConfigError(
            "the file that `registry.signing_key` names is open to everyone on this machine",
            "take it from them: `chmod o= FILE`; if anybody may have read it, make a new key",
        )
    return text
