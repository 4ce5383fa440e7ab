"""How far back a judgment looks: `30d`, `24h`, or a number of newest labeled rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from housing_cli.errors import UsageError

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True)
class Window:
    """The newest `newest` labeled rows, or those predicted in the last `duration`."""

    text: str
    newest: int | None = None
    duration: timedelta | None = None

    def since(self, at: datetime | None = None) -> datetime | None:
        """Return the start of the window, aware UTC."""
        return (at or datetime.now(UTC)) - self.duration if self.duration else None


def parse_window(text: str | int) -> Window:
    """Return the window that `30d`, `24h` or a number of rows names. Raises `UsageError`."""
    words = str(text).strip()
    if re.fullmatch("[0-9]{1,18}", words) and int(words) > 0:
        return Window(words, newest=int(words))
    match = _DURATION.fullmatch(words)
    if match and float(match[1]) > 0:
        try:
            window = Window(words, duration=timedelta(**{_UNITS[match[2]]: float(match[1])}))
            window.since()
        except OverflowError:
            pass
        else:
            return window
    raise UsageError(
        f"`{words}` is not a window", "use `30d`, `24h`, or a number of newest labeled rows"
    )
