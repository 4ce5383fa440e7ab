"""What every back end does."""

from __future__ import annotations

import multiprocessing
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from housing_cli.data.schema import FeatureSchema
from housing_cli.errors import LogSchemaMismatch, UnknownPrediction
from housing_cli.prediction_log import PredictionLog, Served, open_log
from housing_cli.prediction_log.formats import FORMAT
from tests.prediction_log.conftest import Opener
from tests.prediction_log.rows import BOSTON, ROW

CALIFORNIA = FeatureSchema(
    ("MedInc", "HouseAge", "AveRooms", "AveBedrms", "Population", "AveOccup", "Latitude",
     "Longitude"),
    "MedHouseVal",
)  # fmt: skip


def _add(log: PredictionLog, count: int, version: str = "v1") -> list[str]:
    return log.append(version, [ROW] * count, [20.0 + number for number in range(count)])


def test_an_opened_log_is_empty_and_writes_nothing(log: PredictionLog) -> None:
    log.check()
    assert len(log.labeled()) == 0
    assert len(log.predictions()) == 0
    assert log.labeled().features.shape == (0, 13)
    with pytest.raises(UnknownPrediction):
        log.feedback(str(uuid.uuid4()), 20.0)


def test_ids_are_version_7_uuids_in_ascending_order(log: PredictionLog) -> None:
    ids = [*_add(log, 3), *_add(log, 300), *(_add(log, 1)[0] for _ in range(50))]
    parsed = [uuid.UUID(text) for text in ids]
    assert all(one.version == 7 and one.variant == uuid.RFC_4122 for one in parsed)
    assert ids == sorted(set(ids))
    assert all(str(one) == text for one, text in zip(parsed, ids, strict=True))
    assert abs((parsed[-1].int >> 80) / 1000 - time.time()) < 60


def test_a_row_comes_back_as_it_was_written(log: PredictionLog) -> None:
    values = [1e-300, -0.0, 1e22, None, 0.1 + 0.2, 5e-324, 1.7976931348623157e308, 3, 1e16,
              123456.0, float("nan"), 2.5, -7.25]  # fmt: skip
    before = time.time()
    (one,) = log.append("v12", [values], [21.600000000000001])
    log.feedback(one, 24.500000000000004)
    found = log.labeled()
    assert list(found.ids) == [one]
    assert list(found.versions) == ["v12"]
    expected = [np.nan if value is None else value for value in values]
    np.testing.assert_array_equal(found.features, [expected])
    assert found.predicted.tolist() == [21.600000000000001]
    assert found.real.tolist() == [24.500000000000004]
    assert before - 0.002 <= found.timestamps[0] <= found.labeled_at[0] <= time.time() + 0.002
    assert found.skipped == 0


def test_arrays_are_rows_too(log: PredictionLog) -> None:
    rows = np.arange(26.0).reshape(2, 13)
    log.append("v1", rows, np.array([1.5, 2.5], dtype=np.float32))  # type: ignore[arg-type]
    found = log.predictions()
    np.testing.assert_array_equal(found.features, rows)
    assert found.predicted.tolist() == [1.5, 2.5]


def test_feedback_is_recorded_then_unchanged_then_corrected(log: PredictionLog) -> None:
    (one,) = log.append("v3", [ROW], [21.5])
    first = log.feedback(one, 24.5)
    assert (first.outcome, first.model_version, first.predicted_price) == ("recorded", "v3", 21.5)
    assert abs(first.predicted_at - time.time()) < 60
    assert log.feedback(one, 24.5).outcome == "unchanged"
    assert log.feedback(one, 25.0).outcome == "corrected"
    assert log.feedback(one, 25.0).outcome == "unchanged"
    assert log.feedback(one, 24.5).outcome == "corrected"
    assert log.labeled().real.tolist() == [24.5]


