"""What a judgment says of itself: its course over time, and what stands out."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from housing_cli.judging import gate
from housing_cli.judging.sums import sums_of
from housing_cli.loop.evaluation import Evaluation
from housing_cli.loop.train import train
from tests.in_process import RIDGE, Loop, shuffled

ROWS = shuffled(0)[350:]
MIDNIGHT = 1_769_817_600.0
NOON = MIDNIGHT + 43_200.0
"""2026-01-31, UTC."""


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    loop = Loop(tmp_path_factory.mktemp("judged"), shuffled(0)[:350])
    loop.live(ROWS[:78])
    loop.live(ROWS[78:].assign(RM=ROWS["RM"][78:] + 2), 2.0)
    return loop.evaluate()


def test_the_course_of_the_metric_shows_when_it_grew(judged: Evaluation) -> None:
    course = judged.over_time(4)
    values, times = ([getattr(part, name) for part in course.parts] for name in ("value", "at"))
    assert [part.n for part in course.parts] == [39, 39, 39, 39]
    assert max(values[:2]) < min(values[2:])
    assert all(part.bias < -5 for part in course.parts[2:])
    assert times == sorted(times)
    assert course.start - 1e-3 < times[0] and times[-1] < course.end + 1e-3
    assert (course.start, course.end) == (judged.rows.timestamps[0], judged.rows.timestamps[-1])


def test_the_course_of_a_wide_window_is_by_days(judged: Evaluation) -> None:
    rows, name = judged.rows, judged.version.name
    when = NOON + 86_400.0 * np.repeat([0.0, 1.0, 4.0], [50, 50, 56])
    kept = msgspec.structs.replace(rows, timestamps=when, versions=[name] * len(rows))
    more = replace(judged.verdict, n=len(rows) + 1)  # than the rows that were kept
    wide = replace(judged, rows=kept, sums=sums_of(kept), verdict=more)
    course = wide.over_time(24)
    assert [part.at for part in course.parts] == [MIDNIGHT + 86_400.0 * day for day in (0, 1, 4)]
    assert (course.start, course.end) == (MIDNIGHT, when[-1])
    for part, some in zip(course.parts, (slice(50), slice(50, 100), slice(100, None)), strict=True):
        expected = gate.metrics(rows.real[some], rows.predicted[some])
        assert part.n == len(rows.real[some])
        assert part.value == pytest.approx(expected["rmse"])
        assert part.bias == pytest.approx(expected["bias"])


def test_it_knows_when_production_became_what(tmp_path: Path) -> None:
    loop = Loop(tmp_path, shuffled(0)[:350], RIDGE)
    ((at, name),) = loop.evaluate().moves
    assert (name, at <= time.time()) == ("v1", True)
    train(loop.settings())
    loop.registry.point("canary", loop.registry.get("v2"))
    loop.registry.point("production", loop.registry.get("v2"))
    loop.registry.point("production", loop.registry.get("v1"))
    judged = loop.evaluate("v2")
    assert [to for _, to in judged.moves] == ["v1", "v2", "v1"]
    assert list(judged.moves) == sorted(judged.moves)


def test_a_broken_end_of_the_history_only_hides_the_promotions(tmp_path: Path) -> None:
    loop = Loop(tmp_path, shuffled(0)[:350], RIDGE)
    with loop.registry.history_file.open("a") as file:
        file.write("no event\n")
    judged = loop.evaluate()
    assert (judged.version.name, judged.moves) == ("v1", ())


def test_what_stands_out_is_named(judged: Evaluation) -> None:
    assert judged.worst_segment in judged.segment_errors
    assert judged.worst_segment is not None and judged.worst_segment.significant
    assert [column.drifted for column in judged.drifted] == [True] * len(judged.drifted)
    assert "RM" in [column.name for column in judged.drifted]
    assert judged.biased == ()
