"""Charts as text: where things stand, and that nothing is too small to be drawn."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from housing_cli.pages import charts

BASE, LIMIT = charts.Line(2.0, "baseline", "base"), charts.Line(3.0, "limit", "limit")
EVERY = [
    charts.over_time([(0.0, 1.0), (9e5, 4.0)], [BASE, LIMIT], 0.0, 9e5),
    charts.over_time([(0.0, 1.0), (0.1, 2.0)], [], 0.0, 0.2),
    charts.over_time([(0.0, 1.0)], [], 0.0, 0.0),
    charts.scatter([(1.0, 2.0), (3.0, 3.5)], "predicted", "real <MEDV>"),
    charts.histogram([-1.0, 0.0, 1.0], [0.4, 0.6], [0.5, 0.5], "error"),
    charts.bars([("RM & more", 0.5, "0.50", True), ("B", 0.0, "0.00", False)], LIMIT),
    charts.bars([]),
    charts.gauge(1.0, (1.0, 1.0), 1.1),
    charts.gauge(9.0, (0.1, 30.0), 1.1),
]


@pytest.mark.parametrize("drawn", EVERY, ids=range(len(EVERY)))
def test_a_chart_is_one_sound_drawing_that_describes_itself(drawn: str) -> None:
    root = ElementTree.fromstring(drawn)
    assert root.tag == "svg"
    assert root.get("aria-label")
    assert "nan" not in drawn


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 10, [0, 2, 4, 6, 8, 10]), (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]), (3, 3, [3])],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert charts.ticks(low, high) == expected


def test_a_larger_value_stands_higher_and_a_later_one_further_right() -> None:
    dots = re.findall(r'class="dot" cx="([\d.]+)" cy="([\d.]+)"', EVERY[0])
    (x0, y0), (x1, y1) = [(float(x), float(y)) for x, y in dots]
    assert x0 < x1
    assert y0 > y1


def test_what_is_over_the_limit_stands_out() -> None:
    assert "bar out" in charts.gauge(1.2, (1.0, 1.4), 1.1)
    assert "bar out" not in charts.gauge(1.05, (1.0, 1.4), 1.1)


DAY = 86_400.0
NOON = 1_769_860_800.0
"""2026-01-31, 12:00 UTC."""


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (1800.0, ["12:00", "12:15", "12:30"]),
        (5 * 3600.0, ["12:00", "15:00"]),
        (3 * DAY, ["1 Feb", "2 Feb", "3 Feb"]),
        (30 * DAY, ["12 Feb", "26 Feb"]),
        (700 * DAY, ["Jul 2026", "Jan 2027", "Jul 2027", "Jan 2028"]),
    ],
)
def test_a_time_axis_has_a_few_round_dates(seconds: float, expected: list[str]) -> None:
    found = charts.moments(NOON, NOON + seconds)
    assert [label for _, label in found] == expected
    assert all(NOON <= at <= NOON + seconds for at, _ in found)


def test_any_span_of_time_has_dates() -> None:
    for seconds in [61 * 1.3**k for k in range(60)]:
        assert 1 <= len(charts.moments(NOON, NOON + min(seconds, 5e8))) <= 7


def test_rows_of_one_moment_stand_side_by_side() -> None:
    dots = re.findall(r'class="dot" cx="([\d.]+)"', EVERY[1])
    assert float(dots[1]) - float(dots[0]) > 100
    assert "1970-01-01 00:00" in EVERY[1]


def test_the_gauge_says_its_numbers() -> None:
    drawn = charts.gauge(1.234, (1.05, 1.42), 1.1)
    assert "1.23 (1.05 to 1.42)" in drawn and "limit 1.10" in drawn