@pytest.mark.parametrize("price", [0.0, -1.0, float("nan"), float("inf")])
def test_a_price_that_cannot_be_is_refused(log: PredictionLog, price: float) -> None:
    (one,) = _add(log, 1)
    with pytest.raises(ValueError, match="finite"):
        log.feedback(one, price)
    assert len(log.labeled()) == 0


def test_feedback_finds_an_id_in_capitals(log: PredictionLog) -> None:
    (one,) = _add(log, 1)
    assert log.feedback(one.upper(), 24.5).outcome == "recorded"
    assert log.feedback(one, 24.5).outcome == "unchanged"
    assert list(log.labeled().ids) == [one]


@pytest.mark.parametrize(
    "strange",
    ["", " ", "x", "0", "id", "../predictions", "a,b", 'a"b', "a\nb", "a\0b", "é" * 36, "9" * 5000,
     "{01a20907-1d11-791e-aaa5-5704a6e25337}", "01a20907-1d11-791e-aaa5-5704a6e25337",
     "01a209071d11791eaaa55704a6e25337", "ffffffff-ffff-7fff-bfff-ffffffffffff",
     "00000000-0000-7000-8000-000000000000", "00000000-0000-0000-0000-000000000000",
     "\ud800"],
)  # fmt: skip
def test_an_id_that_was_never_issued_is_unknown(log: PredictionLog, strange: str) -> None:
    _add(log, 3)
    with pytest.raises(UnknownPrediction):
        log.feedback(strange, 20.0)
    assert len(log.labeled()) == 0


def test_late_feedback_of_every_row_is_found(log: PredictionLog) -> None:
    ids = _add(log, 500)
    for _ in range(5):
        ids += _add(log, 1, "v2")
    for number, one in enumerate(reversed(ids)):
        assert log.feedback(one, 1.0 + number).outcome == "recorded"
    found = log.labeled()
    assert list(found.ids) == ids
    assert found.real.tolist() == [1.0 + number for number in reversed(range(len(ids)))]


def test_windows_count_predictions_not_feedback(log: PredictionLog) -> None:
    ids = _add(log, 100)
    for one in reversed(ids[::2]):  # the oldest prediction is labeled last
        log.feedback(one, 30.0)
    assert list(log.labeled(newest=10).ids) == ids[::2][-10:]
    assert list(log.labeled(newest=1).ids) == [ids[98]]
    assert len(log.labeled(newest=0)) == 0
    assert list(log.labeled(newest=1000).ids) == ids[::2]
    assert list(log.predictions(newest=3).ids) == ids[-3:]
    assert log.predictions(newest=4).labeled.tolist() == [True, False, True, False]
    assert log.predictions().labeled.sum() == 50


def test_a_version_sees_its_own_rows(log: PredictionLog) -> None:
    first, second = _add(log, 20, "v1"), _add(log, 20, "v2")
    third = _add(log, 5, "v1")
    for one in [*first, *second, *third]:
        log.feedback(one, 30.0)
    assert list(log.labeled(version="v1").ids) == first + third
    assert list(log.labeled(version="v1", newest=7).ids) == first[-2:] + third
    assert list(log.labeled(version="v2", newest=3).ids) == second[-3:]
    assert set(log.labeled(version="v2").versions) == {"v2"}
    assert len(log.labeled(version="v3", newest=5)) == 0
    assert list(log.predictions(version="v2", newest=2).ids) == second[-2:]


def test_since_is_the_time_of_the_prediction(log: PredictionLog) -> None:
    old = _add(log, 3)
    time.sleep(0.01)
    border = datetime.now(UTC)
    time.sleep(0.01)
    new = _add(log, 3)
    for one in [*new, *old]:
        log.feedback(one, 30.0)
    assert list(log.labeled(since=border).ids) == new
    assert list(log.labeled(since=border, newest=2).ids) == new[-2:]
    assert list(log.labeled(since=border - timedelta(days=1)).ids) == old + new
    assert len(log.labeled(since=border + timedelta(days=1))) == 0
    assert list(log.predictions(since=border).ids) == new
    exact = datetime.fromtimestamp(log.predictions().timestamps[3], UTC)
    assert list(log.predictions(since=exact).ids) == new


