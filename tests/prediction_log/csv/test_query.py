"""What one question asks of which rows."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from housing_cli.prediction_log.csv.query import Query
from housing_cli.prediction_log.csv.reader import LineReader
from housing_cli.prediction_log.csv.rows import PredictionRow
from housing_cli.prediction_log.ids import IdSource

COLUMNS = ("id", "timestamp", "model_version", "predicted_price")
PRICES = ("id", "timestamp", "real_price")
NEW = IdSource().issue()[1][0]


@contextmanager
def asked(folder: Path, rows: str, prices: str = "", **options: object) -> Iterator[Query]:
    """Give a query of these files."""
    for name, columns, text in (("p.csv", COLUMNS, rows), ("f.csv", PRICES, prices)):
        (folder / name).write_text(",".join(columns) + "\n" + text)
        os.utime(folder / name, (time.time() - 60, time.time() - 60))
    with (
        LineReader(folder / "p.csv", COLUMNS) as first,
        LineReader(folder / "f.csv", PRICES) as second,
    ):
        yield Query(first, second, 0, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rows", "ordered"),
    [
        (f"{NEW},t,v1,1.0\n", True),
        (f'"{NEW}",t,v1,1.0\n', True),
        (f"\n{NEW.upper()},t,v1,1.0\n", True),
        ("17,t,v1,1.0\n", False),
        ("00000007-0000-4000-8000-000000000007,t,v1,1.0\n", False),
        ("", False),
    ],
    # Each worker issues ids of its own, and they must call the tests alike.
    ids=["ordered", "quoted", "after an empty line", "a number", "another version", "empty"],
)
def test_the_first_id_says_whether_ids_tell_the_time(
    tmp_path: Path, rows: str, ordered: bool
) -> None:
    with asked(tmp_path, rows) as query:
        assert query.ordered is ordered


def test_lines_without_an_end_are_counted_in_both_files(tmp_path: Path) -> None:
    with asked(tmp_path, f"{NEW},t,v1,1.0\n{NEW}", f"{NEW},t") as query:
        assert query.torn == 2
    with asked(tmp_path, f"{NEW},t,v1,1.0\n") as query:
        assert query.torn == 0


def test_a_row_is_wanted_by_its_version_and_its_time(tmp_path: Path) -> None:
    row = PredictionRow(NEW, 5.0, "v1", [], 1.0)
    for options, wanted in (
        ({}, True),
        ({"version": "v1", "floor": 5000}, True),
        ({"version": "v2"}, False),
        ({"floor": 5001}, False),
    ):
        with asked(tmp_path, "", **options) as query:
            assert query.wants(row) is wanted


@pytest.mark.parametrize(("newest", "kept"), [(None, 3), (0, 3), (1, 1), (2, 2), (9, 3)])
def test_of_found_rows_the_newest_are_kept(tmp_path: Path, newest: int | None, kept: int) -> None:
    found = [PredictionRow(NEW, float(second), "v1", [], 1.0) for second in range(3)]
    with asked(tmp_path, "", newest=newest) as query:
        assert query.cut(found) == found[-kept:]
