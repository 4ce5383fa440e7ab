"""Labels that come later than the window is long are counted by name, with a window for them."""

from __future__ import annotations

import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from housing_cli.config.window import parse_window
from housing_cli.loop.late import WINDOWS_BACK, late_labels, window_of
from housing_cli.prediction_log import open_log
from tests.in_process import Loop, shuffled
from tests.prediction_log.csv.small import SMALL

DAY_MS = 86_400_000
NOW = 20_500 * DAY_MS


def _at(patch: pytest.MonkeyPatch, ms: int) -> None:
    patch.setattr(time, "time_ns", lambda: ms * 1_000_000)


def _log_with_delays(folder: Path, days: list[int], ages: list[int]) -> str:
    """Log predictions that are so old, each labeled after so many days."""
    url = f"csv:{folder}"
    with pytest.MonkeyPatch.context() as patch, closing(open_log(url, SMALL)) as log:
        ids = []
        for age in sorted(ages, reverse=True):
            _at(patch, NOW - age * DAY_MS)
            ids += [log.append("v1", [[6.0, 5.0]], [20.0])[0]]
        arriving = sorted(
            zip(sorted(ages, reverse=True), days, ids, strict=True), key=lambda x: x[1] - x[0]
        )
        for age, delay, key in arriving:
            _at(patch, NOW - (age - delay) * DAY_MS)
            log.feedback(key, 21.0)
    return url


NOW_UTC = datetime.fromtimestamp(NOW / 1000, UTC)


def test_late_labels_are_counted_with_a_window_that_counts_them(tmp_path: Path) -> None:
    url = _log_with_delays(tmp_path / "logs", [40, 41, 42, 36], [56, 50, 45, 36])
    with closing(open_log(url, SMALL)) as log:
        found = late_labels(log, "v1", parse_window("30d"), 0, NOW_UTC)
        assert found is not None
        assert (found.n, found.window, found.share) == (4, "60d", 1.0)
        assert found.shortest_delay == pytest.approx(36 * 86_400, abs=1)
        assert found.longest_delay == pytest.approx(42 * 86_400, abs=1)
        assert found.oldest == pytest.approx(56 * 86_400, abs=1)
        assert found.worth_saying
        assert len(log.labeled(since=parse_window(found.window).since(NOW_UTC))) == 4


def test_labels_that_counted_and_those_beyond_the_look_back_are_not_late(tmp_path: Path) -> None:
    back = 30 * (1 + WINDOWS_BACK)
    url = _log_with_delays(tmp_path / "logs", [back, 12, 2], [back + 1, 35, 5])
    with closing(open_log(url, SMALL)) as log:
        assert late_labels(log, "v1", parse_window("30d"), 1, NOW_UTC) is None
        assert late_labels(log, "v1", parse_window("10d"), 1, NOW_UTC) is None  # came too long ago
        assert late_labels(log, "v1", parse_window("100"), 1, NOW_UTC) is None
        assert late_labels(log, "v1", parse_window("400000d"), 1, NOW_UTC) is None


def test_a_few_late_ones_beside_many_that_count_are_not_worth_a_line(tmp_path: Path) -> None:
    url = _log_with_delays(tmp_path / "logs", [40], [50])
    with closing(open_log(url, SMALL)) as log:
        for counted, said in ((5, True), (100, False)):
            found = late_labels(log, "v1", parse_window("30d"), counted, NOW_UTC)
            assert found is not None
            assert found.worth_saying is said


@pytest.mark.parametrize(
    ("days", "window"),
    [(3.2, "4d"), (14, "15d"), (55.9, "60d"), (60, "65d"), (0.5, "13h"), (0.001, "2m"), (2, "3d")],
)
def test_the_window_is_round_and_wide_enough(days: float, window: str) -> None:
    assert window_of(days * 86_400) == window
    duration = parse_window(window).duration
    assert duration is not None and duration.total_seconds() > days * 86_400


def test_evaluate_counts_them(tmp_path: Path) -> None:
    loop = Loop(tmp_path, shuffled(0)[:200])
    now = time.time_ns() // 1_000_000
    rows = shuffled(0)[200:262]
    with pytest.MonkeyPatch.context() as patch:
        _at(patch, now - 45 * DAY_MS)
        ids = loop.predict(rows)
        _at(patch, now - DAY_MS)
        loop.label(ids, rows["MEDV"].to_numpy())
    found = loop.evaluate()
    assert (found.verdict.verdict, found.verdict.n) == ("insufficient", 0)
    late = found.labels.late
    assert late is not None
    assert (late.n, late.window) == (62, "50d")
    again = loop.evaluate(window=late.window)
    assert again.verdict.n == 62
    assert again.labels.late is None