def test_a_batch_with_a_row_of_the_wrong_width_leaves_nothing(log: PredictionLog) -> None:
    _add(log, 2)
    with pytest.raises(ValueError, match="13 features"):
        log.append("v1", [ROW, ROW[:-1]], [1.0, 2.0])
    with pytest.raises(ValueError, match="zip"):
        log.append("v1", [ROW, ROW], [1.0])
    assert len(log.predictions()) == 2
    assert log.append("v1", [], []) == []


def test_groups_get_ids_of_their_own(log: PredictionLog) -> None:
    groups = [("v1", [ROW], [1.0]), ("v2", [ROW, ROW], [2.0, 3.0]), ("v1", [], [])]
    issued = log.append_groups(groups)
    assert [len(ids) for ids in issued] == [1, 2, 0]
    found = log.predictions()
    assert list(found.ids) == [one for ids in issued for one in ids]
    assert list(found.versions) == ["v1", "v2", "v2"]
    assert found.predicted.tolist() == [1.0, 2.0, 3.0]


def test_a_log_of_other_features_is_refused_with_a_hint(opener: Opener) -> None:
    _add(opener(), 2)
    other = opener(CALIFORNIA)
    for use in (
        other.check,
        other.labeled,
        other.predictions,
        lambda: other.append("v1", [[1.0] * 8], [2.0]),
    ):
        with pytest.raises(LogSchemaMismatch) as caught:
            use()
        assert caught.value.hint
    assert len(opener().predictions()) == 2


def test_the_same_features_in_another_order_are_refused(opener: Opener) -> None:
    _add(opener(), 1)
    with pytest.raises(LogSchemaMismatch):
        opener(FeatureSchema(BOSTON.features[::-1], "MEDV")).labeled()


@pytest.mark.parametrize(
    "names",
    [
        CALIFORNIA.features,
        ("a,b", 'say "hi"', "with space", "ñandú", "100%", "x%s", ":p", "a(b)", "'; DROP TABLE--"),
        ("B", "b", "ID", "select", "Timestamp"),
        ("x" * 80, "x" * 79 + "y", "price[€]"),
    ],
)
def test_any_text_is_a_feature_name(opener: Opener, names: tuple[str, ...]) -> None:
    schema = FeatureSchema(names, "price")
    log = opener(schema)
    values = [float(number) for number in range(len(names))]
    ids = log.append("v1", [values], [2.0]) + log.append("v1", [values] * 3, [2.0] * 3)
    log.feedback(ids[0], 3.0)
    again = opener(schema)
    again.check()
    np.testing.assert_array_equal(again.labeled().features, [values])
    again.append("v1", [values], [2.0])
    np.testing.assert_array_equal(again.predictions().features, [values] * 5)


@pytest.mark.parametrize("version", [None, "v1", "it's 100%", "nobody"])
@pytest.mark.parametrize("late", [False, True])
def test_labeled_rows_without_their_features_are_the_same_otherwise(
    log: PredictionLog, version: str | None, late: bool
) -> None:
    ids = _add(log, 5) + _add(log, 2, "it's 100%")
    time.sleep(0.01)
    since = datetime.now(UTC) if late else None
    time.sleep(0.01)
    ids += _add(log, 4, "it's 100%") + _add(log, 3)
    for price, key in enumerate([*ids[:-1], ids[1], ids[6], ids[1]], 1):
        log.feedback(key, float(price))
    full = log.labeled(version=version, since=since)
    bare = log.labeled(version=version, since=since, features=False)
    count = {None: (13, 6), "v1": (7, 2), "it's 100%": (6, 4), "nobody": (0, 0)}[version][late]
    assert len(full) == count
    assert bare.features.shape in {(count, 0), (count, 13)}
    assert (list(bare.ids), list(bare.versions)) == (list(full.ids), list(full.versions))
    assert list(bare.ids[1:3]) == list(full.ids)[1:3]
    for name in ("timestamps", "labeled_at", "predicted", "real"):
        np.testing.assert_array_equal(getattr(bare, name), getattr(full, name))


