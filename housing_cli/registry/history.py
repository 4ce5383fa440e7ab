"""The history: one event a line, each linked to the line before it by its SHA-256.

A changed, removed or inserted line breaks the chain; what the lines say, replayed from the first,
gives the versions and aliases that there must be.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

from housing_cli.errors import VersionCorrupt
from housing_cli.files import read_file
from housing_cli.registry import formats
from housing_cli.registry.altered import CHECK_OUT, byte_order_mark
from housing_cli.registry.digests import DIGEST, GENESIS, digest_line, line_hash
from housing_cli.registry.metadata import Event
from housing_cli.registry.names import PREVIOUS, PRODUCTION, is_version

RESTORE = "restore the file from a backup"
# What of an event is asked for when a name is given or checked; the evidence may be long.
_NUMBERED = re.compile(rb'"event":"registered","from":[^,]*,"to":"v([0-9]+)"')


class Recorded(msgspec.Struct, frozen=True):
    """What the history says there is: versions with the SHA-256 of their metadata, and aliases.

    ended: the aliases that there are no more.
    """

    versions: dict[str, str]
    aliases: dict[str, str]
    events: int
    ended: frozenset[str] = frozenset()


def read_history(file: Path) -> bytes:
    """Return the complete lines of `file`; a line without its newline is still being written."""
    try:
        raw = read_file(file)
    except FileNotFoundError:
        return b""
    return raw[: raw.rfind(b"\n") + 1]


def parse_history(raw: bytes, file: Path) -> list[Event]:
    """Return the events of `raw`, oldest first.

    Raises `VersionCorrupt` at a line that is none, `NewerFormat` at one of a newer program.
    """
    events = []
    if mark := byte_order_mark(raw):
        raise VersionCorrupt(f"`{file}` begins with {mark}", RESTORE)
    for number, line in enumerate(raw.splitlines(), start=1):
        formats.refuse_newer(line, f"line {number} of `{file}`", formats.HISTORY)
        try:
            events.append(msgspec.json.decode(line, type=Event))
        except (ValueError, RecursionError):  # no JSON, no event, or no UTF-8
            raise VersionCorrupt(f"line {number} of `{file}` is not an event", RESTORE) from None
    return events


def highest_number(raw: bytes) -> int:
    """Return the highest version number that was ever registered; 0 where none was."""
    return max((int(number) for number in _NUMBERED.findall(raw)), default=0)


def check_chain(raw: bytes, file: Path) -> Recorded:
    """Return what the lines of `raw` say there is. Raises `VersionCorrupt` at a broken link."""
    recorded = _linked(raw, file)
    check_head(raw, file)
    return recorded


def sealed(file: Path) -> Recorded:
    """Return what the history says there is as far as its digest goes, read without a lock.

    Lines behind that are being written now, or were by whoever did not know of the digest.
    Raises `VersionCorrupt` at a broken link, and where the digest is that of no first lines.
    """
    import hashlib  # loads OpenSSL, which listing versions can do without

    # First the digest: the lines that it is made of are written before it.
    digest = file.with_name(DIGEST)
    expected = digest.read_bytes() if digest.is_file() else b""
    raw = read_history(file)
    seal = hashlib.sha256()
    size, end = 0, -1
    for line in raw.splitlines(keepends=True):
        seal.update(line)
        size += len(line)
        if f"{seal.hexdigest()}  {file.name}\n".encode() == expected:
            end = size
    if end < 0:
        if raw:
            check_head(raw, file)
            raise _not_last(raw, file)
        return Recorded({}, {}, 0)
    return _linked(raw[:end], file)


def _linked(raw: bytes, file: Path) -> Recorded:
    previous = GENESIS
    events = parse_history(raw, file)
    for number, (line, event) in enumerate(zip(raw.splitlines(), events, strict=True)):
        if event.prev != previous:
            raise VersionCorrupt(
                f"line {max(number, 1)} of `{file}` was changed after it was written", RESTORE
            )
        previous = line_hash(line)
    return replay(events)


def check_head(raw: bytes, file: Path) -> None:
    """Raise `VersionCorrupt` where `raw` is not what was written last.

    Raises `NewerFormat` where a newer program wrote it.
    """
    lines = raw.splitlines()
    if lines:
        formats.refuse_newer(lines[-1], f"line {len(lines)} of `{file}`", formats.HISTORY)
    digest = file.with_name(DIGEST)
    if raw and (not digest.is_file() or digest.read_bytes() != digest_line(raw)):
        raise _not_last(raw, file)


def _not_last(raw: bytes, file: Path) -> VersionCorrupt:
    digest = file.with_name(DIGEST)
    told = digest.read_bytes().replace(b"\r\n", b"\n") if digest.is_file() else b""
    for path, data in ((file, raw), (digest, told)):
        if mark := byte_order_mark(data):
            return VersionCorrupt(f"`{path}` begins with {mark}", RESTORE)
    # Either file may have been checked out anew, or both.
    if told in {digest_line(raw), digest_line(raw.replace(b"\r\n", b"\n"))}:
        return VersionCorrupt(f"the line ends of `{file}` or of `{DIGEST}` were changed", CHECK_OUT)
    return VersionCorrupt(
        f"line {len(raw.splitlines())} of `{file}` is not the last one that was written "
        f"(SHA-256 differs from `{DIGEST}`)",
        RESTORE,
    )


def promotions(events: Iterable[Event]) -> list[tuple[float, str]]:
    """Return when (epoch seconds) production became another version, and which, oldest first.

    An event whose time is none is left out: it cannot be drawn.
    """
    found = []
    for event in events:
        if event.alias == PRODUCTION and event.to and event.to != event.from_:
            with suppress(ValueError, OverflowError):
                found.append((datetime.fromisoformat(event.when).timestamp(), event.to))
    return sorted(found)


def replay(events: Sequence[Event]) -> Recorded:
    """Return the versions and aliases that there must be after `events`."""
    versions: dict[str, str] = {}
    aliases: dict[str, str] = {}
    ended: set[str] = set()
    for event in events:
        if event.event == "registered" and event.to:
            versions[event.to] = str(event.evidence.get("metadata_sha256", ""))
        elif event.event == "removed" and event.from_:
            versions.pop(event.from_, None)
        elif event.ends:
            aliases.pop(event.ends, None)
            ended.add(event.ends)
        elif event.alias and event.to:
            aliases[event.alias] = event.to
            ended.discard(event.alias)
            before = event.from_
            if event.alias == PRODUCTION and before != event.to and is_version(before):
                aliases[PREVIOUS] = str(before)
    return Recorded(versions, aliases, len(events), frozenset(ended))
