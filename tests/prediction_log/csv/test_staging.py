"""DuckDB's part: what it may hold, what it leaves behind, and what it sees while others write."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from housing_cli.errors import LogUnavailable
from housing_cli.prediction_log import PredictionLog, open_log
from housing_cli.prediction_log.csv import staging as csv_staging
from housing_cli.prediction_log.csv import wide as csv_wide
from housing_cli.prediction_log.csv.query import Query
from housing_cli.prediction_log.csv.reader import LineReader
from housing_cli.prediction_log.records import SumsQuery
from tests.conftest import ROOT
from tests.prediction_log.csv.small import SMALL, add

COLUMNS = ("id", "timestamp", "model_version", "RM", "LSTAT", "predicted_price")
PRICES = ("id", "timestamp", "real_price")


def test_rows_are_those_that_were_whole_when_the_files_were_opened(
    log: PredictionLog, tmp_path: Path
) -> None:
    ids = add(log, 20)
    log.feedback(ids[0], 9.0)
    path = tmp_path / "predictions.csv"
    whole = path.read_bytes()
    for cut in (1, 3, 30, 90):  # in the middle of being written
        path.write_bytes(whole[:-cut])
        with (
            LineReader(path, COLUMNS) as rows,
            LineReader(tmp_path / "feedback.csv", PRICES) as prices,
        ):
            path.write_bytes(whole)
            add(log, 5)
            found = csv_wide.predictions(Query(rows, prices, 2))
        assert list(found.ids) == ids[: 18 if cut == 90 else 19]
        assert found.predicted.tolist() == [21.5 + number for number in range(len(found))]
        assert found.skipped == 0


def test_sums_count_whole_rows_while_others_write(tmp_path: Path) -> None:
    writer = open_log(f"csv:{tmp_path}", SMALL)
    log = open_log(f"csv:{tmp_path}", SMALL)
    add(writer, 100)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            ids = add(writer, 7)
            writer.feedback(ids[0], 21.5)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        counts = []
        for _ in range(5):
            found = log.sums(SumsQuery())
            assert found.skipped == 0
            assert found.absolute.sum() == 0.0  # a shorter price would be another one
            counts.append((int(found.n.sum()), int(found.labeled.sum())))
    finally:
        stop.set()
        thread.join()
    assert counts == sorted(counts)
    assert counts[-1] > counts[0]


@pytest.mark.slow
def test_what_does_not_fit_into_memory_goes_to_a_folder_that_is_removed(
    log: PredictionLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_staging, "_MEMORY", 72 << 20)
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    spilled: list[Path] = []
    staged = csv_staging.Staged.__enter__

    def looking(self: csv_staging.Staged) -> csv_staging.Staged:
        found = staged(self)
        spilled.extend(place.glob("*/*"))
        return found

    monkeypatch.setattr(csv_staging.Staged, "__enter__", looking)
    ids = log.append("v1", [[0.1 * n, 0.7 * n] for n in range(900_000)], [20.0] * 900_000)
    log.feedback(ids[-1], 21.0)
    assert log.labeled(newest=200_000).real.tolist() == [21.0]
    assert spilled
    assert list(place.iterdir()) == []


def test_no_space_for_temporary_files_is_told_in_one_line(
    log: PredictionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(log, 10)
    monkeypatch.setattr(csv_staging, "_MEMORY", 1 << 16)
    with pytest.raises(LogUnavailable) as caught:
        log.sums(SumsQuery())
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_a_file_that_cannot_be_read_to_its_end_is_unavailable(
    log: PredictionLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(log, 10)
    with (
        LineReader(tmp_path / "predictions.csv", COLUMNS) as rows,
        LineReader(tmp_path / "feedback.csv", PRICES) as prices,
    ):
        query = Query(rows, prices, 2)
        descriptors = len(list(Path("/dev/fd").iterdir()))

        def broken(start: int) -> object:
            yield b""
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(rows, "lines", broken)
        monkeypatch.setattr(Query, "ordered", True)
        with pytest.raises(LogUnavailable, match="Input/output"):
            csv_wide.predictions(query)
        assert len(list(Path("/dev/fd").iterdir())) == descriptors


def test_no_progress_is_drawn_into_the_output_of_an_interactive_program(tmp_path: Path) -> None:
    add(open_log(f"csv:{tmp_path}", SMALL))
    # DuckDB takes `python -c` for an interactive session, in which it would draw.
    program = f"""
from housing_cli.prediction_log import open_log
from housing_cli.prediction_log.csv import window
from housing_cli.prediction_log.csv.staging import Staged
from tests.prediction_log.csv.small import SMALL

entered = Staged.__enter__

def asking(staged):
    entered(staged)
    print(staged._ask("SELECT current_setting('enable_progress_bar')::INT"))
    return staged

Staged.__enter__ = asking
window.predictions = lambda query: None
print(len(open_log("csv:{tmp_path}", SMALL).predictions()))
"""
    told = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == ["0", "1"]
