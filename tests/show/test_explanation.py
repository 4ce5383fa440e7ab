"""Contributions in words: signs, factors, and all of them from the base to the price."""

from __future__ import annotations

from typing import Any

from housing_cli.show.explanation import figure, rows_of


def test_a_contribution_has_its_sign_and_a_factor_says_that_it_multiplies() -> None:
    assert figure(3.14159, "price") == "+3.14"
    assert figure(-0.5, "price") == "\N{MINUS SIGN}0.5"
    assert figure(1.16, "log") == "\N{MULTIPLICATION SIGN}1.16"


def listed(key: str, *amounts: float) -> list[dict[str, Any]]:
    return [{"feature": f"f{k}", "value": k, key: amount} for k, amount in enumerate(amounts)]


def test_what_is_behind_the_most_is_added_up_in_one_row() -> None:
    rows = rows_of(20.0, listed("contribution", 3.0, 2.0, 1.0, -0.5), "price", 25.5, 2)
    assert rows == [
        ["mean of what was learned", None, "20"],
        ["f0", 0, "+3"],
        ["f1", 1, "+2"],
        ["2 more", None, "+0.5"],
        ["predicted price", None, "25.5"],
    ]


def test_factors_of_the_rest_are_multiplied() -> None:
    rows = rows_of(20.0, listed("factor", 2.0, 0.5, 1.5), "log", 30.0, 1)
    assert [row[2] for row in rows] == [
        "20", "\N{MULTIPLICATION SIGN}2", "\N{MULTIPLICATION SIGN}0.75", "30",
    ]  # fmt: skip


def test_nothing_is_left_where_all_are_shown() -> None:
    assert len(rows_of(20.0, listed("contribution", 1.0), "price", 21.0, 10)) == 3
