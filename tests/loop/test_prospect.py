"""What a retraining would meet, known without one."""

from __future__ import annotations

from pathlib import Path

import pytest

from housing_cli.errors import GateRefused
from housing_cli.loop.promote import rollback
from housing_cli.loop.prospect import Prospect, prospect
from tests.in_process import Loop, shuffled

RIDGE = ("model.regressor=Ridge", "train.repeats=1")
ROWS = shuffled(0)[300:]


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    return Loop(tmp_path, shuffled(0)[:300], RIDGE)


def test_nothing_is_in_the_way_of_new_labels(loop: Loop) -> None:
    loop.live(ROWS, 1.3)
    before = sorted(map(str, loop.folder.rglob("*")))
    assert prospect(loop.settings()) == Prospect()
    assert sorted(map(str, loop.folder.rglob("*"))) == before


def test_too_few_labels_are_counted(loop: Loop) -> None:
    loop.live(ROWS[:12])
    found = prospect(loop.settings())
    assert (found.labels, found.challenger) == (18, None)
    assert "12 labeled predictions" in found.why


def test_labels_that_served_already_teach_nothing_new(loop: Loop) -> None:
    loop.live(ROWS, 1.3)
    loop.retrain(promote=True)
    rollback(loop.settings())
    found = prospect(loop.settings())
    assert (found.labels, found.challenger) == (30, None)
    assert found.why == "v2 learned from the same 206 real prices already"
    assert found.hint == "`housing promote v2` serves it again"
    with pytest.raises(GateRefused) as refused:
        loop.retrain(promote=True)
    assert refused.value.hint.startswith("`housing promote v2` serves it again; else wait")


def test_a_challenger_that_won_and_waits_is_named(loop: Loop) -> None:
    loop.live(ROWS, 1.3)
    loop.retrain()
    assert prospect(loop.settings()).challenger == "v2"


def test_a_challenger_that_lost_is_not_made_again(loop: Loop) -> None:
    ids = loop.live(ROWS)
    loop.label(ids[:150], ROWS["MEDV"][:150].to_numpy() / 5)
    with pytest.raises(GateRefused):
        loop.retrain()
    found = prospect(loop.settings())
    assert (found.labels, found.challenger) == (30, None)
    assert found.why.startswith("v2, of the same labels, is refused: ")


def test_a_table_that_is_gone_is_said_with_what_to_do(loop: Loop) -> None:
    loop.live(ROWS, 1.3)
    (loop.folder / "data.csv").unlink()
    found = prospect(loop.settings())
    assert found.labels == 0
    assert "data.csv" in found.why and found.hint
