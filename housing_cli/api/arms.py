"""Arms: which version answers a row while a canary is tried, and when a server leaves it.

Who is in the canary's part is a function of a key and the version's name alone: the same in every
worker, replica and restart, and whoever is in stays in when the part grows. A canary that fails
fails no request: production answers what it could not.
"""

from __future__ import annotations

import asyncio
import math
import struct
import time
from collections import deque
from collections.abc import Sequence
from hashlib import blake2b
from itertools import compress
from statistics import median
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np

from housing_cli.model.compiled import FEW_ROWS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from housing_cli.api.gatherer import Mark, Row
    from housing_cli.api.served import Served
    from housing_cli.config.settings import Serve
    from housing_cli.prediction_log import Group
    from housing_cli.registry import Trial

SURE: Final = 0.001
"""Failures are too many where chance alone makes so many less often than this."""
FEWEST_CALLS: Final = 5
"""Calls of a model that a judgment of its speed needs."""
FEWEST_PAIRS: Final = 20
"""Rows with a price of both versions that a judgment of the price level needs."""
_RECENT = 200
_MINUS_ZERO = struct.pack("d", -0.0)
_SPACE = 1 << 64


class Part(msgspec.Struct, gc=False):
    """Rows of one turn that one version answers, who waits for them, and what was said beside.

    prices, spreads: empty until they are scored. routed: whose part they are in, where it is a
    canary's. array: the rows as a model takes them, where a shadow will want them.
    """

    served: Served
    rows: list[Row]
    waiting: list[asyncio.Future[Any]]
    marks: list[Mark]
    prices: list[float] = []
    spreads: list[float] = []
    routed: CanaryArm | None = None
    array: NDArray[np.float32] | None = None

    @property
    def group(self) -> Group:
        """Return what the log records."""
        return self.served.name, self.rows, self.prices

    def split(self, picked: Sequence[bool]) -> tuple[Part, Part]:
        """Return the rows that are `picked`, and the others."""
        return self._where(picked), self._where([not pick for pick in picked])

    def _where(self, picked: Sequence[bool]) -> Part:
        return Part(
            self.served,
            list(compress(self.rows, picked)),
            list(compress(self.waiting, picked)),
            list(compress(self.marks, picked)),
            list(compress(self.prices, picked)),
            list(compress(self.spreads, picked)),
            self.routed,
        )


class Limits(NamedTuple):
    """Beyond what a server leaves a canary: the settings `serve.canary_*`.

    errors: share of failed rows. slower: milliseconds of a call beyond one of production. jump:
    median |log ratio| of its prices and production's.
    """

    errors: float
    slower: float
    jump: float

    @classmethod
    def of(cls, serve: Serve) -> Limits | None:
        """Return the limits that the settings state; `None`: no canary is left."""
        if not serve.canary_abort:
            return None
        return cls(serve.canary_errors, serve.canary_slower_ms, serve.canary_jump)


