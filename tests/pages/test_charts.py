"""Charts as text: where things stand, and that nothing is too small to be drawn."""

from __future__ import annotations

import itertools
import re
from xml.etree import ElementTree

import pytest

from housing_cli.pages import charts
from housing_cli.pages.wording import Words

BASE, LIMIT = charts.Line(2.0, "baseline", "base"), charts.Line(3.0, "limit", "limit")
EVERY = [
    charts.over_time([(0.0, 1.0), (9e5, 4.0)], [BASE, LIMIT], 0.0, 9e5),
    charts.over_time([(0.0, 1.0), (0.1, 2.0)], [], 0.0, 0.2),
    charts.over_time([(0.0, 1.0)], [], 0.0, 0.0),
    charts.over_time([(0.0, -1.0), (9e5, 4.0)], [], 0.0, 9e5, moves=[(4e5, "v<2>")]),
    charts.over_time([(0.0, 0.0)], [], 0.0, 9e5, signed=True),
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
    assert "style" not in drawn and "<script" not in drawn  # a strict policy refuses them


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


def moved(drawn: str) -> list[tuple[float, str, str | None]]:
    """Return where each vertical mark stands, its name, and the label that is drawn, if any."""
    found = []
    for group in ElementTree.fromstring(drawn).iter("g"):
        assert group.get("class") == "move"
        line, text = group.find("line"), group.find("text")
        assert line is not None and line.get("x1") == line.get("x2")
        found.append((
            float(line.get("x1", "nan")),
            group.findtext("title") or "",
            None if text is None else (text.text or "").strip(),
        ))  # fmt: skip
    return found


POINTS = [(NOON + k * DAY, 2.0) for k in range(30)]
END = POINTS[-1][0]


def course(moves: list[tuple[float, str]]) -> str:
    return charts.over_time(POINTS, [BASE], NOON, END, moves=moves)


def test_a_move_is_marked_where_it_was_and_left_out_where_it_was_not() -> None:
    moves = [(NOON - 1, "v1"), (NOON, "v2"), (NOON + 14.5 * DAY, "v3"), (END + 1, "v4")]
    (first, *named), (second, *_) = moved(course(moves))
    assert named == ["v2", "v2"]
    dots = [float(x) for x in re.findall(r'class="dot" cx="([\d.]+)"', course(moves))]
    assert first == dots[0] and dots[14] < second < dots[15]
    assert 'aria-label="error over time, 30 points, v2, v3"' in course(moves)


def test_labels_of_moves_are_not_drawn_over_each_other() -> None:
    close = [(NOON + 14 * DAY + k * DAY / 4, f"v{k}") for k in range(8)]
    found = moved(course(close))
    assert [name for _, name, _ in found] == [f"v{k}" for k in range(8)]
    shown = [label for _, _, label in found if label]
    assert shown[-1] == "v7" and 1 < len(shown) < 8
    spans = []
    for text in ElementTree.fromstring(course(close)).iterfind("g/text"):
        x, width = float(text.get("x", "nan")), 6.5 * 2
        spans.append((x - width, x) if text.get("text-anchor") == "end" else (x, x + width))
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(sorted(spans)))


def test_a_label_at_the_right_edge_stands_before_its_mark() -> None:
    (drawn,) = ElementTree.fromstring(course([(END - 60, "v1234")])).iterfind("g/text")
    assert drawn.get("text-anchor") == "end"
    assert float(drawn.get("x", "nan")) < charts.RIGHT


def test_moves_among_rows_of_one_moment_stand_between_them() -> None:
    points = [(NOON + k / 10, 2.0) for k in range(5)]
    moves = [(NOON - 9.0, "v1"), (NOON + 0.25, "v2")]
    start = charts.reach(moves, NOON, NOON + 0.4)
    drawn = charts.over_time(points, [], start, NOON + 0.4, moves=moves)
    (first, _, _), (second, _, _) = moved(drawn)
    dots = [float(x) for x in re.findall(r'class="dot" cx="([\d.]+)"', drawn)]
    assert charts.LEFT <= first < dots[0] and dots[2] < second < dots[3]


