"""What is said of a comparison."""

from __future__ import annotations

from housing_cli.show.retrain import comparison_rows

SIDE = {"n": 40, "champion": 4.0, "challenger": 3.0, "improved": 0.625}


def test_a_comparison_has_a_row_for_each_side_that_was_looked_at() -> None:
    recent = ["recent", 40, 4.0, 3.0, "62%"]
    assert comparison_rows(SIDE) == [recent]
    assert comparison_rows(SIDE | {"base": None}) == [recent]
    assert comparison_rows(SIDE | {"base": SIDE}) == [recent, ["base", *recent[1:]]]
