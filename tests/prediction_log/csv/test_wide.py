"""Csv as other tools write it: read as pandas.read_csv reads it, or refused in one line."""

from __future__ import annotations

import csv
import gzip
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from housing_cli.errors import LogUnavailable, UnknownPrediction
from housing_cli.prediction_log import PredictionLog, open_log
from housing_cli.prediction_log.ids import Clock, IdSource
from housing_cli.prediction_log.records import PREDICTED, Axis, SumsQuery
from tests.prediction_log.csv.small import SMALL, add

FILES = ("predictions.csv", "feedback.csv")
ALL = SumsQuery()
Rewrite = Callable[[Path], None]


def _quote_all(path: Path) -> None:
    pd.read_csv(path).to_csv(path, index=False, quoting=csv.QUOTE_ALL)


def _as_r(path: Path) -> None:
    """`write.csv(d, row.names = FALSE)`: text in quotes, NA for missing, whole numbers bare."""
    pd.read_csv(path).to_csv(path, index=False, quoting=csv.QUOTE_NONNUMERIC, na_rep="NA")


def _as_libreoffice(path: Path) -> None:
    """Quoted text cells, a decimal's zeros cut off, CRLF."""
    table = pd.read_csv(path)
    table.to_csv(path, index=False, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n")


def _line_ends(end: bytes) -> Rewrite:
    def rewrite(path: Path) -> None:
        path.write_bytes(path.read_bytes().replace(b"\n", end))

    return rewrite


def _with_mark(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())


def _spaced(path: Path) -> None:
    header, rows = path.read_bytes().split(b"\n", 1)
    path.write_bytes(header + b"\n" + rows.replace(b",", b", "))


def _in_madrid(path: Path) -> None:
    table = pd.read_csv(path, parse_dates=["timestamp"])
    table["timestamp"] = table["timestamp"].dt.tz_convert("Europe/Madrid")
    table.to_csv(path, index=False)


REWRITES: dict[str, Rewrite] = {
    "a space behind each comma": _spaced,
    "another time zone": _in_madrid,
    "every field quoted": _quote_all,
    "R": _as_r,
    "LibreOffice": _as_libreoffice,
    "CRLF": _line_ends(b"\r\n"),
    "CR": _line_ends(b"\r"),
    "byte order mark": _with_mark,
}


def _fill(log: PredictionLog) -> list[str]:
    ids = add(log, 30) + add(log, 10, "v2") + add(log, 5)
    for number, key in enumerate([*ids[::2], ids[4]]):
        log.feedback(key, 20.0 + number / 4)
    return ids


@pytest.mark.parametrize("which", [FILES, FILES[:1], FILES[1:]], ids=["both", *FILES])
@pytest.mark.parametrize("tool", REWRITES)
def test_what_another_tool_saved_is_read(
    log: PredictionLog, tmp_path: Path, tool: str, which: tuple[str, ...]
) -> None:
    _fill(log)
    questions: list[Callable[[], Any]] = [
        log.labeled,
        lambda: log.labeled(version="v1", newest=7),
        log.predictions,
        lambda: log.predictions(version="v2", newest=3),
        lambda: log.sums(SumsQuery(axes=(Axis("LSTAT", (1.0,)),))),
    ]
    before = [question() for question in questions]
    for name in which:
        REWRITES[tool](tmp_path / name)
    for question, expected in zip(questions, before, strict=True):
        found = question()
        for name in found.__struct_fields__:
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        assert len(found) > 0
        assert found.skipped == 0


@pytest.mark.parametrize("bad", [b"2_5", b"20.5,", b'20.5,""', b"\xef\xbc\x92"])
@pytest.mark.parametrize("line", [b"", b"nonsense\n"], ids=["alone", "beside a broken line"])
def test_what_is_no_number_is_none_however_it_is_read(
    log: PredictionLog, tmp_path: Path, bad: bytes, line: bytes
) -> None:
    """DuckDB takes `2_5` for 25, and a comma too many for none."""
    ids = add(log, 5)
    for key in ids:
        log.feedback(key, 21.0)
    last = (tmp_path / "feedback.csv").read_bytes().splitlines()[-1]
    with (tmp_path / "feedback.csv").open("ab") as file:
        file.write(last.rpartition(b",")[0] + b"," + bad + b"\n" + line)
    broken = 1 + bool(line)
    found: list[Any] = [log.labeled(), log.labeled(newest=5), log.sums(ALL)]
    found.append(log.labeled(version="v1", since=datetime(2020, 1, 1, tzinfo=UTC)))
    assert [one.skipped for one in found] == [broken] * 4
    assert [sum(one.real) for one in found[:2]] == [5 * 21.0] * 2
    assert [(Path(one.file).name, one.line) for one in log.broken()] == [("feedback.csv", 7)]


@pytest.mark.parametrize("tool", [tool for tool in REWRITES if tool != "CR"])
def test_rows_that_another_tool_saved_get_prices_and_followers(
    log: PredictionLog, tmp_path: Path, tool: str
) -> None:
    ids = _fill(log)
    for name in FILES:
        REWRITES[tool](tmp_path / name)
    assert log.feedback(ids[1], 33.0).outcome == "recorded"
    assert log.feedback(ids[1].upper(), 34.0).outcome == "corrected"
    more = add(log)
    assert list(log.predictions().ids) == [*ids, *more]
    found = log.labeled()
    assert found.real[list(found.ids).index(ids[1])] == 34.0
    assert found.skipped == 0
    with pytest.raises(UnknownPrediction):
        log.feedback(IdSource().issue()[1][0], 1.0)


def test_look_ups_in_lines_that_end_with_a_carriage_return_alone_are_refused(
    log: PredictionLog, tmp_path: Path
) -> None:
    ids = _fill(log)
    _line_ends(b"\r")(tmp_path / FILES[0])
    with pytest.raises(LogUnavailable, match="carriage return") as caught:
        open_log(f"csv:{tmp_path}", SMALL).feedback(ids[1], 33.0)
    assert caught.value.hint


@pytest.mark.parametrize("name", FILES)
def test_a_compressed_file_is_refused(log: PredictionLog, tmp_path: Path, name: str) -> None:
    _fill(log)
    path = tmp_path / name
    path.write_bytes(gzip.compress(path.read_bytes()))
    for use in (log.labeled, log.predictions, lambda: log.sums(SumsQuery()), log.check):
        with pytest.raises(LogUnavailable, match="compressed") as caught:
            use()
        assert "gunzip" in caught.value.hint


@pytest.mark.parametrize("way", ["narrow", "wide"])
@pytest.mark.parametrize("where", ["first", "middle", "last"])
@pytest.mark.parametrize("bad", ['"{},x', '{}x"y,"', '"', '{},"2026-01-01T00:00:00.000Z,1'])
def test_a_quote_that_never_ends_hides_no_line_but_its_own(
    log: PredictionLog, tmp_path: Path, way: str, where: str, bad: str
) -> None:
    ids = _fill(log)
    before = log.labeled()
    for name in FILES:
        lines = (tmp_path / name).read_text().splitlines(keepends=True)
        at = {"first": 1, "middle": 9, "last": len(lines)}[where]
        lines.insert(at, bad.format(ids[0]) + "\n")
        (tmp_path / name).write_text("".join(lines))
    newest = 1000 if way == "narrow" else None
    found, labeled, sums = log.predictions(newest=newest), log.labeled(newest=newest), log.sums(ALL)
    assert list(found.ids) == ids
    assert list(labeled.ids) == list(before.ids)
    assert labeled.real.tolist() == before.real.tolist()
    assert (sums.n.sum(), sums.labeled.sum()) == (len(ids), len(before))
    assert (found.skipped, labeled.skipped, sums.skipped) == (2, 2, 2)


def test_a_last_line_without_an_end_is_counted_once_nobody_writes_it(
    log: PredictionLog, tmp_path: Path
) -> None:
    ids = _fill(log)
    path = tmp_path / FILES[0]
    path.write_bytes(path.read_bytes()[:-3])
    asked: list[Callable[[], Any]] = [
        log.predictions,
        lambda: log.predictions(newest=5),
        log.labeled,
        lambda: log.sums(SumsQuery()),
    ]
    assert [ask().skipped for ask in asked] == [0, 0, 0, 0]
    os.utime(path, (time.time() - 60, time.time() - 60))
    assert [ask().skipped for ask in asked] == [1, 1, 1, 1]
    assert list(log.predictions().ids) == ids[:-1]


def test_of_lines_with_one_id_the_last_counts(log: PredictionLog, tmp_path: Path) -> None:
    ids = _fill(log)
    path = tmp_path / FILES[0]
    lines = path.read_text().splitlines(keepends=True)
    assert lines[2].startswith(ids[1])
    path.write_text("".join([*lines[:3], lines[2].replace(",22.5\n", ",99.0\n"), *lines[3:]]))
    for found in (log.predictions(), log.predictions(newest=1000)):
        assert list(found.ids) == ids
        assert found.predicted[:3].tolist() == [21.5, 99.0, 23.5]
    assert len(log.labeled()) == len(ids[::2])
    sums = log.sums(SumsQuery(axes=(Axis(PREDICTED, (90.0,)),)))
    cells = list(zip(sums.axes, sums.bands.tolist(), sums.n.tolist(), strict=True))
    assert [n for axis, band, n in cells if (axis, band) == (PREDICTED, 1)] == [1]
    assert sum(n for axis, _, n in cells if axis == "") == len(ids)


@pytest.mark.parametrize("rows", [5, 3000])
def test_a_file_of_broken_lines_alone_has_no_rows(tmp_path: Path, rows: int) -> None:
    (tmp_path / FILES[0]).write_text(
        "id,timestamp,model_version,RM,LSTAT,predicted_price\n" + "what is this\n" * rows
    )
    log = open_log(f"csv:{tmp_path}", SMALL)
    for found in (log.predictions(), log.labeled(), log.sums(SumsQuery())):
        assert (len(found), found.skipped) == (0, rows)


LARGE = """
import sys
sys.modules["pandas"] = None  # not in every image
from housing_cli.prediction_log import open_log
from tests.prediction_log.csv.small import SMALL
log = open_log(sys.argv[1], SMALL)
found = log.labeled()
assert len(found) == len(log.labeled(features=False)) == 150_000, len(found)
assert found.features.shape == (150_000, 2)
assert len(log.labeled(version="v1", newest=120_000)) == 120_000
assert log.predictions().labeled.sum() == 150_000
assert list(found.ids) == sorted(found.ids)
"""


@pytest.mark.slow
def test_more_labels_than_a_narrow_window_need_no_other_library(tmp_path: Path) -> None:
    log, stamp = open_log(f"csv:{tmp_path}", SMALL), Clock().iso(int(time.time() * 1000))
    ids = log.append("v1", [[6.5, None]] * 150_000, [21.5] * 150_000)
    (tmp_path / FILES[1]).write_text(
        "id,timestamp,real_price\n" + "".join(f"{key},{stamp},20.5\n" for key in ids)
    )
    done = subprocess.run(
        [sys.executable, "-c", LARGE, f"csv:{tmp_path}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
