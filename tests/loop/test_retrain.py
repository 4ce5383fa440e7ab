"""Challengers: what they learn from, when they win, and what is recorded of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from housing_cli.errors import GateRefused, InsufficientEvidence
from housing_cli.loop.promote import promote
from housing_cli.loop.retrain import retrain
from tests.in_process import Loop, shuffled

MOVED = 1.3


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Loop:
    """A loop in which prices moved, retrained and promoted once."""
    rows = shuffled(7)
    loop = Loop(tmp_path_factory.mktemp("moved"), rows[:300])
    loop.live(rows[300:380])
    loop.live(rows[380:440], MOVED)
    assert loop.evaluate().verdict.verdict == "degraded"
    loop.retrain(promote=True)
    return loop


def test_a_moved_market_is_learned(moved: Loop) -> None:
    assert moved.registry.resolve("production") == "v2"
    moved.live(shuffled(7)[440:], MOVED)
    found = moved.evaluate()
    assert found.version.name == "v2"
    assert found.verdict.n == 66
    assert found.verdict.verdict == "healthy"


def test_the_evidence_stands_with_the_version(moved: Loop) -> None:
    metadata = moved.registry.get("v2").metadata
    comparison = metadata.evidence["comparison"]
    assert metadata.parent == "v1"
    assert metadata.data.feedback_rows == 140
    assert metadata.data.rows == 440
    assert len(metadata.data.feedback_sha256 or "") == 64
    assert comparison["wins"] and comparison["difference"] < 0
    assert comparison["interval"][0] < comparison["difference"] < comparison["interval"][1]
    assert comparison["base"]["n"] == 60
    assert comparison["level"] == pytest.approx(MOVED, abs=0.1)
    assert metadata.evidence["feedback"]["versions"] == {"v1": 140}


def test_the_history_tells_the_promotion_with_its_evidence(moved: Loop) -> None:
    event = next(e for e in moved.registry.history() if e.to == "v2" and e.event == "promoted")
    assert (event.from_, event.why) == ("v1", "retrain")
    assert event.evidence["comparison"]["wins"] is True


def test_the_new_baseline_stands_at_the_new_prices(moved: Loop) -> None:
    before, after = (moved.registry.get(ref).metadata.metrics["rmse"] for ref in ("v1", "v2"))
    assert 1.0 < after / before < 1.7


@pytest.mark.slow
def test_the_same_labels_are_not_learned_twice(tmp_path: Path) -> None:
    rows = shuffled(1)
    loop = Loop(tmp_path, rows[:300])
    loop.live(rows[300:360], MOVED)
    first = loop.retrain()
    assert (first.version.name, first.promoted, first.reused) == ("v2", False, False)
    loop.sets = (*loop.sets, "data.units.MEDV=USD")  # which makes no other experiment
    again = loop.retrain(promote=True)
    assert (again.version.name, again.promoted, again.reused) == ("v2", True, True)
    with pytest.raises(GateRefused, match="the same 60 real prices already"):
        loop.retrain(promote=True)
    assert loop.registry.names() == ["v1", "v2"]
    forced = loop.retrain(force=True)
    assert forced.version.name == "v3"
    schemas = [one.metadata.schema for one in (forced.champion, forced.version)]
    assert [schema.units["MEDV"] for schema in schemas] == ["1000 USD", "USD"]
    assert schemas[0].fits(schemas[1])


@pytest.mark.slow
def test_a_challenger_that_waits_is_judged_anew_by_another_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = shuffled(1)
    loop = Loop(tmp_path, rows[:300])
    loop.live(rows[300:360], MOVED)

    def made(**options: object) -> tuple[str, bool, str]:
        done = retrain(loop.settings(**options))
        return done.version.name, done.reused, done.comparison["metric"]

    assert made() == ("v2", False, "rmse")
    assert made(min_samples=50) == ("v2", True, "rmse")  # no part of the gate
    assert made(metric="mae") == ("v3", False, "mae")
    assert made(threshold=0.3) == ("v4", False, "rmse")
    assert made() == ("v2", True, "rmse")
    monkeypatch.setattr("housing_cli.loop.retrain.GATE", 99)
    assert made() == ("v5", False, "rmse")
    # Who judges otherwise has learned nothing new from prices that served already.
    assert retrain(loop.settings(), promote=True).promoted
    with pytest.raises(GateRefused, match="v5 learned from the same 60 real prices already"):
        made(threshold=0.5)


@pytest.mark.slow
def test_a_version_that_was_rolled_back_does_not_return_by_itself(tmp_path: Path) -> None:
    from housing_cli.loop.promote import rollback

    rows = shuffled(1)
    loop = Loop(tmp_path, rows[:300])
    loop.live(rows[300:360], MOVED)
    loop.retrain(promote=True)
    rollback(loop.settings())
    with pytest.raises(GateRefused, match="v2 learned from the same 60"):
        loop.retrain(promote=True)
    assert loop.registry.resolve("production") == "v1"


@pytest.mark.slow
def test_a_refused_challenger_can_be_inspected_and_forced(tmp_path: Path) -> None:
    rows = shuffled(2)
    loop = Loop(tmp_path, rows[:400])
    factor = np.ones(106)
    factor[::2] = 0.2
    loop.live(rows[400:], factor)
    with pytest.raises(GateRefused) as refused:
        loop.retrain(promote=True)
    assert refused.value.evidence["challenger_version"] == "v2"
    unexplained = refused.value.evidence["unexplained"]
    assert isinstance(unexplained, float)
    assert unexplained > 0.1
    assert loop.registry.resolve("production") == "v1"
    assert loop.registry.get("v2").metadata.evidence["comparison"]["wins"] is False
    assert [e.event for e in loop.registry.history()][-1] == "refused"
    # The same question has the same answer, without another fit.
    with pytest.raises(GateRefused, match="v2 is not better"):
        loop.retrain(promote=True)
    assert loop.registry.names() == ["v1", "v2"]
    forced = loop.retrain(promote=True, force=True)
    assert forced.promoted
    assert loop.registry.history()[-1].evidence["forced"] is True


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("n", "known"), [(40, 466), (106, 400)])
def test_poison_is_refused(tmp_path: Path, seed: int, n: int, known: int) -> None:
    """Prices x 0.2 on a random half; `tests/benchmarks/bench_retrain.py` does 20 seeds."""
    rows = shuffled(seed)
    loop = Loop(tmp_path, rows[:known])
    factor = np.ones(n)
    factor[np.random.default_rng(seed).permutation(n)[: n // 2]] = 0.2
    loop.live(rows[known:], factor)
    with pytest.raises(GateRefused):
        loop.retrain(promote=True)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_mild_poison_is_refused(tmp_path: Path, seed: int) -> None:
    """Prices x 0.7 on a random half; `tests/benchmarks/bench_poison.py` does 20 seeds."""
    rows = shuffled(seed)
    loop = Loop(tmp_path, rows[:250])
    loop.live(rows[250:], np.where(np.random.default_rng(seed).permutation(256) < 128, 0.7, 1.0))
    with pytest.raises(GateRefused, match="scatter"):
        loop.retrain(promote=True)


@pytest.mark.slow
@pytest.mark.parametrize("half", [slice(0, 53), slice(53, None)], ids=["older", "newer"])
def test_poison_in_one_half_of_the_time_is_refused(tmp_path: Path, half: slice) -> None:
    rows = shuffled(0)
    loop = Loop(tmp_path, rows[:400])
    factor = np.ones(106)
    factor[half] = 0.2
    loop.live(rows[400:], factor)
    with pytest.raises(GateRefused, match="another unit"):
        loop.retrain(promote=True)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_challenger_that_knows_more_is_accepted(tmp_path: Path, seed: int) -> None:
    rows = shuffled(seed)
    loop = Loop(tmp_path, rows[:100])
    loop.live(rows[100:400])
    assert loop.retrain(promote=True).promoted


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_moved_rows_may_be_few_among_the_labeled(tmp_path: Path, seed: int) -> None:
    rows = shuffled(seed)
    loop = Loop(tmp_path, rows[:300])
    loop.live(rows[300:400])
    loop.live(rows[400:440], MOVED)
    assert loop.retrain(promote=True).promoted


@pytest.mark.slow
def test_moved_rows_may_be_the_same_houses_again(tmp_path: Path) -> None:
    rows = shuffled(3)
    loop = Loop(tmp_path, rows[:400])
    loop.live(rows[400:])
    loop.live(rows[400:], MOVED)
    done = loop.retrain(promote=True)
    assert done.promoted
    # Each house counts once, at its last price.
    assert done.version.metadata.data.rows == 506


@pytest.mark.slow
def test_moved_rows_may_be_rows_of_the_base_data(tmp_path: Path) -> None:
    rows = shuffled(4)
    loop = Loop(tmp_path, rows[:400])
    loop.live(rows[:100], MOVED)
    done = loop.retrain(promote=True)
    assert done.promoted
    assert done.version.metadata.data.rows == 400


def test_too_few_labels_are_said(tmp_path: Path) -> None:
    rows = shuffled(0)
    loop = Loop(tmp_path, rows[:300])
    loop.live(rows[300:329])
    with pytest.raises(InsufficientEvidence, match="29 labeled predictions are too few"):
        loop.retrain()
    assert loop.registry.names() == ["v1"]


def test_what_lost_on_real_prices_needs_a_reason_to_come_back(tmp_path: Path) -> None:
    rows = shuffled(7)
    loop = Loop(tmp_path, rows[:300])
    loop.live(rows[300:380])
    loop.live(rows[380:440], MOVED)
    loop.retrain(promote=True)
    with pytest.raises(GateRefused, match="v2 won against it on real prices"):
        promote(loop.settings(), "v1")
    assert loop.registry.resolve("production") == "v2"
    promote(loop.settings(), "v1", force=True, reason="a drill")
    assert loop.registry.resolve("production") == "v1"


@pytest.mark.slow
@pytest.mark.parametrize("absurd", [1e30, 3e38])
def test_a_price_beyond_reason_is_named_and_refused(tmp_path: Path, absurd: float) -> None:
    rows = shuffled(3)
    loop = Loop(tmp_path, rows[:300])
    ids = loop.live(rows[300:400])
    loop.label(ids[-1:], np.array([absurd]))
    found = loop.evaluate()
    assert (found.verdict.verdict, found.verdict.n) == ("healthy", 99)
    assert found.labels.doubts.far is not None
    assert [one.id for one in found.labels.doubts.far.examples] == ids[-1:]
    with pytest.raises(GateRefused):
        loop.retrain(promote=True)
    assert loop.registry.resolve("production") == "v1"


@pytest.mark.slow
def test_a_champion_has_no_advantage_on_rows_that_it_learned(tmp_path: Path) -> None:
    rows = shuffled(5)
    loop = Loop(tmp_path, rows[:300])
    loop.live(rows[300:400], MOVED)
    loop.retrain(promote=True)
    loop.live(rows[400:410], MOVED)
    found = loop.retrain(force=True).comparison
    assert found["n"] > 30  # most of them had been learned
    baseline = loop.registry.get("v2").metadata.metrics["rmse"]
    assert found["champion"] > 0.6 * baseline  # in-sample it would be about 0.4


@pytest.mark.slow
@pytest.mark.parametrize("stuck", [20.0, 31.5])
def test_a_stuck_feed_is_refused(tmp_path: Path, stuck: float) -> None:
    rows = shuffled(6)
    loop = Loop(tmp_path, rows[:350])
    ids = loop.predict(rows[350:450])
    loop.label(ids, np.full(100, stuck))
    with pytest.raises(GateRefused, match="100% of the recent real prices are one and the same"):
        loop.retrain(promote=True)
