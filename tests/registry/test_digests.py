"""Each line of history says what the line before it was."""

from __future__ import annotations

import hashlib
import json

from housing_cli.registry import Event
from housing_cli.registry.digests import GENESIS, chain, digest_line, line_hash, sha256


def test_every_line_holds_the_hash_of_the_line_before() -> None:
    events = [Event(when="", who="", event=name) for name in ("one", "two", "three")]
    lines = chain(events, GENESIS)
    linked = [json.loads(line)["prev"] for line in lines]
    assert linked == [GENESIS, *(line_hash(line.encode()) for line in lines[:2])]


def test_the_digest_is_what_sha256sum_writes() -> None:
    text = b"a line\n"
    assert sha256(text) == hashlib.sha256(text).hexdigest()
    assert digest_line(text) == f"{sha256(text)}  history.jsonl\n".encode()
