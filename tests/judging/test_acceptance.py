"""The rule alone, on figures: what refuses a challenger, and in which words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from housing_cli.judging.acceptance import SURE, Limits, reasons_against
from housing_cli.judging.comparison import Comparison, Paired
from housing_cli.judging.scatter import Scatter
from housing_cli.judging.segments import SegmentContest
from housing_cli.judging.stock import Stock

LIMITS = Limits(threshold=0.1, max_level=3.0, max_unexplained=0.1, max_repeated=0.5)
BASE = Paired(3.0, 4.0, 1.0, (0.5, 1.5), 80, 0.4)
WILD = Scatter(
    n=400, usual=0.1, champion=0.16, challenger=0.15, ratio=1.5, explained=0.125, p_value=0.001
)  # fmt: skip
BETTER = Comparison(
    metric="mae", champion=4.0, challenger=3.0, difference=-1.0, interval=(-1.5, -0.5), n=60,
    improved=0.55, p_improved=0.2, unexplained=0.0, factor=2.0, repeated=0.05, level=1.0,
    base=None, wins=False, reasons=(),
)  # fmt: skip


def reasons(found: Comparison, extreme: float = 1.0, misses: np.ndarray | None = None) -> list[str]:
    return reasons_against(found, LIMITS, extreme, misses)


def test_nothing_speaks_against_a_better_challenger() -> None:
    assert reasons(BETTER) == []


def test_exactly_the_limits_are_allowed() -> None:
    at_limits = replace(BETTER, unexplained=0.1, repeated=0.5)
    assert reasons(at_limits, 3.0, np.array([6.0, 1.0])) == []


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (replace(BETTER, difference=0.0, challenger=4.0),
         "MAE 4.000 against 4.000 on the same 60 recent rows"),
        (replace(BETTER, unexplained=0.2),
         "20% of the recent real prices are more than 2.0 times off what either model expects"),
        (replace(BETTER, repeated=0.6),
         "60% of the recent real prices are one and the same: a stuck feed?"),
        (replace(BETTER, scatter=WILD),
         "the 400 real prices scatter 1.50 times as widely around their estimates as training "
         "prices do, and the challenger explains 12% of it: are some of them wrong?"),
        (replace(BETTER, base=BASE),
         "MAE 4.000 against 3.000 on 80 held-out rows of base data, and only 55% of the recent "
         "rows got better"),
    ],
)  # fmt: skip
def test_each_fault_refuses_by_itself(found: Comparison, said: str) -> None:
    assert reasons(found) == [said]


def test_a_sure_majority_outweighs_harm_on_base_data() -> None:
    assert reasons(replace(BETTER, base=BASE, p_improved=SURE)) == []


def test_prices_that_scatter_by_chance_or_that_are_explained_are_none_of_it() -> None:
    for fine in (
        replace(WILD, ratio=1.2), replace(WILD, p_value=0.02), replace(WILD, explained=0.3),
    ):  # fmt: skip
        assert reasons(replace(BETTER, scatter=fine)) == []


def test_harm_at_old_prices_of_houses_that_moved_is_none() -> None:
    learned = replace(WILD, champion=0.2, explained=0.58, ratio=1.5)
    assert reasons(replace(BETTER, base=BASE, scatter=learned)) == []
    for other in (replace(learned, explained=0.2, ratio=1.1), replace(learned, champion=0.12)):
        assert len(reasons(replace(BETTER, base=BASE, scatter=other))) == 1


def test_a_ruined_part_of_the_stock_is_named() -> None:
    part = SegmentContest("RAD", 8.0, None, 45, 2.6, 4.9, 2.3, 0.002)
    stock = Stock(300, part, True, None, False)
    assert reasons(replace(BETTER, stock=stock)) == [
        "MAE 4.900 against 2.600 on 45 old rows of RAD 8 and more, whose like nobody has sold since"
    ]
    for fine in (replace(stock, ruined=False), Stock(300, None, False, part, True)):
        assert reasons(replace(BETTER, stock=fine)) == []


def test_old_prices_of_a_market_that_moved_refuse_nothing() -> None:
    """Labels of some houses only, all 45 % dearer: whether the others moved too nobody knows."""
    stock = Stock(
        300, SegmentContest("RAD", 8.0, None, 45, 2.6, 4.9, 2.3, 0.002), True, None, False
    )
    for level in (1.45, 0.7):
        assert reasons(replace(BETTER, stock=stock, level=level)) == []
    assert len(reasons(replace(BETTER, stock=stock, level=1.05))) == 1


def test_harm_that_may_be_chance_or_is_small_is_none() -> None:
    for harmless in (replace(BASE, interval=(-0.1, 2.1)), replace(BASE, challenger=3.3)):
        assert reasons(replace(BETTER, base=harmless)) == []


def test_every_reason_is_said() -> None:
    bad = replace(BETTER, difference=1.0, unexplained=0.5, repeated=1.0, base=BASE)
    found = reasons(bad, 5.0, np.array([7.0, 1.0, 9.0]))
    assert len(found) == 6
    assert found[1].startswith("the real prices moved by 5.0 times at once")
    assert found[3].startswith("2 of the 3 real prices are more than 6.0 times off")
