"""A canary judged on real logs: what each part sees, and what a promotion makes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from housing_cli.errors import GateRefused, VersionNotFound
from housing_cli.loop.canary import Canary, judge_canary, timed
from housing_cli.loop.promote import promote
from housing_cli.loop.train import train
from housing_cli.loop.verify import load_verified
from tests.in_process import Loop, half_learned, shuffled

KNOWN, ROWS = shuffled(0)[:300], shuffled(0)[300:]


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    """v1, which is production, and its twin v2, which is the canary."""
    loop = Loop(tmp_path, KNOWN)
    train(loop.settings(), tag="twin")
    promote(loop.settings(), "v2", to="canary", weight=50.0)
    return loop


def judged(loop: Loop) -> Canary:
    return judge_canary(loop.settings())


def verdicts(found: Canary) -> dict[str, str]:
    return {name: part.verdict for name, part in found.parts.items()}


def test_nothing_is_known_of_a_canary_that_nobody_asked(loop: Loop) -> None:
    found = judged(loop)
    assert found.verdict == "insufficient"
    assert set(verdicts(found).values()) == {"insufficient"}
    assert (found.errors.n, found.quality.n, found.latency.n, found.price_jump.n) == (0, 0, 0, 0)


def test_a_canary_that_works_is_known_by_its_parts(loop: Loop) -> None:
    loop.canaried(ROWS)
    found = judged(loop)
    assert verdicts(found) == {
        "errors": "insufficient",  # 103 rows do not rule out that 1 % fail
        "latency": "healthy",
        "price_jump": "healthy",
        "quality": "healthy",
    }
    assert found.verdict == "insufficient"
    assert (found.errors.n, found.errors.failed) == (103, 0)
    assert (found.quality.n, found.quality.others) == (103, 103)
    assert found.price_jump.n == 103  # no server sampled any: all are priced by both
    assert found.price_jump.jump is not None and found.price_jump.jump < 0.1
    assert (found.trial.weight, found.production.name, found.version.name) == (50.0, "v1", "v2")


def test_enough_rows_make_it_healthy_and_it_is_promoted(loop: Loop) -> None:
    for _ in range(2):
        loop.canaried(ROWS, share=0.75)
    assert judged(loop).verdict == "healthy"
    moved = promote(loop.settings(), "canary")
    assert moved.event is not None
    told = moved.event.evidence["canary"]
    assert isinstance(told, dict)
    assert (told["verdict"], told["against"], told["errors"]["n"]) == ("healthy", "v1", 308)


def test_a_canary_that_fails_is_degraded_and_not_promoted(loop: Loop) -> None:
    loop.canaried(ROWS[:20], share=1.0, failed=10)
    found = judged(loop)
    assert (found.verdict, found.of("degraded")) == ("degraded", ["errors"])
    assert (found.errors.n, found.errors.failed) == (20, 10)
    with pytest.raises(GateRefused, match="as a canary it is degraded: errors") as refused:
        promote(loop.settings(), "canary")
    assert "housing evaluate --canary" in refused.value.hint
    forced = promote(loop.settings(), "canary", force=True)
    assert forced.event is not None
    assert forced.event.evidence["canary"]["verdict"] == "degraded"


def test_too_little_evidence_is_told_and_refuses_nothing(loop: Loop) -> None:
    loop.canaried(ROWS[:6])
    moved = promote(loop.settings(), "canary")
    assert moved.event is not None
    assert moved.event.evidence["canary"]["verdict"] == "insufficient"
    assert moved.ended == ("canary",)


def test_a_canary_that_prices_worse_is_degraded(tmp_path: Path) -> None:
    loop = half_learned(tmp_path, KNOWN)  # v1 learned half, v2 all of it
    promote(loop.settings(), "v2", force=True)
    promote(loop.settings(), "v1", to="canary", weight=50.0)
    for _ in range(3):
        loop.canaried(ROWS)
    found = judged(loop)
    assert found.quality.verdict == "degraded"
    assert found.quality.ratio is not None and found.quality.ratio > 1.3
    assert found.verdict == "degraded"


def test_a_house_that_is_asked_again_and_again_counts_once(loop: Loop) -> None:
    again = [ROWS[:1]] * 60
    loop.canaried(pd.concat([ROWS[:40], *again, ROWS[100:150]]), share=100 / 150)
    quality = judged(loop).quality
    assert (quality.n, quality.others) == (40, 50)


def test_prices_at_another_level_are_seen_without_labels(tmp_path: Path) -> None:
    loop = Loop(tmp_path, KNOWN)
    dear = KNOWN.assign(MEDV=KNOWN["MEDV"] * 2)
    dear.to_csv(tmp_path / "data.csv", index=False)
    train(loop.settings())
    promote(loop.settings(), "v2", to="canary")
    loop.canaried(ROWS[:60], factor=1.0)
    found = judged(loop)
    assert found.price_jump.verdict == "degraded"
    assert found.price_jump.level == pytest.approx(2, rel=0.1)


def test_only_the_window_of_the_trial_counts(loop: Loop) -> None:
    loop.canaried(ROWS[:40])
    promote(loop.settings(), "v1", to="staging")
    loop.registry.end("canary", why="anew")
    promote(loop.settings(), "v2", to="canary", weight=20.0)
    assert judged(loop).errors.n == 0


def test_without_a_canary_there_is_nothing_to_judge(tmp_path: Path) -> None:
    with pytest.raises(VersionNotFound, match="no canary to judge"):
        judge_canary(Loop(tmp_path, KNOWN).settings())


def test_calls_are_timed_on_the_same_rows_however_few(loop: Loop) -> None:
    models = [load_verified(loop.registry, loop.registry.get(name)) for name in ("v1", "v2")]
    rows = ROWS.drop(columns="MEDV").to_numpy(dtype=float)
    for n in (1, 7, 100):
        own, usual = timed(models, rows[:n])
        assert len(own) == len(usual) >= 60
        assert np.all(own > 0)
    assert [len(times) for times in timed(models, rows[:0])] == [0, 0]


@pytest.mark.parametrize("alias", ["canary", "shadow"])
@pytest.mark.parametrize("text", ["", "garbage", "v9", "v3"])
def test_a_broken_trial_hinders_no_promotion_of_another(loop: Loop, alias: str, text: str) -> None:
    train(loop.settings(), tag="another")
    loop.registry.alias_path(alias).write_text(text)
    if text == "v3" and alias == "shadow":  # what is said of it is no evidence
        with pytest.raises(GateRefused, match="nothing could be said of it as a shadow"):
            promote(loop.settings(), "v3")
    moved = promote(loop.settings(), "v3", force=True)
    assert loop.registry.aliases()["production"] == moved.version.name == "v3"


def test_a_refused_shadow_that_is_the_canary_too_names_what_refused_it(loop: Loop) -> None:
    promote(loop.settings(), "v2", to="shadow")
    with pytest.raises(GateRefused, match="0 real prices came in") as refused:
        promote(loop.settings(), "canary")
    assert "housing evaluate --shadow" in refused.value.hint
