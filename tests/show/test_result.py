"""How cells, spans and failures read."""

from __future__ import annotations

import pytest

from housing_cli.errors import DataError, ExitCode
from housing_cli.show.result import Cell, failure, text_of
from housing_cli.words import span


@pytest.mark.parametrize(
    ("cell", "text"),
    [(None, "-"), (1.23456, "1.235"), (12345.67, "12345.7"), (True, "yes"), (7, "7"),
     ("a\x1b[31mb\nc", "a [31mb c")],
)  # fmt: skip
def test_a_cell_is_one_line_that_no_terminal_obeys(cell: Cell, text: str) -> None:
    assert text_of(cell) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (90, "1.5 min"), (5400, "1.5 h"), (86_400, "1.0 d")],
)
def test_a_span_is_in_its_largest_unit(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_a_failure_names_its_kind_and_carries_its_evidence() -> None:
    result = failure("train", DataError("what", "do", {"n": 1}), ExitCode.FAILURE)
    assert result.errors == [{"type": "DataError", "message": "what", "hint": "do"}]
    assert (result.data, result.status) == ({"n": 1}, "error")
