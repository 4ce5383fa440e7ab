"""Charts as inline SVG: text in, text out, nothing to load, sharp on paper and on a phone.

Every chart is drawn on 420 x 260 units, so that its text stays readable at 360 pixels, and carries
its own description for those who do not see it. Numbers in, never untrusted text unescaped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 420.0, 260.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 12.0, 12.0, 34.0
_AS_TRAINED_WIDTH = 90.0
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


@dataclass(frozen=True, slots=True)
class Line:
    """A horizontal mark: a baseline or a limit."""

    value: float
    label: str
    kind: str


def over_time(points: Sequence[Point], marks: Sequence[Line], labels: Sequence[str]) -> str:
    """Return values over time as dots on a line, with horizontal marks.

    points: (position, value), positions ascending. labels: what stands below the first and the last
    position.
    """
    values = [value for _, value in points] + [mark.value for mark in marks]
    x = Axis(points[0][0], points[-1][0], LEFT + 8, WIDTH - RIGHT - 8)
    y = _vertical(0.0, max(values) * 1.12)
    parts = [*_grid_y(y)]
    for mark in marks:
        at = y(mark.value)
        below = 15 if mark.kind == "base" else -5
        parts.append(
            f'<line class="mark {mark.kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" '
            f'y2="{at:.1f}"/>{_text(WIDTH - RIGHT - 2, at + below, mark.label, "end", mark.kind)}'
        )
    if len(points) > 1:
        path = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in points)
        parts.append(f'<polyline class="series" points="{path}"/>')
    for a, b in points:
        parts.append(
            f'<circle class="dot" cx="{x(a):.1f}" cy="{y(b):.1f}" r="3.2">'
            f"<title>{b:.3g}</title></circle>"
        )
    parts.append(_text(LEFT, HEIGHT - 12, labels[0], "start"))
    if len(points) > 1:
        parts.append(_text(WIDTH - RIGHT, HEIGHT - 12, labels[-1], "end"))
    return _drawing(parts, f"error over time, {len(points)} points")


def scatter(points: Sequence[Point], x_label: str, y_label: str) -> str:
    """Return points with the diagonal on which both are the same."""
    every = [value for point in points for value in point] or [0.0, 1.0]
    low, high = min(every), max(every)
    margin = (high - low or 1.0) * 0.04
    x = Axis(max(0.0, low - margin), high + margin, LEFT, WIDTH - RIGHT)
    y = _vertical(x.low, x.high)
    parts = [*_grid_y(y), *_ticks_x(x)]
    parts.append(
        f'<line class="mark diagonal" x1="{x(x.low):.1f}" y1="{y(x.low):.1f}" '
        f'x2="{x(x.high):.1f}" y2="{y(x.high):.1f}"/>'
    )
    parts += [f'<circle class="spot" cx="{x(a):.1f}" cy="{y(b):.1f}" r="2.4"/>' for a, b in points]
    parts.append(_text(WIDTH - RIGHT, HEIGHT - 3, x_label, "end"))
    parts.append(_text(LEFT + 4, TOP + 9, y_label, "start"))
    return _drawing(parts, f"{y_label} against {x_label}, {len(points)} points")


def histogram(
    edges: Sequence[float], now: Sequence[float], before: Sequence[float], x_label: str
) -> str:
    """Return shares of now as bars and of before as an outline; `edges` are one more."""
    x = Axis(edges[0], edges[-1], LEFT, WIDTH - RIGHT)
    y = _vertical(0.0, max([*now, *before, 1e-9]) * 1.1)
    parts = [*_grid_y(y, percent=True), *_ticks_x(x)]
    outline = [f"{x(edges[0]):.1f},{y(0):.1f}"]
    for at, (share, earlier) in enumerate(zip(now, before, strict=True)):
        left, right = x(edges[at]), x(edges[at + 1])
        parts.append(
            f'<rect class="bar" x="{left + 0.5:.1f}" width="{max(right - left - 1, 0.5):.1f}" '
            f'y="{y(share):.1f}" height="{y(0) - y(share):.1f}"/>'
        )
        outline += [f"{left:.1f},{y(earlier):.1f}", f"{right:.1f},{y(earlier):.1f}"]
    outline.append(f"{x(edges[-1]):.1f},{y(0):.1f}")
    parts.append(f'<polyline class="outline" points="{" ".join(outline)}"/>')
    zero = x(0.0)
    parts.append(
        f'<line class="mark diagonal" x1="{zero:.1f}" x2="{zero:.1f}" y1="{TOP}" y2="{y(0):.1f}"/>'
    )
    parts.append(_text(WIDTH - RIGHT, HEIGHT - 3, x_label, "end"))
    return _drawing(parts, f"distribution of {x_label}")


def bars(rows: Sequence[tuple[str, float, str, bool]], limit: Line | None = None) -> str:
    """Return horizontal bars: name, value (0 or more), what stands behind, whether it stands out.

    limit: a vertical mark.
    """
    step = 22.0
    height = TOP + step * len(rows) + (20 if limit else 4)
    most = max([value for _, value, _, _ in rows] + [limit.value * 1.25 if limit else 1e-9, 1e-9])
    name_room = min(160.0, 12.0 + 7.6 * max((len(name) for name, *_ in rows), default=0))
    x = Axis(0.0, most, name_room, WIDTH - 58)
    parts = []
    for at, (name, value, behind, stands_out) in enumerate(rows):
        top = TOP + at * step
        kind = "bar out" if stands_out else "bar"
        parts.append(_text(name_room - 6, top + 13, name[:20], "end"))
        parts.append(
            f'<rect class="{kind}" x="{name_room}" y="{top + 2:.1f}" height="{step - 6}" '
            f'width="{max(x(value) - name_room, 0.8):.1f}"/>'
        )
        parts.append(_text(WIDTH - 4, top + 13, behind, "end"))
    if limit is not None:
        at_x, bottom = x(limit.value), TOP + step * len(rows)
        parts.append(
            f'<line class="mark limit" x1="{at_x:.1f}" x2="{at_x:.1f}" y1="{TOP}" '
            f'y2="{bottom:.1f}"/>'
        )
        parts.append(_text(at_x, bottom + 13, limit.label, "middle", "limit"))
    return _drawing(parts, "bars", height)


def gauge(ratio: float, interval: Point, limit: float) -> str:
    """Return the ratio with its interval on one line, beside 1 and the limit."""
    low, high = min(0.7, interval[0]), max(1.5, interval[1], limit) * 1.04
    x = Axis(low, high, 12, WIDTH - 12)
    # Far from the left edge its label ends at the mark; near to it, below and beginning there.
    crowded = x(1.0) < _AS_TRAINED_WIDTH
    height = 88.0 if crowded else 74.0
    base = ("start", 82) if crowded else ("end", 68)
    parts = [f'<line class="grid" x1="12" x2="{WIDTH - 12}" y1="38" y2="38"/>']
    over = "out" if ratio > limit else ""
    parts.append(
        f'<rect class="bar {over}" x="{x(interval[0]):.1f}" y="32" height="12" '
        f'width="{max(x(interval[1]) - x(interval[0]), 1):.1f}"/>'
    )
    for value, label, kind, (anchor, at) in (
        (1.0, "as trained", "base", base),
        (limit, "limit", "limit", ("start", 68)),
    ):
        parts.append(
            f'<line class="mark {kind}" x1="{x(value):.1f}" x2="{x(value):.1f}" y1="22" y2="56"/>'
            + _text(x(value) + (4 if anchor == "start" else -4), at, label, anchor, kind)
        )
    parts.append(f'<circle class="dot now" cx="{x(ratio):.1f}" cy="38" r="6"/>')
    parts.append(_text(min(max(x(ratio), 60), WIDTH - 60), 16, f"ratio {ratio:.2f}", "middle"))
    return _drawing(parts, f"ratio {ratio:.2f}, limit {limit:.2f}", height)


def _vertical(low: float, high: float) -> Axis:
    return Axis(low, high, HEIGHT - BOTTOM, TOP)


def _grid_y(axis: Axis, *, percent: bool = False) -> list[str]:
    parts = []
    for value in ticks(axis.low, axis.high):
        at = axis(value)
        label = f"{value:.0%}" if percent else f"{value:g}"
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
            + _text(LEFT - 5, at + 4, label, "end")
        )
    return parts


def _ticks_x(axis: Axis) -> list[str]:
    return [
        _text(axis(value), HEIGHT - BOTTOM + 14, f"{value:g}", "middle")
        for value in ticks(axis.low, axis.high)
    ]


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


def _text(x: float, y: float, text: str, anchor: str, kind: str = "") -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
    )


def _drawing(parts: Sequence[str], description: str, height: float = HEIGHT) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH:g} {height:g}" role="img" aria-label="{escape(description)}">'
        f"{''.join(parts)}</svg>"
    )
