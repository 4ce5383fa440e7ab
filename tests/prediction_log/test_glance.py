"""A glance at every back end: the newest rows, as the exact questions give them."""

from __future__ import annotations

import numpy as np

from housing_cli.prediction_log import PredictionLog
from housing_cli.prediction_log.glance import Glance
from tests.prediction_log.rows import ROW


def test_a_glance_at_an_empty_log_finds_nothing_and_writes_nothing(log: PredictionLog) -> None:
    found = log.glance(predictions=5, labeled=5)
    assert isinstance(found, Glance)
    assert (len(found.predictions), len(found.labeled)) == (0, 0)
    assert found.labeled.features.shape == (0, 0)
    assert len(log.predictions()) == 0


def test_a_glance_sees_the_newest_rows(log: PredictionLog) -> None:
    ids = log.append("v1", [ROW] * 30, [20.0 + number for number in range(30)])
    ids += log.append("v2", [ROW] * 10, [50.0 + number for number in range(10)])
    for number in (0, 3, 4, 33, 39):
        log.feedback(ids[number], 30.0 + number)
    log.feedback(ids[33], 99.0)  # the last price counts
    found = log.glance(predictions=12, labeled=4)
    rows, exact = found.predictions, log.predictions(newest=12)
    assert list(rows.ids) == ids[-12:] == list(exact.ids)
    assert list(rows.versions) == ["v1"] * 2 + ["v2"] * 10
    assert rows.predicted.tolist() == exact.predicted.tolist()
    np.testing.assert_array_equal(rows.features, exact.features)
    assert rows.labeled.tolist() == exact.labeled.tolist()
    labeled, exactly = found.labeled, log.labeled(newest=4)
    assert list(labeled.ids) == [ids[number] for number in (3, 4, 33, 39)] == list(exactly.ids)
    assert labeled.real.tolist() == [33.0, 34.0, 99.0, 69.0] == exactly.real.tolist()
    assert labeled.features.shape == (4, 0)
    for name in ("timestamps", "labeled_at", "predicted"):
        assert getattr(labeled, name).tolist() == getattr(exactly, name).tolist()


def test_nothing_asked_for_is_nothing(log: PredictionLog) -> None:
    (key,) = log.append("v1", [ROW], [20.0])
    log.feedback(key, 21.0)
    found = log.glance(predictions=0, labeled=0)
    assert (len(found.predictions), len(found.labeled)) == (0, 0)
    found = log.glance(predictions=0, labeled=9)
    assert (len(found.predictions), list(found.labeled.ids)) == (0, [key])
