"""What is said of a comparison."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from housing_cli.show.retrain import comparison_rows, result_of

SIDE = {"n": 40, "champion": 4.0, "challenger": 3.0, "improved": 0.625}


def test_a_comparison_has_a_row_for_each_side_that_was_looked_at() -> None:
    recent = ["recent", 40, 4.0, 3.0, "62%"]
    assert comparison_rows(SIDE) == [recent]
    assert comparison_rows(SIDE | {"base": None}) == [recent]
    assert comparison_rows(SIDE | {"base": SIDE}) == [recent, ["base", *recent[1:]]]


def retrained(overlap: dict[str, float] | None) -> Any:
    """Return an accepted challenger with what matters to what is said of it."""
    found = SIDE | {"metric": "rmse", "wins": True, "interval": (-2.0, -0.5), "difference": -1.0,
                    "level": 1.0, "reasons": ()}  # fmt: skip
    data = SimpleNamespace(feedback_rows=40)
    version = SimpleNamespace(
        name="v2", metadata=SimpleNamespace(evidence={}, data=data, metrics={})
    )
    return SimpleNamespace(
        version=version, champion=SimpleNamespace(name="v1"), comparison=found, left_out=0, equal=0,
        unfit=(0, ()), promoted=True, reused=False,
        evidence={} if overlap is None else {"overlap": overlap},
    )  # fmt: skip


def test_real_prices_of_houses_unlike_the_base_data_are_said() -> None:
    new = {"auc": 0.998, "share": 0.25}
    result = result_of(cast("Any", retrained(new)))
    assert result.notes == [
        "note: 75% of the real prices are of houses unlike any in the base data\n"
        "  they say nothing of the price level (AUC 1.00)"
    ]
    assert result.show[-1] == "price level: 1.00 of the base data's"
    none = result_of(cast("Any", retrained(new | {"share": 0.0})))
    assert none.show[-1] == "price level: not estimated, the base data's is kept"
    nearly = result_of(cast("Any", retrained(new | {"share": 0.999})))
    assert nearly.notes[0].startswith("note: under 1% of the real prices")
    assert result.data["overlap"] == new
    for usual in ({"auc": 0.5, "share": 1.0}, None):
        assert result_of(cast("Any", retrained(usual))).notes == []


def test_the_part_of_the_stock_that_got_worse_is_said() -> None:
    part = {"axis": "RM", "low": 5.85, "high": 6.08, "n": 44, "champion": 1.79, "challenger": 3.57}
    done = retrained(None)
    done.comparison["stock"] = {"recent": part, "worse": True}
    assert result_of(cast("Any", done)).notes == [
        "note: worse on 44 rows of the feedback of RM 5.85 to 6.08\n  RMSE 3.570 against 1.790"
    ]
    done.comparison["stock"] = {"recent": part, "worse": False}
    assert result_of(cast("Any", done)).notes == []
