"""Labels that came too late for the window, and the window that would count them.

A window is by the time of the prediction: where real prices take longer than the window is long, no
look ever counts one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from housing_cli.config.window import Window
from housing_cli.prediction_log import PredictionLog
from housing_cli.prediction_log.records import LateQuery

WINDOWS_BACK = 4
"""How many windows before the window are looked at: what that costs grows with the window, and
not with the log."""
_FIRST = datetime.fromtimestamp(0, UTC)
_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60))
_COARSE_FROM, _COARSE_STEP = 14, 5
_FEW = 0.05


@dataclass(frozen=True, slots=True)
class LateLabels:
    """Labels that came in during the window, later after their prediction than it is long.

    n: how many. shortest_delay, longest_delay: seconds from prediction to price. youngest, oldest:
    how many seconds ago their predictions were made. window: the shortest round one that counts
    them all. share: of them among all labels that came, counted and late.
    """

    n: int
    shortest_delay: float
    longest_delay: float
    youngest: float
    oldest: float
    window: str
    share: float

    @property
    def worth_saying(self) -> bool:
        """Return whether they are more than a few beside the labels that count."""
        return self.share >= _FEW


def late_labels(
    log: PredictionLog, version: str, window: Window, counted: int, at: datetime | None = None
) -> LateLabels | None:
    """Return the late labels of `version`, `None` without any and for a window of newest rows.

    counted: how many labels the window has. at: aware UTC, now unless it is given.
    """
    if window.duration is None:
        return None
    now = datetime.now(UTC) if at is None else at
    since = max(now - window.duration, _FIRST)
    reach = WINDOWS_BACK * min(window.duration, since - _FIRST)  # no calendar goes back for ever
    floor = max(since - reach, _FIRST) if reach <= since - _FIRST else _FIRST
    found = log.late(LateQuery(version, since, floor, window.duration.total_seconds()))
    if not found.n:
        return None
    oldest = now.timestamp() - found.oldest
    return LateLabels(
        n=found.n,
        shortest_delay=found.shortest,
        longest_delay=found.longest,
        youngest=now.timestamp() - found.newest,
        oldest=oldest,
        window=window_of(oldest),
        share=found.n / (found.n + counted),
    )


def window_of(seconds: float) -> str:
    """Return a round window that reaches at least so far back, with room for a while: `60d`."""
    for unit, size in _UNITS:
        if seconds >= size or unit == "m":
            break
    number = math.floor(seconds / size) + 1
    if number > _COARSE_FROM:
        number = math.ceil(number / _COARSE_STEP) * _COARSE_STEP
    return f"{number}{unit}"