def test_a_chart_reaches_back_to_a_move_shortly_before() -> None:
    moves = [(NOON - 9 * DAY, "v1"), (NOON - 2 * DAY, "v2"), (NOON + DAY, "v3")]
    assert charts.reach(moves, NOON, NOON + 10 * DAY) == NOON - 2 * DAY
    assert charts.reach(moves, NOON, NOON + 2 * DAY) == NOON
    assert charts.reach([], NOON, NOON + DAY) == NOON
    assert charts.reach([(NOON - 50, "v1")], NOON, NOON + 5) == NOON - 50
    assert charts.reach([(NOON - 58, "v1")], NOON, NOON + 5) == NOON


def zero_and_dots(drawn: str) -> tuple[float, list[float]]:
    (zero,) = re.findall(r'class="mark zero" x1="[\d.]+" x2="[\d.]+" y1="([\d.]+)"', drawn)
    return float(zero), [float(y) for y in re.findall(r'class="dot" cx="[\d.]+" cy="(.+?)"', drawn)]


@pytest.mark.parametrize("values", [(-3.0, -1.0), (1.0, 3.0), (-2.0, 2.0), (0.0, 0.0)])
def test_values_on_both_sides_have_a_line_at_zero_within_the_chart(
    values: tuple[float, float],
) -> None:
    points = list(zip((NOON, NOON + DAY), values, strict=True))
    drawn = charts.over_time(points, [], NOON, NOON + DAY, signed=True)
    zero, dots = zero_and_dots(drawn)
    assert charts.TOP + 5 < zero < charts.BOTTOM - 5
    assert all(charts.TOP < y < charts.BOTTOM for y in dots)
    for value, y in zip(values, dots, strict=True):
        assert (value > 0, value < 0) == (y < zero, y > zero)
    assert ("mark zero" in charts.over_time(points, [], NOON, NOON + DAY)) == (values[0] < 0)


SPANISH = Words(
    as_trained="al entrenar", limit="límite", between="{} (de {} a {})", percent="{} %",
    decimal_mark=",",
    months=("ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"),
)  # fmt: skip


def test_a_chart_can_speak_another_language() -> None:
    points = [(NOON, 0.25), (NOON + 3 * DAY, 0.5)]
    line = charts.over_time(
        points, [charts.Line(0.4, "base", "base")], NOON, NOON + 3 * DAY,
        description="error, 2 puntos", words=SPANISH,
    )  # fmt: skip
    assert 'aria-label="error, 2 puntos"' in line and "<title>0,25</title>" in line
    assert "1 feb" in line and ">0,2</text>" in line
    gauge = charts.gauge(1.234, (1.05, 1.42), 1.1, description="razón 1,23", words=SPANISH)
    for said in ('"razón 1,23"', "1,23 (de 1,05 a 1,42)", "al entrenar 1,00", "límite 1,10"):
        assert said in gauge
    histogram = charts.histogram([-1.0, 0.0, 1.0], [0.4, 0.6], [0.5, 0.5], "error",
                                 description="reparto", words=SPANISH)  # fmt: skip
    assert 'aria-label="reparto"' in histogram and "20 %" in histogram and "-0,5" in histogram
    spots = charts.scatter([(1.0, 2.5)], "predicho", "real", description="a b", words=SPANISH)
    assert 'aria-label="a b"' in spots and "predicho" in spots
    assert 'aria-label="deriva"' in charts.bars([("RM", 0.5, "0,50", True)], description="deriva")


def test_prices_of_any_size_fit_into_the_margin() -> None:
    points = [(NOON, -450_000.0), (NOON + DAY, 1.2e6)]
    drawn = charts.over_time(points, [], NOON, NOON + DAY)
    labels = re.findall(r'text-anchor="end">(.*?)</text>', drawn)
    assert labels == ["-500k", "0", "500k", "1M"]
    assert "<title>-450000</title>" in drawn


def test_bars_of_both_signs_begin_at_zero() -> None:
    drawn = charts.bars([("a", 2.0, "+2", False), ("b", -1.0, "-1", False)])
    (up, width_up), (down, width_down) = [
        (float(x), float(w))
        for x, w in re.findall(r'<rect class="bar" x="([\d.]+)".*?width="([\d.]+)"', drawn)
    ]
    assert down + width_down == pytest.approx(up, abs=0.2)
    assert width_up == pytest.approx(2 * width_down, abs=0.2)
    assert "mark zero" in drawn
    assert "mark zero" not in charts.bars([("a", 2.0, "+2", False)])