class Guard:
    """Counts what a canary does in this process, and says why it should be left.

    May be told by several threads.
    """

    def __init__(self, limits: Limits | None) -> None:
        self._limits = limits
        self.rows = 0
        self.failed = 0
        self.left = ""
        """Why the canary was left, nothing while it is followed."""
        self._own: deque[float] = deque(maxlen=_RECENT)
        self._usual: deque[float] = deque(maxlen=_RECENT)
        # By both prices: a house that is asked for again and again counts once.
        self._ratios: dict[tuple[float, float], float] = {}

    def answered(self, rows: int, failed: int) -> None:
        """Note how many rows were asked of the canary, and how many of them it failed on."""
        self.rows += rows
        self.failed += failed
        if failed and self._limits is not None and not self.left:
            p = tail(self.failed, self.rows, self._limits.errors)
            if p < SURE:
                self.left = (
                    f"it failed on {self.failed} of {self.rows} rows, and "
                    f"{100 * self._limits.errors:g}% may fail"
                )

    def took(self, seconds: float, *, usual: bool) -> None:
        """Note how long a call of a model took; usual: of production's."""
        (self._usual if usual else self._own).append(seconds)
        if usual or self._limits is None or self.left or len(self._own) < FEWEST_CALLS:
            return
        if 1000 * seconds <= self._limits.slower:  # no median of so quick calls is slow
            return
        more = 1000 * (median(self._own) - (median(self._usual) if self._usual else 0.0))
        if more > self._limits.slower:
            self.left = (
                f"a call of its model takes {more:.3g} ms more than one of production's, and "
                f"{self._limits.slower:g} are allowed"
            )

    def compared(self, prices: Sequence[float], usual: Sequence[float]) -> None:
        """Note prices of the canary, and production's of the same rows."""
        for one, other in zip(prices, usual, strict=True):
            ratio = abs(math.log(one / other)) if one > 0 and other > 0 else math.inf
            self._ratios.setdefault((one, other), ratio)
        while len(self._ratios) > _RECENT:
            del self._ratios[next(iter(self._ratios))]
        if self._limits is None or self.left or len(self._ratios) < FEWEST_PAIRS:
            return
        jump = median(self._ratios.values())
        if jump > self._limits.jump:
            self.left = (
                f"half of its prices are more than {math.exp(min(jump, 50.0)):.3g} times off "
                f"production's, and {math.exp(self._limits.jump):.3g} times is allowed"
            )


class CanaryArm:
    """A loaded canary, who is in its part, and how it does.

    weight: percent of the rows that it answers.
    """

    def __init__(self, trial: Trial, served: Served, weight: float, limits: Limits | None) -> None:
        self.trial = trial
        self.served = served
        self.weight = weight
        self.guard = Guard(limits)
        self._below = round(_SPACE * weight / 100)
        self._salt = served.name.encode()[:16]
        self._row = struct.Struct(f"{len(served.schema.features)}d")

    @property
    def name(self) -> str:
        """Return the version's name, `v8`."""
        return self.served.name

    def picks(self, row: Row, mark: Mark) -> bool:
        """Return whether a row is in the canary's part."""
        key = mark.route or (mark.house and mark.house.encode()) or self._packed(row)
        digest = blake2b(key, digest_size=8, salt=self._salt).digest()
        return int.from_bytes(digest, "big") < self._below

    def prices(self, rows: Sequence[Row]) -> tuple[list[float], list[float]]:
        """Return prices and spreads of any number of rows; what fails has the price NaN."""
        prices: list[float] = []
        spreads: list[float] = []
        for start in range(0, len(rows), FEW_ROWS):
            part = rows[start : start + FEW_ROWS]
            began = time.perf_counter()
            try:
                found, spread = self.served.model.scored_few(part)
            except Exception:  # whatever it is, it is the canary's, and no request's
                found, spread = [math.nan] * len(part), [1.0] * len(part)
            self.guard.took(time.perf_counter() - began, usual=False)
            prices += found
            spreads += spread
        self.guard.answered(len(rows), len(rows) - sum(map(math.isfinite, prices)))
        return prices, spreads

    def _packed(self, row: Row) -> bytes:
        try:
            packed = self._row.pack(*row)
        except struct.error:
            packed = self._row.pack(*(math.nan if value is None else value for value in row))
        if _MINUS_ZERO in packed:  # which is the same house as zero
            packed = self._row.pack(*(value + 0.0 for value in self._row.unpack(packed)))
        return packed


def tail(failed: int, rows: int, share: float) -> float:
    """Return how often `failed` or more of `rows` fail by chance where each does with `share`."""
    if failed <= 0:
        return 1.0
    if not 0 < share < 1:
        return 0.0 if share <= 0 else 1.0
    log_share, log_rest = math.log(share), math.log1p(-share)
    total = 0.0
    for count in range(failed, rows + 1):
        ways = math.lgamma(rows + 1) - math.lgamma(count + 1) - math.lgamma(rows - count + 1)
        term = math.exp(ways + count * log_share + (rows - count) * log_rest)
        total += term
        if count > rows * share and term < total * 1e-9:
            break
    return min(total, 1.0)
