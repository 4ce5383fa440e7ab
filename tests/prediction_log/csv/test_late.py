"""Late labels are found from the ends of the files: what that reads does not grow with the log."""

from __future__ import annotations

import os
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from housing_cli.prediction_log import open_log
from housing_cli.prediction_log.csv import wide as csv_wide
from housing_cli.prediction_log.ids import Clock
from housing_cli.prediction_log.records import Late, LateQuery
from tests.prediction_log.csv.small import SMALL

DAY = 86_400_000
NOW = 20_500 * DAY
EVERY = DAY // 100
SINCE, FLOOR = (datetime.fromtimestamp((NOW - days * DAY) / 1000, UTC) for days in (2, 10))
QUERY = LateQuery("v1", SINCE, FLOOR, 2 * 86_400)


def _write(folder: Path, days: int, versions: int = 1) -> None:
    """Write 100 predictions a day, each labeled after 3 days, or half a day for odd ones."""
    clock = Clock()
    folder.mkdir()
    rows, prices = [], []
    for number in range(days * 100):
        ms = NOW - days * DAY + number * EVERY
        key = f"{ms >> 16:08x}-{ms & 0xFFFF:04x}-7000-8000-{number:012x}"
        rows.append(f"{key},{clock.iso(ms)},v{1 + number % versions},6.0,5.0,20.0\n")
        late = ms + (DAY // 2 if number % 2 else 3 * DAY)
        if late <= NOW:
            prices.append((late, f"{key},{clock.iso(late)},21.0\n"))
    head = "id,timestamp,model_version,RM,LSTAT,predicted_price\n"
    (folder / "predictions.csv").write_text(head + "".join(rows))
    lines = "".join(line for _, line in sorted(prices))
    (folder / "feedback.csv").write_text("id,timestamp,real_price\n" + lines)


def _bytes_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Late, int]:
    pread, read = os.pread, [0]

    def counting(fd: int, size: int, at: int) -> bytes:
        data = pread(fd, size, at)
        read[0] += len(data)
        return data

    with monkeypatch.context() as patch, closing(open_log(f"csv:{folder}", SMALL)) as log:
        patch.setattr(os, "pread", counting)
        patch.setattr(csv_wide, "late", None)
        return log.late(QUERY), read[0]


def test_what_is_read_does_not_grow_with_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path / "short", 60)
    _write(tmp_path / "long", 600)
    short, few = _bytes_read(tmp_path / "short", monkeypatch)
    long, many = _bytes_read(tmp_path / "long", monkeypatch)
    # Predicted 3 to 5 days ago, both ends counted, every other one, and labeled in the window.
    assert short.n == long.n == 101
    assert (long.shortest, long.longest) == (3 * 86_400, 3 * 86_400)
    assert many < 1.2 * few
    assert many < (tmp_path / "long" / "predictions.csv").stat().st_size / 5


def test_labels_that_were_counted_for_a_while_are_not_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path / "logs", 60, versions=2)  # v1 has the even ones, all of them late
    found, _ = _bytes_read(tmp_path / "logs", monkeypatch)
    assert found.n == 101
    with closing(open_log(f"csv:{tmp_path / 'logs'}", SMALL)) as log:
        assert log.late(LateQuery("v2", QUERY.since, QUERY.floor, QUERY.delay)).n == 0
        assert log.late(LateQuery("v2", QUERY.since, QUERY.floor, 0.0)).n > 0
