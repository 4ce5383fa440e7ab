"""A clock that jumps dates the rows that it was wrong for, and no others."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from housing_cli.prediction_log import PredictionLog, open_log
from housing_cli.prediction_log.csv.schema import clock_jump_ms
from housing_cli.prediction_log.ids import TOLERATED_MS, milliseconds
from housing_cli.prediction_log.records import LateQuery
from tests.prediction_log.conftest import BACK_ENDS, Opener, fresh_url
from tests.prediction_log.rows import BOSTON, ROW

DAY_S = 86_400
HOUR = timedelta(hours=1)


def add(log: PredictionLog, price: float = 20.0) -> str:
    return log.append("v1", [ROW], [price])[0]


class Clock:
    """A clock that may be wrong by `offset` seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.offset, right = 0.0, time.time_ns
        monkeypatch.setattr(time, "time_ns", lambda: right() + round(self.offset * 1e9))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.mark.parametrize("offset", [400 * DAY_S, -2 * 3600, 90])
def test_rows_carry_the_time_of_the_clock_at_their_moment(
    opener: Opener, clock: Clock, offset: float
) -> None:
    log, other = opener(), opener()
    before = [add(log), add(other)]
    clock.offset = offset
    wrong = [add(log), add(other), add(log)]
    clock.offset = 0.0
    after = [add(log), add(opener())]  # also what is opened later, as after a restart
    for key in (before[0], wrong[1], after[0]):
        log.feedback(key, 25.0)
    found = log.predictions()
    now, at = time.time(), dict(zip(found.ids, found.timestamps.tolist(), strict=True))
    assert at.keys() == {*before, *wrong, *after}
    assert all(abs(at[key] - now) < 60 for key in (*before, *after))
    assert all(abs(at[key] - now - offset) < 60 for key in wrong)
    labeled = log.labeled()
    assert all(abs(labeled.labeled_at - now) < 60)
    assert log.clock_jump_ms > TOLERATED_MS


@pytest.mark.parametrize("offset", [400 * DAY_S, -2 * 3600])
def test_windows_are_of_times_and_not_of_ids(
    opener: Opener, clock: Clock, offset: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = opener()
    add(log)
    clock.offset = offset
    wrong = [add(log) for _ in range(3)]
    for key in wrong:
        log.feedback(key, 21.0)
    clock.offset = 0.0
    right = [add(log) for _ in range(3)]
    for key in right:
        log.feedback(key, 22.0)
    since = datetime.now(UTC) - HOUR
    counts = {*right, *(wrong if offset > 0 else ())}
    assert counts <= set(log.predictions(since=since).ids)
    assert set(log.labeled(since=since).ids) == counts
    later = datetime.now(UTC) + HOUR
    assert set(log.labeled(since=later).ids) == (set(wrong) if offset > 0 else set())
    # A day later the rows have left a window of an hour, but not those of the future.
    clock.offset = DAY_S
    last = add(log)
    log.feedback(last, 23.0)
    since = datetime.fromtimestamp(time.time_ns() / 1e9, UTC) - HOUR
    assert set(log.labeled(since=since).ids) == {last, *(wrong if offset > 0 else ())}
    late = log.late(LateQuery(since=since, floor=since - 3 * HOUR, version="v1", delay=3600))
    assert late.n == 0


def test_the_ids_of_csv_keep_the_order_of_its_lines(tmp_path: Path, clock: Clock) -> None:
    log = open_log(f"csv:{tmp_path}", BOSTON)
    ids = [add(log)]
    assert clock_jump_ms(tmp_path) == 0
    for offset in (-5.0, 400 * DAY_S, 0.0):
        clock.offset = offset
        ids += [add(log), add(log)]
        for key in ids[-2:]:
            assert log.feedback(key, 9.0).outcome == "recorded"
    assert ids == sorted(ids)
    assert abs(clock_jump_ms(tmp_path) / 1000 - 400 * DAY_S) < 60
    log.close()


@pytest.mark.parametrize("kind", [kind for kind in BACK_ENDS if kind != "csv"])
def test_the_ids_of_a_database_follow_the_clock(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, clock: Clock
) -> None:
    log = open_log(fresh_url(kind, tmp_path, request), BOSTON)
    clock.offset = 400 * DAY_S
    add(log)
    clock.offset = 0.0
    assert abs(milliseconds(add(log)) / 1000 - time.time()) < 60
    log.close()
