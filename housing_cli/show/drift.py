"""What is said of columns that drifted: each change with the effect and the p of its own test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from housing_cli.show.result import Cell, Table
from housing_cli.words import chance, share_in_short

if TYPE_CHECKING:
    from housing_cli.judging.drift import Drift


def drift_table(drifted: Sequence[Drift]) -> Table:
    """Return the table of what drifted; a column whose missing rate drifted too has two rows."""
    rows: list[list[Cell]] = [
        [
            column.name, change.reading, share_in_short(change.effect), chance(change.p_value),
            change.test, f"{column.psi:.2f}",
        ]
        for column in drifted
        for change in column.changes
    ]  # fmt: skip
    title = "drift since training (SD: standard deviations; moved: share of houses)"
    return Table(["column", "change", "moved", "p", "test", "PSI"], rows, title)


def drift_rows(columns: Sequence[Drift]) -> list[list[object]]:
    """Return the rows of the report: every column, those that did not drift in one word."""
    rows: list[list[object]] = []
    for column in columns:
        quiet = (f"{column.name}: no drift", column.effect, column.values_p_value, column.test)
        said = [(f"{column.name}: {change.reading}", *change[1:]) for change in column.changes]
        for reading, effect, p_value, test in said or [quiet]:
            # It must not break in a narrow column.
            p = chance(p_value).replace("<", "<\N{NO-BREAK SPACE}")
            rows.append([reading, round(column.psi, 3), share_in_short(effect), p, test, column.n])
    return rows