def test_a_reopened_log_goes_on(opener: Opener) -> None:
    first = opener()
    ids = _add(first, 5)
    first.feedback(ids[0], 10.0)
    first.close()
    second = opener()
    assert second.feedback(ids[0], 10.0).outcome == "unchanged"
    assert second.feedback(ids[0], 11.0).outcome == "corrected"
    more = _add(second, 5)
    assert more[0] > ids[-1]
    assert list(second.predictions().ids) == ids + more


def test_two_open_logs_see_each_other(opener: Opener) -> None:
    one, two = opener(), opener()
    ids = _add(one, 1) + _add(two, 1) + _add(one, 1)
    assert one.feedback(ids[1], 5.0).outcome == "recorded"
    assert two.feedback(ids[1], 5.0).outcome == "unchanged"
    assert two.feedback(ids[1], 6.0).outcome == "corrected"
    assert one.feedback(ids[1], 6.0).outcome == "unchanged"
    # Ids of one millisecond from two databases' clients have no order among themselves.
    assert list(one.predictions().ids) == list(two.predictions().ids) == sorted(ids)


def test_durable_writes_work_as_others_do(opener: Opener) -> None:
    log = opener(fsync=True)
    ids = _add(log, 3)
    log.feedback(ids[1], 5.0)
    assert log.labeled().real.tolist() == [5.0]
    assert log.blocking


def test_threads_share_one_log(log: PredictionLog) -> None:
    def work(number: int) -> list[str]:
        ids = _add(log, 1 + number % 3)
        log.feedback(ids[0], 1.0 + number)
        return ids

    with ThreadPoolExecutor(8) as pool:
        written = [one for ids in pool.map(work, range(120)) for one in ids]
    assert sorted(log.predictions().ids) == sorted(written)
    assert len(log.labeled()) == 120


FULL = {
    "lower": 18.25, "upper": 1e22, "arm": "canary", "shadow_version": "v9", "shadow_price": 0.1,
    "house_id": 'calle "Mayor", 1º', "request_id": "None",
}  # fmt: skip


def test_what_an_answer_carried_comes_back_in_the_order_of_ids(log: PredictionLog) -> None:
    ids = _add(log, 4)
    rows = [Served(ids[0], **FULL), Served(ids[1]), Served(ids[2], lower=1.0, house_id="0017")]  # type: ignore[arg-type]
    assert log.served() == []
    log.append_served(rows[1:][::-1])
    log.append_served([])
    log.append_served(rows[:1])
    assert log.served() == rows


def test_what_a_shadow_says_is_recorded_as_the_same_rows_are(log: PredictionLog) -> None:
    ids, prices = _add(log, 3), [20.5, None, 1e-7]
    log.append_shadow("v8", ids, prices)
    log.append_shadow("v8", [], [])
    assert log.served() == [
        Served(key, shadow_version="v8", shadow_price=price)
        for key, price in zip(ids, prices, strict=True)
    ]


def test_the_first_row_of_an_id_counts(log: PredictionLog) -> None:
    (one,) = _add(log, 1)
    log.append_served([Served(one, arm="a")])
    log.append_served([Served(one, arm="b")])
    assert log.served() == [Served(one, arm="a")]


def test_what_answers_carried_since_is_by_the_time_of_the_prediction(log: PredictionLog) -> None:
    old = _add(log, 2)
    time.sleep(0.01)
    border = datetime.now(UTC)
    time.sleep(0.01)
    new = _add(log, 2)
    log.append_served([Served(one, arm="a") for one in [*new, *old]])
    assert [row.id for row in log.served(since=border)] == new
    assert len(log.served(since=border - timedelta(days=1))) == 4


