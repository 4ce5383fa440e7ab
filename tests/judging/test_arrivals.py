"""Counts of labels by day of arrival and bands."""

from __future__ import annotations

import numpy as np

from housing_cli.judging.arrivals import arrivals_of, relative, relative_bands
from housing_cli.prediction_log.records import PREDICTED, ArrivalsQuery, Axis, Knots, Labeled

DAY = 86_400.0


def test_a_relative_error_is_bounded_whatever_the_prices() -> None:
    real = np.array([24.0, 2_100_000.0, 1.0, 20.0])
    predicted = np.array([20.0, 21.0, 0.0, 20.0])
    np.testing.assert_allclose(relative(real, predicted), [0.2, 1.0, 1.0, 0.0])
    assert relative(np.array([1.0]), np.array([3.0e38])).tolist() == [-1 + 1 / 3.0e38]


def test_an_error_at_a_bound_lies_above_it() -> None:
    predicted = np.full(4, 20.0)
    real = np.array([25.0, 22.0, 20.0, 15.0])  # errors of -25 %, -10 %, 0, +25 %
    assert relative_bands(real, predicted, (-0.1, 0.0, 0.1)).tolist() == [0, 1, 2, 3]


def test_labels_count_on_the_day_their_price_came_in() -> None:
    rows = Labeled(
        ids=["a", "b", "c"],
        timestamps=np.array([0.0, 0.0, 0.0]),
        labeled_at=np.array([DAY - 1, DAY, 2 * DAY - 1]),
        versions=["v1"] * 3,
        features=np.empty((3, 0)),
        predicted=np.array([10.0, 10.0, 10.0]),
        real=np.array([10.5, 10.5, 12.0]),
    )
    query = ArrivalsQuery(
        "v1", None, Axis(PREDICTED, (20.0,)), (-0.1,), Knots((10.0,), (-1.0,), (1.0,))
    )
    found = arrivals_of(rows, query)
    assert found.days == ["1970-01-01", "1970-01-02", "1970-01-02"]
    assert found.errors.tolist() == [1, 0, 1]
    assert (found.n.tolist(), found.covered.tolist()) == ([1, 1, 1], [1, 0, 1])
    np.testing.assert_allclose(found.relative, [0.05, 0.2, 0.05])
