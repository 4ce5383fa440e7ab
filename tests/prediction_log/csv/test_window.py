"""The narrow window: what it answers, what it leaves to the wide reader, and that both agree."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from housing_cli.prediction_log import Labeled, PredictionLog, Predictions, open_log
from housing_cli.prediction_log.csv import wide as csv_wide
from housing_cli.prediction_log.csv import window as csv_window
from housing_cli.prediction_log.csv.query import Query
from housing_cli.prediction_log.csv.reader import LineReader
from housing_cli.prediction_log.ids import Clock, IdSource, milliseconds
from tests.prediction_log.csv.small import SMALL, add


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A log of 3,000 rows: ids in capitals, ids that are none, corrections, absurd prices."""
    random, source, clock = np.random.default_rng(0), IdSource(), Clock()
    rows, prices = [], []
    for number in range(3000):
        ms, (key,) = source.issue()
        written = key.upper() if number % 11 == 5 else key
        if number % 500 == 7:
            written = f"order-{number}" if number % 1000 == 7 else f"{number:0>35}x"
        rows.append(f"{written},{clock.iso(ms)},v{number % 3},{number},,{20 + number % 7}.5\n")
        if number % 2:
            for _ in range(1 + (number % 9 == 0)):
                real = "1e300" if number % 301 == 0 else f"{random.uniform(5, 50):.3f}"
                name = written.upper() if random.random() < 0.2 else written
                prices.append(f"{name},{clock.iso(ms)},{real}\n")
    (tmp_path / "predictions.csv").write_text(
        "id,timestamp,model_version,RM,LSTAT,predicted_price\n" + "".join(rows)
    )
    (tmp_path / "feedback.csv").write_text("id,timestamp,real_price\n" + "".join(prices))
    return tmp_path


def expected(folder: Path) -> pd.DataFrame:
    predictions = pd.read_csv(folder / "predictions.csv")
    feedback = pd.read_csv(folder / "feedback.csv")
    for table in (predictions, feedback):
        table["id"] = table["id"].str.lower()
    feedback = feedback[feedback["real_price"] < 1e38].drop_duplicates("id", keep="last")
    joined = predictions.merge(feedback, on="id")
    return joined[joined["id"].str.fullmatch(r"[0-9a-f]{8}-.*")]


