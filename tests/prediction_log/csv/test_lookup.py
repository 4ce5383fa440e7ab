"""The line of one prediction is found by its id, in order or not."""

from __future__ import annotations

from pathlib import Path

from housing_cli.prediction_log.csv.log import CsvLog
from housing_cli.prediction_log.csv.lookup import find
from housing_cli.prediction_log.csv.reader import LineReader
from tests.prediction_log.rows import BOSTON, ROW


def read(folder: Path) -> LineReader:
    log = CsvLog(folder, BOSTON)
    return LineReader(log.predictions_path, log.columns)


def test_a_line_is_found_by_its_id_and_by_no_other(tmp_path: Path) -> None:
    ids = CsvLog(tmp_path, BOSTON).append("v1", [ROW] * 300, [float(n) for n in range(300)])
    with read(tmp_path) as reader:
        for at in (0, 150, 299):
            line = find(reader, ids[at])
            assert line is not None
            assert line.startswith(ids[at].encode())
            assert line.rstrip().endswith(f",{float(at)}".encode())
        assert find(reader, ids[0][:-1] + ("0" if ids[0][-1] != "0" else "1")) is None


def test_a_line_that_somebody_appended_again_out_of_order_is_found(tmp_path: Path) -> None:
    log = CsvLog(tmp_path, BOSTON)
    old = log.append("v1", [ROW], [1.0])
    raw = log.predictions_path.read_bytes()
    (line,) = raw.splitlines(keepends=True)[1:]
    log.predictions_path.write_bytes(raw.replace(line, b""))
    log.append("v1", [ROW] * 50, [2.0] * 50)
    with log.predictions_path.open("ab") as file:
        file.write(line)
    with read(tmp_path) as reader:
        assert find(reader, old[0]) == line.rstrip(b"\n")
