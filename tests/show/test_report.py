"""The report as text: self-contained and complete."""

from __future__ import annotations

import pytest

from housing_cli.show.report import render
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
