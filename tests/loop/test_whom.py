"""Whom the labels of a judgment speak for: verdicts on real logs whose labels miss some houses."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from housing_cli.config.window import parse_window
from housing_cli.judging.reference import load_reference
from housing_cli.loop.evaluate import Evaluation
from housing_cli.loop.recent import intervals_of, read_recent
from housing_cli.loop.whom import RELEVANT, speaking
from housing_cli.prediction_log import open_log
from housing_cli.prediction_log.records import PREDICTED
from tests.in_process import Loop, shuffled

ROWS = shuffled(0)[250:]
REAL = ROWS["MEDV"].to_numpy()


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    return Loop(tmp_path, shuffled(0)[:250])


def _label(loop: Loop, ids: list[str], picked: np.ndarray, prices: np.ndarray) -> Evaluation:
    loop.label(np.array(ids)[picked].tolist(), prices[picked])
    return loop.evaluate(threshold=0.5)


def _predicted(loop: Loop) -> np.ndarray:
    log = open_log(loop.settings().log.url, loop.settings().schema())
    try:
        return log.predictions().predicted
    finally:
        log.close()


def test_labels_of_the_cheap_houses_alone_leave_no_healthy_verdict(loop: Loop) -> None:
    """The dear fifth is off by 30 %, and none of them has a label."""
    ids = loop.predict(ROWS)
    predicted = _predicted(loop)
    prices = np.where(predicted > np.quantile(predicted, 0.8), REAL * 1.3, REAL)
    found = _label(loop, ids, predicted <= np.quantile(predicted, 0.3), prices)
    assert found.verdict.n >= found.verdict.min_samples
    assert found.verdict.ratio is not None and found.verdict.ratio < 1.5
    assert (found.verdict.verdict, found.reasons) == ("insufficient", ("unlabeled",))
    assert found.whom is not None and found.whom.unlabeled is not None
    segment = found.whom.unlabeled
    assert (segment.axis, segment.high, segment.labeled) == (PREDICTED, None, 0)
    assert segment.share > 0.6
    degraded = _label(loop, ids, predicted <= np.quantile(predicted, 0.3), prices * 3)
    assert degraded.verdict.verdict == "degraded"  # what is known to be bad stays so


def test_labels_at_random_keep_their_verdict_and_the_error_is_corrected_beside_it(
    loop: Loop,
) -> None:
    ids = loop.predict(ROWS)
    found = _label(loop, ids, np.random.default_rng(0).random(len(REAL)) < 0.6, REAL)
    assert (found.verdict.verdict, found.reasons) == ("healthy", ())
    assert found.whom is not None and found.whom.unlabeled is None
    corrected = found.whom.corrected
    assert corrected is not None and not corrected.outside
    assert corrected.plain == pytest.approx(found.verdict.current)
    assert corrected.interval[0] < corrected.current < corrected.interval[1]
    assert corrected.ratio == pytest.approx(corrected.current / found.verdict.baseline)
    assert corrected.current == pytest.approx(corrected.plain, rel=0.25)


def test_few_houses_without_labels_do_not_take_the_verdict(loop: Loop) -> None:
    ids = loop.predict(ROWS)
    predicted = _predicted(loop)
    found = _label(loop, ids, predicted < np.quantile(predicted, 1 - RELEVANT / 2), REAL)
    assert found.verdict.verdict == "healthy"
    assert found.whom is not None and not found.whom.silent


def test_the_error_is_expected_before_any_label_and_judges_nothing(loop: Loop) -> None:
    loop.predict(ROWS)
    found = loop.evaluate()
    assert (found.verdict.verdict, found.verdict.n, found.reasons) == ("insufficient", 0, ())
    assert found.whom is not None and found.whom.expected is not None
    assert found.whom.expected_ratio == pytest.approx(1.0, abs=0.15)
    assert found.whom.corrected is None and found.whom.unlabeled is None


def test_other_houses_are_expected_to_have_other_errors(loop: Loop) -> None:
    dear = ROWS[ROWS["LSTAT"] < 6]
    loop.predict(dear)
    whom = loop.evaluate().whom
    assert whom is not None and whom.expected_ratio is not None
    assert whom.expected_ratio > 1.1


def test_without_predictions_nothing_is_said(loop: Loop) -> None:
    whom = loop.evaluate().whom
    assert whom is not None
    assert (whom.unlabeled, whom.corrected, whom.expected, whom.expected_ratio) == (None,) * 4


def test_predictions_that_are_too_young_for_a_label_are_no_unlabeled_houses(loop: Loop) -> None:
    """Cheap houses ten days ago, all labeled after five; dear ones today, without labels yet."""
    now, day = time.time_ns() // 1_000_000, 86_400_000
    cheap = (ROWS["MEDV"] < ROWS["MEDV"].median()).to_numpy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: (now - 10 * day) * 1_000_000)
        ids = loop.predict(ROWS[cheap])
        patch.setattr(time, "time_ns", lambda: (now - 5 * day) * 1_000_000)
        loop.label(ids, REAL[cheap])
        patch.setattr(time, "time_ns", lambda: (now - day) * 1_000_000)
        loop.predict(ROWS[~cheap])
    found = loop.evaluate(threshold=0.5)
    assert found.whom is not None and found.whom.unlabeled is None
    assert found.verdict.verdict == "healthy"


def test_a_segment_is_found_where_each_side_stands_for_more_than_was_read(loop: Loop) -> None:
    """Labels of older predictions than the newest ones: both sides count by their number."""
    ids = loop.predict(ROWS)
    predicted = _predicted(loop)
    cheap = predicted <= np.quantile(predicted, 0.5)
    loop.label(np.array(ids)[cheap].tolist(), REAL[cheap])
    version = loop.registry.get("production")
    reference = load_reference(loop.registry, version)
    _, knots = intervals_of(loop.registry, version)
    log = open_log(loop.settings().log.url, loop.settings().schema())
    try:
        recent = read_recent(
            log, version, parse_window("30d"), "rmse", reference.axes(version)[-1], knots,
            reference.label_rule(3.0),
        )  # fmt: skip
    finally:
        log.close()
    renamed = [f"other {key}" for key in recent.looked.ids]
    looked = msgspec.structs.replace(recent.looked, ids=renamed)
    wide = replace(recent, looked=looked, wide=True, predictions=1000, labeled=100)
    found = speaking(version, reference, wide, "rmse", 3.0).unlabeled
    assert found is not None
    assert (found.axis, found.high) == (PREDICTED, None)
    # Nine tenths of the predictions have no label, and the segment has most of them.
    before = speaking(version, reference, recent, "rmse", 3.0).unlabeled
    assert before is not None
    assert before.share < 0.55
    assert 0.7 < found.share <= 0.9 + 1e-9
