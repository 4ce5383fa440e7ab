"""Replays on real logs: which rows are fair, what is found, and that nothing is written."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import numpy as np
import pytest

from housing_cli.config import Settings
from housing_cli.errors import SchemaMismatch
from housing_cli.loop.replay import Replay, compare_prices, may_have_learned, replay
from housing_cli.prediction_log import open_log
from tests.in_process import Loop, half_learned, shuffled
from tests.prediction_log.conftest import BACK_ENDS, fresh_url

KNOWN, ROWS = shuffled(0)[:300], shuffled(0)[300:]


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    return half_learned(tmp_path, KNOWN)


def snapshot(folder: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def figures(found: Replay) -> tuple[int, int, int, int]:
    return found.labeled, found.learned, found.own, found.n


def test_a_better_version_would_have_done_better(loop: Loop) -> None:
    loop.live(ROWS)
    found = replay(loop.settings(), "v2")
    assert (found.verdict, figures(found)) == ("better", (206, 0, 0, 206))
    assert found.compared is not None
    assert found.compared.answered == pytest.approx(loop.evaluate("v1").verdict.current)
    assert found.compared.difference < -5
    assert found.compared.better.value > 0.8


def test_a_worse_version_would_have_done_worse(loop: Loop) -> None:
    loop.label(loop.predict(ROWS, "v2"), ROWS["MEDV"].to_numpy())
    found = replay(loop.settings(metric="mae"), "v1")
    assert (found.verdict, found.metric) == ("worse", "mae")


def test_the_version_that_answered_is_not_compared_with_itself(loop: Loop) -> None:
    loop.live(ROWS[:100])
    loop.label(loop.predict(ROWS[100:], "v2"), ROWS["MEDV"][100:].to_numpy())
    assert figures(replay(loop.settings(), "v2")) == (206, 0, 106, 100)


def test_houses_of_the_training_table_are_left_out(loop: Loop) -> None:
    loop.live(KNOWN[:80])
    loop.live(ROWS[:10])
    found = replay(loop.settings(), "v2")
    assert (figures(found), found.verdict) == ((90, 80, 0, 10), "insufficient")


def test_labels_that_it_learned_from_are_left_out_and_later_ones_are_not(loop: Loop) -> None:
    loop.live(ROWS[:120])
    challenger = loop.retrain(force=True).version.name
    found = replay(loop.settings(), challenger)
    assert (figures(found), found.compared) == ((120, 120, 0, 0), None)
    loop.live(ROWS[:40])  # the same houses, asked for again
    loop.live(ROWS[120:])
    assert figures(replay(loop.settings(), challenger)) == (246, 160, 0, 86)


def test_one_house_counts_once(loop: Loop) -> None:
    for _ in range(3):
        loop.live(ROWS[:50])
    found = replay(loop.settings(), "v2")
    assert (found.repeated, found.n) == (100, 50)


def test_predicted_prices_sent_back_and_typing_errors_are_not_compared(loop: Loop) -> None:
    ids = loop.predict(ROWS, "v2")
    real = ROWS["MEDV"].to_numpy().copy()
    real[5] *= 1000
    loop.label(ids, real)
    log = open_log(loop.settings().log.url, loop.settings().schema())
    answered = log.labeled().predicted
    log.close()
    loop.label(ids[20:60], answered[20:60])
    found = replay(loop.settings(), "v1")
    assert (found.labeled, found.doubtful, found.n) == (206, 41, 165)
    assert found.n == loop.evaluate("v2").verdict.n


def test_the_window_is_the_one_of_the_settings(loop: Loop) -> None:
    loop.live(ROWS)
    assert replay(loop.settings(window="40"), "v2").labeled == 40


def test_an_empty_log_is_insufficient(loop: Loop) -> None:
    found = replay(loop.settings(), "v2")
    assert (found.verdict, figures(found), found.compared) == ("insufficient", (0, 0, 0, 0), None)


def test_a_version_of_another_table_is_refused(loop: Loop) -> None:
    settings = loop.settings()
    fewer = [name for name in settings.schema().features if name != "RAD"]
    other = msgspec.structs.replace(
        settings, data=msgspec.structs.replace(settings.data, features=tuple(fewer))
    )
    with pytest.raises(SchemaMismatch) as refused:
        replay(other, "v2")
    assert "--config" in refused.value.hint


@pytest.mark.parametrize("kind", BACK_ENDS)
def test_it_finds_the_same_in_every_log_and_writes_nothing(
    loop: Loop, kind: str, request: pytest.FixtureRequest
) -> None:
    settings = loop.settings()
    log = msgspec.structs.replace(settings.log, url=fresh_url(kind, loop.folder, request))
    settings = msgspec.structs.replace(settings, log=log)
    _fill(settings)
    before = snapshot(loop.folder)
    found = replay(settings, "v2")
    assert (found.verdict, found.n) == ("better", 60)
    assert found.compared is not None
    assert found.compared.replayed == pytest.approx(_error_of_v2(loop), rel=1e-6)
    assert snapshot(loop.folder) == before


def _fill(settings: Settings) -> None:
    log = open_log(settings.log.url, settings.schema())
    try:
        features = ROWS[:60].drop(columns="MEDV").to_numpy(dtype=float).tolist()
        ids = log.append("v1", features, [12.0] * 60)
        for one, price in zip(ids, ROWS["MEDV"], strict=False):
            log.feedback(one, float(price))
    finally:
        log.close()


def _error_of_v2(loop: Loop) -> float:
    from housing_cli.loop.verify import load_verified

    features = ROWS[:60].drop(columns="MEDV").to_numpy(dtype=float)
    prices = load_verified(loop.registry, loop.registry.get("v2")).score(features)
    return float(np.sqrt(((prices - ROWS["MEDV"][:60].to_numpy()) ** 2).mean()))


def test_one_huge_price_does_not_decide() -> None:
    rng = np.random.default_rng(0)
    real = rng.uniform(10, 40, 200)
    answered, replayed = real + rng.normal(0, 4, 200), real + rng.normal(0, 1, 200)
    real[7] = 2e4  # and the worse version is nearer to it
    answered[7], replayed[7] = 400.0, 20.0
    found = compare_prices(real, answered, replayed, metric="rmse", clip=100.0, confidence=0.95)
    assert found.difference > 0 > found.sequence[1]


def test_what_was_learned_is_told_by_the_time_of_the_prediction(loop: Loop) -> None:
    from housing_cli.judging.reference import load_reference

    loop.live(ROWS[:40])
    version = loop.registry.get("v2")
    log = open_log(loop.settings().log.url, loop.settings().schema())
    rows = log.labeled()
    log.close()
    told = {"rows": 20, "oldest": rows.timestamps[0], "newest": rows.timestamps[0]}
    metadata = msgspec.structs.replace(version.metadata, evidence={"feedback": told})
    learner = msgspec.structs.replace(version, metadata=metadata)
    reference = load_reference(loop.registry, version)
    found = may_have_learned(rows, learner, reference)
    assert found.sum() == (rows.timestamps == rows.timestamps[0]).sum() > 0
    assert not may_have_learned(rows, version, reference).any()
