"""Ids of predictions: time-ordered UUIDs, version 7 (RFC 9562), and their timestamps.

An id carries the millisecond of its prediction, and each id is greater than every one before it.
That order is what lets a row be found again in a huge log without an index in memory.
"""

from __future__ import annotations

import math
import os
import random
import re
import time
from datetime import UTC, datetime, timedelta

_RANDOM_BITS = 74
_LAST_GROUP = (1 << 48) - 1
# A floor later than this was not written by a working clock: it must not overflow 48 bits.
_LATEST_FLOOR_MS = 4_102_444_800_000  # the year 2100
_CANONICAL = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII
)
_VERSION_AT = 14  # where the text of a UUID says its version
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# A generator of its own: a `random.seed()` somewhere must not make two processes issue equal ids.
_random = random.Random()
os.register_at_fork(after_in_child=_random.seed)


TOLERATED_MS = 1000
"""Clocks are set right by so much all the time; more is a jump, which is recorded and told."""


class IdSource:
    """Issues strictly increasing version 7 UUIDs.

    The 74 random bits are drawn anew each millisecond and stepped by a random amount within one
    (RFC 9562, section 6.2, method 2).

    ordered: ids increase also when the clock steps back; else they follow it, where it jumps.
    clock_ms: what the clock said when ids were issued last, epoch milliseconds: no id carries less.
    jump_ms: the furthest that the clock was behind the last id, 0 below `TOLERATED_MS`.
    """

    def __init__(self, *, ordered: bool = True) -> None:
        self.clock_ms = self.jump_ms = 0
        self._ordered = ordered
        self._last = 0

    def not_below(self, prediction_id: str) -> None:
        """Make every later id greater than `prediction_id`, which another process issued."""
        if is_time_ordered(prediction_id) and milliseconds(prediction_id) < _LATEST_FLOOR_MS:
            self._last = max(self._last, _value(prediction_id))

    def issue(self, count: int = 1) -> tuple[int, list[str]]:
        """Return the millisecond that `count` new ids carry, and the ids in ascending order."""
        now = self.clock_ms = time.time_ns() // 1_000_000
        behind = (self._last >> _RANDOM_BITS) - now
        if behind > TOLERATED_MS:
            self.jump_ms = max(self.jump_ms, behind)
            if not self._ordered:
                self._last = 0
        if now > self._last >> _RANDOM_BITS:
            value = now << _RANDOM_BITS | _random.getrandbits(_RANDOM_BITS)
        else:
            value = self._last + 1 + _random.getrandbits(24)
        # One batch differs in the last group alone, so that group needs room to count up.
        if value & _LAST_GROUP > _LAST_GROUP >> 1:
            value = ((value >> 48) + 1) << 48 | _random.getrandbits(46)
        step_bits = max(1, min(24, 46 - count.bit_length()))
        ms = value >> _RANDOM_BITS
        low = value & ((1 << 62) - 1)
        prefix = (
            f"{ms >> 16:08x}-{ms & 0xFFFF:04x}-7{value >> 62 & 0xFFF:03x}-{0x8000 | low >> 48:04x}-"
        )
        first = low & _LAST_GROUP
        if count == 1:
            self._last = value
            return ms, [f"{prefix}{first:012x}"]
        group, ids = first, []
        for _ in range(count):
            ids.append(f"{prefix}{group:012x}")
            group += 1 + _random.getrandbits(step_bits)
        self._last = value - first + group
        return ms, ids


def _value(text: str) -> int:
    """Return the 122 bits of a version 7 UUID that order it: time, then the random bits."""
    bits = int(text.replace("-", ""), 16)
    return (bits >> 80) << _RANDOM_BITS | (bits >> 64 & 0xFFF) << 62 | bits & ((1 << 62) - 1)


def canonical(text: str) -> str | None:
    """Return a UUID's text in lower case, None if `text` is no UUID in the 8-4-4-4-12 form."""
    return text.lower() if _CANONICAL.fullmatch(text) else None


def is_time_ordered(text: str) -> bool:
    """Return whether `text` is a UUID of version 7."""
    return text[_VERSION_AT : _VERSION_AT + 1] == "7" and _CANONICAL.fullmatch(text) is not None


def milliseconds(text: str) -> int:
    """Return the epoch milliseconds that a version 7 UUID carries."""
    return int(text[:8] + text[9:13], 16)


def prefix_of(ms: int) -> str:
    """Return how the ids of a millisecond begin: all smaller ids are older."""
    ms = min(max(ms, 0), (1 << 48) - 1)
    return f"{ms >> 16:08x}-{ms & 0xFFFF:04x}"


class Clock:
    """Writes epoch milliseconds as `2026-01-31T12:00:00.123Z`; remembers the last second's text."""

    def __init__(self) -> None:
        self._second, self._text = -1, ""

    def iso(self, ms: int) -> str:
        """Return the ISO 8601 text, UTC, of epoch milliseconds."""
        second, rest = divmod(ms, 1000)
        if second != self._second:
            moment = _EPOCH + timedelta(seconds=second)
            self._text = moment.strftime("%Y-%m-%dT%H:%M:%S")
            self._second = second
        return f"{self._text}.{rest:03d}Z"


def epoch(text: str) -> float:
    """Return epoch seconds of an ISO 8601 time; without an offset it is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def ceil_ms(since: datetime | None) -> int:
    """Return the first epoch millisecond at or after `since`, 0 for None."""
    return 0 if since is None else max(0, math.ceil(since.timestamp() * 1000 - 1e-3))
