"""API keys: who may call `/predict*` and `/feedback`.

Only digests of the keys are kept, and all of them are compared, each in constant time: neither a
key's content nor its place in the list shows in the time. Keys are never logged.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from housing_cli.errors import ServeError
from housing_cli.files import read_file

RECHECK_SECONDS = 0.5


class ApiKeys:
    """The keys from the settings and from a file, which is read again when it changes.

    The file has one key a line; empty lines and lines that begin with `#` are skipped. A file that
    was named and cannot be read any more leaves the keys that were read last in force.

    Raises:
        ServeError: the file cannot be read at the start, or holds no key and none is set elsewhere.
    """

    def __init__(self, keys: Sequence[str], file: str | None) -> None:
        self._fixed = [_digest(key.encode()) for key in keys]
        self._file = Path(file) if file is not None else None
        self._from_file: list[bytes] = []
        self._seen: tuple[int, int, int] | None = None
        self._checked = 0.0
        if self._file is not None:
            try:
                self._read(self._file)
            except (OSError, UnicodeDecodeError) as error:
                reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
                raise ServeError(
                    f"the file of API keys `{file}` cannot be read: {reason}",
                    "mend `api.keys_file`, or unset it",
                ) from error
            if not self._fixed and not self._from_file:
                raise ServeError(
                    f"the file of API keys `{file}` holds no key",
                    "write one key a line, or unset `api.keys_file`",
                )

    @property
    def required(self) -> bool:
        """Return whether a key is needed at all."""
        return bool(self._fixed) or self._file is not None

    def refuses(self, headers: Mapping[bytes, bytes]) -> str:
        """Return why the headers (lower-case names) let nobody in; empty where they do.

        The words are for those who run the server: a client learns the same of each.
        """
        if not self.required:
            return ""
        self._follow_file()
        offered = headers.get(b"x-api-key")
        if offered is None:
            scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
            if scheme.lower() != b"bearer":
                return "no key"
            offered = token.strip()
        if not offered:
            return "no key"
        digest = _digest(offered)
        matches = [hmac.compare_digest(digest, key) for key in (*self._fixed, *self._from_file)]
        return "" if any(matches) else "unknown key"

    def _follow_file(self) -> None:
        now = time.monotonic()
        if self._file is None or now - self._checked < RECHECK_SECONDS:
            return
        self._checked = now
        try:
            if _identity(self._file) != self._seen:
                self._read(self._file)
        except (OSError, UnicodeDecodeError):
            return

    def _read(self, file: Path) -> None:
        seen = _identity(file)
        lines = [line.strip() for line in read_file(file).decode("utf-8-sig").splitlines()]
        self._from_file = [
            _digest(line.encode()) for line in lines if line and not line.startswith("#")
        ]
        self._seen = seen


def _identity(file: Path) -> tuple[int, int, int]:
    status = os.stat(file)  # noqa: PTH116
    return status.st_mtime_ns, status.st_size, status.st_ino


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