@pytest.mark.slow
@pytest.mark.parametrize("way", ["narrow", "wide"])
@pytest.mark.parametrize("newest", [None, 100, 1000])
@pytest.mark.parametrize("version", [None, "v1"])
def test_narrow_and_wide_windows_see_the_same(
    folder: Path, way: str, newest: int | None, version: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "wide":
        for name in ("labeled", "predictions"):
            monkeypatch.setattr(csv_window, name, lambda *_: None)
    else:
        monkeypatch.setattr(csv_wide, "labeled", None)
        monkeypatch.setattr(csv_wide, "predictions", None)
    log = open_log(f"csv:{folder}", SMALL)
    whole = expected(folder)
    wanted = whole if version is None else whole[whole["model_version"] == version]
    wanted = wanted if newest is None else wanted.tail(newest)
    found = log.labeled(version=version, newest=newest)
    assert list(found.ids) == wanted["id"].tolist()
    assert found.real.tolist() == wanted["real_price"].tolist()
    seen = log.predictions(version=version, newest=newest)
    priced = [key for key, known in zip(seen.ids, seen.labeled, strict=True) if known]
    assert priced == [key for key in whole["id"] if key in set(seen.ids)]
    assert len(seen) <= (newest or len(seen))
    assert all(math.isfinite(price) for price in found.real)


@pytest.mark.slow
def test_what_is_left_out_is_counted(folder: Path) -> None:
    assert open_log(f"csv:{folder}", SMALL).labeled().skipped >= 6
    assert open_log(f"csv:{folder}", SMALL).predictions().skipped >= 6


@pytest.mark.parametrize(
    "broken",
    [
        "2026-13-45T12:00:00.000Z,5.0",
        "2026-01-31T12:00:00.000Z,0.0",
        "2026-01-31T12:00:00.000Z,1.2.3",
    ],
)
def test_a_broken_price_among_whole_ones_is_counted_and_not_used(
    log: PredictionLog, tmp_path: Path, broken: str
) -> None:
    ids = add(log, 4)
    for one in ids[:3]:
        log.feedback(one, 9.0)
    with (tmp_path / "feedback.csv").open("a") as file:
        file.write(f"{ids[3]},{broken}\n")
    found = log.labeled(newest=10)
    assert (list(found.ids), found.skipped) == (ids[:3], 1)


ROWS = ("id", "timestamp", "model_version", "RM", "LSTAT", "predicted_price")
PRICES = ("id", "timestamp", "real_price")


def asked(folder: Path, **options: object) -> tuple[Labeled | None, Predictions | None]:
    """Return what the narrow window says: labeled rows and predictions."""
    with (
        LineReader(folder / "predictions.csv", ROWS) as rows,
        LineReader(folder / "feedback.csv", PRICES) as prices,
    ):
        query = Query(rows, prices, 2, **options)  # type: ignore[arg-type]
        return csv_window.labeled(query), csv_window.predictions(query)


def test_a_log_without_rows_is_answered_at_once(tmp_path: Path) -> None:
    for options in ({}, {"newest": 5}, {"version": "v1"}):
        labeled, predictions = asked(tmp_path, **options)
        assert labeled is not None and predictions is not None
        assert (len(labeled), len(predictions), labeled.features.shape) == (0, 0, (0, 2))


def test_the_newest_labeled_rows_are_those_of_the_newest_predictions(
    log: PredictionLog, tmp_path: Path
) -> None:
    """A late price of an old house does not make it a new one."""
    ids = add(log, 10)
    for one in (ids[7], ids[2], ids[9], ids[0]):
        log.feedback(one, 9.0)
    log.feedback(ids[2], 8.0)
    labeled, predictions = asked(tmp_path, newest=3)
    assert labeled is not None and predictions is not None
    assert (list(labeled.ids), labeled.real.tolist()) == (
        [ids[2], ids[7], ids[9]], [8.0, 9.0, 9.0],
    )  # fmt: skip
    assert labeled.predicted.tolist() == [23.5, 28.5, 30.5]
    assert list(predictions.ids) == ids[-3:]
    assert predictions.labeled.tolist() == [True, False, True]


def test_a_window_begins_with_its_first_millisecond(log: PredictionLog, tmp_path: Path) -> None:
    ids = add(log, 3)
    log.feedback(ids[0], 9.0)
    ms = milliseconds(ids[0])
    for floor, count in ((ms, 3), (ms + 1, 0)):
        labeled, predictions = asked(tmp_path, floor=floor)
        assert labeled is not None and predictions is not None
        assert (len(labeled), len(predictions)) == (count and 1, count)


def test_rows_of_other_versions_are_passed_over(log: PredictionLog, tmp_path: Path) -> None:
    old, new = add(log, 2, "v1"), add(log, 1200, "v2")
    for one in (*old, *new):
        log.feedback(one, 9.0)
    labeled, predictions = asked(tmp_path, version="v1", newest=2)
    assert labeled is not None and predictions is not None
    assert list(labeled.ids) == list(predictions.ids) == old


@pytest.mark.parametrize(
    "line",
    ['"{id}",{at},v1,6.5,,21.5', "{id},{at},v1,6.5,,21.5\r", "{id},2026-01-31 12:00,v1,6.5,,21.5"],
    ids=["quoted", "CRLF", "another time"],
)
def test_a_line_that_another_tool_may_have_written_is_left_to_the_wide_reader(
    log: PredictionLog, tmp_path: Path, line: str
) -> None:
    add(log, 3)
    ms, (one,) = IdSource().issue()
    with (tmp_path / "predictions.csv").open("a", newline="") as file:
        file.write(line.format(id=one, at=Clock().iso(ms)) + "\n")
    assert asked(tmp_path, newest=10)[1] is None
    assert len(log.predictions(newest=10)) == 4


def test_what_is_too_wide_is_left_to_the_wide_reader(
    log: PredictionLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = add(log, 50)
    for one in ids:
        log.feedback(one, 9.0)
    monkeypatch.setattr(csv_window, "_NARROW_ROWS", 20)
    assert asked(tmp_path, newest=21) != (None, None)  # few bytes
    monkeypatch.setattr(csv_window, "_NARROW_BYTES", 100)
    assert asked(tmp_path, newest=21) == asked(tmp_path) == (None, None)
    labeled, predictions = asked(tmp_path, newest=20)
    assert labeled is None  # 500 are looked at, at least
    assert predictions is not None
    assert list(predictions.ids) == ids[-20:]


@pytest.mark.parametrize("between", ["\n", "#\n", "\0\0\n"])
def test_what_stands_between_rows_hides_none_of_them(tmp_path: Path, between: str) -> None:
    """A file of more than one block that is read, so that some begin with such a line."""
    log = open_log(f"csv:{tmp_path}", SMALL)
    ids = add(log, 3000)
    path = tmp_path / "predictions.csv"
    header, rows = path.read_text().split("\n", 1)
    path.write_text(f"{header}\n" + rows.replace("\n", "\n" + between))
    assert list(log.predictions().ids) == ids
    assert list(log.predictions(newest=2500).ids) == ids[500:]
    log.close()
