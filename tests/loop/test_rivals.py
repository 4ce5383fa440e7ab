"""Other versions on the same rows: who answered does not matter, what was learned does."""

from __future__ import annotations

from pathlib import Path

import pytest

from housing_cli.loop.rivals import Rival, rivals_of
from housing_cli.loop.train import train
from tests.in_process import Loop, half_learned, shuffled

KNOWN, ROWS = shuffled(0)[:300], shuffled(0)[300:]


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    return half_learned(tmp_path, KNOWN)


def found(loop: Loop) -> list[Rival]:
    return list(rivals_of(loop.settings(), loop.evaluate(), 0.0))


def test_a_better_version_is_found_on_rows_that_the_judged_one_answered(loop: Loop) -> None:
    loop.live(ROWS)
    (rival,) = found(loop)
    assert (rival.version.name, rival.n, rival.healthy, rival.better) == ("v2", 206, True, True)
    assert rival.compared.answered == pytest.approx(loop.evaluate().verdict.current)


def test_rows_that_the_other_version_answered_count_by_what_it_said(loop: Loop) -> None:
    loop.live(ROWS[:30])
    loop.label(loop.predict(ROWS[30:], "v2"), ROWS["MEDV"][30:].to_numpy())
    (rival,) = found(loop)
    assert (rival.n, rival.better) == (206, True)
    assert rival.compared.replayed < rival.compared.answered / 2


def test_rows_that_either_has_learned_are_left_out(loop: Loop) -> None:
    loop.live(KNOWN[:50])
    assert found(loop) == []
    loop.live(ROWS[:40])
    assert [rival.n for rival in found(loop)] == [40]


def test_too_few_rows_are_neither_healthy_nor_better(loop: Loop) -> None:
    loop.live(ROWS[:10])
    assert [(one.healthy, one.better) for one in found(loop)] == [(False, False)]


def test_rows_before_the_change_are_not_asked(loop: Loop) -> None:
    loop.live(ROWS)
    newest = float(loop.evaluate().rows.timestamps[-1])
    assert rivals_of(loop.settings(), loop.evaluate(), newest + 1) == ()


def test_at_most_the_newest_and_the_named_are_asked_and_a_broken_one_is_not(loop: Loop) -> None:
    for seed in range(3):
        train(loop.settings(), tag=f"t{seed}")
    loop.live(ROWS[:40])
    (loop.folder / "artifacts" / "versions" / "v4" / "model.onnx").write_bytes(b"broken")
    assert {one.version.name for one in found(loop)} == {"v3", "v5"}
