"""A glance at a csv log reads the ends of its files, whatever they are, and never has them read
from start to end.
"""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from housing_cli.prediction_log import PredictionLog, open_log
from housing_cli.prediction_log.csv import wide as csv_wide
from housing_cli.prediction_log.csv import window as csv_window
from housing_cli.prediction_log.glance import Glance
from housing_cli.prediction_log.ids import Clock
from tests.prediction_log.csv.small import SMALL, add

EVERY = 3000
START = 1_700_000_000_000
HEAD = "id,timestamp,model_version,RM,LSTAT,predicted_price\n"
FEEDBACK = "id,timestamp,real_price\n"


@pytest.fixture(autouse=True)
def _no_wide_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (csv_wide, csv_window):
        for name in ("labeled", "predictions"):
            monkeypatch.setattr(module, name, None)


def key_of(number: int) -> str:
    ms = START + number * EVERY
    return f"{ms >> 16:08x}-{ms & 0xFFFF:04x}-7000-8000-{number:012x}"


def write(folder: Path, n: int, labeled: range, *, after: int, end: str = "\n") -> None:
    """Write `n` predictions, and prices of those in `labeled`, `after` rows later each."""
    iso = Clock().iso
    folder.mkdir()
    rows = (
        f"{key_of(one)},{iso(START + one * EVERY)},v1,6.0,,{20 + one % 7}.5{end}"
        for one in range(n)
    )
    prices = (
        f"{key_of(one)},{iso(START + (one + after) * EVERY)},{1000 + one}.0{end}" for one in labeled
    )
    (folder / "predictions.csv").write_text(HEAD + "".join(rows), newline="")
    (folder / "feedback.csv").write_text(FEEDBACK + "".join(prices), newline="")


def looked(folder: Path, predictions: int = 5, labeled: int = 8) -> Glance:
    with closing(open_log(f"csv:{folder}", SMALL)) as log:
        return log.glance(predictions=predictions, labeled=labeled)


def bytes_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    pread, read = os.pread, [0]

    def counting(fd: int, size: int, at: int) -> bytes:
        data = pread(fd, size, at)
        read[0] += len(data)
        return data

    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", counting)
        found = looked(folder)
    assert (len(found.predictions), len(found.labeled)) == (5, 8)
    return read[0]


@pytest.mark.parametrize("after", [10, 15_000])
def test_what_is_read_does_not_grow_with_the_log_however_late_labels_are(
    after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "short", 20_000, range(0, 20_000 - after, 2), after=after)
    write(tmp_path / "long", 60_000, range(0, 60_000 - after, 2), after=after)
    few = bytes_read(tmp_path / "short", monkeypatch)
    many = bytes_read(tmp_path / "long", monkeypatch)
    assert many < 1.2 * few
    found = looked(tmp_path / "long")
    assert list(found.predictions.ids) == [key_of(one) for one in range(59_995, 60_000)]
    last = (60_000 - after - 1) // 2 * 2
    wanted = range(last - 14, last + 1, 2)
    assert list(found.labeled.ids) == [key_of(one) for one in wanted]
    assert found.labeled.real.tolist() == [1000.0 + one for one in wanted]
    assert found.labeled.predicted.tolist() == [20.5 + one % 7 for one in wanted]


def test_labels_far_apart_are_looked_up_one_by_one(tmp_path: Path) -> None:
    write(tmp_path / "logs", 60_000, range(0, 60_000, 9_000), after=1)
    found = looked(tmp_path / "logs")
    assert list(found.labeled.ids) == [key_of(one) for one in range(0, 60_000, 9_000)]


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_other_line_ends_are_read(end: str, tmp_path: Path) -> None:
    write(tmp_path / "logs", 3000, range(2000), after=900, end=end)
    for name in ("predictions.csv", "feedback.csv"):
        path = tmp_path / "logs" / name
        path.write_bytes(path.read_bytes().replace(b"price\n", b"price" + end.encode()))
    found = looked(tmp_path / "logs")
    assert list(found.predictions.ids) == [key_of(one) for one in range(2995, 3000)]
    assert list(found.labeled.ids) == [key_of(one) for one in range(1992, 2000)]


def test_a_backup_that_was_appended_hides_no_newer_labels(tmp_path: Path) -> None:
    write(tmp_path / "logs", 20_000, range(0, 20_000, 2), after=1)
    path = tmp_path / "logs" / "predictions.csv"
    lines = path.read_text().splitlines(keepends=True)
    with path.open("a") as file:
        file.writelines(lines[50:90])
    found = looked(tmp_path / "logs")
    assert list(found.labeled.ids) == [key_of(one) for one in range(19_984, 20_000, 2)]
    assert list(found.predictions.ids) == [key_of(one) for one in range(84, 89)]


def test_broken_lines_and_prices_without_a_prediction_are_left_out(tmp_path: Path) -> None:
    write(tmp_path / "logs", 50, range(50), after=1)
    with (tmp_path / "logs" / "predictions.csv").open("a") as file:
        file.write("a line, that is none\n\n")
    with (tmp_path / "logs" / "feedback.csv").open("a") as file:
        file.write(f"{key_of(49)},yesterday,much\n{key_of(77)},2024-01-01T00:00:00.000Z,9.0\n")
    found = looked(tmp_path / "logs")
    assert list(found.predictions.ids) == [key_of(one) for one in range(45, 50)]
    assert list(found.labeled.ids) == [key_of(one) for one in range(43, 49)]


def test_a_tool_s_ids_in_capitals_and_quotes_are_known(tmp_path: Path) -> None:
    write(tmp_path / "logs", 50, range(50), after=1)
    for name in ("predictions.csv", "feedback.csv"):
        path = tmp_path / "logs" / name
        text = path.read_text()
        path.write_text(text.replace(key_of(48), f'"{key_of(48).upper()}"'))
    found = looked(tmp_path / "logs")
    assert list(found.labeled.ids) == [key_of(one) for one in range(42, 50)]
    assert found.predictions.labeled.all()


def test_wide_rows_are_enough(tmp_path: Path) -> None:
    write(tmp_path / "logs", 400, range(0), after=1)
    path = tmp_path / "logs" / "predictions.csv"
    path.write_text(path.read_text().replace(",6.0,", f",6.{'0' * 5000},"))
    assert len(looked(tmp_path / "logs", predictions=200).predictions) == 200


def test_a_glance_of_who_writes_is_a_glance_at_what_was_written(tmp_path: Path) -> None:
    with closing(open_log(f"csv:{tmp_path / 'logs'}", SMALL)) as log:
        keys = _labeled(log)
        assert list(log.glance(predictions=3, labeled=3).labeled.ids) == keys


def _labeled(log: PredictionLog) -> list[str]:
    keys = add(log, 3)
    for key in keys:
        log.feedback(key, 20.0)
    return keys
