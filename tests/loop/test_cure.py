"""What mends a degraded version: since when, which rows, which version, and what to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from housing_cli.loop.advice import Advice, Next, advised
from housing_cli.loop.cure import WORST_ROWS, since_of
from housing_cli.loop.promote import promote, rollback
from housing_cli.loop.train import train
from tests.in_process import Loop, shuffled

KNOWN, ROWS = shuffled(7)[:280], shuffled(7)[280:]


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    return Loop(tmp_path, KNOWN)


def advice_of(loop: Loop, ref: str = "production", **options: object) -> Advice:
    found = advised(loop.settings(), loop.evaluate(ref, **options)).advice
    assert found is not None
    return found


def test_since_when_is_the_first_of_the_moved_rows(loop: Loop) -> None:
    loop.live(ROWS[:90])
    loop.live(ROWS[90:160], 1.3)
    found = advice_of(loop)
    assert found.since is not None
    assert abs(found.since.n - 70) <= 8
    assert found.since.before is not None and found.since.before < found.since.after
    assert found.next == Next("retrain", "retrain --promote")


def test_thin_evidence_of_a_change_says_nothing(loop: Loop) -> None:
    loop.live(ROWS)
    assert since_of(loop.evaluate()) is None


def test_the_worst_rows_are_those_with_the_largest_errors(loop: Loop) -> None:
    loop.live(ROWS, 2.0)
    judged = loop.evaluate()
    found = advised(loop.settings(), judged).advice
    assert found is not None and len(found.worst_rows) == WORST_ROWS
    errors = np.abs(judged.rows.predicted - judged.rows.real)
    assert [abs(row.error) for row in found.worst_rows] == sorted(errors.tolist())[:-11:-1]
    worst = judged.rows.ids.index(found.worst_rows[0].id)
    assert found.worst_rows[0].real == judged.rows.real[worst]


def test_a_wide_window_says_the_day(loop: Loop) -> None:
    loop.live(ROWS[:90])
    loop.live(ROWS[90:], 3.0)
    judged = loop.evaluate()
    days = np.array(judged.sums.days)
    assert len(days) and judged.verdict.n == 226
    wide = replace(judged, verdict=replace(judged.verdict, n=10_000))
    found = since_of(wide)
    assert found is not None and found.by_day and found.from_start
    assert found.at % 86_400 == 0


def test_after_a_wrong_rollback_the_better_version_is_promoted(loop: Loop) -> None:
    loop.live(ROWS[:90])
    loop.live(ROWS[90:160], 1.3)
    loop.retrain(promote=True)
    loop.live(ROWS[160:], 1.3)
    rollback(loop.settings())
    found = advice_of(loop)
    assert found.better is not None and found.better.version.name == "v2"
    assert (found.next.action, found.next.command) == ("promote", "promote v2")
    promote(loop.settings(), "v2")
    assert advice_of(loop).next == Next("none")


def test_what_the_gate_would_refuse_is_rolled_back_to_or_forced(loop: Loop) -> None:
    loop.live(ROWS[:120], 2.0)
    loop.retrain(promote=True)  # v2, from which the market comes back
    loop.live(ROWS[120:])
    found = advice_of(loop, min_samples=20)
    assert found.next.command == "promote --rollback"
    train(loop.settings(), promote=True)  # v1 is not `previous` any more
    promote(loop.settings(), "v2", force=True)
    found = advice_of(loop, min_samples=20)
    assert found.better is not None and found.next.action == "promote"


def test_a_version_that_is_not_production_is_not_mended(loop: Loop) -> None:
    loop.live(ROWS, 2.0)
    loop.retrain(promote=True)
    assert advice_of(loop, "v1").next == Next("look", "evaluate", "v1 is not production, v2 is")


def test_what_may_be_chance_is_to_be_waited_for(loop: Loop) -> None:
    loop.live(ROWS[:30])
    judged = loop.evaluate()
    worse = replace(judged.verdict, verdict="degraded", ratio=1.4, p_value=0.3)
    found = advised(loop.settings(), replace(judged, verdict=worse, reasons=("error",))).advice
    assert found is not None
    assert (found.next.action, found.next.command) == ("wait", "evaluate")
    assert found.next.labels is not None and found.next.labels > 30


def test_what_cannot_be_looked_at_hides_no_verdict(loop: Loop) -> None:
    loop.live(ROWS, 2.0)
    judged = loop.evaluate()
    (loop.folder / "data.csv").unlink()
    found = advised(loop.settings(), judged).advice
    assert found is not None and found.next.action == "mend"
    assert "data.csv" in found.next.why


def test_what_a_sealed_container_lacks_hides_no_verdict(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_folder(**_: object) -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr("tempfile.TemporaryDirectory", no_folder)
    loop.live(ROWS, 2.0)
    found = advice_of(loop).next
    assert (found.action, found.command) == ("retrain", "retrain --promote")
    assert "No usable temporary directory" in found.why


def test_where_a_person_approves_the_winner_is_to_wait(tmp_path: Path) -> None:
    loop = Loop(tmp_path, KNOWN)
    loop.live(ROWS, 1.5)
    loop.sets = (*loop.sets, "promote.require_approval=true")
    found = advised(loop.settings(), loop.evaluate()).advice
    assert found is not None
    assert found.next.command == "retrain --to candidate"
