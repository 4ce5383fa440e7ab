"""The pages as text: self-contained, escaped, and complete."""

from __future__ import annotations

from pathlib import Path

import pytest

from housing_cli.errors import ReportError
from housing_cli.pages import charts
from housing_cli.pages.page import page, table, write_page
from housing_cli.show.card import render as render_card
from housing_cli.show.report import render
from tests.conftest import Housing
from tests.in_process import Loop, shuffled


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Loop:
    rows = shuffled(0)
    loop = Loop(tmp_path_factory.mktemp("report"), rows[:350])
    loop.live(rows[350:])
    return loop


def outside(text: str) -> list[str]:
    """Return what a page would load."""
    return [
        mark
        for mark in ("http://", "https://", "src=", "@import", "url(", "<script")
        if mark in text
    ]


def test_a_report_loads_nothing(loop: Loop) -> None:
    text = render(loop.evaluate())
    assert outside(text) == []
    assert text.count("<svg") == 5
    assert "Healthy" in text and "nan" not in text.lower().replace("nans", "")


def test_a_card_says_what_matters_and_what_is_wrong_with_the_data(loop: Loop) -> None:
    text = render_card(loop.registry, loop.registry.get("v1"))
    assert outside(text) == []
    assert "Harrison &amp; Rubinfeld (1978)" in text
    assert text.index(">LSTAT<") < text.index(">ZN<")  # more important, so higher up
    assert "350 rows from" in text


def test_names_cannot_smuggle_markup() -> None:
    evil = "<script>alert(1)</script>"
    text = page(evil, evil, [table([evil], [[evil]])]) + charts.bars([(evil, 1.0, evil, False)])
    text += charts.scatter([(1, 2)], evil, evil)
    assert "<script" not in text


def test_a_page_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="No such file or directory"):
        write_page(tmp_path / "no" / "page.html", "")


def test_registry_show_writes_a_card(artifacts: Path, housing: Housing, workshop: Path) -> None:
    ran = housing("registry", "show", "v2", "--report", "card.html", "--json")
    assert ran.code == 0
    assert "Model card of v2" in (workshop / "card.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 10, [0, 2, 4, 6, 8, 10]), (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]), (3, 3, [3])],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert charts.ticks(low, high) == expected


def test_one_point_can_be_drawn() -> None:
    assert "<circle" in charts.over_time([(0.0, 1.0)], [], ["now"])
    assert "<svg" in charts.gauge(1.0, (1.0, 1.0), 1.1)
    assert "<svg" in charts.histogram([0.0, 1.0], [1.0], [1.0], "x")
