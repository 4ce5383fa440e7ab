"""Version 7 UUIDs in strict order."""

from __future__ import annotations

import os
import random
import time
import uuid

import pytest

from housing_cli.prediction_log.ids import Clock, IdSource, canonical, epoch, milliseconds


def test_the_layout_is_that_of_rfc_9562() -> None:
    source = IdSource()
    for count in (1, 1, 7, 5000, 1):
        before = time.time_ns() // 1_000_000
        ms, ids = source.issue(count)
        assert before <= ms <= time.time_ns() // 1_000_000 + 1
        for text in ids:
            parsed = uuid.UUID(text)
            assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
            assert str(parsed) == text
            assert parsed.int >> 80 == milliseconds(text) == ms


def test_ids_ascend_though_the_clock_steps_back(monkeypatch: pytest.MonkeyPatch) -> None:
    source = IdSource()
    ids = source.issue(3)[1]
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() - 3_600_000_000_000)
    for count in (1, 1, 200_000, 1):
        ids += source.issue(count)[1]
    assert ids == sorted(set(ids))


def test_ids_ascend_beyond_those_of_another_process() -> None:
    ahead, behind = IdSource(), IdSource()
    for _ in range(500):
        last = ahead.issue()[1][0]
        behind.not_below(last)
        following = behind.issue()[1][0]
        assert following > last
        ahead.not_below(following)


@pytest.mark.parametrize(
    "odd", ["", "x", "ffffffff-ffff-7fff-bfff-ffffffffffff", "01a20907-1d11-491e-aaa5-5704a6e25337"]
)
def test_an_impossible_floor_is_ignored(odd: str) -> None:
    source = IdSource()
    source.not_below(odd)
    assert abs(source.issue()[0] / 1000 - time.time()) < 60


def test_a_global_seed_does_not_repeat_ids() -> None:
    random.seed(1)
    first = IdSource().issue()[1][0]
    random.seed(1)
    assert IdSource().issue()[1][0][-12:] != first[-12:]


def test_a_forked_process_issues_ids_of_its_own() -> None:
    read, write = os.pipe()
    if os.fork() == 0:
        os.write(write, IdSource().issue()[1][0].encode())
        os._exit(0)
    os.wait()
    other = os.read(read, 36).decode()
    os.close(read)
    os.close(write)
    assert IdSource().issue()[1][0][-12:] != other[-12:]


def test_timestamps_are_iso_8601_in_utc_with_milliseconds() -> None:
    clock = Clock()
    assert clock.iso(0) == "1970-01-01T00:00:00.000Z"
    assert clock.iso(1_769_860_800_007) == "2026-01-31T12:00:00.007Z"
    assert clock.iso(1_769_860_800_999) == "2026-01-31T12:00:00.999Z"
    assert epoch("2026-01-31T12:00:00.007Z") == 1_769_860_800.007
    assert epoch("2026-01-31 12:00:00") == 1_769_860_800


def test_only_plain_uuids_are_canonical() -> None:
    assert canonical("01A20907-1D11-791E-AAA5-5704A6E25337") is not None
    for other in (
        "",
        "x" * 36,
        "01a209071d11791eaaa55704a6e25337",
        "\u0660" * 8 + "-1d11-791e-aaa5-" + "0" * 12,
    ):
        assert canonical(other) is None
