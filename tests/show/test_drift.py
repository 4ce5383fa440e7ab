"""What is said of columns that drifted."""

from __future__ import annotations

import numpy as np

from housing_cli.judging.drift import compare_columns
from housing_cli.show.drift import drift_rows, drift_table
from housing_cli.show.printer import _drawn
from housing_cli.words import WIDTH

NAMES = ["CHAS", "predicted_price", "LSTAT", "AGE"]


def columns() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    before, now = rng.normal(size=(506, 4)), rng.normal(size=(300, 4))
    now[:, 1] -= 20.0
    now[:, 2] = np.nan
    return before, now


def test_a_missing_rate_stands_with_its_own_test_and_effect() -> None:
    table = drift_table([column for column in compare_columns(NAMES, *columns()) if column.drifted])
    moved, missing = table.rows
    assert moved[0] == "predicted_price" and str(moved[1]).startswith("mean down by ")
    assert moved[2:5] == ["100%", "<0.001", "Kolmogorov-Smirnov"]
    assert missing[:5] == ["LSTAT", "missing 100% (was 0%)", "100%", "<0.001", "Fisher"]


def test_the_table_fits_the_narrowest_terminal() -> None:
    drifted = [column for column in compare_columns(NAMES, *columns()) if column.drifted]
    assert max(map(len, _drawn(drift_table(drifted)).splitlines())) <= WIDTH


def test_the_report_has_a_row_for_every_change_and_every_quiet_column() -> None:
    before, now = columns()
    now[:100, 3], now[100:, 3] = np.nan, 9.0
    rows = drift_rows(compare_columns(NAMES, before, now))
    assert [str(row[0]).partition(" ")[0] for row in rows] == [
        "CHAS:", "predicted_price:", "LSTAT:", "AGE:", "AGE:",
    ]  # fmt: skip
    assert rows[0][0] == "CHAS: no drift" and rows[0][4] == "Kolmogorov-Smirnov"
    assert rows[4][0] == "AGE: missing 33% (was 0%)" and rows[4][2:5] == [
        "33%", "<\N{NO-BREAK SPACE}0.001", "Fisher",
    ]  # fmt: skip
