"""Charts as inline SVG: numbers in, a fragment out, sharp on paper and on a phone.

Every chart is drawn on 420 x 260 units, so that its text stays readable at 360 pixels, and carries
its own description for those who do not see it. What is drawn stands in `templates/charts`; here
is where it stands.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from housing_cli.pages.page import fragment

WIDTH, HEIGHT = 420.0, 260.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, WIDTH - 12.0, 12.0, HEIGHT - 34.0
_AS_TRAINED_WIDTH = 90.0
_BAR = 22.0
_ONE_MOMENT, _DAY, _MONTH, _MANY_MONTHS = 60.0, 86_400.0, 30.44 * 86_400, 100 * 86_400
_MOST_DATES = 4.0
_HOURS = (1 / 60, 1 / 12, 1 / 4, 1, 3, 6, 12, 24, 48, 7 * 24, 14 * 24, 28 * 24)
_STEPS = tuple(3600.0 * hours for hours in _HOURS)
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear scale from data to units on the drawing."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return where `value` stands."""
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Return the values that are written beside it."""
        return ticks(self.low, self.high)


@dataclass(frozen=True, slots=True)
class Line:
    """A mark across a chart: a baseline (kind `base`) or a limit (`limit`)."""

    value: float
    label: str
    kind: str


def over_time(points: Sequence[Point], marks: Sequence[Line], start: float, end: float) -> Markup:
    """Return values over time as dots on a line, with horizontal marks and dates below.

    points: (epoch seconds, value), ascending. start, end: from when to when they are.
    """
    top = max([value for _, value in points] + [mark.value for mark in marks]) * 1.12
    what = f"error over time, {len(points)} points"
    if end - start < _ONE_MOMENT:  # rows of one batch stand side by side, not one upon the other
        points = [(float(place), value) for place, (_, value) in enumerate(points)]
        x = Axis(0.0, max(len(points) - 1.0, 1.0), LEFT + 8, RIGHT - 8)
        dates = [(x.start, f"{_utc(start):%Y-%m-%d %H:%M}", "start")]
    else:
        x = Axis(start, end, LEFT + 8, RIGHT - 8)
        dates = [(x(at), label, "middle") for at, label in moments(start, end)]
    return _draw("over_time", what, x, _up(0.0, top), points=points, lines=marks, dates=dates)


def scatter(points: Sequence[Point], x_label: str, y_label: str) -> Markup:
    """Return points with the diagonal on which both are the same."""
    every = [value for point in points for value in point] or [0.0, 1.0]
    low, high = min(every), max(every)
    margin = (high - low or 1.0) * 0.04
    x = Axis(max(0.0, low - margin), high + margin, LEFT, RIGHT)
    what = f"{y_label} against {x_label}, {len(points)} points"
    y = _up(x.low, x.high)
    return _draw("scatter", what, x, y, points=points, x_label=x_label, y_label=y_label)


def histogram(
    edges: Sequence[float], now: Sequence[float], before: Sequence[float], x_label: str
) -> Markup:
    """Return shares of now as bars and of before as an outline; `edges` are one more."""
    x = Axis(edges[0], edges[-1], LEFT, RIGHT)
    y = _up(0.0, max([*now, *before, 1e-9]) * 1.1)
    bins = list(zip(edges[:-1], edges[1:], now, before, strict=True))
    return _draw("histogram", f"distribution of {x_label}", x, y, bins=bins, x_label=x_label)


def bars(rows: Sequence[tuple[str, float, str, bool]], limit: Line | None = None) -> Markup:
    """Return horizontal bars: name, value (0 or more), what stands behind, whether it stands out.

    limit: a vertical mark.
    """
    height = TOP + _BAR * len(rows) + (20 if limit else 4)
    most = max([value for _, value, _, _ in rows] + [limit.value * 1.25 if limit else 1e-9, 1e-9])
    name_room = min(160.0, 12.0 + 7.6 * max((len(name) for name, *_ in rows), default=0))
    x = Axis(0.0, most, name_room, WIDTH - 58)
    return _draw("bars", "bars", x, None, height, rows=rows, limit=limit, step=_BAR)


def gauge(ratio: float, interval: Point, limit: float) -> Markup:
    """Return the ratio with its interval on one line, beside 1 and the limit."""
    low, high = interval
    x = Axis(min(0.7, low), max(1.5, high, limit) * 1.04, 12, WIDTH - 12)
    crowded = x(1.0) < _AS_TRAINED_WIDTH
    found = {"ratio": ratio, "low": low, "high": high, "limit": limit, "crowded": crowded}
    what = f"ratio {ratio:.2f}, limit {limit:.2f}"
    return _draw("gauge", what, x, None, 88.0 if crowded else 74.0, **found)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Return round values between `low` and `high`, about so many."""
    span = high - low
    if not span > 0 or not math.isfinite(span):
        return [low]
    raw = span / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = min((m * power for m in (1, 2, 5, 10)), key=lambda s: abs(s - raw))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(k * step, 10) for k in range(first, last + 1)]


def moments(start: float, end: float) -> list[tuple[float, str]]:
    """Return round moments between two (epoch seconds, UTC), two to five, and their labels."""
    span = end - start
    if span >= _MANY_MONTHS:
        every = max(1, round(span / _MONTH / 4))
        first = _utc(start)
        numbers = range(first.year * 12 + first.month, _utc(end).year * 12 + _utc(end).month)
        months = [datetime(n // 12, n % 12 + 1, 1, tzinfo=UTC) for n in numbers if n % every == 0]
        return [(month.timestamp(), f"{month:%b %Y}") for month in months]
    step = next(step for step in _STEPS if span / step < _MOST_DATES)
    first_at = math.ceil(start / step) * step
    places = [first_at + k * step for k in range(int((end - first_at) // step) + 1)]
    words = "%-d %b" if step >= _DAY else "%-d %b %H:%M" if span >= _DAY else "%H:%M"
    return [(at, f"{_utc(at):{words}}") for at in places]


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _up(low: float, high: float) -> Axis:
    return Axis(low, high, BOTTOM, TOP)


def _draw(
    name: str, description: str, x: Axis, y: Axis | None, height: float = HEIGHT, **data: Any
) -> Markup:
    frame = {"left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM, "width": WIDTH}
    found = {"description": description, "height": height, "x": x, "y": y, **frame, **data}
    return fragment(f"charts/{name}.svg", **found)
