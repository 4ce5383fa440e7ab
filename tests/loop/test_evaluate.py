"""Judgments on real logs: whose rows count, which window, what stands beside the verdict."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from housing_cli.api.served import load_served
from housing_cli.errors import UsageError, VersionNotFound
from housing_cli.loop.advice import advised
from housing_cli.loop.promote import promote
from housing_cli.loop.replay import replay
from housing_cli.loop.train import train
from housing_cli.model.compiled import HIGHEST
from housing_cli.model.intervals import IntervalModel
from tests.in_process import Loop, shuffled


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    return Loop(tmp_path, shuffled(0)[:350])


ROWS = shuffled(0)[350:]


def test_unseen_rows_at_their_prices_are_healthy(loop: Loop) -> None:
    loop.live(ROWS)
    found = loop.evaluate()
    assert (found.verdict.verdict, found.verdict.n) == ("healthy", 156)
    assert found.verdict.baseline == found.version.metadata.metrics["rmse"]
    error = found.rows.predicted - found.rows.real
    assert found.verdict.current == pytest.approx(np.sqrt((error**2).mean()))


def test_moved_prices_are_degraded(loop: Loop) -> None:
    loop.live(ROWS, 1.3)
    found = loop.evaluate(confidence=0.95)
    assert found.verdict.verdict == "degraded"
    assert found.reasons == ("error",)
    assert found.recent["bias"] < -3


def test_a_log_that_is_not_there_is_insufficient(loop: Loop) -> None:
    found = loop.evaluate()
    assert (found.verdict.verdict, found.verdict.n) == ("insufficient", 0)
    assert found.labels.coverage is None
    assert found.recent == {}


def test_predictions_without_prices_are_insufficient(loop: Loop) -> None:
    loop.predict(ROWS)
    found = loop.evaluate()
    assert (found.verdict.verdict, found.verdict.n) == ("insufficient", 0)
    assert (found.labels.predictions, found.labels.labeled) == (156, 0)
    assert len(found.drift) == 14


def test_only_the_versions_own_predictions_count(loop: Loop) -> None:
    loop.live(ROWS[:50], 3.0)
    train(loop.settings(), tag="second", promote=True)
    assert loop.evaluate().verdict.n == 0
    loop.live(ROWS[50:120])
    found = loop.evaluate()
    assert (found.version.name, found.verdict.n, found.verdict.verdict) == ("v2", 70, "healthy")
    assert loop.evaluate("v1").verdict.verdict == "degraded"
    assert loop.evaluate("second").verdict.n == 70


def test_the_table_of_versions_shows_each_with_its_own_rows(loop: Loop) -> None:
    loop.live(ROWS[:50], 3.0)
    train(loop.settings(), promote=True)
    train(loop.settings())
    promote(loop.settings(), "v3", to="canary")
    loop.live(ROWS[50:120])
    table = {row.version: row for row in loop.evaluate().versions}
    assert {name: row.n for name, row in table.items()} == {"v2": 70, "v3": 0, "v1": 50}
    assert table["v1"].aliases == ("previous",)
    assert table["v3"].aliases == ("canary",)
    assert table["v1"].ratio is not None and table["v1"].ratio > 2
    assert table["v3"].current is None


def test_a_broken_version_beside_it_hides_no_verdict(loop: Loop) -> None:
    loop.live(ROWS[:50])
    train(loop.settings(), promote=True)
    loop.live(ROWS[50:], 2.0)
    (loop.registry.directory("v1") / "metadata.json").write_text("junk")
    judged = loop.evaluate()
    assert judged.verdict.verdict == "degraded"
    assert [row.version for row in judged.versions] == ["v2"]
    advice = advised(loop.settings(), judged).advice
    assert advice is not None and advice.next.command == "retrain --promote"


def test_a_correction_counts_and_only_once(loop: Loop) -> None:
    ids = loop.live(ROWS, 5.0)
    assert loop.evaluate().verdict.verdict == "degraded"
    loop.label(ids, ROWS["MEDV"].to_numpy())
    found = loop.evaluate()
    assert (found.verdict.verdict, found.verdict.n) == ("healthy", 156)


def test_the_newest_rows_are_the_newest_predictions(loop: Loop) -> None:
    first = loop.predict(ROWS[:60])
    loop.live(ROWS[60:], 1.0)
    loop.label(first, ROWS["MEDV"][:60].to_numpy() * 2)  # labeled last, predicted first
    assert loop.evaluate(window="96").verdict.verdict == "healthy"
    assert loop.evaluate(window="97").verdict.n == 97
    assert loop.evaluate(window="156").verdict.verdict == "degraded"


def test_a_time_window_is_by_the_time_of_the_prediction(loop: Loop) -> None:
    loop.live(ROWS[:60], 4.0)
    time.sleep(1.3)
    loop.live(ROWS[60:])
    assert loop.evaluate(window="1h").verdict.n == 156
    recent = loop.evaluate(window="1.2s").verdict
    assert recent.n == 96


def test_bad_words_are_usage_errors(loop: Loop) -> None:
    with pytest.raises(UsageError):
        loop.evaluate(window="soon")
    with pytest.raises(VersionNotFound):
        loop.evaluate("v9")


def test_coverage_and_delay_of_the_labels(loop: Loop) -> None:
    ids = loop.predict(ROWS)
    time.sleep(0.2)
    loop.label(ids[:78], ROWS["MEDV"][:78].to_numpy())
    labels = loop.evaluate().labels
    assert (labels.predictions, labels.labeled, labels.coverage) == (156, 78, 0.5)
    assert labels.delay_p50 is not None and labels.delay_p95 is not None
    assert 0.15 < labels.delay_p50 <= labels.delay_p95 < 60


def test_the_intervals_are_checked_against_reality(loop: Loop) -> None:
    loop.live(ROWS)
    recent = loop.evaluate().recent
    assert recent["interval_target"] == 0.9
    assert 0.8 < recent["interval_coverage"] <= 1.0
    loop.live(ROWS, 2.0)
    assert loop.evaluate(window="156").recent["interval_coverage"] < 0.3


def test_the_coverage_is_that_of_the_intervals_that_were_answered(loop: Loop) -> None:
    served = load_served(loop.registry, "v1")
    assert served.intervals is not None and served.intervals.scaled is not None
    loop.live(ROWS, 1.1)
    inside = []
    features, real = ROWS.drop(columns="MEDV").to_numpy(dtype=float), ROWS["MEDV"] * 1.1
    for row, price in zip(features.tolist(), real, strict=True):
        found = served.model.scored_few([row])
        low, high = served.intervals.interval(found[0][0], found[1][0])
        inside.append(low <= price <= high)
    by_price = [
        low <= price <= high
        for price, (low, high) in zip(
            real,
            IntervalModel.from_json(plain_of(served.intervals)).intervals(
                served.model.score(features)
            ),
            strict=True,
        )
    ]
    assert np.mean(inside) != np.mean(by_price)  # else the test could not tell them apart
    recent = loop.evaluate(window=str(len(ROWS))).recent
    assert recent["interval_coverage"] == pytest.approx(np.mean(inside), abs=1e-9)
    assert loop.evaluate().recent["interval_coverage"] == recent["interval_coverage"]


def plain_of(intervals: IntervalModel) -> bytes:
    """Return the intervals by price alone, as a program reads them that knows no others."""
    return json.dumps(json.loads(intervals.to_json()) | {"scaled": None}).encode()


def test_drift_decides_only_when_it_is_asked(loop: Loop) -> None:
    from housing_cli.loop.evaluate import evaluate

    loop.predict(ROWS.assign(RM=ROWS["RM"] + 1.0))
    quiet = evaluate(loop.settings())
    assert (quiet.verdict.verdict, quiet.reasons) == ("insufficient", ())
    assert "RM" in [column.name for column in quiet.drifted]
    asked = evaluate(loop.settings(), drift_decides=True)
    assert (asked.verdict.verdict, asked.reasons) == ("degraded", ("drift",))


def test_the_same_houses_asked_for_again_and_again_are_no_drift(loop: Loop) -> None:
    from housing_cli.loop.evaluate import evaluate

    for _ in range(20):
        loop.predict(ROWS)
    found = evaluate(loop.settings(), drift_decides=True)
    assert (found.labels.predictions, {column.n for column in found.drift}) == (3120, {156})
    assert found.drifted == ()


def test_a_client_that_sends_nothing_is_drift_and_no_house_asked_for_again(loop: Loop) -> None:
    from housing_cli.loop.evaluate import evaluate

    loop.predict(ROWS)
    nothing = pd.DataFrame(np.nan, index=range(300), columns=ROWS.columns)
    loop.predict(nothing)
    found = evaluate(loop.settings(), drift_decides=True)
    assert (found.labels.repeated, {column.n for column in found.drift}) == (0, {456})
    assert found.reasons == ("drift",)
    assert {"RM", "LSTAT"} <= {column.name for column in found.drifted}


def test_labels_of_dear_houses_alone_are_a_biased_selection(loop: Loop) -> None:
    ids = loop.predict(ROWS)
    dear = (ROWS["MEDV"] > ROWS["MEDV"].median()).to_numpy()
    loop.label(np.array(ids)[dear].tolist(), ROWS["MEDV"][dear].to_numpy())
    assert "predicted_price" in [column.name for column in loop.evaluate().biased]


def test_labels_at_random_are_no_biased_selection(loop: Loop) -> None:
    ids = loop.predict(ROWS)
    loop.label(ids[::2], ROWS["MEDV"][::2].to_numpy())
    assert loop.evaluate().biased == ()


def test_evaluation_writes_nothing(loop: Loop) -> None:
    def state() -> dict[str, float]:
        return {
            str(path): path.stat().st_mtime_ns for path in loop.folder.rglob("*") if path.is_file()
        }

    loop.live(ROWS)
    before = state()
    loop.evaluate()
    assert state() == before
    assert os.access(loop.folder, os.W_OK)


@pytest.mark.parametrize("confidence", [None, 0.95])
def test_one_mistyped_price_is_named_and_degrades_nothing(
    loop: Loop, confidence: float | None
) -> None:
    ids = loop.live(ROWS[:59])
    loop.label(ids[7:8], ROWS["MEDV"][7:8].to_numpy() * 1000)
    options: dict[str, Any] = {} if confidence is None else {"confidence": confidence}
    found = loop.evaluate(**options)
    assert (found.verdict.verdict, found.verdict.n) == ("healthy", 58)
    far = found.labels.doubts.far
    assert far is not None
    assert (far.count, far.excluded, [one.id for one in far.examples]) == (1, True, [ids[7]])
    assert far.examples[0].real == ROWS["MEDV"].iloc[7] * 1000
    assert found.labels.labeled == 59
    loop.label(ids[7:8], ROWS["MEDV"][7:8].to_numpy())
    assert loop.evaluate(**options).verdict.n == 59


def test_more_far_prices_than_one_in_fifty_count(loop: Loop) -> None:
    ids = loop.live(ROWS[:59])
    loop.label(ids[:3], ROWS["MEDV"][:3].to_numpy() * 1000)
    found = loop.evaluate()
    assert (found.verdict.verdict, found.verdict.n) == ("degraded", 59)
    assert found.labels.doubts.far is not None and not found.labels.doubts.far.excluded


def test_the_predicted_price_sent_back_is_no_real_price(loop: Loop) -> None:
    ids = loop.live(ROWS, 1.3)
    predicted = loop.evaluate().rows.predicted
    loop.label(ids[:120], predicted[:120])
    found = loop.evaluate()
    equal = found.labels.doubts.equal
    assert equal is not None
    assert (equal.count, equal.excluded, equal.share) == (120, True, 120 / 156)
    assert [one.id for one in equal.examples] == ids[119:114:-1]
    assert (found.verdict.verdict, found.verdict.n) == ("degraded", 36)
    loop.label(ids[120:140], predicted[120:140])
    assert loop.evaluate().verdict.verdict == "insufficient"


def test_houses_that_are_asked_for_again_are_counted(loop: Loop) -> None:
    loop.predict(ROWS[:30])
    loop.predict(ROWS[:20])
    labels = loop.evaluate().labels
    assert (labels.repeated, labels.repeated_share) == (20, 0.4)


@pytest.mark.parametrize("written", ["1e39", "1e300", "inf", "-1e39"])
def test_numbers_beyond_float32_that_another_system_logged_count_as_the_largest_there_is(
    loop: Loop, written: str
) -> None:
    rows = shuffled(0)[350:450]
    loop.predict(rows[60:])
    loop.live(rows[:60])
    file = loop.folder / "logs" / "predictions.csv"
    judged = []
    for value in (repr(HIGHEST if float(written) > 0 else -HIGHEST), written):
        header, *lines = file.read_text().splitlines()
        for k in range(0, 100, 5):
            fields = lines[k].split(",")
            fields[3] = value  # CRIM
            lines[k] = ",".join(fields)
        file.write_text("\n".join([header, *lines]) + "\n")
        judged.append((loop.evaluate(false_alarms_per_year=0.05), replay(loop.settings(), "v1")))
    (before, replayed), (after, replayed_after) = judged
    assert after.verdict == before.verdict
    assert (after.whom, after.drift) == (before.whom, before.drift)
    assert (after.selection, after.segment_errors) == (before.selection, before.segment_errors)
    assert after.labels.repeated == before.labels.repeated
    assert (after.rows.skipped, replayed_after) == (0, replayed)
