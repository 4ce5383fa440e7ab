"""What is said of a comparison."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from housing_cli.data.schema import FeatureSchema
from housing_cli.show.printer import emit
from housing_cli.show.retrain import comparison_rows, result_of
from housing_cli.words import WIDTH

SIDE = {"n": 40, "champion": 4.0, "challenger": 3.0, "improved": 0.625}


def test_a_comparison_has_a_row_for_each_side_that_was_looked_at() -> None:
    recent = ["recent", 40, 4.0, 3.0, "62%"]
    assert comparison_rows(SIDE) == [recent]
    assert comparison_rows(SIDE | {"base": None}) == [recent]
    assert comparison_rows(SIDE | {"base": SIDE}) == [recent, ["base", *recent[1:]]]


def retrained(overlap: dict[str, float] | None, **units: str) -> Any:
    """Return an accepted challenger with what matters to what is said of it.

    units: the champion's.
    """
    found = SIDE | {"metric": "rmse", "wins": True, "interval": (-2.0, -0.5), "difference": -1.0,
                    "level": 1.0, "reasons": ()}  # fmt: skip
    data = SimpleNamespace(feedback_rows=40, path="t.csv")
    schema = FeatureSchema(("RM",), "MEDV", {}, {}, {"MEDV": "USD"})
    version = SimpleNamespace(
        name="v2", metadata=SimpleNamespace(evidence={}, data=data, metrics={}, schema=schema)
    )
    before = FeatureSchema(("RM",), "MEDV", {}, {}, units)
    champion = SimpleNamespace(name="v1", metadata=SimpleNamespace(schema=before))
    return SimpleNamespace(
        version=version, champion=champion, comparison=found, left_out=0, equal=0,
        unfit=(0, ()), promoted=True, reused=False, base=None, moved=None,
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


def test_other_units_than_the_champions_are_said() -> None:
    (note,) = result_of(retrained(None, MEDV="1000 USD", RM="rooms")).notes
    assert note.startswith("warning: other units than those of v1: MEDV (`1000 USD`, now `USD`);")


def test_the_part_of_the_stock_that_got_worse_is_said() -> None:
    part = {"axis": "RM", "low": 5.85, "high": 6.08, "n": 44, "champion": 1.79, "challenger": 3.57}
    done = retrained(None)
    done.comparison["stock"] = {"recent": part, "worse": True}
    assert result_of(cast("Any", done)).notes == [
        "note: worse on 44 rows of the feedback, RM 5.85 to 6.08\n  RMSE 3.570 against 1.790"
    ]
    done.comparison["stock"] = {"recent": part, "worse": False}
    assert result_of(cast("Any", done)).notes == []


def test_nothing_that_is_printed_is_wider_than_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    named = [f"01a21f46-b22b-76f4-a9c3-2c759db9b57{k} (PTRATIO 1.5e+39)" for k in range(5)]
    part = {"axis": "predicted_price", "low": 123_450.0, "high": 234_560.0, "n": 1234,
            "champion": 40_000.0, "challenger": 50_000.0}  # fmt: skip
    done = retrained({"auc": 0.998, "share": 0.001})
    done.comparison.update(
        wins=False, reasons=("another unit? " * 12,), difference=-20_562.506,
        interval=(-23_922.815, -17_229.035), level=970.9,
        stock={"recent": part, "worse": True, "old": part, "ruined": True},
    )  # fmt: skip
    done.left_out, done.equal, done.unfit, done.reused = 20_000, 1, (12, named), True
    assert emit(result_of(done), as_json=False) == 0
    out, err = capsys.readouterr()
    assert max(map(len, (out + err).splitlines())) <= WIDTH
    assert "1 real price is the predicted price sent back" in err
    assert "over 99% of the real prices are of houses unlike any in the base data" in err
