"""The report as text: self-contained and complete."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from housing_cli.loop.advice import advised
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
    assert text.count("<svg") == 6
    assert "Healthy" in text and "nan" not in text.lower().replace("nans", "")


def test_a_degraded_report_says_what_to_do_and_which_rows(tmp_path: Path) -> None:
    rows = shuffled(7)
    loop = Loop(tmp_path, rows[:280])
    loop.live(rows[280:370])
    loop.live(rows[370:440], 1.3)
    judged = advised(loop.settings(), loop.evaluate())
    assert judged.advice is not None
    text = render(judged, " --config own.toml")
    assert "next: housing retrain --promote --config own.toml" in text
    assert "70 labels, RMSE" in text
    assert all(row.id in text for row in judged.advice.worst_rows)
    assert "Other versions" not in text and "Worst rows" not in render(loop.evaluate())


def test_error_and_bias_over_time_show_when_a_version_became_production(loop: Loop) -> None:
    judged = loop.evaluate()
    last = float(judged.rows.timestamps[-1])
    marked = render(replace(judged, moves=((last - 1e6, "v7"), (last - 0.001, "v8"))))
    assert marked.count('<g class="move"><title>v8</title>') == 2  # in either chart
    assert "v7" not in marked
    assert "a version became production" in marked
    assert 'aria-label="bias over time, 15 points"' in marked
    assert marked.count('class="mark zero"') == 1
    bare = render(replace(judged, moves=()))
    assert "a version became production" not in bare and "<g" not in bare


def test_a_version_that_became_production_just_before_its_rows_is_marked(loop: Loop) -> None:
    judged = loop.evaluate()
    first = float(judged.rows.timestamps[0])
    text = render(replace(judged, moves=((first - 1e6, "v7"), (first - 5, "v8"))))
    assert text.count('<g class="move"><title>v8</title>') == 2
    assert "v7" not in text