def test_numbers_of_numpy_are_numbers_in_what_an_answer_carried(log: PredictionLog) -> None:
    (one,) = _add(log, 1)
    log.append_served([Served(one, lower=np.float64(0.1), upper=np.float32(0.5))])  # type: ignore[arg-type]
    assert log.served() == [Served(one, lower=0.1, upper=0.5)]


@pytest.mark.parametrize("strange", ["a\nb", "", "a\0b", "\ud800", "a\rb"])
def test_text_that_would_break_a_line_is_refused(strange: str) -> None:
    with pytest.raises(ValueError, match="house_id"):
        Served("01a20907-1d11-791e-aaa5-5704a6e25337", house_id=strange)


def test_what_has_no_id_or_is_not_finite_is_refused() -> None:
    for wrong in ("", "x", "01A20907-1D11-791E-AAA5-5704A6E25337"):
        with pytest.raises(ValueError, match="not the id"):
            Served(wrong)
    with pytest.raises(ValueError, match="lower"):
        Served("01a20907-1d11-791e-aaa5-5704a6e25337", lower=float("nan"))


def test_a_log_of_other_features_takes_nothing_that_answers_carried(opener: Opener) -> None:
    (one,) = _add(opener(), 1)
    with pytest.raises(LogSchemaMismatch):
        opener(CALIFORNIA).append_served([Served(one)])


def test_init_makes_an_empty_log_once(opener: Opener) -> None:
    log = opener()
    first = log.init()
    assert (first.before, first.format) == (0, FORMAT)
    assert len(log.predictions()) == len(log.labeled()) == 0
    ids = _add(log, 2)
    log.feedback(ids[0], 5.0)
    again = opener().init(migrate=True)
    assert (again.before, again.format, len(again.granted)) == (FORMAT, FORMAT, 0)
    assert list(opener().predictions().ids) == ids
    assert log.labeled().real.tolist() == [5.0]


def test_init_refuses_a_log_of_other_features(opener: Opener) -> None:
    opener().init()
    with pytest.raises(LogSchemaMismatch):
        opener(CALIFORNIA).init(migrate=True)


def _write(url: str, worker: int) -> tuple[list[str], list[str]]:
    log = open_log(url, BOSTON)
    ids: list[str] = []
    for number in range(60):
        ids += log.append(f"v{worker}", [ROW] * (1 + number % 4), [21.5] * (1 + number % 4))
        log.feedback(ids[-1], 1.0 + worker)
    log.close()
    return ids, ids[:1]


def _correct(url: str, target: str, worker: int) -> int:
    log = open_log(url, BOSTON)
    outcomes = [log.feedback(target, 100.0 + worker).outcome for _ in range(20)]
    log.close()
    return len(outcomes)


@pytest.fixture(scope="module")
def workers() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(4, multiprocessing.get_context("spawn")) as pool:
        yield pool


def test_processes_write_at_once(workers: ProcessPoolExecutor, opener: Opener, url: str) -> None:
    """Four processes create the log together and write: every row is there, whole, once."""
    results = list(workers.map(_write, [url] * 4, range(4)))
    log = opener()
    found = log.predictions()
    assert sorted(found.ids) == sorted(one for ids, _ in results for one in ids)
    assert found.skipped == 0
    for worker, (ids, _) in enumerate(results):
        assert list(log.predictions(version=f"v{worker}").ids) == ids
    assert len(log.labeled()) == 4 * 60
    list(workers.map(_correct, [url] * 4, [results[0][1][0]] * 4, range(4)))
    last = log.labeled()
    assert last.real[list(last.ids).index(results[0][1][0])] in {100.0, 101.0, 102.0, 103.0}
