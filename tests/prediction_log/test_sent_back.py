"""A price is sent back where it is the predicted one, to the digits that were answered."""

from __future__ import annotations

import numpy as np

from housing_cli.prediction_log.sent_back import equal


def test_a_price_is_equal_to_the_digits_of_a_float32() -> None:
    predicted = np.array([21.604834, 21.604834, 21.604834, 21.6, 1e9])
    real = np.array([21.604834, float(np.float32(21.604834)), 21.60485, 21.7, 1e9 + 100])
    assert equal(real, predicted).tolist() == [True, True, False, False, True]


def test_predictions_that_are_no_prices_are_equal_to_none() -> None:
    assert not equal(np.array([1.0, 1.0]), np.array([0.0, -1.0])).any()
