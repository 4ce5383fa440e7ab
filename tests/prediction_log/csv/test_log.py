"""What stands in the files, and what is read of lines that other hands wrote."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from housing_cli.errors import LogSchemaMismatch, UnknownPrediction
from housing_cli.prediction_log import (
    PredictionLog,
    open_log,
)
from housing_cli.prediction_log.ids import IdSource
from housing_cli.prediction_log.records import SumsQuery
from tests.prediction_log.csv.small import SMALL, add
from tests.prediction_log.rows import BOSTON, ROW

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def test_the_files_are_plain_csv(tmp_path: Path) -> None:
    log = open_log(f"csv:{tmp_path}", BOSTON)
    (one,) = log.append("v1", [ROW], [24.0])
    log.feedback(one, 23.5)
    lines = (tmp_path / "predictions.csv").read_bytes().split(b"\n")
    assert (
        lines[0].decode()
        == "id,timestamp,model_version," + ",".join(BOSTON.features) + ",predicted_price"
    )
    fields = lines[1].decode().split(",")
    assert fields[0] == one
    assert STAMP.fullmatch(fields[1])
    assert fields[2:] == ["v1", "0.00632", "18.0", "2.31", "", "0.538", "6.575", "65.2", "4.09",
                          "1.0", "296.0", "15.3", "396.9", "4.98", "24.0"]  # fmt: skip
    assert lines[2:] == [b""]
    frame = pd.read_csv(tmp_path / "predictions.csv")
    assert frame.columns.tolist() == ["id", "timestamp", "model_version", *BOSTON.features,
                                      "predicted_price"]  # fmt: skip
    assert frame["CHAS"].isna().all()
    feedback = (tmp_path / "feedback.csv").read_text().splitlines()
    assert feedback[0] == "id,timestamp,real_price"
    assert re.fullmatch(one + "," + STAMP.pattern + r",23\.5", feedback[1])
    log.close()


def test_ids_of_several_writers_ascend_though_a_clock_is_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = (open_log(f"csv:{tmp_path}", SMALL) for _ in range(2))
    ids = add(one, 2)
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() - 60_000_000_000)
    ids += add(two, 2)
    monkeypatch.undo()
    ids += add(one, 1) + add(two, 1)
    assert ids == sorted(ids)
    frame = pd.read_csv(tmp_path / "predictions.csv")
    assert frame["id"].tolist() == ids
    behind = pd.to_datetime(frame["timestamp"]).diff().dt.total_seconds()
    assert -61 < behind[2] < -59  # an id keeps the order, a timestamp the time


def test_broken_lines_in_the_middle_are_skipped_and_counted(
    log: PredictionLog, tmp_path: Path
) -> None:
    ids = add(log, 4)
    for one in ids:
        log.feedback(one, 9.0)
    for name, broken in (
        ("predictions.csv", [b"\0" * 300, b"nonsense", ids[0].encode() + b",,v1,1,2"]),
        ("feedback.csv", [b"\0" * 70, ids[0].encode() + b",2026-01-31T12:00:00.000Z,dear"]),
    ):
        lines = (tmp_path / name).read_bytes().split(b"\n")
        lines[3:3] = broken
        (tmp_path / name).write_bytes(b"\n".join(lines))
    found = log.labeled()
    assert list(found.ids) == ids
    assert found.skipped == 5
    assert list(log.labeled(newest=2).ids) == ids[-2:]
    assert log.predictions().skipped >= 3
    assert log.feedback(ids[2], 9.0).outcome == "unchanged"
    more = add(log)
    assert log.feedback(more[0], 9.0).outcome == "recorded"


def test_feedback_for_a_broken_row_is_unknown(log: PredictionLog, tmp_path: Path) -> None:
    ids = add(log, 3)
    path = tmp_path / "predictions.csv"
    path.write_text(path.read_text().replace(",22.5\n", ",dear\n"))
    with pytest.raises(UnknownPrediction):
        log.feedback(ids[1], 4.0)


def test_a_hand_edited_log_is_read(log: PredictionLog, tmp_path: Path) -> None:
    """A spreadsheet writes CRLF, whole numbers and no final newline."""
    ids = add(log, 4)
    path = tmp_path / "predictions.csv"
    text = path.read_text().replace(",21.5\n", ",21\n").replace("\n", "\r\n").rstrip()
    path.write_text(text, newline="")
    log.feedback(ids[1], 3.0)
    more = add(log)
    assert list(log.predictions().ids) == ids + more
    assert log.labeled().real.tolist() == [3.0]


def test_a_row_slightly_out_of_order_is_found(log: PredictionLog, tmp_path: Path) -> None:
    ids = add(log, 2000)
    path = tmp_path / "predictions.csv"
    lines = path.read_text().splitlines(keepends=True)
    lines[901:1001] = lines[901:1001][::-1]
    path.write_text("".join(lines))
    for one in ids[890:1010]:
        log.feedback(one, 2.0)


@pytest.mark.parametrize("junk", ["a,2026-01-31\n", "1.23E+35,2026-01-31T12:00:00.000Z,v1,1,2,3\n"])
def test_lines_that_look_like_an_older_tools_hide_no_row(
    log: PredictionLog, tmp_path: Path, junk: str
) -> None:
    """Behind rows of this tool no older one can follow: 404 was what known ids got before them."""
    ids = add(log, 1500)
    path = tmp_path / "predictions.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:1001], junk * 4000, *lines[1001:]]))
    for one in (ids[0], ids[500], ids[999], ids[1000], ids[-1]):
        assert log.feedback(one, 2.0).outcome == "recorded"
    hour = datetime.now(UTC) - timedelta(hours=1)
    assert len(log.labeled(since=hour)) == 5
    assert sum(log.sums(SumsQuery(since=hour)).n) == 1500


def test_a_log_of_an_older_tool_is_read(tmp_path: Path) -> None:
    """Other ids than version 7 UUIDs, no `schema.json`: rows count and can be labeled."""
    header = "id,timestamp,model_version,RM,LSTAT,predicted_price\n"
    old = [f"{number:08x}-0000-4000-8000-{number:012x}" for number in (7, 3, 9)] + ["17", "a b"]
    rows = [f"{one},2026-01-31T12:00:0{n}.000Z,v1,6.5,,21.{n}\n" for n, one in enumerate(old)]
    (tmp_path / "predictions.csv").write_text(header + "".join(rows))
    log = open_log(f"csv:{tmp_path}", SMALL)
    (new,) = add(log)
    for one in [*old, new]:
        assert log.feedback(one, 4.0).outcome == "recorded"
    assert list(log.labeled().ids) == [*old, new]
    assert list(log.labeled(newest=2).ids) == [old[-1], new]
    since = datetime(2026, 1, 31, 12, 0, 3, tzinfo=UTC)
    assert list(log.labeled(since=since).ids) == [*old[3:], new]
    with pytest.raises(UnknownPrediction):
        log.feedback("00000004-0000-4000-8000-000000000004", 4.0)


def test_check_creates_nothing_and_fails_on_a_foreign_file(tmp_path: Path) -> None:
    log = open_log(f"csv:{tmp_path / 'a' / 'b'}", SMALL)
    log.check()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "feedback.csv").write_text("name,price\nx,1\n")
    with pytest.raises(LogSchemaMismatch, match="missing `id`"):
        log.check()


@pytest.mark.parametrize("window", ["newest", "all", "hour"])
def test_a_backup_that_was_appended_counts_once_and_hides_nothing(
    tmp_path: Path, window: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_log(f"csv:{tmp_path}", SMALL)
    right = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: right() - 7200_000_000_000)
    old = add(log, 200)
    for one in old[::2]:
        log.feedback(one, 9.0)
    monkeypatch.undo()
    for name in ("predictions.csv", "feedback.csv"):
        (tmp_path / f"{name}.backup").write_bytes((tmp_path / name).read_bytes())
    new = add(log, 300)
    for one in new[::2]:
        log.feedback(one, 8.0)
    for name in ("predictions.csv", "feedback.csv"):
        with (tmp_path / name).open("ab") as file:
            file.writelines((tmp_path / f"{name}.backup").open("rb").readlines()[1:])
    choices: dict[str, dict[str, Any]] = {
        "newest": {"newest": 100_000},
        "all": {},
        "hour": {"since": datetime.now(UTC) - timedelta(hours=1)},
    }
    options = choices[window]
    ids = new if window == "hour" else [*old, *new]
    restarted = open_log(f"csv:{tmp_path}", SMALL)
    for opened in (log, restarted):
        found = opened.predictions(**options)
        assert list(found.ids) == ids
        assert found.repeated == (0 if window == "hour" else len(old))
        assert list(opened.labeled(**options).ids) == ids[::2]
    for number, opened in enumerate((log, restarted)):
        for key in (new[7], old[7], add(opened, 1)[0]):
            assert opened.feedback(key, 7.5 + number).outcome != "unchanged"
        with pytest.raises(UnknownPrediction):
            opened.feedback(IdSource().issue()[1][0], 7.5)
        opened.close()


def test_the_first_broken_line_of_each_file_is_named(log: PredictionLog, tmp_path: Path) -> None:
    ids = add(log, 4)
    log.feedback(ids[0], 9.0)
    assert log.broken() == []
    for name, place, bad in (
        ("predictions.csv", 3, b"nonsense\n"),
        ("feedback.csv", 2, ids[1].encode() + b",2026-01-31T12:00:00.000Z,dear\n"),
    ):
        lines = (tmp_path / name).read_bytes().splitlines(keepends=True)
        (tmp_path / name).write_bytes(b"".join([*lines[:place], bad, *lines[place:], bad]))
    found = [(Path(one.file).name, one.line) for one in log.broken()]
    assert found == [("predictions.csv", 4), ("feedback.csv", 3)]
    assert str(log.broken()[1]) == f"`{tmp_path / 'feedback.csv'}`, line 3"


@pytest.mark.parametrize("written", ["1.23E+35", "{plain}", " {dashed}"])
def test_an_id_that_is_none_is_named_where_it_is_counted(
    log: PredictionLog, tmp_path: Path, written: str
) -> None:
    (key,) = add(log, 1)
    log.feedback(key, 9.0)
    other = written.format(plain=key.replace("-", ""), dashed=key)
    with (tmp_path / "feedback.csv").open("a") as file:
        file.write(f"{other},2026-01-31T12:00:00.000Z,9.5\n")
    assert log.labeled().skipped == 1
    assert [one.line for one in log.broken()] == [3]
