"""The last real prices, kept in bounded memory and followed where others write."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from housing_cli.prediction_log import PredictionLog
from housing_cli.prediction_log.csv import latest as csv_latest
from housing_cli.prediction_log.csv.file import AppendFile
from housing_cli.prediction_log.csv.latest import LatestPrices
from housing_cli.prediction_log.csv.rows import feedback_row
from housing_cli.prediction_log.ids import IdSource
from tests.prediction_log.csv.small import add

COLUMNS = ("id", "timestamp", "real_price")
STAMP = "2026-01-31T12:00:00.000Z"
ONE, TWO = IdSource().issue(2)[1]


@pytest.fixture
def file(tmp_path: Path) -> Iterator[AppendFile]:
    """An empty feedback.csv."""
    opened = AppendFile(tmp_path / "feedback.csv", COLUMNS)
    yield opened
    opened.close()


def others_write(file: AppendFile, *lines: str) -> None:
    with file.path.open("a") as other:
        other.writelines(f"{line}\n" for line in lines)


def followed(latest: LatestPrices, file: AppendFile) -> LatestPrices:
    with file.locked():
        file.write(b"")
        latest.follow(file)
    return latest


def test_a_price_is_recorded_then_unchanged_then_corrected(file: AppendFile) -> None:
    latest = followed(LatestPrices(), file)
    assert (latest.known(ONE), latest.outcome(ONE, 5.0)) == (None, "recorded")
    latest.put(ONE, 5.0, file)
    assert (latest.outcome(ONE, 5.0), latest.outcome(ONE, 6.0)) == ("unchanged", "corrected")
    assert latest.outcome(TWO, 5.0) == "recorded"


def test_what_others_wrote_is_followed_and_its_last_line_counts(file: AppendFile) -> None:
    latest = followed(LatestPrices(), file)
    others_write(file, f"{ONE},{STAMP},5.0", f"{ONE.upper()},{STAMP},6.0", f'"{TWO}",{STAMP},7.5')
    followed(latest, file)
    assert (latest.known(ONE), latest.known(TWO)) == (6.0, 7.5)
    others_write(file, f"{ONE},{STAMP},8.0", "nonsense", f"{TWO},{STAMP},dear")
    followed(latest, file)
    assert (latest.known(ONE), latest.known(TWO)) == (8.0, 7.5)


def test_a_file_that_was_replaced_is_read_anew(file: AppendFile) -> None:
    others_write(file, ",".join(COLUMNS), f"{ONE},{STAMP},5.0")
    latest = followed(LatestPrices(), file)
    file.path.unlink()
    others_write(file, ",".join(COLUMNS), f"{TWO},{STAMP},6.0")
    followed(latest, file)
    assert (latest.known(ONE), latest.known(TWO)) == (None, 6.0)


def test_a_row_gets_its_time_and_how_far_it_is_behind(
    file: AppendFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    others_write(file, ",".join(COLUMNS), f"{ONE},{STAMP},5.0")
    latest = followed(LatestPrices(), file)
    last = round(feedback_row(f"{ONE},{STAMP},5.0".encode()).labeled_at * 1000)
    monkeypatch.setattr(time, "time_ns", lambda: (last + 500) * 1_000_000)
    assert latest.next_ms(last) == (last + 500, -500)
    assert latest.next_ms(last + 700) == (last + 500, 200)  # its prediction is younger
    monkeypatch.setattr(time, "time_ns", lambda: 1_000_000_000)  # a clock in 1970
    assert latest.next_ms(last) == (1000, last + 500 - 1000)
    assert latest.next_ms(0) == (1000, 0)


def test_two_generations_are_remembered(file: AppendFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_latest, "_GENERATION", 3)
    latest, ids = LatestPrices(), IdSource().issue(7)[1]
    for one in ids:
        latest.put(one, 1.0, file)
    assert [latest.known(one) for one in ids] == [None] * 3 + [1.0] * 4


def test_the_same_price_again_adds_no_line(log: PredictionLog, tmp_path: Path) -> None:
    (one,) = add(log)
    for price in (20.0, 20.0, 21.0, 21.0, 20.0):
        log.feedback(one, price)
    prices = pd.read_csv(tmp_path / "feedback.csv")["real_price"].tolist()
    assert prices == [20.0, 21.0, 20.0]


def test_memory_of_old_prices_is_bounded(log: PredictionLog, tmp_path: Path) -> None:
    """An old price that is forgotten is recorded once more; the last value still counts."""
    ids = add(log, 3)
    stamp = "2026-01-31T12:00:00.000Z"
    log.feedback(ids[0], 4.0)
    with (tmp_path / "feedback.csv").open("a") as file:
        file.writelines(f"{one},{stamp},5.0\n" for one in IdSource().issue(120_000)[1])
    assert log.feedback(ids[0], 4.0).outcome in {"recorded", "unchanged"}
    assert log.feedback(ids[0], 4.0).outcome == "unchanged"
    assert log.labeled().real.tolist() == [4.0]
