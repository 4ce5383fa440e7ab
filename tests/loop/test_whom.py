"""Whom the labels of a judgment speak for: verdicts on real logs whose labels miss some houses."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from housing_cli.config import Settings
from housing_cli.loop import recent
from housing_cli.loop.evaluation import Evaluation
from housing_cli.prediction_log import open_log
from housing_cli.prediction_log.records import PREDICTED
from tests.in_process import Loop, shuffled

ROWS = shuffled(0)[250:]
REAL = ROWS["MEDV"].to_numpy()
RELEVANT = Settings().evaluate.unlabeled


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


@pytest.mark.parametrize(
    ("unlabeled", "decided"), [(0.3, "insufficient"), (0.6, "healthy"), (1, "healthy")]
)
def test_how_many_may_be_without_labels_is_a_setting(
    quick: Loop, unlabeled: float, decided: str
) -> None:
    ids = quick.predict(ROWS[:NEWEST])
    predicted = _predicted(quick)
    quick.label(
        np.array(ids)[predicted < np.median(predicted)].tolist(),
        REAL[:NEWEST][predicted < np.median(predicted)],
    )
    found = quick.evaluate(threshold=5.0, unlabeled=unlabeled)
    assert found.verdict.verdict == decided
    assert found.reasons == (("unlabeled",) if decided == "insufficient" else ())
    assert found.whom is not None and found.whom.unlabeled is not None  # named all the same


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
    assert found.whom is not None and not found.whom.silent(RELEVANT)


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


@pytest.mark.parametrize("metric", ["rmse", "mae"])
def test_a_row_without_any_feature_is_expected_to_be_any_house(quick: Loop, metric: str) -> None:
    """Not a house of median features, which would have half of the error."""
    blank = ROWS.assign(**dict.fromkeys(ROWS.columns.drop("MEDV"), np.nan))
    quick.live(blank[:NEWEST])
    found = quick.evaluate(metric=metric, min_samples=200)
    assert found.whom is not None and found.whom.expected is not None
    assert found.whom.expected == pytest.approx(found.recent[metric], rel=0.15)
    assert found.whom.expected_ratio is not None and found.whom.expected_ratio > 1.5


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


NEWEST = 100
WINDOWS = ("30d", "9000")
DAY = 86_400.0


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loop:
    """A linear model, and a log of which no more than `NEWEST` rows are read."""
    monkeypatch.setattr(recent, "LOOKED_AT", NEWEST)
    return Loop(tmp_path, shuffled(0)[:250], ("model.regressor=Ridge", "train.repeats=1"))


def _at(loop: Loop, days: float, rows: pd.DataFrame) -> list[str]:
    """Predict `days` ago."""
    when = int((time.time() - days * DAY) * 1e9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: when)
        return loop.predict(rows)


def _labels(loop: Loop, days: float, ids: list[str], picked: np.ndarray) -> None:
    """Send real prices `days` ago."""
    when = int((time.time() - days * DAY) * 1e9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: when)
        loop.label(np.array(ids)[picked].tolist(), REAL[: len(ids)][picked])


@pytest.mark.parametrize("feature", ["AGE", "price"])
def test_windows_of_time_and_of_rows_name_the_same_segment_and_share(
    quick: Loop, feature: str
) -> None:
    """150 predictions of nine days ago, 80 of six and 20 of today; labels come after two days."""
    parts = [
        _at(quick, ago, ROWS[a:b]) for ago, a, b in ((9, 0, 150), (6, 150, 230), (0, 230, 250))
    ]
    ids = [key for part in parts[:2] for key in part]
    values = _predicted(quick)[:230] if feature == "price" else ROWS["AGE"].to_numpy()[:230]
    picked = values < np.quantile(values, 0.55)
    _labels(quick, 7, ids[:150], picked[:150])
    _labels(quick, 4, ids, picked & (np.arange(230) >= 150))
    found = [quick.evaluate(window=window, threshold=5.0) for window in WINDOWS]
    assert [len(each.rows) for each in found] == [NEWEST, int(picked.sum())]
    for each in found:
        assert (each.verdict.verdict, each.reasons) == ("insufficient", ("unlabeled",))
        assert each.whom is not None and each.whom.unlabeled is not None
        assert (each.whom.unlabeled.axis, each.whom.unlabeled.high) == (
            PREDICTED if feature == "price" else feature, None,
        )  # fmt: skip
        # Of the newest that are old enough, not of what has labels or is from today.
        inside = values[150:] >= (each.whom.unlabeled.low or 0)
        assert each.whom.unlabeled.share == pytest.approx(inside.mean())
    assert found[0].whom == found[1].whom


def test_a_feature_that_follows_the_time_is_no_segment(quick: Loop) -> None:
    """All houses had a label in the old days of low taxes; now every second one does."""
    ids = _at(quick, 9, ROWS[:150].assign(TAX=200.0)) + _at(quick, 6, ROWS[150:].assign(TAX=700.0))
    place = np.arange(len(ids))
    _labels(quick, 4, ids, (place < 150) | (np.random.default_rng(0).random(len(ids)) < 0.5))
    for window in WINDOWS:
        found = quick.evaluate(window=window, threshold=5.0).whom
        assert found is not None and found.unlabeled is None
        assert found.corrected is not None
        assert found.corrected.labels < NEWEST


def test_where_all_the_newest_are_too_young_they_stand_for_what_is_asked_for(quick: Loop) -> None:
    """By price alone; and nothing is corrected that nobody can know yet."""
    ids = _at(quick, 9, ROWS[:150])
    _at(quick, 1, ROWS[150:])
    predicted = _predicted(quick)
    limit = np.quantile(predicted, 0.5)
    _labels(quick, 4, ids, predicted[:150] < limit)
    for window in WINDOWS:
        found = quick.evaluate(window=window, threshold=5.0)
        assert (found.verdict.verdict, found.reasons) == ("insufficient", ("unlabeled",))
        assert found.whom is not None and found.whom.unlabeled is not None
        segment = found.whom.unlabeled
        assert (segment.axis, segment.high) == (PREDICTED, None)
        inside = predicted[-NEWEST:] >= (segment.low or 0)
        assert segment.share == pytest.approx(inside.mean())
        assert found.whom.corrected is None
