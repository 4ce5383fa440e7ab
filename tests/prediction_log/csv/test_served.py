"""served.csv: what an answer carried becomes a line, and a line a row."""

from __future__ import annotations

from pathlib import Path

import pytest

from housing_cli.errors import HousingError, LogSchemaMismatch, LogUnavailable
from housing_cli.prediction_log import open_log
from housing_cli.prediction_log.csv.served import COLUMNS, lines_of, read, row_of
from housing_cli.prediction_log.ids import IdSource
from housing_cli.prediction_log.records import Served
from tests.prediction_log.csv.small import SMALL, add

ONE, TWO, THREE = IdSource().issue(3)[1]
FULL = Served(ONE, 19.5, 24.25, "champion", "v4", 21.125, 'corner, "No. 3"', "req-7")
HEADER = (",".join(COLUMNS) + "\n").encode()


def test_a_row_is_a_line_with_empty_fields_for_what_was_not_carried() -> None:
    assert lines_of([Served(ONE)]) == f"{ONE},,,,,,,\n".encode()
    assert (
        lines_of([FULL, Served(TWO, lower=0.1 + 0.2)])
        == (
            f'{ONE},19.5,24.25,champion,v4,21.125,"corner, ""No. 3""",req-7\n'
            f"{TWO},0.30000000000000004,,,,,,\n"
        ).encode()
    )
    assert lines_of([]) == b""


@pytest.mark.parametrize("row", [FULL, Served(TWO), Served(THREE, shadow_price=-0.0, arm="b")])
def test_a_row_comes_back_as_it_was_written(row: Served) -> None:
    assert row_of(lines_of([row])[:-1]) == row


@pytest.mark.parametrize(
    "line",
    [b"", b"what is this", f"{ONE},,,,,,".encode(), f"{ONE},dear,,,,,,".encode(),
     f"{ONE},inf,,,,,,".encode(), b"17,,,,,,,", f'{ONE},,,"a,,,,'.encode(), b"\xff,,,,,,,"],
    ids=range(8),  # each worker issues ids of its own, and they must call the tests alike
)  # fmt: skip
def test_a_broken_line_is_a_value_error(line: bytes) -> None:
    with pytest.raises(ValueError):
        row_of(line)


def test_rows_are_read_in_the_order_of_their_ids_and_the_first_counts(tmp_path: Path) -> None:
    path = tmp_path / "served.csv"
    path.write_bytes(
        HEADER
        + lines_of([Served(THREE, arm="c"), Served(ONE, arm="a")])
        + b"broken\n"
        + lines_of([Served(TWO, arm="b"), Served(ONE, arm="again")])
        + lines_of([Served(TWO, arm="torn")])[:-1]
    )
    assert [(row.id, row.arm) for row in read(path, b"")] == [
        (ONE, "a"),
        (TWO, "b"),
        (THREE, "c"),
    ]
    assert [row.id for row in read(path, TWO.encode())] == [TWO, THREE]


def test_a_file_that_is_not_there_has_no_rows(tmp_path: Path) -> None:
    assert read(tmp_path / "served.csv", b"") == []


def test_a_file_of_other_columns_or_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "served.csv"
    path.write_text("id,price\n")
    with pytest.raises(LogSchemaMismatch, match="missing `lower`"):
        read(path, b"")
    with pytest.raises(LogUnavailable, match="Is a directory"):
        read(tmp_path, b"")


@pytest.mark.parametrize("text", ["id,price\n", "\0\xff", None])
def test_where_it_is_broken_the_log_can_be_written_all_the_same(
    tmp_path: Path, text: str | None
) -> None:
    path = tmp_path / "served.csv"
    path.mkdir() if text is None else path.write_text(text, encoding="latin-1")
    log = open_log(f"csv:{tmp_path}", SMALL)
    log.check()
    add(log)
    with pytest.raises(HousingError):
        log.append_served([Served(ONE)])
    log.check()
    assert len(log.predictions()) == 1
    log.close()
