"""What a judgment says of itself: its course over time, and what stands out."""

from __future__ import annotations

import pytest

from housing_cli.loop.evaluation import Evaluation
from tests.in_process import Loop, shuffled

ROWS = shuffled(0)[350:]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    loop = Loop(tmp_path_factory.mktemp("judged"), shuffled(0)[:350])
    loop.live(ROWS[:78])
    loop.live(ROWS[78:].assign(RM=ROWS["RM"][78:] + 2), 2.0)
    return loop.evaluate()


def test_the_course_of_the_metric_shows_when_it_grew(judged: Evaluation) -> None:
    course = judged.over_time(4)
    assert len(course.values) == 4
    assert max(course.values[:2]) < min(course.values[2:])
    assert course.times == sorted(course.times)
    assert course.start - 1e-3 < course.times[0] and course.times[-1] < course.end + 1e-3
    assert (course.start, course.end) == (judged.rows.timestamps[0], judged.rows.timestamps[-1])


def test_what_stands_out_is_named(judged: Evaluation) -> None:
    assert judged.worst_segment in judged.segment_errors
    assert judged.worst_segment is not None and judged.worst_segment.significant
    assert [column.drifted for column in judged.drifted] == [True] * len(judged.drifted)
    assert "RM" in [column.name for column in judged.drifted]
    assert judged.biased == ()
