"""What is said of a priced table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from housing_cli.errors import ExitCode
from housing_cli.pricing.predict import Priced
from housing_cli.pricing.rows import Refusal
from housing_cli.show.predict import result_of


def priced(**changed: Any) -> Priced:
    usual: dict[str, Any] = {
        "version": "v3", "rows": 2, "refused": 0, "first": (), "unknown": {},
        "columns": ("predicted_price",), "errors": None, "seconds": 0.12345,
        "place": lambda line: f"line {line}",
    }  # fmt: skip
    return Priced(**{**usual, **changed})


def test_into_a_file_the_count_is_the_result() -> None:
    result = result_of(priced(rows=1), Path("out.csv"))
    assert (list(result.show), list(result.notes)) == (["1 row priced with v3: out.csv"], [])
    assert result.data["seconds"] == 0.123


def test_into_standard_output_everything_is_said_beside_it() -> None:
    result = result_of(priced(), None)
    assert (list(result.show), list(result.notes)) == ([], ["2 rows priced with v3"])
    assert result.data["out"] is None


def test_unknown_words_are_counted_and_named() -> None:
    words = {"MARS": 2, "VENUS": 1, "MOON": 1, "SUN": 1}
    (note,) = result_of(priced(unknown={"sea": words}), Path("out.csv")).notes
    assert (
        note == "warning: `sea` holds unknown words in 5 rows: `MARS`, `VENUS`, `MOON` and 1 more"
    )


def test_features_beyond_the_learned_range_are_named_with_their_rows() -> None:
    outside = {"TAX": 1200, "RM": 1, "B": 1, "ZN": 1}
    result = result_of(priced(outside=outside), Path("out.csv"))
    said = "`TAX` in 1200 rows, `RM` in 1 row, `B` in 1 row and 1 feature more"
    assert list(result.notes) == [f"warning: beyond all that was learned: {said}"]
    assert result.data["outside"] == outside
    assert result.exit_code == ExitCode.OK


def test_refused_rows_are_a_known_failure_of_those_rows_alone() -> None:
    first = (Refusal(7, "RM", "below 0", "-1"), Refusal(9, "", "1 values for 2 columns"))
    result = result_of(priced(refused=2, first=first), None)
    assert result.exit_code == ExitCode.FAILURE
    assert list(result.notes)[1:] == ["  line 7: RM: below 0", "  line 9: 1 values for 2 columns"]
    assert result.errors[0]["message"] == "2 of 4 rows were refused"
