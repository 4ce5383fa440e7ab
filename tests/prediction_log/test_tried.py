"""Answers that a trial had a part in, as a record."""

from __future__ import annotations

import numpy as np

from housing_cli.prediction_log.tried import Made, Tried

NAN = float("nan")
FOUND = Tried(
    ids=["a", "b", "c"],
    timestamps=np.array([1.0, 2.0, 3.0]),
    versions=["v7", "v8", "v7"],
    arms=["", "canary", ""],
    shadows=["v8", "", "v8"],
    features=np.array([[1.0], [2.0], [3.0]]),
    predicted=np.array([20.0, 21.0, 22.0]),
    shadow_prices=np.array([20.5, NAN, NAN]),
    labeled_at=np.array([5.0, NAN, 4.0]),
    real=np.array([19.0, NAN, 23.0]),
    made=[Made("v7", 2, 1, 2, 1), Made("v8", 1, 0, 0, 0)],
    skipped=1,
    repeated=2,
)


def test_picked_rows_keep_all_columns_and_what_is_said_of_all() -> None:
    kept = FOUND.where(np.array([False, True, True]))
    assert (kept.ids, kept.versions, kept.arms, kept.shadows) == (
        ["b", "c"], ["v8", "v7"], ["canary", ""], ["", "v8"],
    )  # fmt: skip
    assert kept.features.tolist() == [[2.0], [3.0]]
    for name in ("timestamps", "predicted", "shadow_prices", "labeled_at", "real"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(FOUND, name)[1:])
    assert (kept.made, kept.skipped, kept.repeated) == (FOUND.made, 1, 2)
    assert len(FOUND.where(np.zeros(3, dtype=bool))) == 0


def test_rows_are_labeled_rows_of_the_versions_that_answered() -> None:
    rows = FOUND.where(~np.isnan(FOUND.real)).answers()
    assert (list(rows.ids), list(rows.versions)) == (["a", "c"], ["v7", "v7"])
    assert (rows.predicted.tolist(), rows.real.tolist()) == ([20.0, 22.0], [19.0, 23.0])
    assert (rows.labeled_at.tolist(), rows.timestamps.tolist()) == ([5.0, 4.0], [1.0, 3.0])
    assert (rows.features.tolist(), rows.skipped, rows.repeated) == ([[1.0], [3.0]], 1, 2)
