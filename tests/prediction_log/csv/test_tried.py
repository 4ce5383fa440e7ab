"""served.csv as hands, power losses and backups leave it, joined with the other files."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from housing_cli.prediction_log import PredictionLog, Served
from housing_cli.prediction_log.csv import tried as csv_tried
from housing_cli.prediction_log.csv.reader import LineReader
from housing_cli.prediction_log.csv.staging import FileTable
from housing_cli.prediction_log.tried import TriedQuery
from tests.prediction_log.csv.small import add
from tests.prediction_log.csv.test_wide import REWRITES
from tests.prediction_log.test_tried_statements import BEGAN_MS, HOUR_MS, as_rows, fill

SHADOW = TriedQuery(shadow="v8")


def _shadowed(log: PredictionLog, count: int) -> list[str]:
    ids = add(log, count, "v7")
    log.append_served(
        [
            Served(one, shadow_version="v8", shadow_price=20.0 + number, house_id=f"20{number}_01")
            for number, one in enumerate(ids)
        ]
    )
    return ids


@pytest.mark.parametrize(
    "bad",
    [b"nonsense", b"{},,,,v8,2_5,,", b"{},,,,v8,inf,,", b"{},,,,v8,dear,,", b"{},,,,v8,1.0,",
     b"{},dear,,,v8,1.0,,", b"{},,,,v8,1.0,,,", b'{},"a,,,v8,1.0,,', b"17,,,,v8,1.0,,",
     b"\0\0\0", b'"'],
)  # fmt: skip
def test_a_broken_line_is_counted_and_is_no_answer(
    log: PredictionLog, tmp_path: Path, bad: bytes
) -> None:
    ids = _shadowed(log, 5)
    before = as_rows(log.tried(SHADOW))
    assert len(before) == 5
    (more,) = add(log, 1, "v7")
    path = tmp_path / "served.csv"
    lines = path.read_bytes().splitlines(keepends=True)
    lines.insert(3, bad.replace(b"{}", more.encode()) + b"\n")
    path.write_bytes(b"".join(lines))
    found = log.tried(SHADOW)
    assert as_rows(found) == before
    assert list(found.ids) == ids
    assert found.skipped == 1


def test_a_torn_last_line_is_no_answer_and_counted_once_nobody_writes_it(
    log: PredictionLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = _shadowed(log, 3)
    path = tmp_path / "served.csv"
    path.write_bytes(path.read_bytes()[:-2])
    assert list(log.tried(SHADOW).ids) == ids[:2]
    monkeypatch.setattr("housing_cli.prediction_log.csv.reader._SETTLED_S", -1.0)
    assert log.tried(SHADOW).skipped == 1


def test_files_are_read_from_where_the_asked_answers_may_stand(
    log: PredictionLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(log, monkeypatch)
    starts: list[tuple[str, int]] = []
    load = FileTable

    def table(name: str, reader: LineReader, start: int, *rest: object, **more: object) -> object:
        starts.append((name, start))
        return load(name, reader, start, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(csv_tried, "FileTable", table)
    monkeypatch.setattr("housing_cli.prediction_log.csv.reader._NEAR", 1 << 7)
    late = TriedQuery(shadow="v8", since=datetime(2026, 9, 26, tzinfo=UTC))
    assert len(late_rows := as_rows(log.tried(late))) > 5
    assert starts[-1][1] > 2_000
    path = tmp_path / "served.csv"
    backup = path.read_bytes().split(b"\n", 1)[1]
    with path.open("ab") as file:  # where a backup is appended, the whole file is read
        file.write(backup)
    assert as_rows(log.tried(late)) == late_rows
    assert starts[-1][1] < 200


@pytest.mark.parametrize("header", [None, b'"id",timestamp,real_price'])
def test_prices_before_the_asked_answers_are_not_read(
    log: PredictionLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, header: bytes | None
) -> None:
    """But they are in a file that another tool wrote."""

    def at(hours: int) -> None:
        now = (BEGAN_MS + hours * HOUR_MS) * 1_000_000
        monkeypatch.setattr(time, "time_ns", lambda: now)

    at(0)
    old = _shadowed(log, 400)
    at(30)
    for one in old:
        log.feedback(one, 21.0)
    at(48)
    new = _shadowed(log, 4)
    at(50)
    for one in new:
        log.feedback(one, 21.0)
    log.feedback(old[0], 22.0)
    monkeypatch.undo()
    path = tmp_path / "feedback.csv"
    first, rows = path.read_bytes().split(b"\n", 1)
    path.write_bytes((header or first) + b"\nnonsense\n" + rows)
    since = datetime.fromtimestamp((BEGAN_MS + 47 * HOUR_MS) / 1000, UTC)
    found = log.tried(TriedQuery("v8", since=since, labeled=True))
    assert list(found.ids) == new
    assert found.skipped == (0 if header is None else 1)
    assert log.tried(TriedQuery("v8", labeled=True)).skipped == 1


@pytest.mark.parametrize("tool", ["a space behind each comma", "every field quoted", "CRLF", "R"])
def test_what_another_tool_saved_is_read(log: PredictionLog, tmp_path: Path, tool: str) -> None:
    _shadowed(log, 20)
    before = as_rows(log.tried(SHADOW))
    REWRITES[tool](tmp_path / "served.csv")
    found = log.tried(SHADOW)
    assert as_rows(found) == before
    assert found.skipped == 0


def test_a_log_of_another_tools_ids_is_joined_by_them(log: PredictionLog, tmp_path: Path) -> None:
    ids = _shadowed(log, 3)
    path = tmp_path / "predictions.csv"
    header, rows = path.read_bytes().split(b"\n", 1)
    path.write_bytes(header + b"\nhouse-1,2026-01-31T12:00:00.000Z,v1,6.5,,21.5\n" + rows)
    assert list(log.tried(SHADOW).ids) == ids
