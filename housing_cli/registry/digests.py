"""SHA-256 of files and history lines, and how the lines are linked."""

from __future__ import annotations

import msgspec

from housing_cli.registry.metadata import Event

DIGEST = "history.sha256"
GENESIS = "0" * 64


def digest_line(history: bytes) -> bytes:
    """Return the content of `history.sha256`."""
    return f"{sha256(history)}  history.jsonl\n".encode()


def chain(events: list[Event], previous: str) -> list[str]:
    """Return the history lines of `events`, each linked to the line before it."""
    lines = []
    for event in events:
        line = msgspec.json.encode(msgspec.structs.replace(event, prev=previous))
        previous = line_hash(line)
        lines.append(line.decode())
    return lines


def line_hash(line: bytes) -> str:
    """Return the SHA-256 of one history line without its newline."""
    return sha256(line)


def sha256(data: bytes) -> str:
    """Return the SHA-256 of `data` in hex."""
    import hashlib  # loads OpenSSL, which listing versions can do without

    return hashlib.sha256(data).hexdigest()
