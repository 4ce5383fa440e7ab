"""Charts as inline SVG: numbers in, a fragment out, sharp on paper and on a phone.

Every chart is drawn on 420 x 260 units, so that its text stays readable at 360 pixels, and carries
its own description for those who do not see it. What is drawn stands in `templates/charts`; here
is where it stands. Colors come from the page's style sheet, by class: a drawing has no style of
its own, which a strict Content-Security-Policy would refuse. Whatever a chart says, its caller can
say in another language: labels and descriptions are arguments, the rest are `Words`.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from housing_cli.pages.page import fragment
from housing_cli.pages.wording import ENGLISH, Words

WIDTH, HEIGHT = 420.0, 260.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, WIDTH - 12.0, 12.0, HEIGHT - 34.0
_LETTER = 6.5
"""Units that a letter is wide, about."""
_BAR = 22.0
_HEADROOM, _NEAR = 0.12, 0.25
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


@dataclass(frozen=True, slots=True)
class Move:
    """A vertical mark, at `x` on the drawing; label_x: where its label stands, `None`: no room."""

    x: float
    label: str
    label_x: float | None = None
    anchor: str = "start"


def over_time(
    points: Sequence[Point],
    marks: Sequence[Line],
    start: float,
    end: float,
    *,
    moves: Sequence[tuple[float, str]] = (),
    signed: bool = False,
    description: str | None = None,
    words: Words = ENGLISH,
) -> Markup:
    """Return values over time as dots on a line, with horizontal marks and dates below.

    points: (epoch seconds, value), ascending. start, end: from when to when they are. moves: (epoch
    seconds, label) of vertical marks; those outside of `start` to `end` are left out. signed:
    values below 0 mean something too, so that there is room on both sides of a line at 0.
    """
    between = [(at, label) for at, label in moves if start <= at <= end]
    what = f"error over time, {len(points)} points"
    what += "".join(f", {label}" for _, label in between)
    if end - start < _ONE_MOMENT:  # rows of one batch stand side by side, not one upon the other
        times = [at for at, _ in points]
        between = [(bisect_left(times, at) - 0.5, label) for at, label in between]
        points = [(float(place), value) for place, (_, value) in enumerate(points)]
        x = Axis(0.0, max(len(points) - 1.0, 1.0), LEFT + 8, RIGHT - 8)
        dates = [(x.start, f"{_utc(start):%Y-%m-%d %H:%M}", "start")]
    else:
        x = Axis(start, end, LEFT + 8, RIGHT - 8)
        dates = [(x(at), label, "middle") for at, label in moments(start, end, words)]
    values = [value for _, value in points] + [mark.value for mark in marks]
    signed = signed or min(values) < 0
    found: dict[str, Any] = {"points": points, "lines": marks, "dates": dates, "signed": signed}
    found["moves"] = _labeled([(x(at), label) for at, label in between])
    y = _around_zero(values) if signed else _up(0.0, max(values) * (1 + _HEADROOM))
    return _draw("over_time", description or what, x, y, words=words, **found)


def reach(moves: Sequence[tuple[float, str]], start: float, end: float) -> float:
    """Return from when on to draw what is between two times: from the last move before it, if near.

    The rows of a version begin shortly after it became production.
    """
    near = max(_NEAR * (end - start), _ONE_MOMENT - (end - start))
    before = [at for at, _ in moves if start - near < at <= start]
    return max(before, default=start)


def scatter(
    points: Sequence[Point],
    x_label: str,
    y_label: str,
    *,
    description: str | None = None,
    words: Words = ENGLISH,
) -> Markup:
    """Return points with the diagonal on which both are the same."""
    every = [value for point in points for value in point] or [0.0, 1.0]
    low, high = min(every), max(every)
    margin = (high - low or 1.0) * 0.04
    x = Axis(max(0.0, low - margin), high + margin, LEFT, RIGHT)
    what = description or f"{y_label} against {x_label}, {len(points)} points"
    found: dict[str, Any] = {"points": points, "x_label": x_label, "y_label": y_label}
    return _draw("scatter", what, x, _up(x.low, x.high), words=words, **found)


def histogram(
    edges: Sequence[float],
    now: Sequence[float],
    before: Sequence[float],
    x_label: str,
    *,
    description: str | None = None,
    words: Words = ENGLISH,
) -> Markup:
    """Return shares of now as bars and of before as an outline; `edges` are one more."""
    x = Axis(edges[0], edges[-1], LEFT, RIGHT)
    y = _up(0.0, max([*now, *before, 1e-9]) * 1.1)
    bins = list(zip(edges[:-1], edges[1:], now, before, strict=True))
    what = description or f"distribution of {x_label}"
    return _draw("histogram", what, x, y, bins=bins, x_label=x_label, words=words)


def bars(
    rows: Sequence[tuple[str, float, str, bool]],
    limit: Line | None = None,
    *,
    description: str = "bars",
) -> Markup:
    """Return horizontal bars: name, value, what stands behind, whether it stands out.

    Where a value is below 0, all begin at a line at 0. limit: a vertical mark.
    """
    height = TOP + _BAR * len(rows) + (20 if limit else 4)
    most = max([value for _, value, _, _ in rows] + [limit.value * 1.25 if limit else 1e-9, 1e-9])
    name_room = min(160.0, 12.0 + 7.6 * max((len(name) for name, *_ in rows), default=0))
    least = min([value for _, value, _, _ in rows] + [0.0])
    x = Axis(least, most, name_room, WIDTH - 58)
    return _draw("bars", description, x, None, height, rows=rows, limit=limit, step=_BAR)


def gauge(
    ratio: float,
    interval: Point,
    limit: float,
    *,
    description: str | None = None,
    words: Words = ENGLISH,
) -> Markup:
    """Return the ratio with its interval on one line, beside 1 and the limit."""
    low, high = interval
    x = Axis(min(0.7, low), max(1.5, high, limit) * 1.04, 12, WIDTH - 12)
    said = {
        "as_trained": f"{words.as_trained} {words.fixed(1.0)}",
        "limit_label": f"{words.limit} {words.fixed(limit)}",
        "said": words.interval(ratio, low, high),
    }
    crowded = x(1.0) < _width(said["as_trained"])
    found = {"ratio": ratio, "low": low, "high": high, "limit": limit, "crowded": crowded}
    found["limit_first"] = x(limit) + _width(said["limit_label"]) < WIDTH - 8
    found["half"] = _width(said["said"]) / 2 + 8
    what = description or f"ratio {words.fixed(ratio)}, {said['limit_label']}"
    return _draw("gauge", what, x, None, 88.0 if crowded else 74.0, **found, **said)


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


def moments(start: float, end: float, words: Words = ENGLISH) -> list[tuple[float, str]]:
    """Return round moments between two (epoch seconds, UTC), two to five, and their labels."""
    span = end - start
    if span >= _MANY_MONTHS:
        every = max(1, round(span / _MONTH / 4))
        first = _utc(start)
        numbers = range(first.year * 12 + first.month, _utc(end).year * 12 + _utc(end).month)
        months = [datetime(n // 12, n % 12 + 1, 1, tzinfo=UTC) for n in numbers if n % every == 0]
        return [(m.timestamp(), f"{words.months[m.month - 1]} {m.year}") for m in months]
    step = next(step for step in _STEPS if span / step < _MOST_DATES)
    first_at = math.ceil(start / step) * step
    places = [first_at + k * step for k in range(int((end - first_at) // step) + 1)]
    return [(at, _date(_utc(at), words, day=span >= _DAY, hour=step < _DAY)) for at in places]


def _date(at: datetime, words: Words, *, day: bool, hour: bool) -> str:
    """Return day and month, hour and minute, or both."""
    said = [f"{at.day} {words.months[at.month - 1]}"] if day or not hour else []
    return " ".join([*said, *([f"{at:%H:%M}"] if hour else [])])


def _labeled(moves: Sequence[tuple[float, str]]) -> list[Move]:
    """Return vertical marks; of labels that would overlap the later one is kept.

    moves: (place on the drawing, label), ascending. A label stands behind its mark, or before it
    where behind there is no room.
    """
    found: list[Move] = []
    free = RIGHT  # up to where no label stands yet
    for place, label in reversed(moves):
        at, width = min(max(place, LEFT + 2), RIGHT - 2), _width(label)
        if at + 3 + width <= free:
            found.append(Move(at, label, at + 3))
            free = at
        elif at <= free and at - 3 - width >= LEFT:
            found.append(Move(at, label, at - 3, "end"))
            free = at - 3 - width
        else:
            found.append(Move(at, label))
    return found[::-1]


def _width(text: str) -> float:
    """Return about how many units a text is wide."""
    return _LETTER * len(text)


def _around_zero(values: Sequence[float]) -> Axis:
    low, high = min(0.0, *values), max(0.0, *values)
    room = (high - low or 1.0) * _HEADROOM
    return _up(low - room, high + room)


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _up(low: float, high: float) -> Axis:
    return Axis(low, high, BOTTOM, TOP)


def _draw(
    name: str, description: str, x: Axis, y: Axis | None, height: float = HEIGHT, **data: Any
) -> Markup:
    frame = {"left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM, "width": WIDTH}
    shown = {"words": ENGLISH, "height": height, "x": x, "y": y, **frame, **data}
    return fragment(f"charts/{name}.svg", description=description, **shown)
