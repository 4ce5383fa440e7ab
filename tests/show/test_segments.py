"""What is said of segments."""

from __future__ import annotations

from dataclasses import replace

from housing_cli.judging.segments import SegmentError
from housing_cli.show.segments import MOST_ROWS, segment_payload, segment_rows, worst_line

WORST = SegmentError(
    "LSTAT", 17.1, 21.0, 41, "rmse", 7.2, (5.9, 8.8), 4.9, 50, -1.5, 0.8, 0.004
)  # fmt: skip


def test_the_worst_is_a_line() -> None:
    untested = replace(WORST, p_value=None)
    assert worst_line([WORST, untested], WORST) == (
        "worst segment: LSTAT 17.1 to 21, 41 rows\n"
        "  RMSE 7.2 [5.9, 8.8], baseline there 4.9\n"
        "  worse than at training, beyond chance (p 0.004 over 1 segment)"
    )
    assert "may be chance (p 0.400" in worst_line([WORST], replace(WORST, p_value=0.4))


def test_bounds_are_words() -> None:
    assert replace(WORST, low=None).bounds == "LSTAT below 21"
    assert replace(WORST, high=None).bounds == "LSTAT 17.1 and more"


def test_the_table_has_the_most_evident_first_and_only_those_tested() -> None:
    many = [replace(WORST, p_value=k / 100) for k in range(30, 0, -1)]
    rows = segment_rows([replace(WORST, p_value=None), *many])
    assert len(rows) == MOST_ROWS
    assert rows[0] == ["LSTAT 17.1 to 21", 41, 7.2, 4.9, -1.5, "80%", "0.010"]


def test_the_payload_says_whether_it_is_beyond_chance() -> None:
    assert segment_payload(WORST)["significant"] is True
    assert segment_payload(replace(WORST, p_value=None))["significant"] is False
